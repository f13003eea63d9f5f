package run

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/machine"
)

// Clock is a monotonic clock and its alarms. All methods may be called by any
// goroutine.
type Clock interface {
	// Now returns the time since some start. It never goes backwards.
	Now() machine.Time

	// AfterFunc calls fn after d: on a goroutine of the clock's, never inside
	// AfterFunc itself.
	AfterFunc(d machine.Time, fn func()) Stopper
}

// Stopper is an alarm that was set. Stop reports whether it kept the alarm from
// ringing; false means that fn was or will be called.
type Stopper interface{ Stop() bool }

// Real is the machine's own monotonic clock. Inside a testing/synctest bubble it
// is the bubble's.
type Real struct{ start time.Time }

// NewReal returns a clock that starts now.
func NewReal() Real { return Real{start: time.Now()} }

// Now implements Clock.
func (r Real) Now() machine.Time { return machine.Time(time.Since(r.start)) }

// AfterFunc implements Clock.
func (r Real) AfterFunc(d machine.Time, fn func()) Stopper {
	return time.AfterFunc(time.Duration(d), fn)
}

// Manual is a clock that stands still until a test advances it. The zero value is
// ready to use, at time 0.
type Manual struct {
	now atomic.Int64

	mu     sync.Mutex // guards what follows
	alarms alarmHeap
	set    uint64 // how many alarms were set, to ring those of one time in order
}

// Now implements Clock.
func (m *Manual) Now() machine.Time { return machine.Time(m.now.Load()) }

// AfterFunc implements Clock. fn is called by Advance.
func (m *Manual) AfterFunc(d machine.Time, fn func()) Stopper {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set++
	a := &alarm{clock: m, at: m.Now() + max(d, 0), order: m.set, fn: fn}
	heap.Push(&m.alarms, a)
	return a
}

// Advance moves the time on by d and rings every alarm that is due by then, in
// order of time, those that an alarm sets included. While an alarm rings, Now is
// its time. One goroutine advances at a time.
func (m *Manual) Advance(d machine.Time) {
	end := m.Now() + d
	for a := m.due(end); a != nil; a = m.due(end) {
		a.fn()
	}
	m.now.Store(int64(end))
}

// due takes the next alarm until end off the heap and moves the time to it.
func (m *Manual) due(end machine.Time) *alarm {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.alarms) == 0 || m.alarms[0].at > end {
		return nil
	}
	a := heap.Pop(&m.alarms).(*alarm)
	m.now.Store(int64(max(m.Now(), a.at)))
	return a
}

// alarm is one alarm of a Manual.
type alarm struct {
	clock *Manual
	at    machine.Time
	order uint64
	fn    func()
	index int // in the heap; -1 when it has rung or was stopped
}

// Stop implements Stopper.
func (a *alarm) Stop() bool {
	a.clock.mu.Lock()
	defer a.clock.mu.Unlock()
	if a.index < 0 {
		return false
	}
	heap.Remove(&a.clock.alarms, a.index)
	return true
}

// alarmHeap implements heap.Interface, the earliest first.
type alarmHeap []*alarm

func (h alarmHeap) Len() int { return len(h) }

func (h alarmHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	a.index = len(*h)
	*h = append(*h, a)
}

func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last], a.index = nil, -1
	*h = (*h)[:last]
	return a
}
