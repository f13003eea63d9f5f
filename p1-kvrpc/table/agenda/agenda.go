// Package agenda remembers when something is due, for machines: they have no
// clock, and one envelope to oneself for each thing that may time out would cost
// more than the thing.
//
// An [Agenda] keeps times lazily. Whoever postpones something (a renewed lease, a
// session in use) tells nobody: the entry is found too early later on, and put
// back. An [Alarm] turns the earliest of those times into as few envelopes to
// oneself as possible. Both are pure: same calls, same answers.
package agenda

import "dss.example/common/machine"

// Agenda is a set of times with an ID each: a binary heap, in which times only grow
// as a rule, so that Add is O(1) then. The zero Agenda is empty.
type Agenda struct{ heap []entry }

type entry struct {
	at machine.Time
	id uint64
}

func (e entry) before(f entry) bool { return e.at < f.at || e.at == f.at && e.id < f.id }

// Len returns the number of entries, the outdated ones included.
func (a *Agenda) Len() int { return len(a.heap) }

// Add enters that id is due at the given time, or a little later than that.
func (a *Agenda) Add(at machine.Time, id uint64) {
	a.heap = append(a.heap, entry{at, id})
	a.up(len(a.heap) - 1)
}

// Next returns the earliest time in a; ok is false when there is none.
func (a *Agenda) Next() (at machine.Time, ok bool) {
	if len(a.heap) == 0 {
		return 0, false
	}
	return a.heap[0].at, true
}

// Pop removes and returns the earliest entry if its time has come by now. Entries
// of one time come in order of their IDs.
func (a *Agenda) Pop(now machine.Time) (at machine.Time, id uint64, ok bool) {
	if len(a.heap) == 0 || a.heap[0].at > now {
		return 0, 0, false
	}
	e, last := a.heap[0], len(a.heap)-1
	a.heap[0] = a.heap[last]
	a.heap = a.heap[:last]
	a.down(0)
	return e.at, e.id, true
}

// Prune keeps only the entries that hold, once there are more than twice as many
// as the live ones (and a few), so that outdated entries stay bounded at an
// amortized O(1) for each Add.
func (a *Agenda) Prune(live int, holds func(at machine.Time, id uint64) bool) {
	if len(a.heap) <= 2*live+64 {
		return
	}
	kept := a.heap[:0]
	for _, e := range a.heap {
		if holds(e.at, e.id) {
			kept = append(kept, e)
		}
	}
	a.heap = kept
	for i := len(a.heap)/2 - 1; i >= 0; i-- {
		a.down(i)
	}
}

func (a *Agenda) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !a.heap[i].before(a.heap[parent]) {
			return
		}
		a.heap[i], a.heap[parent] = a.heap[parent], a.heap[i]
		i = parent
	}
}

func (a *Agenda) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(a.heap); child++ {
			if a.heap[child].before(a.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		a.heap[i], a.heap[least] = a.heap[least], a.heap[i]
		i = least
	}
}
