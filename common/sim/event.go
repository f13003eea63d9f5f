package sim

import (
	"container/heap"

	"dss.example/common/machine"
)

type eventKind uint8

const (
	evDeliver eventKind = iota // a message arrives
	evTimer                    // an envelope to oneself
	evSync                     // a disk finishes
	evAsk                      // a client asks
	evCancel                   // a client gives up
	evLink                     // a link hint
	evCrash
	evRestart
	evResume
	evHeal
	evInject // a Driver asks
	evWake   // a Driver's sleep ends
)

// event is something that may happen. Which fields count depends on its kind.
type event struct {
	kind  eventKind
	at    machine.Time
	seq   uint64 // breaks ties: the order in which events were made
	id    uint64 // evDeliver, evTimer: number of the envelope
	from  *slot  // evDeliver, evTimer
	to    *slot  // evDeliver, evTimer, evSync, evLink
	life  int    // of to's node when it was made: a timer, a sync, ends with its life
	frame []byte // evDeliver, evTimer
	due   machine.Time
	*detail
}

// detail is what the rarer kinds of events need besides; messages and timers have
// none, unless they come from a list of actions.
type detail struct {
	client int          // evAsk, evCancel
	cmd    machine.Data // evAsk, from a list of actions
	ask    *Exchange    // evCancel, evInject, evWake
	node   *node        // evCrash, evRestart, evResume
	peer   machine.Node // evLink
	up     bool         // evLink
	wipe   bool         // evRestart
	keep   int          // evCrash: unsynced records that survive, of each slot's
	stop   int          // evRestart: crash again after so many boot steps; -1 never
	cut    int          // evHeal
	clock  machine.Time // from a list of actions: the node's clock
	rand   uint64       // from a list of actions
}

// scheduler keeps the events that may happen and picks one.
type scheduler interface {
	add(ev *event)
	next() *event // nil when nothing can happen any more
}

// queue is a heap in order of time.
type queue []*event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *queue) Pop() any {
	old := *q
	ev := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return ev
}

// timed picks the earliest event.
type timed struct {
	queue queue
	seq   uint64
}

func (t *timed) add(ev *event) {
	t.seq++
	ev.seq = t.seq
	heap.Push(&t.queue, ev)
}

func (t *timed) next() *event {
	if len(t.queue) == 0 {
		return nil
	}
	return heap.Pop(&t.queue).(*event)
}

// untimed picks any event that may happen now; what is bound to a time (timers,
// ends of faults) happens in its order, and now and then instead of the rest.
type untimed struct {
	w     *World
	soft  []*event
	bound timed
}

func (u *untimed) add(ev *event) {
	switch ev.kind {
	case evDeliver, evSync, evAsk, evLink, evInject:
		u.soft = append(u.soft, ev)
	default:
		u.bound.add(ev)
	}
}

func (u *untimed) next() *event {
	n := len(u.soft)
	if n == 0 || len(u.bound.queue) > 0 && u.w.rng.IntN(16) == 0 {
		return u.bound.next()
	}
	i := u.w.rng.IntN(n)
	ev := u.soft[i]
	u.soft[i] = u.soft[n-1]
	u.soft[n-1] = nil
	u.soft = u.soft[:n-1]
	ev.at = u.w.now + machine.Time(u.w.rng.Uint64N(uint64(machine.Millisecond)))
	return ev
}
