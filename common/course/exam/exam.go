package exam

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"dss.example/common/course/results"
	"dss.example/common/course/stage"
	"dss.example/common/judge"
)

// Options say what Run tries. The zero value tries all steps once, with seed 1.
type Options struct {
	Step    string        // ID of the one step to try; empty for all
	Runs    int           // try everything so often, each time with other seeds; 0 means 1
	Seed    uint64        // of the first run; 0 means 1
	Stress  bool          // the nightly number of schedules, and the race detector
	Timeout time.Duration // of a check; 0 means two minutes, under Stress an hour

	// Report, if not nil, is told of every check as it ends, one at a time.
	Report func(Progress)
}

// Progress tells of a check that has ended, or of a Note.
type Progress struct {
	Done, All int // checks of all runs
	Verdict   judge.Verdict

	// Note is what go vet finds fault with. It costs no points: a return in the wrong
	// place, put there to find a bug, must not keep anybody from trying the rest.
	Note string
}

// Seed returns the seed of a run, from 0: the schedules of two runs have no seed in
// common.
func Seed(base uint64, run int) uint64 {
	const apart = 10_000_000 // more than any number of schedules
	return max(base, 1) + uint64(run)*apart
}

// Run tries the work in the tree at root. A report whose Refused is set says that it
// does not compile; then nothing was tried. The error says that there is no such step, that ctx has ended, or that the machine
// could not do its part.
func Run(ctx context.Context, root string, s *stage.Stage, o Options) (*results.Report, error) {
	checks, err := Checks(s, o.Step)
	if err != nil {
		return nil, err
	}
	report := &results.Report{Stage: s}
	room, err := Open(ctx, root, s, o.setup(s))
	if errors.Is(err, ErrBuild) {
		report.Refused = err.Error()
		return report, nil
	}
	if err != nil {
		return nil, err
	}
	defer room.Close()
	runs := max(o.Runs, 1)
	tally := progress{report: o.Report, all: runs * len(checks)}
	if err := room.Vet(ctx); errors.Is(err, ErrVet) {
		tally.note(err)
	} else if err != nil {
		return nil, err
	}
	tried := make([][]judge.Verdict, len(checks))
	for run := range runs {
		for i, v := range room.TryAll(ctx, checks, Seed(o.Seed, run), tally.tell) {
			tried[i] = append(tried[i], v)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	for _, verdicts := range tried {
		report.Checks = append(report.Checks, merge(verdicts, o.Seed))
	}
	return report, nil
}

func (o *Options) setup(s *stage.Stage) Setup {
	if !o.Stress {
		return Setup{Timeout: o.Timeout}
	}
	setup := Setup{Timeout: o.Timeout, Race: true, Schedules: s.Budgets.Nightly}
	if setup.Timeout == 0 {
		setup.Timeout = time.Hour
	}
	return setup
}

type progress struct {
	report func(Progress)

	mu        sync.Mutex // guards done, and calls of report
	done, all int
}

func (p *progress) tell(v judge.Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.report != nil {
		p.report(Progress{Done: p.done, All: p.all, Verdict: v})
	}
}

func (p *progress) note(err error) {
	if p.report != nil {
		p.report(Progress{All: p.all, Note: err.Error()})
	}
}

// TryAll tries the checks kind by kind and returns their verdicts in the order of
// checks. Tests and scripts run side by side; simulators and processes use all
// processors as it is, and run one at a time. tell is called as each ends, by many
// goroutines at once.
func (r *Room) TryAll(ctx context.Context, checks []Check, seed uint64, tell func(judge.Verdict)) []judge.Verdict {
	return r.tryAll(ctx, checks, seed, tell, atOnce)
}

// tryAll is TryAll with so many of a kind at once.
func (r *Room) tryAll(ctx context.Context, checks []Check, seed uint64, tell func(judge.Verdict), atOnce func(kind string) int) []judge.Verdict {
	r.buildTests(ctx, checks)
	verdicts := make([]judge.Verdict, len(checks))
	for _, kind := range kinds {
		free := make(chan struct{}, atOnce(kind))
		var tries sync.WaitGroup
		for i := range checks {
			if checks[i].Kind != kind {
				continue
			}
			free <- struct{}{}
			tries.Go(func() {
				verdicts[i] = r.Try(ctx, &checks[i], seed).Verdict
				tell(verdicts[i])
				<-free
			})
		}
		tries.Wait()
	}
	return verdicts
}

// atOnce is how many checks of a kind run side by side.
func atOnce(kind string) int {
	if kind == "seeds" || kind == "process" {
		return 1
	}
	return runtime.GOMAXPROCS(0)
}

// merge makes one verdict of a check's runs: it has passed if it always has.
func merge(runs []judge.Verdict, base uint64) judge.Verdict {
	var failed []string
	for run, v := range runs {
		if v.Outcome == judge.Failed {
			failed = append(failed, fmt.Sprint(Seed(base, run)))
		}
	}
	worst := func(o judge.Outcome) int {
		return slices.IndexFunc(runs, func(v judge.Verdict) bool { return v.Outcome == o })
	}
	v := runs[0]
	if i := worst(judge.NotJudged); i >= 0 {
		v = runs[i]
	}
	if i := worst(judge.Failed); i >= 0 {
		v = runs[i]
	}
	v.Took = 0
	for i := range runs {
		v.Took += runs[i].Took
	}
	if len(runs) > 1 && len(failed) > 0 {
		v.Message = fmt.Sprintf("failed in %d of %d runs: with seed %s\n%s", len(failed), len(runs), strings.Join(failed, ", "), v.Message)
	}
	return v
}
