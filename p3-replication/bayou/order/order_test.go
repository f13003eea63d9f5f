package order_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p3-replication/bayou/order"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// plain is a Log without any cleverness: all writes that ever were, and their numbers.
type plain struct {
	committed []*proto.Write
	tentative []*proto.Write // in any order
	dropped   int
}

func (p *plain) all() []*proto.Write { return slices.Concat(p.committed, p.tentative) }

func (p *plain) ordered() []*proto.Write {
	sorted := slices.Clone(p.tentative)
	slices.SortFunc(sorted, func(a, b *proto.Write) int { return a.ID.Compare(b.ID) })
	return sorted
}

// vectorOf is what writes make known: of each server that was born and has not retired, the
// last; who was born has time of its birth.
func vectorOf(writes []*proto.Write) (v vector.Vector) {
	for _, w := range writes {
		v.Raise(w.ID)
		if w.Kind == proto.Birth {
			child, _ := w.Child()
			v.Raise(vector.Stamp{Server: child, Time: w.ID.Time})
		}
	}
	for _, w := range writes {
		if w.Kind == proto.Retirement {
			v.Remove(w.ID.Server)
		}
	}
	return v
}

// source is servers whose writes a Log learns, each server's in order.
type source struct {
	clock  uint64
	alive  []vector.Server
	queues map[vector.Server][]*proto.Write // accepted, and not yet learned
}

func newSource() *source {
	s := &source{alive: []vector.Server{vector.Root}, queues: map[vector.Server][]*proto.Write{}}
	return s
}

// accept has one of the servers accept a write, above all that anybody knows.
func (s *source) accept(t *rapid.T) {
	s.clock++
	by := rapid.SampledFrom(s.alive).Draw(t, "by")
	w := &proto.Write{ID: vector.Stamp{Time: s.clock, Server: by}, Kind: proto.Update, Check: fmt.Sprint("x", s.clock)}
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case s.clock == 1 || kind == 0 && len(s.alive) < 5:
		w.Kind, w.Check = proto.Birth, ""
		if child, _ := w.Child(); child != vector.Root {
			s.alive = append(s.alive, child)
		}
	case kind == 1 && len(s.alive) > 1:
		w.Kind, w.Check = proto.Retirement, ""
		s.alive = slices.DeleteFunc(s.alive, func(x vector.Server) bool { return x == by })
	}
	s.queues[by] = append(s.queues[by], w)
}

// next takes a write that may be learned now: its server's first, if its birth is known.
func (s *source) next(t *rapid.T, known vector.Vector) *proto.Write {
	var some []vector.Server
	for by, q := range s.queues {
		if _, state := known.Complete(by); len(q) > 0 && (state != vector.Unheard || by == vector.Root) {
			some = append(some, by)
		}
	}
	if len(some) == 0 {
		return nil
	}
	slices.Sort(some)
	by := rapid.SampledFrom(some).Draw(t, "of")
	w := s.queues[by][0]
	s.queues[by] = s.queues[by][1:]
	return w
}

func same(t *rapid.T, l *order.Log, p *plain) {
	var texts, want []string
	for n := l.Dropped() + 1; n <= l.Commit(); n++ {
		texts = append(texts, l.Committed(n).ID.String())
	}
	for w := range slices.Values(l.Tentative()) {
		texts = append(texts, w.ID.String())
	}
	bytes := 0
	for _, w := range slices.Concat(p.committed[p.dropped:], p.ordered()) {
		want = append(want, w.ID.String())
		bytes += w.Size()
	}
	require.Equal(t, want, texts)
	require.Equal(t, uint64(len(p.committed)), l.Commit())
	require.Equal(t, bytes, l.Bytes())
	require.Equal(t, vectorOf(p.all()).String(), l.Known.String())
	require.Equal(t, vectorOf(p.committed).String(), l.Sure.String())
	require.Equal(t, vectorOf(p.committed[:p.dropped]).String(), l.Omitted.String())
}

