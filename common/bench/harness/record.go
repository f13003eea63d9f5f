package harness

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"dss.example/common/bench/load"
)

// Record is all that a run has found out, and what it was run on.
type Record struct {
	Stage    int               `json:"stage"`
	Title    string            `json:"title"`
	Date     time.Time         `json:"date"`
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"` // of go, the workspace, tools and modules
	Rounds   int               `json:"rounds"`
	For      time.Duration     `json:"for_ns"`
	Warmup   time.Duration     `json:"warmup_ns"`
	Scale    float64           `json:"scale"`
	Cells    []Cell            `json:"cells"`
	Samples  []Sample          `json:"samples"`
	Absent   []Absent          `json:"absent"`
	Verdicts []Verdict         `json:"verdicts"`
	Profiles []Profile         `json:"profiles"`
}

// Machine is what the figures were measured on.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
}

// Cell is a load, a number of callers, and who took part, ours first.
type Cell struct {
	Load    string   `json:"load"`
	Callers int      `json:"callers"`
	Systems []string `json:"systems"`
}

// Sample is the outcome of one turn.
type Sample struct {
	Round   int    `json:"round"` // from 1
	Load    string `json:"load"`
	Callers int    `json:"callers"`
	System  string `json:"system"`
	load.Report
	ServerCPU float64 `json:"server_cpu_us_per_op"` // 0 if unknown
}

// Absent is a system that was not, or not wholly, measured.
type Absent struct {
	System string `json:"system"`
	Why    string `json:"why"`
	Failed bool   `json:"failed"` // it is there and did not work
}

// WriteJSON writes the record as indented JSON.
func (r *Record) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Failed reports whether a system that is there did not work.
func (r *Record) Failed() bool {
	return slices.ContainsFunc(r.Absent, func(a Absent) bool { return a.Failed })
}

// of returns one figure of one system in a cell, by round.
func (r *Record) of(c Cell, system string, figure func(*Sample) float64) map[int]float64 {
	figures := map[int]float64{}
	for i := range r.Samples {
		if s := &r.Samples[i]; s.Load == c.Load && s.Callers == c.Callers && s.System == system {
			figures[s.Round] = figure(s)
		}
	}
	return figures
}

// measured reports whether a metric was measured under a load.
func (r *Record) measured(l Load, m Metric) bool {
	figure := m.figure()
	return slices.ContainsFunc(r.Samples, func(s Sample) bool { return s.Load == l.Name && figure(&s) > 0 })
}

// figure returns how a metric is read from a sample.
func (m Metric) figure() func(*Sample) float64 {
	switch m {
	case P50:
		return func(s *Sample) float64 { return s.P50 }
	case P99:
		return func(s *Sample) float64 { return s.P99 }
	case Space:
		return func(s *Sample) float64 { return s.Space }
	case Growth:
		return func(s *Sample) float64 { return s.Growth }
	}
	return func(s *Sample) float64 { return s.Rate }
}
