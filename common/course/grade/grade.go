// Package grade judges the submissions of a class.
//
// A submission is a folder with paths as from the workspace's root. Of these the
// files that the stage lets a student change are laid over a bare starter, never over
// the reference; whatever else is there is ignored, and listed. What they may not
// import or demand of the compiler is refused. The programs that come of it are given
// to the stage's judge, which is built from staff's own tree: it alone says what
// passed (package judge). Nothing of a submission runs in this process.
//
// Results are written one student at a time, so that what was done survives a crash;
// what is done already is not done again.
package grade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"dss.example/common/course/ladder"
	"dss.example/common/course/results"
	"dss.example/common/course/stage"
)

// Config says what is graded, and how.
type Config struct {
	Root        string // of staff's workspace
	Stage       *stage.Stage
	Submissions string // a folder with a folder for each student
	Out         string // where results go: a folder for each student, and scores.csv

	Student   string   // only this one; empty for all
	Jobs      int      // students at a time; 0 means 1
	Again     bool     // grade also those who have been graded
	Judge     string   // a judge that is built already; empty builds the stage's
	JudgeArgs []string // of the judge, such as -seed and -schedules

	// Progress is told what happens, a line at a time. It may be called by several
	// goroutines; nil tells nobody.
	Progress func(line string)
}

// ErrGrade means that grading cannot begin: what is wrong is not a submission.
var ErrGrade = errors.New("grade")

// Run grades. When ctx ends it stops: students who are being graded then are left as
// they were before.
func Run(ctx context.Context, c Config) error {
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	names, err := students(c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGrade, err)
	}
	out, err := openOut(c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGrade, err)
	}
	defer out.close()
	work, err := os.MkdirTemp("", "grade")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGrade, err)
	}
	defer os.RemoveAll(work)
	g := &grader{Config: c, work: work, out: out}
	if err := g.prepare(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrGrade, err)
	}
	return g.all(ctx, names)
}

// grader is grading at work.
type grader struct {
	Config
	work string // a folder that goes at the end
	out  *out

	base     string   // the bare starter
	module   string   // the stage's module path
	programs []string // packages of the stage's commands, without the judge
	judge    *judging
}

// prepare makes what all submissions share.
func (g *grader) prepare(ctx context.Context) error {
	l, err := ladder.Read(g.Root, g.Stage)
	if err != nil {
		return err
	}
	g.base = filepath.Join(g.work, "base")
	if err := l.Write(ctx, g.base, 0, ladder.Reference, nil); err != nil {
		return fmt.Errorf("the starter: %w", err)
	}
	if g.module, err = modulePath(filepath.Join(g.base, g.Stage.Dir, "go.mod")); err != nil {
		return err
	}
	if g.programs, err = programs(ctx, g.base, g.Stage.Dir); err != nil {
		return err
	}
	g.judge, err = newJudging(ctx, g)
	return err
}

// all grades students, at most Jobs at a time.
func (g *grader) all(ctx context.Context, names []string) error {
	waiting := make(chan string)
	wrong := make(chan error, max(1, g.Jobs))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	for range max(1, g.Jobs) {
		workers.Go(func() {
			for name := range waiting {
				if err := g.one(ctx, name); err != nil {
					wrong <- err
					cancel()
					return
				}
			}
		})
	}
	for _, name := range names {
		select {
		case waiting <- name:
		case <-ctx.Done():
		}
	}
	close(waiting)
	workers.Wait()
	select {
	case err := <-wrong:
		return err
	default:
		return context.Cause(ctx)
	}
}

// one grades one student. Its error is one of the folder of results, or ctx's.
func (g *grader) one(ctx context.Context, name string) error {
	if !g.Again && g.out.has(name) {
		g.Progress(fmt.Sprintf("%q was graded before", name))
		return nil
	}
	r := &results.Report{Stage: g.Stage, Student: name}
	g.report(ctx, r)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := g.out.put(r); err != nil {
		return err
	}
	g.Progress(fmt.Sprintf("%q: %s", name, summary(r)))
	return nil
}

func summary(r *results.Report) string {
	total, known := r.Total()
	switch {
	case r.Broken != "":
		return "not graded, the grader failed: " + firstLine(r.Broken)
	case r.Refused != "":
		return "0 points, not accepted: " + firstLine(r.Refused)
	case !known:
		return "not graded: some checks could not be carried out"
	}
	return fmt.Sprintf("%g points", total)
}

// report fills in what a submission came to.
func (g *grader) report(ctx context.Context, r *results.Report) {
	dir, err := os.MkdirTemp(g.work, "student")
	if err != nil {
		r.Broken = err.Error()
		return
	}
	defer os.RemoveAll(dir)
	files, err := g.collect(r)
	if err == nil {
		err = g.checkSources(files)
	}
	bin := filepath.Join(dir, "bin")
	if err == nil {
		err = g.build(ctx, files, dir, bin)
	}
	if err == nil {
		r.Checks, err = g.judge.run(ctx, bin)
	}
	var refused refusal
	switch {
	case errors.As(err, &refused):
		r.Refused = string(refused)
	case err != nil:
		r.Broken = err.Error()
	}
}

// refusal is why a submission is not accepted: an error that its author made.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }
