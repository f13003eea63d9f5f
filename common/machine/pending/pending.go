// Package pending holds what was asked and is not answered yet, by number.
//
// Machines, their worlds and the wire all number what they ask, upwards, and look the
// number up when the answer comes, mostly soon. So the last few numbers have places of
// their own, and only the few questions that outstay thousands of younger ones cost as
// much as an entry of a map.
package pending

import (
	"maps"
	"slices"
)

// Table holds values by number. It is correct for any numbers and quick for those that
// were given out one after the other. It holds as many as are put into it: its owner
// bounds them. The zero Table is empty.
type Table[T any] struct {
	ring  []place[T]   // number n has the place n modulo len(ring), a power of two
	young int          // values in ring
	old   map[uint64]T // values whose place a younger number has taken
}

type place[T any] struct {
	number uint64
	taken  bool
	value  T
}

// minPlaces is the length of the shortest ring.
const minPlaces = 8

// Len returns how many values t holds.
func (t *Table[T]) Len() int { return t.young + len(t.old) }

// Put enters v under number, instead of what was there.
func (t *Table[T]) Put(number uint64, v T) {
	if 2*t.young >= len(t.ring) {
		t.grow()
	}
	if len(t.old) > 0 {
		delete(t.old, number)
	}
	t.settle(place[T]{number, true, v})
}

// Get returns what number stands for; ok is false if it is not in t.
func (t *Table[T]) Get(number uint64) (v T, ok bool) {
	if p := t.find(number); p != nil {
		return p.value, true
	}
	v, ok = t.old[number]
	return v, ok
}

// Take is Get, and removes the number.
func (t *Table[T]) Take(number uint64) (v T, ok bool) {
	if p := t.find(number); p != nil {
		v = p.value
		*p = place[T]{}
		t.young--
		return v, true
	}
	if v, ok = t.old[number]; ok {
		delete(t.old, number)
	}
	return v, ok
}

// Numbers returns all numbers in t, ascending.
func (t *Table[T]) Numbers() []uint64 {
	all := slices.Sorted(maps.Keys(t.old))
	for i := range t.ring {
		if t.ring[i].taken {
			all = append(all, t.ring[i].number)
		}
	}
	slices.Sort(all)
	return all
}

// find returns the place of number, nil if it has none.
func (t *Table[T]) find(number uint64) *place[T] {
	if len(t.ring) == 0 {
		return nil
	}
	if p := t.at(number); p.taken && p.number == number {
		return p
	}
	return nil
}

func (t *Table[T]) at(number uint64) *place[T] { return &t.ring[number&uint64(len(t.ring)-1)] }

// settle gives p its place. Whoever has it makes room.
func (t *Table[T]) settle(p place[T]) {
	at := t.at(p.number)
	switch {
	case !at.taken:
		t.young++
	case at.number != p.number:
		if t.old == nil {
			t.old = make(map[uint64]T)
		}
		t.old[at.number] = at.value
	}
	*at = p
}

// grow doubles the places.
func (t *Table[T]) grow() {
	before := t.ring
	t.ring, t.young = make([]place[T], max(minPlaces, 2*len(before))), 0
	for _, p := range before {
		if p.taken {
			t.settle(p)
		}
	}
}
