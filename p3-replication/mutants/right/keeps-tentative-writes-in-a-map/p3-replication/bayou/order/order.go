// Package order is the order in which one server has put the writes that it knows: first
// those that are committed, by their commit numbers, then the tentative ones, by their stamps
// ('95, 5; '97, 2 and 3).
package order

import (
	"maps"
	"slices"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Log is the writes, and the vectors that tell which they are ('97, figure 3). The oldest
// committed writes may have been dropped. Its zero value knows nothing.
//
// What a server knows of the writes of any one server has no gap: it knows all up to the last
// that it knows. Whoever fills a Log keeps that.
type Log struct {
	Known   vector.Vector // all writes in this Log, and those that were dropped
	Sure    vector.Vector // the committed ones among them
	Omitted vector.Vector // those that were dropped

	dropped   uint64 // commit numbers up to this one
	committed []*proto.Write
	tentative map[vector.Stamp]*proto.Write
	sorted    []*proto.Write // the same in their order; nil: nobody has looked since they changed
	bytes     int            // of all writes that are here
}

// Commit returns the last commit number that is known.
func (l *Log) Commit() uint64 { return l.dropped + uint64(len(l.committed)) }

// Dropped returns the last commit number whose write is not here any more.
func (l *Log) Dropped() uint64 { return l.dropped }

// Committed returns the write of a commit number beyond Dropped, up to Commit.
func (l *Log) Committed(n uint64) *proto.Write { return l.committed[n-l.dropped-1] }

// Tentative returns the tentative writes in their order. The slice is valid until the Log is
// changed.
func (l *Log) Tentative() []*proto.Write {
	if l.sorted == nil {
		l.sorted = slices.SortedFunc(maps.Values(l.tentative), func(a, b *proto.Write) int { return a.ID.Compare(b.ID) })
	}
	return l.sorted
}

// Bytes returns the size of all writes that are here.
func (l *Log) Bytes() int { return l.bytes }

// Insert takes in a tentative write that is not known, and returns its place among the
// tentative ones: those from there on come behind it.
func (l *Log) Insert(w *proto.Write) (at int) {
	if l.tentative == nil {
		l.tentative = map[vector.Stamp]*proto.Write{}
	}
	l.tentative[w.ID], l.sorted = w, nil
	l.bytes += w.Size()
	know(&l.Known, w)
	at, _ = l.find(w.ID)
	return at
}

// Append takes in a write that is not known, with the next commit number.
func (l *Log) Append(w *proto.Write) {
	l.committed = append(l.committed, w)
	l.bytes += w.Size()
	know(&l.Known, w)
	know(&l.Sure, w)
}

// find returns where a tentative write is, or would be.
func (l *Log) find(id vector.Stamp) (at int, ok bool) {
	return slices.BinarySearchFunc(l.Tentative(), id, func(w *proto.Write, id vector.Stamp) int { return w.ID.Compare(id) })
}

// Find returns the place of a tentative write; ok is false if it is none.
func (l *Log) Find(id vector.Stamp) (at int, ok bool) { return l.find(id) }

// Promote gives the tentative write at a place the next commit number.
func (l *Log) Promote(at int) {
	w := l.Tentative()[at]
	delete(l.tentative, w.ID)
	l.sorted = slices.Delete(l.sorted, at, at+1)
	l.committed = append(l.committed, w)
	know(&l.Sure, w)
}

// know makes a vector tell of a write that comes next of its server's. A server is known from
// its birth on, and forgotten with its retirement: who knows its parent to be beyond its birth
// knows then that there is no more to come of it ('97, 4.3).
func know(v *vector.Vector, w *proto.Write) {
	v.Raise(w.ID)
	switch w.Kind {
	case proto.Birth:
		if child, err := w.Child(); err == nil {
			v.Raise(vector.Stamp{Time: w.ID.Time, Server: child})
		}
	case proto.Retirement:
		v.Remove(w.ID.Server)
	}
}

// Drop forgets committed writes until at most so many and so many bytes are here, the oldest
// first, but none after the commit number upTo.
func (l *Log) Drop(upTo uint64, writes, bytes int) {
	n := 0
	for n < len(l.committed) && l.dropped+uint64(n) < upTo && (len(l.committed)-n > writes || l.bytes > bytes) {
		l.bytes -= l.committed[n].Size()
		know(&l.Omitted, l.committed[n])
		n++
	}
	clear(l.committed[:n]) // the list moves when it grows, and takes with it only what is kept
	l.committed = l.committed[n:]
	l.dropped += uint64(n)
}

// Restart makes the Log that of a server that has the committed state after the number commit
// and no write of it, and the tentative writes of before that are not in that state. sure tells
// which writes are in it.
func (l *Log) Restart(commit uint64, sure vector.Vector) {
	l.dropped, l.committed, l.bytes = commit, nil, 0
	maps.DeleteFunc(l.tentative, func(id vector.Stamp, _ *proto.Write) bool { return sure.Knows(id) })
	l.sorted = nil
	l.Known, l.Sure, l.Omitted = sure.Clone(), sure.Clone(), sure.Clone()
	for _, w := range l.Tentative() {
		l.bytes += w.Size()
		know(&l.Known, w)
	}
}

// Beyond returns what a server whose reach this is lacks, from the committed writes on and in
// order, as much as fits into so many bytes and a Batch, but one item at least; more tells that there
// is more. A write that is known there is not sent again, only its number ('97, figure 2). The
// reach is not before Dropped.
func (l *Log) Beyond(reach *proto.Reach, bytes int) (items []proto.Item, more bool) {
	add := func(it proto.Item) bool {
		bytes -= itemSize
		if it.Write != nil {
			bytes -= it.Write.Size()
		}
		if bytes < 0 && len(items) > 0 || len(items) == proto.MaxItems {
			return false
		}
		items = append(items, it)
		return true
	}
	for n := reach.Commit + 1; n <= l.Commit(); n++ {
		w := l.Committed(n)
		it := proto.Item{Commit: n, ID: w.ID}
		if !reach.Known.Knows(w.ID) {
			it.Write = w
		}
		if !add(it) {
			return items, true
		}
	}
	for _, w := range l.Tentative() {
		if !reach.Known.Knows(w.ID) && !add(proto.Item{ID: w.ID, Write: w}) {
			return items, true
		}
	}
	return items, false
}

// itemSize is about what an Item takes besides its Write.
const itemSize = 48

// Ahead tells whether one whose reach this is knows something that this Log does not.
func (l *Log) Ahead(reach *proto.Reach) bool {
	if reach.Commit > l.Commit() {
		return true
	}
	return slices.ContainsFunc(reach.Known, func(e vector.Entry) bool {
		t, state := l.Known.Complete(e.Server)
		return state == vector.Unheard || t < e.Time
	}) || slices.ContainsFunc(l.Known, func(e vector.Entry) bool { // a retirement shows in what is not there
		_, state := reach.Known.Complete(e.Server)
		return state == vector.Retired
	})
}

// Behind tells whether one whose reach this is lacks something that this Log has.
func (l *Log) Behind(reach *proto.Reach) bool {
	return reach.Commit < l.Commit() || slices.ContainsFunc(l.Known, func(e vector.Entry) bool {
		t, state := reach.Known.Complete(e.Server)
		return state == vector.Unheard || t < e.Time
	})
}

// Reach returns how far this server has come, in memory of its own.
func (l *Log) Reach() proto.Reach { return proto.Reach{Known: l.Known.Clone(), Commit: l.Commit()} }

// NumberOf returns the commit number of a write of that time that is the one wanted and is
// still here; 0 if there is none.
func (l *Log) NumberOf(time uint64, wanted func(vector.Stamp) bool) uint64 {
	for i, w := range l.committed {
		if w.ID.Time == time && wanted(w.ID) {
			return l.dropped + uint64(i) + 1
		}
	}
	return 0
}

// Last returns the highest time of any write that is or was here.
func (l *Log) Last() (t uint64) {
	for _, e := range l.Known {
		t = max(t, e.Time)
	}
	return t
}
