package vector

import (
	"fmt"
	"slices"
	"strings"
)

// Entry tells that a server's writes up to a time are known.
type Entry struct {
	Server Server
	Time   uint64 // 0 to MaxTime
}

// Vector tells which writes are known: each server's up to its entry's time. Entries are sorted
// by server, each server once. The nil Vector knows of nothing. An entry of time 0 differs
// from none: that server is known, and has accepted nothing yet.
type Vector []Entry

// MaxServers bounds a vector that is decoded. Raise, Merge and Join do not look at it: whoever
// lets servers be created stops early enough to leave room for those that others create at
// the same time.
const MaxServers = 64

// Get returns the time of a server's entry, and whether there is one.
func (v Vector) Get(s Server) (t uint64, ok bool) {
	i, ok := v.find(s)
	if !ok {
		return 0, false
	}
	return v[i].Time, true
}

// Covers tells whether an entry has reached a stamp. Of servers without an entry nothing is
// covered: see Knows.
func (v Vector) Covers(s Stamp) bool {
	t, ok := v.Get(s.Server)
	return ok && s.Time <= t
}

// Raise makes v cover a stamp. An entry that is higher stays as it is.
//
//ds:todo p3.1
func (v *Vector) Raise(s Stamp) {
	i, ok := v.find(s.Server)
	if !ok {
		*v = slices.Insert(*v, i, Entry{Server: s.Server})
	}
	(*v)[i].Time = max((*v)[i].Time, s.Time)
}

// Remove takes a server's entry out, if there is one.
func (v *Vector) Remove(s Server) {
	if i, ok := v.find(s); ok {
		*v = slices.Delete(*v, i, i+1)
	}
}

// Merge makes v the lowest vector that is nowhere below v or w: an entry of each server of
// both, at the higher time. It keeps nothing of w's memory.
//
//ds:todo p3.1
func (v *Vector) Merge(w Vector) {
	for _, e := range w {
		v.Raise(e.stamp())
	}
}

func (e Entry) stamp() Stamp { return Stamp{Time: e.Time, Server: e.Server} }

// Clone returns a copy with memory of its own.
func (v Vector) Clone() Vector { return slices.Clone(v) }

// Order is how two vectors stand to each other.
type Order int

// The orders. What is Concurrent is neither older nor newer: each vector knows of a write that the
// other does not.
const (
	Equal Order = iota
	Before
	After
	Concurrent
)

// String writes an order as a word.
func (o Order) String() string {
	switch o {
	case Equal:
		return "equal"
	case Before:
		return "before"
	case After:
		return "after"
	case Concurrent:
		return "concurrent"
	}
	return fmt.Sprintf("order %d", int(o))
}

// Compare tells how v stands to w: Before it, if w has all that v has and more. A server
// without an entry counts as below any time.
//
//ds:todo p3.1
func (v Vector) Compare(w Vector) Order {
	below, above := v.within(w), w.within(v)
	switch {
	case below && above:
		return Equal
	case below:
		return Before
	case above:
		return After
	}
	return Concurrent
}

// within tells whether w has reached each entry of v.
//
//ds:todo p3.1
func (v Vector) within(w Vector) bool {
	for _, e := range v {
		for len(w) > 0 && w[0].Server < e.Server {
			w = w[1:]
		}
		if len(w) == 0 || w[0].Server != e.Server || w[0].Time < e.Time {
			return false
		}
	}
	return true
}

// String writes a vector as its entries, "[0:12 0.5:9]".
func (v Vector) String() string {
	texts := make([]string, len(v))
	for i, e := range v {
		texts[i] = fmt.Sprintf("%v:%d", e.Server, e.Time)
	}
	return "[" + strings.Join(texts, " ") + "]"
}

// find returns where a server's entry is, or would be.
func (v Vector) find(s Server) (int, bool) {
	for i := range v { // nearly always it is there, and to tell that strings are the same takes little
		if v[i].Server == s {
			return i, true
		}
	}
	return slices.BinarySearchFunc(v, s, func(e Entry, s Server) int { return strings.Compare(string(e.Server), string(s)) })
}
