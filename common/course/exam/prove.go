package exam

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dss.example/common/course/ladder"
	"dss.example/common/course/results"
	"dss.example/common/course/stage"
	"dss.example/common/judge"
)

// unsolvedTime bounds a check of a step that is not solved: a stub may well hang.
const unsolvedTime = 20 * time.Second

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
	var rungs []Rung
	for solved := first; solved <= last; solved++ {
		rung, err := p.rung(ctx, solved)
		if err != nil {
			return rungs, err
		}
		rungs = append(rungs, *rung)
		if progress != nil {
			progress(fmt.Sprintf("rung %d of %d: %d checks passed, %d failed, in %v", solved, len(s.Steps), rung.Passed, rung.Failed, rung.Took.Round(time.Second)))
		}
	}
	for i := range rungs {
		if len(rungs[i].Wrong) > 0 {
			return rungs, fmt.Errorf("%w: with %d steps solved: %s", ErrProof, rungs[i].Solved, rungs[i].Wrong[0])
		}
	}
	return rungs, nil
}

type prover struct {
	stage  *stage.Stage
	ladder *ladder.Ladder
	known  map[string]judge.Verdict // by Room.key
}

// rung proves one rung.
func (p *prover) rung(ctx context.Context, solved int) (_ *Rung, err error) {
	begun := time.Now()
	rung := &Rung{Solved: solved}
	defer func() { rung.Took = time.Since(begun) }()
	leaks, err := p.ladder.Leaks(solved)
	if err != nil {
		return nil, err
	}
	for _, leak := range leaks {
		rung.wrong("%s:%d gives away %s: %s", leak.File, leak.Line, leak.From, leak.Text)
	}
	dir, err := os.MkdirTemp("", "rung-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := p.ladder.Write(ctx, filepath.Join(dir, "tree"), solved, ladder.Reference, nil); err != nil {
		return nil, err
	}
	room, err := Open(ctx, filepath.Join(dir, "tree"), p.stage, Setup{})
	if err == nil {
		defer room.Close()
		err = room.Vet(ctx)
	}
	if errors.Is(err, ErrBuild) || errors.Is(err, ErrVet) {
		rung.wrong("it %v", err)
		return rung, nil
	}
	if err != nil {
		return nil, err
	}
	report, err := p.try(ctx, room, rung)
	if err != nil {
		return nil, err
	}
	rung.judge(report)
	return rung, nil
}

func (r *Rung) wrong(format string, args ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
}

// try tries all checks, but those whose verdict is known.
func (p *prover) try(ctx context.Context, room *Room, rung *Rung) (*results.Report, error) {
	checks, err := Checks(p.stage, "")
	if err != nil {
		return nil, err
	}
	report := &results.Report{Stage: p.stage, Checks: make([]judge.Verdict, len(checks))}
	keys := make([]string, len(checks))
	room.buildTests(ctx, checks)
	var solved, unsolved []int // places in checks of those to try
	for i := range checks {
		c := &checks[i]
		step, _ := p.stage.Index(c.Step)
		keys[i] = room.key(ctx, c)
		v, known := p.known[keys[i]]
		switch {
		case known:
			report.Checks[i] = v
			rung.Known++
		case step >= rung.Solved:
			c.timeout = unsolvedTime
			unsolved = append(unsolved, i)
		default:
			solved = append(solved, i)
		}
	}
	try := func(places []int, atOnce func(string) int) {
		some := make([]Check, len(places))
		for n, i := range places {
			some[n] = checks[i]
		}
		for n, v := range room.tryAll(ctx, some, 1, func(judge.Verdict) {}, atOnce) {
			i := places[n]
			report.Checks[i] = v
			if keys[i] != "" && v.Outcome != judge.NotJudged && v.Took < unsolvedTime {
				p.known[keys[i]] = v
			}
		}
	}
	try(solved, atOnce)
	try(unsolved, unsolvedAtOnce)
	return report, ctx.Err()
}

// key names all that the verdict on a check follows from, or is empty if that is not
// known.
func (r *Room) key(ctx context.Context, c *Check) string {
	var p program
	var err error
	switch {
	case c.Kind == "process":
		return ""
	case c.test == "":
		p, err = r.simulator(ctx)
	default:
		p, err = r.testProgram(ctx, c.dir)
	}
	if err != nil {
		return ""
	}
	f, err := os.Open(p.file)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return ""
	}
	return fmt.Sprintf("%s %s %s %x", c.Step, c.Kind, c.Name, sum.Sum(nil))
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
