package zoo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dss.example/common/course/exam"
	"dss.example/common/course/stage"
	"dss.example/common/house/mutant"
	"dss.example/common/judge"
)

// Options say what Run tries.
type Options struct {
	From  string // a patch, or a folder of patches, instead of the stage's own
	Wrong bool   // try the mutants
	Right bool   // try the right variants
	Runs  int    // with other seeds each time: a mutant must be killed in all; 0 means 1
	Seed  uint64 // of the first run; 0 means 1

	// Timeout bounds a check; 0 means a minute. A mutant may well hang.
	Timeout time.Duration

	// Report, if not nil, is told of every variant as it is done, one at a time.
	Report func(Row)
}

// Row is what became of a variant.
type Row struct {
	ID    string
	Right bool   // it must pass
	Rule  string // that a mutant breaks

	// Step and Check are what failed first, Schedules how many a simulator needed for
	// that, Message what a student sees: the check's rule, and what went wrong.
	// Race says that it took the race detector. All are empty if nothing failed.
	Step, Check string
	Schedules   int
	Message     string
	Race        bool

	Said bool // Message, or the output that it is taken from, has the mutant's own
	Luck bool // a run with another seed did not catch it
	Took time.Duration
	Err  error // it was not tried: stale, does not build, the machine failed
}

// OK reports whether the variant is a mutant that was killed in every run, or a right
// one that passed.
func (r *Row) OK() bool { return r.Err == nil && !r.Luck && (r.Check == "") == r.Right }

// parallel is how many variants are tried side by side.
const parallel = 2

// Run tries the variants of a stage of the workspace at root, and returns a row for
// each, right ones first, in order of names. The error is that there are none, or
// ctx's: then rows of variants that were not done are missing.
func Run(ctx context.Context, root string, s *stage.Stage, o Options) ([]Row, error) {
	z := &zoo{root: root, stage: s, options: o, normal: map[string]bool{}}
	if z.options.Timeout == 0 {
		z.options.Timeout = time.Minute
	}
	defer z.close()
	var err error
	if z.checks, err = exam.Checks(s, ""); err != nil {
		return nil, err
	}
	tries, err := z.list()
	if err != nil {
		return nil, err
	}
	rows := make([]*Row, len(tries))
	free := make(chan struct{}, parallel)
	var trying sync.WaitGroup
	for i := range tries {
		free <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		trying.Go(func() {
			defer func() { <-free }()
			begun := time.Now()
			row := tries[i](ctx)
			row.Took = time.Since(begun)
			if ctx.Err() == nil {
				rows[i] = row
				z.tell(row)
			}
		})
	}
	trying.Wait()
	var done []Row
	for _, row := range rows {
		if row != nil {
			done = append(done, *row)
		}
	}
	return done, ctx.Err()
}

type zoo struct {
	root    string
	stage   *stage.Stage
	options Options
	checks  []exam.Check

	mu      sync.Mutex      // guards what follows, and calls of Report
	control [2]*exam.Room   // the tree as it is, without and with the race detector
	normal  map[string]bool // whether a check passes there, by check and seed
}

func (z *zoo) close() {
	for _, room := range z.control {
		if room != nil {
			_ = room.Close() // temporary files
		}
	}
}

func (z *zoo) tell(row *Row) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.options.Report != nil {
		z.options.Report(*row)
	}
}

// list returns what tries each variant.
func (z *zoo) list() (tries []func(context.Context) *Row, err error) {
	if z.options.Right {
		all, err := rights(z.root, z.stage)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			tries = append(tries, func(ctx context.Context) *Row { return z.tryRight(ctx, r) })
		}
	}
	if z.options.Wrong {
		all, err := Mutants(z.root, z.stage, z.options.From)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			tries = append(tries, func(ctx context.Context) *Row { return z.tryMutant(ctx, m) })
		}
	}
	if len(tries) == 0 {
		return nil, fmt.Errorf("%s has no variants to try", z.stage.Dir)
	}
	return tries, nil
}

func (z *zoo) open(ctx context.Context, files map[string][]byte, race bool) (*exam.Room, error) {
	return exam.Open(ctx, z.root, z.stage, exam.Setup{Overlay: files, Race: race, Timeout: z.options.Timeout})
}

// seeds returns the seed of each run.
func (z *zoo) seeds() (all []uint64) {
	for run := range max(z.options.Runs, 1) {
		all = append(all, exam.Seed(z.options.Seed, run))
	}
	return all
}

