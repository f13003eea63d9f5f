//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dss.example/common/demo"
)

const (
	growth     = 1.25 // by which a figure's last third may exceed its first, at the medians
	fewest     = 9    // samples that a verdict needs: three in a third
	metricTime = 10 * time.Second
	maxMetrics = 1 << 20 // bytes of an answer
)

// usage is what a replica uses at a quiet moment, right after a garbage collection.
type usage struct {
	rss, heap  uint64 // bytes
	goroutines uint64
}

// measure asks a replica what it uses.
func (s *stage) measure(ctx context.Context, id int) (usage, error) {
	r := s.replicas[id]
	if err := fetch(ctx, r.admin, "/debug/pprof/heap?gc=1", io.Discard); err != nil {
		return usage{}, err
	}
	var text strings.Builder
	if err := fetch(ctx, r.admin, "/metrics", &text); err != nil {
		return usage{}, err
	}
	var u usage
	var errs [3]error
	u.rss, errs[0] = residentBytes(r.process.Pid())
	u.heap, errs[1] = figure(text.String(), "go_heap_objects_bytes")
	u.goroutines, errs[2] = figure(text.String(), "go_goroutines")
	return u, errors.Join(errs[:]...)
}

func fetch(ctx context.Context, addr, path string, to io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, metricTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return err
	}
	req.Close = true // the connection would be one more goroutine there
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s", addr, path, resp.Status)
	}
	_, err = io.Copy(to, io.LimitReader(resp.Body, maxMetrics))
	return err
}

// figure finds a figure without labels in the text of /metrics.
func figure(metrics, name string) (uint64, error) {
	lines := bufio.NewScanner(strings.NewReader(metrics))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseUint(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("/metrics tells no %s", name)
}

// trend is how one figure went, at the medians of the first and the last third.
type trend struct {
	what        string
	first, last uint64
	samples     int
	text        func(uint64) string
}

// trends are those of all figures of what was measured, in order of time, at least once.
func trends(all []usage) []trend {
	third := max(len(all)/3, 1)
	of := func(what string, text func(uint64) string, figure func(usage) uint64) trend {
		return trend{what, median(all[:third], figure), median(all[len(all)-third:], figure), len(all), text}
	}
	return []trend{
		of("resident memory", mib, func(u usage) uint64 { return u.rss }),
		of("live heap", mib, func(u usage) uint64 { return u.heap }),
		of("goroutines", count, func(u usage) uint64 { return u.goroutines }),
	}
}

func median(all []usage, figure func(usage) uint64) uint64 {
	var values []uint64
	for _, u := range all {
		values = append(values, figure(u))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// check tells whether the figure has grown. With too few samples it says nothing.
func (t trend) check() error {
	if t.samples < fewest || float64(t.last) <= growth*float64(t.first) {
		return nil
	}
	return fmt.Errorf("%s: %s: want at most %v times as much", t.what, t.said(), growth)
}

// row tells the trend of a replica that was never killed.
func (t trend) row() demo.Row {
	row := demo.Row{What: t.what + " of who was never killed", Note: t.said(), Err: t.check()}
	if t.samples < fewest {
		row.Note += fmt.Sprintf("; too short to judge: %d rounds of %d", t.samples, fewest)
	}
	return row
}

// said tells both medians.
func (t trend) said() string {
	return fmt.Sprintf("%s at first, %s at last", t.text(t.first), t.text(t.last))
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func mib(bytes uint64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
