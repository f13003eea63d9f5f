// Package order is the order in which one server has put the writes that it knows: first
// those that are committed, by their commit numbers, then the tentative ones, by their stamps
// ('95, 5; '97, 2 and 3).
package order

import (
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
	tentative []*proto.Write // in order
	late      []*proto.Write // tentative too, but not in their places yet: see merge
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
	l.merge()
	return l.tentative
}

// Bytes returns the size of all writes that are here.
func (l *Log) Bytes() int { return l.bytes }

// Insert takes in a tentative write that is not known, and returns a place among the tentative
// ones: what stands before it stays there, and what stood behind it comes behind the write. Of
// writes that are inserted one after the other only the first such place tells all.
//
//ds:todo p3.2
func (l *Log) Insert(w *proto.Write) (at int) {
	at, _ = l.find(w.ID)
	if at == len(l.tentative) && len(l.late) == 0 {
		l.tentative = append(l.tentative, w)
	} else {
		l.late = append(l.late, w)
	}
	l.bytes += w.Size()
	know(&l.Known, w)
	return at
}

// merge puts the late writes in their places, all at once: a session brings many, and the list
// is not moved for each.
//
//ds:todo p3.2
func (l *Log) merge() {
	if len(l.late) == 0 {
		return
	}
	byStamp := func(a, b *proto.Write) int { return a.ID.Compare(b.ID) }
	if !slices.IsSortedFunc(l.late, byStamp) {
		slices.SortFunc(l.late, byStamp)
	}
	from := len(l.tentative)
	l.tentative = append(l.tentative, l.late...)
	for to := len(l.tentative) - 1; len(l.late) > 0; to-- {
		last := len(l.late) - 1
		if from > 0 && byStamp(l.tentative[from-1], l.late[last]) > 0 {
			from--
			l.tentative[to] = l.tentative[from]
		} else {
			l.tentative[to], l.late = l.late[last], l.late[:last]
		}
	}
	l.late = nil
}

// Append takes in a write that is not known, with the next commit number.
func (l *Log) Append(w *proto.Write) {
	l.committed = append(l.committed, w)
	l.bytes += w.Size()
	know(&l.Known, w)
	know(&l.Sure, w)
}

// find returns where a tentative write is that is not late, or would be.
func (l *Log) find(id vector.Stamp) (at int, ok bool) {
	end := len(l.tentative)
	if end == 0 || l.tentative[end-1].ID.Compare(id) < 0 { // most come behind all others
		return end, false
	}
	return slices.BinarySearchFunc(l.tentative, id, func(w *proto.Write, id vector.Stamp) int { return w.ID.Compare(id) })
}

// Find returns the place of a tentative write; ok is false if it is none.
func (l *Log) Find(id vector.Stamp) (at int, ok bool) {
	l.merge()
	if len(l.tentative) > 0 && l.tentative[0].ID == id { // most are committed in their order
		return 0, true
	}
	return l.find(id)
}

// Promote gives the tentative write at a place, as Find tells it, the next commit number.
//
//ds:todo p3.2
func (l *Log) Promote(at int) {
	l.merge()
	w := l.tentative[at]
	if at > len(l.tentative)/2 {
		l.tentative = slices.Delete(l.tentative, at, at+1)
	} else { // so that a long list is not moved for each of its first writes
		copy(l.tentative[1:], l.tentative[:at])
		l.tentative[0], l.tentative = nil, l.tentative[1:]
	}
	l.committed = append(l.committed, w)
	know(&l.Sure, w)
}

// know makes a vector tell of a write that comes next of its server's. A server is known from
// its birth on, and forgotten with its retirement: who knows its parent to be beyond its birth
// knows then that there is no more to come of it ('97, 4.3).
//
//ds:todo p3.2
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
//
//ds:todo p3.2
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
//
//ds:todo p3.2
func (l *Log) Restart(commit uint64, sure vector.Vector) {
	l.merge()
	l.dropped, l.committed, l.bytes = commit, nil, 0
	l.tentative = slices.DeleteFunc(slices.Clone(l.tentative), func(w *proto.Write) bool { return sure.Knows(w.ID) })
	l.Known, l.Sure, l.Omitted = sure.Clone(), sure.Clone(), sure.Clone()
	for _, w := range l.tentative {
		l.bytes += w.Size()
		know(&l.Known, w)
	}
}

// Beyond returns what a server whose reach this is lacks, from the committed writes on and in
// order, as much as fits into so many bytes and a Batch, but one item at least; more tells that there
// is more. A write that is known there is not sent again, only its number ('97, figure 2). The
// reach is not before Dropped.
//
//ds:todo p3.2
func (l *Log) Beyond(reach *proto.Reach, bytes int) (items []proto.Item, more bool) {
	add := func(it proto.Item) bool {
		bytes -= itemSize
		if it.Write != nil {
			bytes -= it.Write.Size()
		}
		if bytes < 0 && len(items) > 0 || len(items) == proto.MaxItems {
			return false
		}
		if len(items) == few { // then there are likely to be as many as fit
			items = slices.Grow(items, min(proto.MaxItems, bytes/leastOf(it)))
		}
		items = append(items, it)
		return true
	}
	var server vector.Server // of the last write
	var upTo uint64          // which of its writes are known
	lacks := func(w *proto.Write) bool {
		if w.ID.Server != server {
			server = w.ID.Server
			upTo, _ = reach.Known.Complete(server)
		}
		return w.ID.Time > upTo
	}
	for n := reach.Commit + 1; n <= l.Commit(); n++ {
		w := l.Committed(n)
		it := proto.Item{Commit: n, ID: w.ID}
		if lacks(w) {
			it.Write = w
		}
		if !add(it) {
			return items, true
		}
	}
	for _, w := range l.Tentative() {
		if lacks(w) && !add(proto.Item{ID: w.ID, Write: w}) {
			return items, true
		}
	}
	return items, false
}

const (
	itemSize = 48 // about what an Item takes besides its Write
	few      = 16 // items
)

// leastOf is about what items take at least that are like this one: without a Write too, or with.
func leastOf(it proto.Item) int {
	const least = 80 // of a Write
	if it.Write == nil {
		return itemSize
	}
	return itemSize + least
}

// Ahead tells whether one whose reach this is knows something that this Log does not.
//
//ds:todo p3.2
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
