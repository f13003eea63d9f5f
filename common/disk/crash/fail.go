package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"dss.example/common/disk"
)

// fault is a call that fails in one of the ways that its operation has.
type fault struct{ call, way int }

// ways returns how a call may fail: before it has done anything, when it has done a part
// or all of it, and for want of space.
func ways(c disk.Call) []disk.Fault {
	nothing := disk.Fault{Code: disk.IO}
	all := disk.Fault{Code: disk.IO, Done: true}
	full := disk.Fault{Code: disk.NoSpace}
	switch c.Op {
	case disk.Write:
		full.Part = len(c.Data) / 2
		return []disk.Fault{full, {Code: disk.IO, Part: len(c.Data) / 2}, all}
	case disk.Create, disk.MakeDir, disk.Rename:
		return []disk.Fault{nothing, all, full}
	case disk.Preallocate:
		return []disk.Fault{nothing, full}
	case disk.Remove, disk.Truncate, disk.Sync, disk.SyncDir:
		return []disk.Fault{nothing, all}
	}
	return []disk.Fault{nothing}
}

// inject returns the injection of some faults, which tells those that have occurred.
func inject(faults []fault, tell func(string)) func(n int, c disk.Call) disk.Fault {
	return func(n int, c disk.Call) disk.Fault {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.call == n })
		if i < 0 {
			return disk.Fault{}
		}
		all := ways(c)
		f := all[faults[i].way%len(all)]
		if tell != nil {
			tell(fmt.Sprintf("call %d of the run failed: %v: %v%s", n, c, f.Code, done(f)))
		}
		return f
	}
}

func done(f disk.Fault) string {
	switch {
	case f.Done:
		return ", though it was carried out"
	case f.Part > 0:
		return fmt.Sprintf(", %d bytes were written", f.Part)
	}
	return ""
}

// FailEach lets each call of the run fail once, then pairs of them, and crashes after
// them. The run may return any error then, but what it has acknowledged must be there.
// Its error is as Explore's. Depth does not count.
func FailEach(s Scenario, o Options) (Stats, error) {
	x, err := newExplorer(s, o.orElse(64))
	if err != nil {
		return Stats{}, err
	}
	if o.Only != "" {
		return x.only(o.Only)
	}
	calls, err := x.failing(nil)
	switch {
	case x.failure != nil:
		return x.stats, x.simplify(x.failure)
	case err != nil:
		return x.stats, fmt.Errorf("the run failed though nothing went wrong: %w", err)
	}
	var pairs [][]fault
	for _, first := range oneMore(nil, calls) {
		calls, _ := x.failing(first)
		if x.failure != nil {
			return x.stats, x.simplify(x.failure)
		}
		pairs = append(pairs, oneMore(first, calls)...)
	}
	if len(pairs) > x.o.Pairs {
		x.stats.Sampled++
		random := rand.New(rand.NewPCG(x.o.Seed, 0))
		random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		pairs = pairs[:x.o.Pairs]
	}
	for _, pair := range pairs {
		x.failing(pair)
		if x.failure != nil {
			return x.stats, x.simplify(x.failure)
		}
	}
	return x.stats, nil
}

// oneMore adds to some faults one in a later call, in every way.
func oneMore(faults []fault, calls []disk.Op) [][]fault {
	last := 0
	if len(faults) > 0 {
		last = faults[len(faults)-1].call
	}
	var more [][]fault
	for call := last + 1; call <= len(calls); call++ {
		for way := range ways(disk.Call{Op: calls[call-1]}) {
			more = append(more, append(slices.Clip(faults), fault{call, way}))
		}
	}
	return more
}

// failing runs with faults and tries every crash after the first of them. It returns the
// calls that were made, and what the run returned.
func (x *explorer) failing(faults []fault) ([]disk.Op, error) {
	p := newProbe(x.fresh(), nil)
	p.memory.Inject(inject(faults, nil))
	p.between = func(calls, acked int) bool {
		return len(faults) > 0 && calls < faults[0].call ||
			x.everyCrash(p.memory, Case{faults: faults}.then(calls), acked, 1)
	}
	err := p.run(x.s)
	x.stats.Runs, x.stats.Calls = x.stats.Runs+1, x.stats.Calls+len(p.calls)
	return p.calls, err
}
