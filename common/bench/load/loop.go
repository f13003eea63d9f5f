package load

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dss.example/common/bench/proc"
)

// Report is what a driver prints when it is done, as one JSON object: this program's
// own and "kv -json bench" alike.
type Report struct {
	Ops       int     `json:"ops"`            // that ended while it measured
	Rate      float64 `json:"ops_per_second"` // all callers together
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Max       float64 `json:"max_us"`
	ClientCPU float64 `json:"client_cpu_us_per_op"` // 0 if unknown
	Began     int64   `json:"began_unix_ns"`        // after filling and warming up
	Ended     int64   `json:"ended_unix_ns"`
	Space     float64 `json:"space,omitempty"`        // bytes for each byte that is needed, as the load says; 0 if nobody counts
	Syncs     float64 `json:"syncs_per_op,omitempty"` // of files, by all who take part together; 0 if nobody counts

	Growth float64  `json:"growth,omitempty"` // the exponent with which the cost of a load grows with its size; 0 if it has one size
	Notes  []string `json:"notes,omitempty"`  // what else a reader should see of this turn, a line each
}

// ErrNothing tells that not one operation ended in time.
var ErrNothing = errors.New("no operation ended")

// Loop is a closed loop of so many callers.
type Loop struct {
	Callers int
	Warmup  time.Duration // runs before it, uncounted
	For     time.Duration
}

// Run calls what caller returns, once for each caller and phase, again and again in
// a goroutine of its own until the time is over. The first error ends that caller,
// and is returned when all have ended.
func (l Loop) Run(caller func(i int) func() error) (*Report, error) {
	if _, _, err := l.phase(l.Warmup, caller); err != nil {
		return nil, err
	}
	began, used := time.Now(), proc.Self()
	lat, took, err := l.phase(l.For, caller)
	used = proc.Self() - used
	if err != nil {
		return nil, err
	}
	if len(lat) == 0 {
		return nil, fmt.Errorf("%w in %v", ErrNothing, took)
	}
	at := func(i int) float64 { return lat[min(i, len(lat)-1)].Seconds() * 1e6 }
	return &Report{
		Ops: len(lat), Rate: float64(len(lat)) / took.Seconds(),
		P50: at(len(lat) / 2), P99: at(len(lat) * 99 / 100), Max: at(len(lat)),
		ClientCPU: used.Seconds() * 1e6 / float64(len(lat)),
		Began:     began.UnixNano(), Ended: began.Add(took).UnixNano(),
	}, nil
}

// phase returns every latency, sorted.
func (l Loop) phase(d time.Duration, caller func(i int) func() error) ([]time.Duration, time.Duration, error) {
	lats, errs := make([][]time.Duration, l.Callers), make([]error, l.Callers)
	start := time.Now()
	var callers sync.WaitGroup
	for i := range l.Callers {
		callers.Go(func() { lats[i], errs[i] = repeat(caller(i), start.Add(d)) })
	}
	callers.Wait()
	took := time.Since(start)
	all := slices.Concat(lats...)
	slices.Sort(all)
	return all, took, errors.Join(errs...)
}

func repeat(op func() error, end time.Time) (lat []time.Duration, err error) {
	for now := time.Now(); now.Before(end); {
		if err := op(); err != nil {
			return nil, err
		}
		done := time.Now()
		lat = append(lat, done.Sub(now))
		now = done
	}
	return lat, nil
}
