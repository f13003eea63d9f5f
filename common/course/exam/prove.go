package exam

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dss.example/common/course/ladder"
	"dss.example/common/course/results"
	"dss.example/common/course/stage"
	"dss.example/common/judge"
)

// ErrProof means that a ladder is not what it promises. Its text says what, and on
// which rung.
var ErrProof = errors.New("the ladder does not hold")

// Rung is what was found of the tree with so many steps solved.
type Rung struct {
	Solved         int
	Points, Want   float64
	Passed, Failed int           // checks
	Known          int           // of these: not tried, for a rung before had the same program
	Took           time.Duration // with building
	Wrong          []string      // what does not hold
	Slow           []string      // steps that take longer than ten seconds; of the reference only
}

// Prove proves the ladder of a stage of the workspace at root: the tree of each rung
// builds, go vet finds nothing, the checks of its steps pass, all checks of the next
// step fail, and the points add up; directives and stage.yaml agree, and no rung gives
// a solution away. step, if not empty, is the ID of a step: then only the rungs before
// and after it are proven.
//
// A unit test, script or simulator whose program has the same bytes as on an earlier
// rung says the same again, and is not run: what else it reads is alike on all rungs.
// Tests of real processes build programs, and always run.
//
// The rungs found so far are returned with any error, which is ErrProof with the first
// reason, ladder.ErrLadder, ctx's, or that of the machine.
func Prove(ctx context.Context, root string, s *stage.Stage, step string, progress func(string)) ([]Rung, error) {
	first, last := 0, len(s.Steps)
	if step != "" {
		i, err := s.Index(step)
		if err != nil {
			return nil, err
		}
		first, last = i, i+1
	}
	l, err := ladder.Read(root, s)
	if err == nil {
		err = l.Check()
	}
	if err != nil {
		return nil, err
	}
	p := &prover{stage: s, ladder: l, known: map[string]judge.Verdict{}}
	rungs, err := p.climb(ctx, first, last, func(r *Rung) {
		if progress != nil {
			progress(fmt.Sprintf("rung %d of %d: %d checks passed, %d failed, in %v", r.Solved, len(s.Steps), r.Passed, r.Failed, r.Took.Round(time.Second)))
		}
	})
	if err != nil {
		return rungs, err
	}
	for i := range rungs {
		if len(rungs[i].Wrong) > 0 {
			return rungs, fmt.Errorf("%w: with %d steps solved: %s", ErrProof, rungs[i].Solved, rungs[i].Wrong[0])
		}
	}
	return rungs, nil
}

func (r *Rung) wrong(format string, args ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
}

// judge tells what is wrong with the verdicts on a rung.
func (r *Rung) judge(report *results.Report) {
	for i, s := range report.Scores() {
		n := count(s.Checks)
		r.Passed += n.passed
		r.Failed += n.failed
		r.Points += s.Points
		switch {
		case n.notJudged > 0:
			r.wrong("%s could not be judged: %s", n.first.Check, firstLine(n.first.Message))
		case i < r.Solved && n.first != nil:
			r.wrong("%s of %s fails: %s", n.first.Check, s.Step.ID, firstLine(n.first.Message))
		case i == r.Solved && n.passed > 0:
			r.wrong("%s of %s passes, before the step is solved", passed(s.Checks), s.Step.ID)
		case i > r.Solved && n.passed > 0:
			r.wrong("the points do not add up: %s of %s passes", passed(s.Checks), s.Step.ID)
		}
		if i < r.Solved {
			r.Want += s.Step.Points
		}
		if r.Solved == len(report.Stage.Steps) && n.took > stepTime {
			r.Slow = append(r.Slow, fmt.Sprintf("%s took %v, and should take %v", s.Step.ID, n.took.Round(time.Second), stepTime))
		}
	}
}

// passed returns the name of the first check that has passed.
func passed(checks []judge.Verdict) string {
	for i := range checks {
		if checks[i].Outcome == judge.Passed {
			return checks[i].Check
		}
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// PrintRungs writes a table of what was proven, and all that is wrong.
func PrintRungs(w io.Writer, rungs []Rung) error {
	p := &printer{w: w}
	p.line("%-6s %-10s %-7s %-7s %-7s %s", "solved", "points", "passed", "failed", "known", "minutes")
	for i := range rungs {
		r := &rungs[i]
		p.line("%-6d %-10s %-7d %-7d %-7d %.2f", r.Solved, fmt.Sprintf("%.4g of %g", r.Points, r.Want), r.Passed, r.Failed, r.Known, r.Took.Minutes())
		for _, text := range r.Wrong {
			p.line("  WRONG: %s", indent(text, ""))
		}
		for _, text := range r.Slow {
			p.line("  slow: %s", text)
		}
	}
	return p.err
}
