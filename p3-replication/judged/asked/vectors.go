package asked

import (
	"dss.example/p3-replication/vector"
)

// Vectors is the machine that has a clock, and computes with stamps and vectors.
const Vectors = "vectors"

// What Vectors is asked. v and w are vectors, s and u stamps, as their own encodings.
const (
	Before   Op = iota + 1 // s u: 0 if s comes first, 1 if they are one, 2 if u does
	Tick                   // the clock's next time
	Witness                // a number, which the clock is shown
	Raise                  // v s: v when it covers s
	Merge                  // v w: both merged
	Join                   // v w: both joined
	Compare                // v w: their vector.Order
	Complete               // v, and a server's name: its time and vector.State
	Knows                  // v s: 0 or 1
)

type vectors struct{ clock vector.Clock }

func (m *vectors) answer(q Talk) Talk {
	switch q.Op {
	case Before:
		s, u := stamp(q.Bytes[0]), stamp(q.Bytes[1])
		return number(uint64(1 + sign(s.Compare(u))))
	case Tick:
		return number(m.clock.Tick())
	case Witness:
		m.clock.Witness(q.Numbers[0])
		return Talk{}
	}
	v := must(read(q.Bytes[0], vector.ReadVector))
	switch q.Op {
	case Raise:
		v.Raise(stamp(q.Bytes[1]))
	case Complete:
		t, state := v.Complete(must(read(q.Bytes[1], vector.ReadServer)))
		return Talk{Numbers: []uint64{t, uint64(state)}}
	case Knows:
		return number(yes(v.Knows(stamp(q.Bytes[1]))))
	default:
		return both(q.Op, v, must(read(q.Bytes[1], vector.ReadVector)))
	}
	return Talk{Bytes: [][]byte{v.AppendTo(nil)}}
}

// both does what concerns two vectors. The second is spoiled before the first is shown: they may
// share no memory.
func both(op Op, v, w vector.Vector) Talk {
	switch op {
	case Merge:
		v.Merge(w)
	case Join:
		v.Join(w)
	case Compare:
		return number(uint64(v.Compare(w)))
	default:
		panic("a question that nobody asks")
	}
	for i := range w {
		w[i].Time = 0
	}
	return Talk{Bytes: [][]byte{v.AppendTo(nil)}}
}

func stamp(b []byte) vector.Stamp { return must(read(b, vector.ReadStamp)) }

func number(n uint64) Talk { return Talk{Numbers: []uint64{n}} }

func sign(n int) int { return max(-1, min(n, 1)) }
