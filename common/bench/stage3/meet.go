package stage3

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/proc"
)

const (
	meetingWrites = 10_000 // of each replica, at scale 1
	valueBytes    = 100
)

// pair is two replicas in this process, each with writes of its own, that have not met.
type pair interface {
	// Meet lets them speak, and returns when both have all writes.
	Meet() error
	// Agree returns an error unless both come to be the same. It tells how many bytes have
	// moved for each that was missing, 0 if nobody counts.
	Agree() (moved float64, err error)
	Close() error
}

// opener makes a pair, in a directory of its own, with so many writes on each side.
type opener func(dir string, writes int) (pair, error)

var errDiffer = errors.New("the replicas do not come to be the same")

// errWrites is of replicas that lack writes, or have what nobody wrote.
func errWrites(have, want int) error {
	return fmt.Errorf("%w: one has %d writes, want %d", errDiffer, have, want)
}

func writesOf(t harness.Turn) int { return max(1, int(meetingWrites*t.Scale)) }

// key is the name of a write's key: no two writes have the same.
func key(side, i int) string { return fmt.Sprintf("%d/%08d", side, i) }

// driveMeetings measures meetings of pairs, each of a pair of its own.
func driveMeetings(open opener) func(string, harness.Turn) (*load.Report, error) {
	return func(place string, t harness.Turn) (_ *load.Report, err error) {
		m := meetings{open: open, place: place, writes: writesOf(t)}
		for end := time.Now().Add(t.Warmup); time.Now().Before(end); {
			if err := m.once(); err != nil {
				return nil, err
			}
		}
		end, err := load.StartProfile(t.Profile)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, end()) }()
		m = meetings{open: open, place: place, writes: m.writes, began: time.Now()}
		for len(m.took) == 0 || time.Since(m.began) < t.For {
			if err := m.once(); err != nil {
				return nil, err
			}
		}
		return m.report(), nil
	}
}

// meetings are the figures of several.
type meetings struct {
	open   opener
	place  string
	writes int

	began time.Time
	took  []time.Duration
	used  time.Duration
	moved float64 // by the last one
}

// once makes a pair, measures its meeting, and looks whether they agree.
func (m *meetings) once() (err error) {
	p, err := m.open(m.place, m.writes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	runtime.GC() // of what making them has left: it is not a meeting's
	used, began := proc.Self(), time.Now()
	if err := p.Meet(); err != nil {
		return err
	}
	m.took = append(m.took, time.Since(began))
	m.used += proc.Self() - used
	m.moved, err = p.Agree()
	return err
}

func (m *meetings) report() *load.Report {
	r := timed(m.took, m.began)
	deliveries := 2 * m.writes
	r.Ops *= deliveries
	r.Rate *= float64(deliveries)
	r.ClientCPU = m.used.Seconds() * 1e6 / float64(r.Ops)
	r.Space = m.moved
	return r
}

// timed is the report of operations that came one after the other, with pauses.
func timed(took []time.Duration, began time.Time) *load.Report {
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	took = slices.Sorted(slices.Values(took))
	us := func(i int) float64 { return took[min(i, len(took)-1)].Seconds() * 1e6 }
	return &load.Report{
		Ops: len(took), Rate: float64(len(took)) / sum.Seconds(),
		P50: us(len(took) / 2), P99: us(len(took) * 99 / 100), Max: us(len(took)),
		Began: began.UnixNano(), Ended: time.Now().UnixNano(),
	}
}
