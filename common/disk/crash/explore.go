package crash

import (
	"crypto/sha256"
	"fmt"

	"dss.example/common/disk"
)

// Explore crashes a scenario's run everywhere. The error is a *[Failure], or tells what is
// wrong with the scenario.
func Explore(s Scenario, o Options) (Stats, error) {
	x, err := newExplorer(s, o.orElse(1<<16))
	if err != nil {
		return Stats{}, err
	}
	if o.Only != "" {
		return x.only(o.Only)
	}
	p := newProbe(x.fresh(), nil)
	p.between = func(calls, acked int) bool {
		return x.everyCrash(p.memory, Case{}.then(calls), acked, x.o.Depth)
	}
	err = p.run(s)
	x.stats.Runs, x.stats.Calls = x.stats.Runs+1, x.stats.Calls+len(p.calls)
	switch {
	case x.failure != nil:
		return x.stats, x.simplify(x.failure)
	case err != nil:
		return x.stats, fmt.Errorf("the run failed though nothing went wrong: %w", err)
	}
	return x.stats, nil
}

// explorer is one exploration.
type explorer struct {
	s       Scenario
	o       Options
	ready   *disk.Memory  // as Setup has left it
	seen    map[state]int // with how many crashes to come it was checked
	stats   Stats
	failure *Failure // the first
}

// state is all that a check can depend on.
type state struct {
	sum   [sha256.Size]byte
	acked int
}

func newExplorer(s Scenario, o Options) (*explorer, error) {
	x := &explorer{s: s, o: o, ready: disk.NewMemory(), seen: map[state]int{}}
	if s.Setup != nil {
		if err := contain(func() error { return s.Setup(x.ready) }); err != nil {
			return nil, fmt.Errorf("setup: %w", err)
		}
	}
	return x, nil
}

// fresh returns the disk on which a run starts.
func (x *explorer) fresh() *disk.Memory { return x.ready.Image(disk.KeepAll) }

// everyCrash tries every disk that a crash now may leave, and tells whether all were right.
func (x *explorer) everyCrash(m *disk.Memory, c Case, acked, depth int) bool {
	pending := len(m.Pending())
	sets, sampled := subsets(pending, x.o.PerCall, x.o.Seed)
	if sampled {
		x.stats.Sampled++
	}
	for lost := range sets {
		x.stats.States++
		after := m.Image(func(i int, _ disk.Effect) bool { return !lost[i] })
		if err := x.try(after, c, lost, acked, depth); err != nil && x.failure == nil {
			x.failure = &Failure{Case: c.losing(lost), Acked: acked, Err: err}
		}
		if x.failure != nil {
			return false
		}
	}
	return true
}

// try checks a disk that was not checked before, and crashes the check if there are
// crashes to come.
func (x *explorer) try(m *disk.Memory, c Case, lost []bool, acked, depth int) error {
	s := state{m.Sum(), acked}
	if x.seen[s] >= depth {
		return nil
	}
	if x.seen[s] == 0 {
		x.stats.Distinct++
	}
	x.seen[s] = depth
	p := newProbe(m, nil)
	if depth > 1 {
		c = c.losing(lost)
		p.between = func(calls, _ int) bool { return x.everyCrash(m, c.then(calls), acked, depth-1) }
	}
	err := p.check(x.s, acked)
	if x.failure != nil {
		return nil // of a crash of this check, which was stopped by it
	}
	return err
}

// replay repeats one case and tells how it went; Err is nil if nothing was wrong.
func (x *explorer) replay(c Case) *Failure {
	f := &Failure{Case: c}
	p := newProbe(x.fresh(), nil)
	p.limit = c.crashes[0].calls
	p.memory.Inject(inject(c.faults, func(text string) { f.Faults = append(f.Faults, text) }))
	_ = p.run(x.s) // the machine has stopped under it, or a call has failed
	f.Acked = p.acked
	for i, at := range c.crashes {
		if i > 0 {
			p.limit = at.calls
			_ = p.check(x.s, f.Acked)
		}
		lost := at.set()
		crash := Crash{Call: len(p.calls)}
		after := p.memory.Image(func(i int, e disk.Effect) bool {
			if lost[i] {
				crash.Lost = append(crash.Lost, e)
			} else {
				crash.Kept = append(crash.Kept, e)
			}
			return !lost[i]
		})
		f.Crashes = append(f.Crashes, crash)
		p = newProbe(after, nil)
	}
	f.Err = p.check(x.s, f.Acked)
	return f
}
