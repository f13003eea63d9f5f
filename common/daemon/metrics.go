package daemon

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
)

// Counter is one figure of /metrics. Several with the same Name and different
// Labels stand next to each other and share Help.
type Counter struct {
	Name   string        // as Prometheus wants it: kvd_requests_total
	Labels string        // what stands inside the braces, as op="get"; empty for none
	Help   string        // one line
	Gauge  bool          // it may fall; a counter only grows
	Value  func() uint64 // called from any goroutine, must not block
}

// FormatCounters writes the counters in Prometheus's text format, version 0.0.4.
func FormatCounters(counters []Counter) string {
	var b strings.Builder
	last := ""
	for _, c := range counters {
		if c.Name != last {
			kind := "counter"
			if c.Gauge {
				kind = "gauge"
			}
			fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", c.Name, escapeHelp(c.Help), c.Name, kind)
			last = c.Name
		}
		b.WriteString(c.Name)
		if c.Labels != "" {
			fmt.Fprintf(&b, "{%s}", c.Labels)
		}
		fmt.Fprintf(&b, " %d\n", c.Value())
	}
	return b.String()
}

func escapeHelp(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(s)
}

// processCounters are figures of the process itself.
func processCounters(c *Config) []Counter {
	read := func(name string) func() uint64 {
		return func() uint64 {
			sample := []metrics.Sample{{Name: name}}
			metrics.Read(sample)
			if sample[0].Value.Kind() != metrics.KindUint64 {
				return 0 // a runtime that has no such figure
			}
			return sample[0].Value.Uint64()
		}
	}
	labels := fmt.Sprintf("stage=%q,id=%q,go=%q", fmt.Sprint(c.Stage), fmt.Sprint(c.ID), runtime.Version())
	return []Counter{
		{Name: "kvd_info", Labels: labels, Help: "What runs here; always 1.", Gauge: true, Value: func() uint64 { return 1 }},
		{Name: "go_goroutines", Help: "Goroutines now.", Gauge: true, Value: read("/sched/goroutines:goroutines")},
		{
			Name: "go_heap_objects_bytes", Help: "Bytes of heap objects, dead ones not yet swept included.", Gauge: true,
			Value: read("/memory/classes/heap/objects:bytes"),
		},
		{Name: "go_gc_cycles_total", Help: "Garbage collections.", Value: read("/gc/cycles/total:gc-cycles")},
	}
}
