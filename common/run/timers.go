package run

import (
	"container/heap"
	"sync"

	"dss.example/common/machine"
)

// timers are the envelopes that a machine has sent itself with a delay. One alarm
// of the clock serves them all. ring is called on the clock's goroutine when the
// first may be due; everything else belongs to the owner.
type timers struct {
	clock Clock
	ring  func()

	heap  timerHeap
	set   uint64       // how many were set, to deliver those of one time in order
	alarm Stopper      // nil if none is set
	at    machine.Time // of the alarm

	ringing sync.WaitGroup // alarms that were set and neither stopped nor rung
}

type timer struct {
	at    machine.Time
	order uint64
	msg   machine.Data
}

func (t *timers) add(at machine.Time, msg machine.Data) {
	t.set++
	heap.Push(&t.heap, timer{at, t.set, msg})
}

// due takes the next message whose time has come.
func (t *timers) due(now machine.Time) (machine.Data, bool) {
	if len(t.heap) == 0 || t.heap[0].at > now {
		return nil, false
	}
	return heap.Pop(&t.heap).(timer).msg, true
}

// arm sets the alarm to the first timer, unless it is set early enough already.
// now may be a little old: an alarm that has rung since arms again.
func (t *timers) arm(now machine.Time) {
	if len(t.heap) == 0 {
		return
	}
	first := t.heap[0].at
	if t.alarm != nil && t.at <= first && t.at > now {
		return
	}
	t.disarm()
	t.at = first
	t.ringing.Add(1)
	t.alarm = t.clock.AfterFunc(first-t.clock.Now(), func() {
		defer t.ringing.Done()
		t.ring()
	})
}

func (t *timers) disarm() {
	if t.alarm != nil && t.alarm.Stop() {
		t.ringing.Done()
	}
	t.alarm = nil
}

// timerHeap implements heap.Interface, the earliest first.
type timerHeap []timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}

func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *timerHeap) Push(x any) { *h = append(*h, x.(timer)) }

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	return t
}