// tryRight tries all checks.
func (z *zoo) tryRight(ctx context.Context, r right) *Row {
	row := &Row{ID: r.name, Right: true}
	room, err := z.open(ctx, r.files, false)
	if err != nil {
		row.Err = err
		return row
	}
	defer room.Close()
	for _, seed := range z.seeds() {
		for _, v := range room.TryAll(ctx, z.checks, seed, func(judge.Verdict) {}) {
			switch {
			case v.Outcome == judge.NotJudged:
				row.Err = errors.New(v.Message)
			case v.Outcome == judge.Failed && row.Check == "":
				row.caught(exam.Result{Verdict: v}, false)
			}
		}
	}
	return row
}

// caught notes what failed.
func (r *Row) caught(res exam.Result, race bool) {
	r.Step, r.Check, r.Schedules, r.Race = res.Step, res.Check, res.Schedules, race
	r.Message = "rule: " + res.Rule + "\n" + res.Message
}

func (z *zoo) tryMutant(ctx context.Context, m *mutant.Mutant) *Row {
	row := &Row{ID: m.ID, Rule: m.Rule}
	files, err := m.Apply(z.root)
	if err == nil {
		err = z.kill(ctx, row, m, files, false)
	}
	if err == nil && row.Check == "" && slices.Contains(strings.Fields(m.Instrument), "R") {
		err = z.kill(ctx, row, m, files, true)
	}
	row.Err = err
	return row
}

// kill looks for a check that catches the mutant, in every run.
func (z *zoo) kill(ctx context.Context, row *Row, m *mutant.Mutant, files map[string][]byte, race bool) error {
	room, err := z.open(ctx, files, race)
	if err != nil {
		return err
	}
	defer room.Close()
	checks := order(z.checks, z.stage, touched(z.root, z.stage, files))
	for run, seed := range z.seeds() {
		res, at, err := z.first(ctx, room, checks, seed, race)
		switch {
		case err != nil:
			return err
		case at < 0:
			row.Luck = row.Check != ""
			return nil
		case run == 0:
			row.caught(res, race)
			row.Said = strings.Contains(row.Message+res.Output, m.Message)
		}
		first := checks[at]
		checks = slices.Insert(slices.Delete(checks, at, at+1), 0, first) // what has caught it is likely to again
	}
	return nil
}

// first returns what came of the first check that fails on a mutant and not on the
// tree as it is, and its place in checks, or -1.
func (z *zoo) first(ctx context.Context, room *exam.Room, checks []exam.Check, seed uint64, race bool) (exam.Result, int, error) {
	for i := range checks {
		c := &checks[i]
		res := room.Try(ctx, c, seed)
		switch res.Outcome {
		case judge.NotJudged:
			return res, -1, errors.New(res.Message)
		case judge.Failed:
			if res.Err != nil {
				return res, -1, res.Err
			}
			ok, err := z.passes(ctx, c, seed, race)
			if err != nil {
				return res, -1, err
			}
			if !ok {
				return res, -1, fmt.Errorf("%s of %s fails on the tree as it is, too: it shows nothing", c.Name, c.Step)
			}
			return res, i, nil
		}
	}
	return exam.Result{}, -1, nil
}

// passes reports whether a check passes on the tree as it is.
func (z *zoo) passes(ctx context.Context, c *exam.Check, seed uint64, race bool) (bool, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	key := fmt.Sprintln(c.Step, c.Name, seed, race)
	if ok, known := z.normal[key]; known {
		return ok, nil
	}
	room := &z.control[0]
	if race {
		room = &z.control[1]
	}
	if *room == nil {
		var err error
		if *room, err = z.open(ctx, nil, race); err != nil {
			return false, fmt.Errorf("the tree as it is %w", err)
		}
	}
	v := (*room).Try(ctx, c, seed)
	if v.Outcome == judge.NotJudged {
		return false, errors.New(v.Message)
	}
	z.normal[key] = v.Outcome == judge.Passed
	return z.normal[key], nil
}

// order puts the checks of some steps first, and sorts the others by what they cost.
func order(checks []exam.Check, s *stage.Stage, first []int) []exam.Check {
	var near, far []exam.Check
	for _, c := range checks {
		if step, _ := s.Index(c.Step); slices.Contains(first, step) {
			near = append(near, c)
		} else {
			far = append(far, c)
		}
	}
	cost := func(a, b exam.Check) int { return a.Cost() - b.Cost() }
	slices.SortStableFunc(near, cost)
	slices.SortStableFunc(far, cost)
	return append(near, far...)
}
