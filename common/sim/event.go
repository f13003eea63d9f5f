package sim

import "dss.example/common/machine"

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
	evDamage // a disk damages records
	evInject // a Driver asks
	evWake   // a Driver's sleep ends
)

// event is something that may happen. Which fields count depends on its kind.
type event struct {
	kind  eventKind
	at    machine.Time
	id    uint64       // evDeliver, evTimer: number of the envelope
	from  *slot        // evDeliver, evTimer
	to    *slot        // evDeliver, evTimer, evSync, evLink, evDamage
	life  int          // of to's node when it was made, if the event ends with it; or anyLife
	frame []byte       // evDeliver, evTimer
	due   machine.Time // evTimer: by the node's clock
	*detail
}

// anyLife is the life of an envelope from another node: it may arrive in a later
// one than it was sent to.
const anyLife = -1

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
	stop   int          // evRestart: stop again after so many boot steps; -1 never
	cause  Fault        // evCrash, evDamage: what went wrong. evRestart: why it stops again
	cut    int          // evHeal
	clock  machine.Time // from a list of actions: the node's clock
	rand   uint64       // from a list of actions

	records []uint64 // evDamage
}

// scheduler keeps the events that may happen and picks one.
type scheduler interface {
	add(ev *event)
	next() *event // nil when nothing can happen any more
}

// queue is a binary heap in order of time, a World's own.
type queue []place

// place is an event in a queue, with its key beside it: to compare two places
// reads neither event.
type place struct {
	at  machine.Time
	seq uint64 // breaks ties: the order in which events were made
	ev  *event
}

func (p place) before(o place) bool { return p.at < o.at || p.at == o.at && p.seq < o.seq }

//go:norace
func (q *queue) push(p place) {
	h := append(*q, p)
	i := len(h) - 1
	for i > 0 {
		up := h[(i-1)/2]
		if !p.before(up) {
			break
		}
		h[i] = up
		i = (i - 1) / 2
	}
	h[i] = p
	*q = h
}

// pop takes the first event out of a queue that is not empty.
//
//go:norace
func (q *queue) pop() *event {
	h := *q
	first, last := h[0].ev, h[len(h)-1]
	h[len(h)-1].ev = nil
	h = h[:len(h)-1]
	*q = h
	if len(h) > 0 {
		h.sink(last)
	}
	return first
}

// sink fills the gap at the root: smaller children move up until p finds its place.
//
//go:norace
func (q queue) sink(p place) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		next := q[child]
		if child+1 < len(q) {
			if right := q[child+1]; right.before(next) {
				next = right
				child++
			}
		}
		if !next.before(p) {
			break
		}
		q[i] = next
		i = child
	}
	q[i] = p
}

// timed picks the earliest event.
type timed struct {
	queue queue
	seq   uint64
}

//go:norace
func (t *timed) add(ev *event) {
	t.seq++
	t.queue.push(place{at: ev.at, seq: t.seq, ev: ev})
}

//go:norace
func (t *timed) next() *event {
	if len(t.queue) == 0 {
		return nil
	}
	return t.queue.pop()
}

// untimed picks any event that may happen now; what is bound to a time (timers,
// ends of faults) happens in its order, and now and then instead of the rest.
type untimed struct {
	w     *World
	soft  []*event
	bound timed
}

//go:norace
func (u *untimed) add(ev *event) {
	switch ev.kind {
	case evDeliver, evSync, evAsk, evLink, evInject:
		u.soft = append(u.soft, ev)
	default:
		u.bound.add(ev)
	}
}

//go:norace
func (u *untimed) next() *event {
	w, soft := u.w, u.soft
	last := len(soft) - 1
	if last < 0 || len(u.bound.queue) > 0 && w.rng.IntN(16) == 0 {
		return u.bound.next()
	}
	i := w.rng.IntN(len(soft))
	ev := soft[i]
	soft[i] = soft[last]
	soft[last] = nil
	u.soft = soft[:last]
	ev.at = w.now + machine.Time(w.rng.Uint64N(uint64(machine.Millisecond)))
	return ev
}
