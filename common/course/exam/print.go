package exam

import (
	"fmt"
	"io"
	"strings"
	"time"

	"dss.example/common/course/results"
	"dss.example/common/judge"
)

// stepTime is how long the checks of a step should take on the reference.
const stepTime = 10 * time.Second

// Passed reports whether everything was tried and nothing was wrong.
func Passed(r *results.Report) bool {
	for i := range r.Checks {
		if r.Checks[i].Outcome != judge.Passed {
			return false
		}
	}
	return len(r.Checks) > 0 && r.Refused == "" && r.Broken == ""
}

// counts are what became of a step's checks.
type counts struct {
	all, passed, failed, notJudged int
	took                           time.Duration
	first                          *judge.Verdict // the first that has not passed
}

func count(checks []judge.Verdict) (n counts) {
	for i := range checks {
		v := &checks[i]
		n.all++
		n.took += v.Took
		switch v.Outcome {
		case judge.Passed:
			n.passed++
			continue
		case judge.Failed:
			n.failed++
		default:
			n.notJudged++
		}
		if n.first == nil {
			n.first = v
		}
	}
	return n
}

// Print writes a report for its author: a line a step, and of each step the first
// check that failed, with its rule, what went wrong, and the command that shows it
// again.
func Print(w io.Writer, r *results.Report) error {
	p := &printer{w: w}
	if r.Refused != "" {
		p.line("%s %s: nothing was tried: it %s", r.Stage.ID, r.Stage.Title, indent(r.Refused, ""))
		return p.err
	}
	earned, of := 0.0, 0.0
	for _, s := range r.Scores() {
		if len(s.Checks) == 0 {
			continue
		}
		p.step(&s)
		if earned += s.Points; !s.Step.Bonus {
			of += s.Step.Points
		}
	}
	p.line("%-46s %6.4g of %g points", r.Stage.ID, earned, of)
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) step(s *results.Score) {
	points, bonus := fmt.Sprintf("%6.4g", s.Points), ""
	if !s.Judged {
		points = "     ?"
	}
	if s.Step.Bonus {
		bonus = "  (bonus)"
	}
	p.line("%-6s %-39s %s of %g%s", s.Step.ID, s.Step.Title, points, s.Step.Points, bonus)
	n := count(s.Checks)
	if n.first != nil {
		p.failure(&n)
	} else if n.took > stepTime {
		p.line("  slow: its checks took %v, and should take %v", n.took.Round(time.Second), stepTime)
	}
}

// failure tells of a step's first check that has not passed.
func (p *printer) failure(n *counts) {
	p.line("  %s: %s", strings.ToUpper(string(n.first.Outcome)), n.first.Check)
	p.line("  rule:  %s", n.first.Rule)
	if n.first.Message != "" {
		p.line("%s", indent(n.first.Message, "    "))
	}
	if n.first.Replay != "" {
		p.line("  again: %s", n.first.Replay)
	}
	if more := n.all - n.passed - 1; more > 0 {
		p.line("  (%d more of its %d checks have not passed)", more, n.all)
	}
}

// indent puts a prefix before each line of a text.
func indent(text, prefix string) string {
	return prefix + strings.ReplaceAll(strings.Trim(text, "\n"), "\n", "\n"+prefix)
}
