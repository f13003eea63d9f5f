package zoo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"dss.example/common/course/exam"
	"dss.example/common/course/stage"
)

// Options say what Run tries.
type Options struct {
	From  string // a patch, or a folder of patches, instead of the stage's own
	Wrong bool   // try the mutants
	Right bool   // try the right variants
	Runs  int    // with other seeds each time: a mutant must be killed in all; 0 means 1
	Seed  uint64 // of the first run; 0 means 1

	// Timeout bounds a check of a mutant, which may well hang; 0 means half a minute. A
	// check of a right variant may take four times as long.
	Timeout time.Duration

	// Report, if not nil, is told of every variant, one at a time and in the order of
	// the rows, as soon as it and those before it are done.
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
// each, right ones first, in order of names. The error is that there are none, that
// the tree as it is does not compile, or ctx's: then rows of variants that were not
// done are missing.
func Run(ctx context.Context, root string, s *stage.Stage, o Options) ([]Row, error) {
	z := &zoo{root: root, stage: s, options: o, normal: map[string]func() (bool, error){}}
	if z.options.Timeout == 0 {
		z.options.Timeout = 30 * time.Second
	}
	var err error
	if z.checks, err = exam.Checks(s, ""); err != nil {
		return nil, err
	}
	tries, err := z.list()
	if err != nil {
		return nil, err
	}
	defer z.close()
	if _, err := z.asItIs(ctx, false); err != nil {
		return nil, err
	}
	t := table{rows: make([]*Row, len(tries)), report: o.Report}
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
				t.put(i, row)
			}
		})
	}
	trying.Wait()
	return t.all(), ctx.Err()
}

// table is what was found so far.
type table struct {
	report func(Row)

	mu   sync.Mutex // guards what follows, and calls of report
	rows []*Row     // nil while a variant is not done
	told int        // how many have been reported
}

func (t *table) put(i int, row *Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[i] = row
	for ; t.told < len(t.rows) && t.rows[t.told] != nil; t.told++ {
		if t.report != nil {
			t.report(*t.rows[t.told])
		}
	}
}

// all returns the rows of the variants that were done, when no more are tried, and
// reports those that wait for one that was not.
func (t *table) all() (done []Row) {
	for i, row := range t.rows {
		if row == nil {
			continue
		}
		done = append(done, *row)
		if i >= t.told && t.report != nil {
			t.report(*row)
		}
	}
	return done
}

type zoo struct {
	root    string
	stage   *stage.Stage
	options Options
	checks  []exam.Check

	mu      sync.Mutex // guards what follows
	control [2]func() (*exam.Room, error)
	normal  map[string]func() (bool, error) // whether a check passes there, by check and seed
}

// asItIs returns the room of the tree as it is, with or without the race detector,
// which is opened for the first who asks.
func (z *zoo) asItIs(ctx context.Context, race bool) (*exam.Room, error) {
	z.mu.Lock()
	at := &z.control[0]
	if race {
		at = &z.control[1]
	}
	if *at == nil {
		*at = sync.OnceValues(func() (*exam.Room, error) { return z.open(ctx, nil, race, patience*z.options.Timeout) })
	}
	open := *at
	z.mu.Unlock()
	room, err := open()
	if err != nil {
		return nil, fmt.Errorf("the tree as it is %w", err)
	}
	return room, nil
}

func (z *zoo) close() {
	for _, open := range z.control {
		if open == nil {
			continue
		}
		if room, err := open(); err == nil {
			_ = room.Close() // temporary files
		}
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
