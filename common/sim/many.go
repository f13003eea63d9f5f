package sim

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/machine"
)

// Summary is what came of many runs.
type Summary struct {
	Stats
	Hash    uint64   // of all runs' hashes, in whatever order they ended
	Failed  *Failure // of the smallest failing seed that was met
	Seed    uint64   // that seed
	Stopped bool     // the context ended before all schedules had run
	Elapsed time.Duration
}

// Many runs the seeds base, base+1, … base+n-1 on all processors and stops early
// when one fails or ctx ends. progress, if not nil, is called about once a second
// with the number of schedules that have run.
func Many(ctx context.Context, cfg *Config, base uint64, n int, progress func(done int)) *Summary {
	start := time.Now()
	m := &many{cfg: cfg, base: base, n: uint64(n)}
	m.sum.Seed = ^uint64(0)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() { m.work(ctx) })
	}
	quit := make(chan struct{})
	var reporter sync.WaitGroup
	if progress != nil {
		reporter.Go(func() { m.report(progress, quit) })
	}
	wg.Wait()
	close(quit)
	reporter.Wait()
	m.sum.Stopped = m.sum.Failed == nil && m.sum.Schedules < n
	m.sum.Elapsed = time.Since(start)
	return &m.sum
}

type many struct {
	cfg     *Config
	base, n uint64
	taken   atomic.Uint64
	done    atomic.Int64
	failed  atomic.Bool

	mu  sync.Mutex // protects sum
	sum Summary
}

func (m *many) work(ctx context.Context) {
	var mine Summary
	for ctx.Err() == nil && !m.failed.Load() {
		i := m.taken.Add(1) - 1
		if i >= m.n {
			break
		}
		seed := m.base + i
		w := NewWorld(m.cfg, seed)
		fail := w.Run()
		w.Close()
		mine.Stats.Add(w.Stats())
		mine.Hash += mix(seed, w.Hash()) // order must not matter
		m.done.Add(1)
		if fail != nil {
			m.failed.Store(true)
			m.fail(seed, fail)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.Stats.Add(mine.Stats)
	m.sum.Hash += mine.Hash
}

func (m *many) fail(seed uint64, fail *Failure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seed < m.sum.Seed || m.sum.Failed == nil {
		m.sum.Failed, m.sum.Seed = fail, seed
	}
}

func (m *many) report(progress func(int), quit chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			progress(int(m.done.Load()))
		case <-quit:
			return
		}
	}
}

// Table prints the counts, a fault kind a line.
func (s *Stats) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-20s %d\n%-20s %d\n%-20s %d asked, %d answered\n%-20s %v\n", "schedules", s.Schedules,
		"steps", s.Steps, "requests", s.Asks, s.Answers, "virtual time", duration(s.Virtual))
	for f := range numFaults {
		if s.Faults[f] > 0 {
			fmt.Fprintf(&b, "%-20s %d\n", f, s.Faults[f])
		}
	}
	return b.String()
}

func duration(t machine.Time) time.Duration { return time.Duration(t).Round(time.Microsecond) }