func TestALogIsThatOfAPlainList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l order.Log
		var p plain
		s := newSource()
		s.accept(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				s.accept(t)
			case 2, 3, 4:
				if w := s.next(t, l.Known); w != nil {
					p.tentative = append(p.tentative, w)
					at := l.Insert(w)
					require.Equal(t, w, l.Tentative()[at])
					place, ok := l.Find(w.ID)
					require.True(t, ok)
					require.Equal(t, at, place)
				}
			case 5: // each server's writes get their numbers in order
				if sorted := p.ordered(); len(sorted) > 0 {
					w := rapid.SampledFrom(sorted).Draw(t, "commit")
					i := slices.IndexFunc(sorted, func(x *proto.Write) bool { return x.ID.Server == w.ID.Server || born(x, w) })
					w = sorted[i]
					at, _ := l.Find(w.ID)
					l.Promote(at)
					p.committed = append(p.committed, w)
					p.tentative = slices.DeleteFunc(p.tentative, func(x *proto.Write) bool { return x == w })
				}
			case 6:
				keep := rapid.IntRange(0, 5).Draw(t, "keep")
				l.Drop(l.Commit(), keep, 1<<30)
				p.dropped = max(p.dropped, len(p.committed)-keep)
			}
			same(t, &l, &p)
		}
	})
}

// born tells whether x is the birth of the server of w.
func born(x, w *proto.Write) bool {
	child, _ := x.Child()
	return x.Kind == proto.Birth && len(w.ID.Server) >= len(child) && w.ID.Server[:len(child)] == child
}

// filled is a Log of births of servers 0.2 and 0.3 and writes of theirs, of which some are
// committed, in the order of stamps.
func filled(writes, committed int) (l *order.Log, all []*proto.Write) {
	l = new(order.Log)
	a, _ := vector.Root.Child(2)
	b, _ := vector.Root.Child(3)
	for i := 1; i <= writes; i++ {
		w := &proto.Write{ID: vector.Stamp{Time: uint64(i), Server: vector.Root}, Kind: proto.Birth}
		if i > 3 {
			w.ID.Server, w.Kind, w.Check = []vector.Server{vector.Root, a, b}[i%3], proto.Update, fmt.Sprint(i)
		}
		all = append(all, w)
		l.Insert(w)
	}
	for range committed {
		l.Promote(0)
	}
	return l, all
}

// What is sent to one that lags makes it know the same, wherever it ends.
func TestBeyondFillsWhatIsMissingWithoutAGap(t *testing.T) {
	for known := range 11 {
		for numbered := range min(known, 8) + 1 {
			l, all := filled(10, 8)
			r, _ := filled(known, numbered)
			reach := r.Reach()
			items, more := l.Beyond(&reach, 1<<20)
			require.False(t, more)
			for _, it := range items {
				require.Equal(t, it.Write == nil, reach.Known.Knows(it.ID), "a write that is known is not sent again")
				if it.Write != nil {
					r.Insert(it.Write)
				}
				if it.Commit > 0 {
					require.Equal(t, r.Commit()+1, it.Commit)
					at, ok := r.Find(it.ID)
					require.True(t, ok)
					r.Promote(at)
				}
				for _, w := range all {
					_, has := r.Find(w.ID)
					has = has || r.NumberOf(w.ID.Time, func(id vector.Stamp) bool { return id == w.ID }) > 0
					require.Equal(t, has, r.Known.Knows(w.ID))
				}
			}
			require.Equal(t, l.Reach(), r.Reach())
		}
	}
}

func TestBeyondFitsIntoSoManyBytesButHasOneItemAtLeast(t *testing.T) {
	l, _ := filled(10, 5)
	all, _ := l.Beyond(&proto.Reach{}, 1<<20)
	require.Len(t, all, 10)
	size := 0
	for n, it := range all {
		size += 48 + it.Write.Size()
		for _, bytes := range []int{size, size - 1} {
			items, more := l.Beyond(&proto.Reach{}, bytes)
			want := max(1, n+1+bytes-size)
			require.Len(t, items, want)
			require.Equal(t, want < len(all), more)
		}
	}
}

func TestBeyondFitsIntoABatch(t *testing.T) {
	l, _ := filled(proto.MaxItems+2, 1)
	items, more := l.Beyond(&proto.Reach{}, math.MaxInt)
	require.Len(t, items, proto.MaxItems)
	require.True(t, more)
}

