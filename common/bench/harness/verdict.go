package harness

import (
	"fmt"
	"slices"

	"dss.example/common/bench/chart"
	"dss.example/common/bench/stats"
)

// State is what has become of a bar.
type State string

// The states.
const (
	Met         State = "met"
	Short       State = "SHORT"
	NotMeasured State = "not measured"
)

// Verdict is a bar held against a record, for one number of callers.
type Verdict struct {
	Must    bool         `json:"must"`
	Text    string       `json:"text"` // the bar in words
	Load    string       `json:"load"`
	Callers int          `json:"callers"`
	State   State        `json:"state"`
	Got     stats.Spread `json:"got"` // as Want of the bar is meant
	Factor  bool         `json:"factor"`
	Best    string       `json:"best,omitempty"` // of the peers that a bar is about, if there are several
	Why     string       `json:"why,omitempty"`  // it was not measured
}

// Judge holds all bars against the samples, musts first.
func (s *Stage) Judge(r *Record) []Verdict {
	var verdicts []Verdict
	for _, must := range []bool{true, false} {
		for _, b := range s.Bars {
			for _, callers := range b.Callers {
				if b.Must == must {
					verdicts = append(verdicts, s.verdict(r, b, callers))
				}
			}
		}
	}
	return verdicts
}

func (s *Stage) verdict(r *Record, b Bar, callers int) Verdict {
	l := s.load(b.Load)
	cell := Cell{Load: b.Load, Callers: callers}
	if len(b.Among) > 0 {
		b.Peer = r.best(cell, b)
	}
	v := Verdict{
		Must: b.Must, Text: b.text(l, callers), Load: b.Load, Callers: callers, State: Met, Factor: b.Peer != "" || b.Of == Space,
	}
	ours := r.of(cell, s.Systems[0].Name, b.Of.figure())
	measured := len(ours) > 0
	if b.Peer != "" {
		v.Got, measured = stats.Ratio(ours, r.of(cell, b.Peer, b.Of.figure()))
	} else if v.Got = stats.Of(ours); b.Of == Rate {
		v.Got = v.Got.Times(l.items())
	}
	if measured && len(b.Among) > 0 {
		v.Best = b.Peer
	}
	switch {
	case !measured:
		v.State, v.Why = NotMeasured, r.why(b.Peer)
	case b.Of != Rate && v.Got.Median > b.Want, b.Of == Rate && v.Got.Median < b.Want:
		v.State = Short
	}
	return v
}

func (b Bar) text(l Load, callers int) string {
	what, limit := l.Unit+"/s", "≥"
	switch b.Of {
	case P50:
		what, limit = "p50", "≤"
	case P99:
		what, limit = "p99", "≤"
	case Space:
		what, limit = l.space(), "≤"
	case Growth:
		what, limit = "growth", "≤"
	}
	want := fmt.Sprintf("%g× %s", b.Want, b.Peer)
	switch {
	case len(b.Among) > 0:
		want = fmt.Sprintf("%g× the best peer", b.Want)
	case b.Peer == "" && b.Of == Space:
		want = fmt.Sprintf("%g× %s", b.Want, l.needed())
	case b.Of == Growth:
		want = fmt.Sprintf("size^%g", b.Want)
	case b.Peer == "":
		want = chart.Amount(b.Want)
	}
	return fmt.Sprintf("%s, %s: %s %s %s", l.Name, plural(callers, "caller"), what, limit, want)
}

// best returns which of the peers that a bar is about was measured as the best, by its
// median; the first of them if none was measured.
func (r *Record) best(c Cell, b Bar) string {
	best, reached := b.Among[0], 0.0
	for _, peer := range b.Among {
		got := stats.Of(r.of(c, peer, b.Of.figure())).Median
		better := got > reached
		if b.Of != Rate {
			better = got < reached || reached == 0
		}
		if got > 0 && better {
			best, reached = peer, got
		}
	}
	return best
}

// why says why a comparison with a peer, or with none, could not be made.
func (r *Record) why(peer string) string {
	i := slices.IndexFunc(r.Absent, func(a Absent) bool { return a.System == peer })
	if i < 0 {
		return "not asked for"
	}
	return r.Absent[i].Why
}

func (s *Stage) load(name string) Load {
	i := slices.IndexFunc(s.Loads, func(l Load) bool { return l.Name == name })
	return s.Loads[i]
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
