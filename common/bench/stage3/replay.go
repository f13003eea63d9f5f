package stage3

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"dss.example/p3-replication/bayou"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/proc"
)

// sizes are how many tentative writes each of the two has that meet, at scale 1.
var sizes = [...]int{1000, 2000, 4000, 8000, 16000}

// cost is what a meeting of two with so many writes each has taken, for both together.
type cost struct {
	writes       int
	done, undone uint64 // writes, each as often as it was
	used, took   time.Duration
}

// driveReplay lets two meet with more and more writes, and tells how the cost grows. Their
// primary is away, so that all stays tentative: it was born first, and is a third one.
func driveReplay(_ string, t harness.Turn) (_ *load.Report, err error) {
	end, err := load.StartProfile(t.Profile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	began := time.Now()
	var costs []cost
	for _, size := range sizes {
		c, err := replayOne(max(10, int(float64(size)*t.Scale)))
		if err != nil {
			return nil, err
		}
		costs = append(costs, c)
	}
	return reportOf(costs, began), nil
}

func replayOne(writes int) (_ cost, err error) {
	o, err := openOurs(3, writes)
	if err != nil {
		return cost{}, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	c := cost{writes: writes}
	before, err := o.cost(writes)
	if err != nil {
		return cost{}, err
	}
	runtime.GC()
	used, began := proc.Self(), time.Now()
	if err := o.Meet(); err != nil {
		return cost{}, err
	}
	c.took, c.used = time.Since(began), proc.Self()-used
	after, err := o.cost(2 * writes)
	if err != nil {
		return cost{}, err
	}
	c.done, c.undone = after.Done-before.Done, after.Undone-before.Undone
	return c, o.same()
}

// cost waits until both tell of so many tentative writes, and adds up what they have done.
func (o *ours) cost(tentative int) (sum bayou.Cost, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), seenWithin)
	defer cancel()
	for _, i := range o.sides {
		r, err := o.all[i].Await(ctx, func(r bayou.Report) bool { return r.Tentative >= tentative })
		if err != nil {
			return sum, fmt.Errorf("%w: %d writes are tentative, want %d", errDiffer, r.Tentative, tentative)
		}
		sum.Done += r.Cost.Done
		sum.Undone += r.Cost.Undone
	}
	return sum, nil
}

// reportOf tells the rate of the largest meeting, and the growth of all.
func reportOf(costs []cost, began time.Time) *load.Report {
	last := costs[len(costs)-1]
	r := timed([]time.Duration{last.took}, began)
	r.Ops = 2 * last.writes
	r.Rate *= float64(r.Ops)
	r.ClientCPU = last.used.Seconds() * 1e6 / float64(r.Ops)
	moves := growth(costs, func(c cost) float64 { return float64(c.done + c.undone) })
	used := growth(costs, func(c cost) float64 { return c.used.Seconds() })
	r.Growth = max(moves, used)
	for _, c := range costs {
		r.Notes = append(r.Notes, fmt.Sprintf("%d writes each: %d done, %d undone, %.1f ms CPU", c.writes, c.done, c.undone, c.used.Seconds()*1e3))
	}
	r.Notes = append(r.Notes, fmt.Sprintf("growth: of writes done and undone %.2f, of CPU %.2f", moves, used))
	return r
}

// growth is the slope of the line that fits the figures best, in logarithms; 0 where there are
// no figures, as of processor time that is unknown.
func growth(costs []cost, figure func(cost) float64) float64 {
	var n, x, y, xx, xy float64
	for _, c := range costs {
		f := figure(c)
		if f <= 0 {
			return 0
		}
		lx, ly := math.Log(float64(c.writes)), math.Log(f)
		n, x, y, xx, xy = n+1, x+lx, y+ly, xx+lx*lx, xy+lx*ly
	}
	if n*xx == x*x { // all have one size
		return 0
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