func TestAheadTellsOfWritesOfNumbersAndOfRetirements(t *testing.T) {
	l, all := filled(6, 4)
	ahead := func(reach proto.Reach) bool { return l.Ahead(&reach) }
	require.False(t, ahead(l.Reach()))
	require.False(t, ahead(proto.Reach{}))
	more, _ := filled(7, 4)
	require.True(t, ahead(more.Reach()), "a write")
	more, _ = filled(6, 5)
	require.True(t, ahead(more.Reach()), "a number")
	born, _ := filled(6, 4)
	born.Insert(&proto.Write{ID: vector.Stamp{Time: 9, Server: all[5].ID.Server}, Kind: proto.Birth})
	require.True(t, ahead(born.Reach()), "a birth")
	gone, _ := filled(6, 4)
	gone.Insert(&proto.Write{ID: vector.Stamp{Time: 9, Server: all[4].ID.Server}, Kind: proto.Retirement})
	require.True(t, ahead(gone.Reach()), "a retirement")
	reach := l.Reach()
	require.False(t, gone.Ahead(&reach))
}

func TestRestartKeepsTheTentativeWritesThatTheStateHasNot(t *testing.T) {
	l, all := filled(10, 2)
	sure, _ := filled(7, 7)
	l.Restart(7, sure.Sure)
	require.Equal(t, uint64(7), l.Commit())
	require.Equal(t, uint64(7), l.Dropped())
	require.Equal(t, all[7:], l.Tentative())
	require.Equal(t, vectorOf(all), l.Known)
	require.Equal(t, sure.Sure, l.Sure)
	require.Equal(t, sure.Sure, l.Omitted)
	bytes := 0
	for _, w := range all[7:] {
		bytes += w.Size()
	}
	require.Equal(t, bytes, l.Bytes())
	l.Known.Raise(vector.Stamp{Time: 99, Server: vector.Root})
	require.False(t, sure.Sure.Knows(vector.Stamp{Time: 99, Server: vector.Root}), "it has memory of its own")
}

func TestDropStopsAtWhatMayStillBeWantedAndWhenLittleEnoughIsLeft(t *testing.T) {
	l, _ := filled(10, 8)
	l.Drop(3, 0, 0)
	require.Equal(t, uint64(3), l.Dropped())
	l.Drop(l.Commit(), 100, l.Bytes())
	require.Equal(t, uint64(3), l.Dropped(), "there are neither too many nor too many bytes")
	l.Drop(l.Commit(), 100, l.Bytes()-1)
	require.Equal(t, uint64(4), l.Dropped())
	l.Drop(l.Commit(), 0, 1<<30)
	require.Equal(t, uint64(8), l.Dropped())
	require.Len(t, l.Tentative(), 2)
	require.Zero(t, l.NumberOf(5, func(vector.Stamp) bool { return true }))
}

// taken is how many bytes of memory a function takes.
func taken(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestACommitCostsNoMoreWhereMoreIsKept(t *testing.T) {
	const kept, more = 10_000, 1000
	var l order.Log
	writes := make([]*proto.Write, kept+more)
	for i := range writes {
		writes[i] = &proto.Write{ID: vector.Stamp{Time: uint64(i + 1), Server: vector.Root}, Kind: proto.Update}
	}
	commit := func(some []*proto.Write) {
		for _, w := range some {
			l.Promote(l.Insert(w))
			l.Drop(l.Commit(), kept, 1<<30)
		}
	}
	commit(writes[:kept])
	require.Less(t, taken(func() { commit(writes[kept:]) }), uint64(more*1024))
	require.Equal(t, uint64(more), l.Dropped())
	require.Equal(t, writes[more], l.Committed(more+1))
	require.Equal(t, writes[kept+more-1], l.Committed(kept+more))
}

// What a session brings is inserted write by write, and nobody looks before the last.
func TestWritesThatComeTogetherFindTheirPlacesAmongTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, all := filled(40, 0)
		var l order.Log
		var mine []*proto.Write
		rest := slices.Clone(all)
		for len(rest) > 0 {
			first := len(mine) // the place before which nothing changes
			before := slices.Clone(l.Tentative())
			for range rapid.IntRange(1, len(rest)).Draw(t, "together") {
				i := rapid.IntRange(0, len(rest)-1).Draw(t, "which")
				first = min(first, l.Insert(rest[i]))
				mine, rest = append(mine, rest[i]), slices.Delete(rest, i, i+1)
			}
			slices.SortFunc(mine, func(a, b *proto.Write) int { return a.ID.Compare(b.ID) })
			require.Equal(t, mine, l.Tentative())
			same := 0
			for same < len(before) && before[same] == mine[same] {
				same++
			}
			require.Equal(t, same, first)
		}
	})
}
