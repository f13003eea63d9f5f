package exam

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"dss.example/common/course/ladder"
	"dss.example/common/course/results"
	"dss.example/common/course/stage"
	"dss.example/common/judge"
)

// unsolvedTime bounds a check of a step that is not solved: a stub may well hang.
const unsolvedTime = 20 * time.Second

// openRungs is how many rungs are open at a time: each has a tree on the disk, and
// processes that wait.
const openRungs = 4

// prover proves rungs one after the other.
type prover struct {
	stage  *stage.Stage
	ladder *ladder.Ladder
	known  map[string]judge.Verdict // by Room.key
}

// climb proves the rungs from first to last, and tells of each in order. Those before
// one that could not be tried are returned with its error.
func (p *prover) climb(ctx context.Context, first, last int, tell func(*Rung)) (rungs []Rung, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := make(chan *ascent, openRungs-2) // besides one that begins, and one that is waited for
	go func() {
		defer close(begun)
		for solved := first; solved <= last && ctx.Err() == nil; solved++ {
			begun <- p.begin(ctx, solved)
		}
	}()
	for a := range begun { // to the end: then nothing runs any more
		<-a.ended
		switch {
		case err != nil:
		case a.err != nil:
			err = a.err
			cancel()
		default:
			rungs = append(rungs, a.Rung)
			tell(&a.Rung)
		}
	}
	if err == nil && len(rungs) <= last-first {
		err = ctx.Err()
	}
	return rungs, err
}

// ascent is the proof of one rung, on its way.
type ascent struct {
	*prover
	Rung

	dir    string // holds the tree
	room   *Room
	checks []Check
	keys   []string        // of checks, see Room.key
	found  []judge.Verdict // on checks; nil if the tree cannot be tried

	ended chan struct{} // closed when the proof has ended, and nothing of it is left
	err   error         // then: the context's, or that of the machine
}

// begin proves a rung but for the tests of processes that should fail, which go on when
// it returns.
func (p *prover) begin(ctx context.Context, solved int) *ascent {
	a := &ascent{prover: p, Rung: Rung{Solved: solved}, ended: make(chan struct{})}
	begun := time.Now()
	waiting, err := a.most(ctx)
	go func() {
		defer close(a.ended)
		if err == nil && a.found != nil {
			a.try(ctx, waiting, waitingAtOnce)
			a.judge(&results.Report{Stage: p.stage, Checks: a.found})
			err = ctx.Err()
		}
		a.close()
		a.Took, a.err = time.Since(begun), err
	}()
	return a
}

// most tries what begin says and returns the places of the checks that are left.
func (a *ascent) most(ctx context.Context) (waiting []int, err error) {
	err = a.open(ctx)
	switch {
	case errors.Is(err, ErrBuild) || errors.Is(err, ErrVet):
		a.wrong("it %v", err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	if a.checks, err = Checks(a.stage, ""); err != nil {
		return nil, err
	}
	a.room.buildTests(ctx, a.checks)
	a.found, a.keys = make([]judge.Verdict, len(a.checks)), make([]string, len(a.checks))
	now, waiting := a.unknown(ctx)
	a.try(ctx, now, atOnce)
	for _, i := range now {
		if v := a.found[i]; a.keys[i] != "" && v.Outcome != judge.NotJudged && v.Took < unsolvedTime {
			a.known[a.keys[i]] = v
		}
	}
	return waiting, ctx.Err()
}

// unknown returns the places of the checks that must be tried, those that begin leaves
// to wait apart. Verdicts that are known are noted.
func (a *ascent) unknown(ctx context.Context) (now, waiting []int) {
	for i := range a.checks {
		c := &a.checks[i]
		step, _ := a.stage.Index(c.Step)
		if step >= a.Solved {
			c.timeout = unsolvedTime
		}
		a.keys[i] = a.room.key(ctx, c)
		v, known := a.known[a.keys[i]]
		switch {
		case known:
			a.found[i] = v
			a.Known++
		case step >= a.Solved && c.Kind == "process":
			waiting = append(waiting, i)
		default:
			now = append(now, i)
		}
	}
	return now, waiting
}

// open writes and compiles the tree.
func (a *ascent) open(ctx context.Context) error {
	leaks, err := a.ladder.Leaks(a.Solved)
	if err != nil {
		return err
	}
	for _, leak := range leaks {
		a.wrong("%s:%d gives away %s: %s", leak.File, leak.Line, leak.From, leak.Text)
	}
	if a.dir, err = os.MkdirTemp("", "rung-"); err != nil {
		return err
	}
	tree := filepath.Join(a.dir, "tree")
	if err := a.ladder.Write(ctx, tree, a.Solved, ladder.Reference, nil); err != nil {
		return err
	}
	if a.room, err = Open(ctx, tree, a.stage, Setup{}); err != nil {
		return err
	}
	return a.room.Vet(ctx)
}

// close removes all that was written, which are temporary files.
func (a *ascent) close() {
	if a.room != nil {
		_ = a.room.Close()
	}
	if a.dir != "" {
		_ = os.RemoveAll(a.dir)
	}
}

// waitingAtOnce is atOnce for tests of processes that should fail: programs that miss
// something mostly wait for each other until they give up.
func waitingAtOnce(string) int { return 4 }

// try tries the checks at some places, and notes what was found.
func (a *ascent) try(ctx context.Context, places []int, atOnce func(kind string) int) {
	some := make([]Check, len(places))
	for n, i := range places {
		some[n] = a.checks[i]
	}
	for n, v := range a.room.tryAll(ctx, some, 1, func(judge.Verdict) {}, atOnce) {
		a.found[places[n]] = v
	}
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
