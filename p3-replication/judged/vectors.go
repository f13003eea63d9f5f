package judged

import (
	"bytes"
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"dss.example/common/judge"

	"dss.example/p3-replication/judged/asked"
	"dss.example/p3-replication/vector"
)

const stepVectors = "p3.1"

// vectorChecks are those of p3.1.
func vectorChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepVectors, Name: "stamps have one order", Run: stampsHaveAnOrder,
			Rule: "Stamps are ordered by time, and at one time by server: no two writes tie.",
		},
		{
			Step: stepVectors, Name: "a clock is above all that it was shown", Run: clockIsAbove,
			Rule: "A time is above all that the clock has given and was shown; a time that no clock can have is not heard, and after the last one there is none.",
		},
		{
			Step: stepVectors, Name: "a vector rises, and merges with another", Run: vectorsGrow,
			Rule: "It covers what it is raised to and loses nothing; two merged have each server at the higher time, and share no memory.",
		},
		{
			Step: stepVectors, Name: "concurrent vectors are neither older nor newer", Run: vectorsCompare,
			Rule: "One vector is before another if it is nowhere above it; if each is above the other somewhere, they are concurrent.",
		},
		{
			Step: stepVectors, Name: "a missing entry tells who has retired", Run: vectorsAreComplete,
			Rule: "Without an entry a server has retired if the write that made it is known, and else it is unheard of; all writes of the retired are known.",
		},
		{
			Step: stepVectors, Name: "joined vectors forget who has retired", Run: vectorsJoin,
			Rule: "Who knows all that two know has no entry of a server that one of the two knows to have retired.",
		},
	}
}

// known is a vector in the plainest way.
type known map[vector.Server]uint64

func (k known) vector() (v vector.Vector) {
	for _, s := range slices.Sorted(maps.Keys(k)) {
		v = append(v, vector.Entry{Server: s, Time: k[s]})
	}
	return v
}

func (k known) encode() []byte { return k.vector().AppendTo(nil) }

// complete is '97, section 4.3, as it is written there.
func (k known) complete(s vector.Server) (uint64, vector.State) {
	if t, ok := k[s]; ok {
		return t, vector.Present
	}
	parent, created, ok := s.Parent()
	if ok && k.knows(vector.Stamp{Time: created, Server: parent}) || !ok && len(k) > 0 {
		return vector.MaxTime, vector.Retired
	}
	return 0, vector.Unheard
}

func (k known) knows(s vector.Stamp) bool {
	t, state := k.complete(s.Server)
	return state != vector.Unheard && s.Time <= t
}

// merged has each server of both at the higher time.
func (k known) merged(l known) known {
	all := maps.Clone(k)
	for s, t := range l {
		all[s] = max(all[s], t)
	}
	return all
}

// joined is merged, without those who have retired as one of the two knows.
func (k known) joined(l known) known {
	all := k.merged(l)
	for s := range all {
		_, here := k.complete(s)
		_, there := l.complete(s)
		if here == vector.Retired || there == vector.Retired {
			delete(all, s)
		}
	}
	return all
}

func (k known) compare(l known) vector.Order {
	within := func(a, b known) bool {
		for s, t := range a {
			if u, ok := b[s]; !ok || u < t {
				return false
			}
		}
		return true
	}
	switch below, above := within(k, l), within(l, k); {
	case below && above:
		return vector.Equal
	case below:
		return vector.Before
	case above:
		return vector.After
	}
	return vector.Concurrent
}

// drawKnown draws a vector of some servers at small times, so that two often meet.
func drawKnown(r *rand.Rand) known {
	k := known{}
	for _, s := range servers() {
		if r.IntN(3) > 0 {
			k[s] = r.Uint64N(12)
		}
	}
	return k
}

func drawStamp(r *rand.Rand) vector.Stamp {
	s := vector.Stamp{Time: 1 + r.Uint64N(11), Server: pick(r, servers())}
	if r.IntN(40) == 0 {
		s.Time = vector.MaxTime - r.Uint64N(2)
	}
	return s
}

// questions is how many a part is asked in a check.
const questions = 400

func stampsHaveAnOrder(t *judge.T) {
	p := newPart(t, asked.Vectors, "vector")
	for range questions {
		s, u := drawStamp(p.r), drawStamp(p.r)
		want := uint64(1 + cmp.Or(cmp.Compare(s.Time, u.Time), cmp.Compare(s.Server, u.Server)))
		if got := p.number(asked.Before, nil, s.AppendTo(nil), u.AppendTo(nil)); got != want {
			t.Fatalf("%v and %v: the order is said to be %s: want %s", s, u, ordered(got), ordered(want))
		}
	}
}

func ordered(n uint64) string {
	return []string{"the first before the second", "one and the same", "the second before the first"}[min(n, 2)]
}

func clockIsAbove(t *judge.T) {
	p := newPart(t, asked.Vectors, "vector")
	last := uint64(0)
	shown := func(at uint64) {
		p.ask(asked.Witness, []uint64{at})
		if at <= vector.MaxTime {
			last = max(last, at)
		}
	}
	ticks := func() {
		want := last + 1
		if last == vector.MaxTime {
			want = 0
		}
		if got := p.number(asked.Tick, nil); got != want {
			t.Fatalf("after time %d the clock gives %d: want %d", last, got, want)
		}
		last = max(last, want)
	}
	for range questions {
		if p.r.IntN(2) == 0 {
			shown(last + p.r.Uint64N(9) - min(last, 4))
		} else {
			ticks()
		}
	}
	for _, at := range []uint64{vector.MaxTime + 1, 1<<64 - 1, vector.MaxTime - 1} {
		shown(at)
		ticks()
	}
	ticks()
}

func vectorsGrow(t *judge.T) {
	p := newPart(t, asked.Vectors, "vector")
	for range questions {
		k, l, s := drawKnown(p.r), drawKnown(p.r), drawStamp(p.r)
		p.becomes(asked.Raise, k, s.AppendTo(nil), s.String(), k.merged(known{s.Server: s.Time}))
		p.becomes(asked.Merge, k, l.encode(), l.vector().String(), k.merged(l))
	}
}

// becomes asks what a vector becomes with something else.
func (p *part) becomes(op asked.Op, k known, with []byte, text string, want known) {
	a := p.ask(op, nil, k.encode(), with)
	got, err := a.Vector()
	if answer(p, got, err); !bytes.Equal(got.AppendTo(nil), want.encode()) {
		word := map[asked.Op]string{asked.Raise: "raised to", asked.Merge: "merged with", asked.Join: "joined with"}[op]
		p.t.Fatalf("%v %s %s is said to be %v: want %v", k.vector(), word, text, got, want.vector())
	}
}

func vectorsCompare(t *judge.T) {
	p := newPart(t, asked.Vectors, "vector")
	for range questions {
		k, l := drawKnown(p.r), drawKnown(p.r)
		switch p.r.IntN(4) { // few that are drawn have an order
		case 0:
			l = k.merged(l)
		case 1:
			k = k.merged(l)
		}
		got, want := vector.Order(p.number(asked.Compare, nil, k.encode(), l.encode())), k.compare(l)
		if got != want {
			t.Fatalf("%v is said to be %v to %v: want %v", k.vector(), got, l.vector(), want)
		}
	}
}

func vectorsAreComplete(t *judge.T) {
	p := newPart(t, asked.Vectors, "vector")
	for range questions {
		k, s := drawKnown(p.r), drawStamp(p.r)
		if p.r.IntN(20) == 0 {
			k = known{}
		}
		a := p.ask(asked.Complete, nil, k.encode(), s.Server.AppendTo(nil))
		time, state := k.complete(s.Server)
		if len(a.Numbers) != 2 || a.Numbers[0] != time || a.Numbers[1] != uint64(state) {
			t.Fatalf("%v is said to tell of server %v %v: want time %d, state %d (%v)", k.vector(), s.Server, a.Numbers, time, state, state)
		}
		if got := p.number(asked.Knows, nil, k.encode(), s.AppendTo(nil)) == 1; got != k.knows(s) {
			t.Fatalf("%v is said to know %v: %v, want %v", k.vector(), s, got, k.knows(s))
		}
	}
}

func vectorsJoin(t *judge.T) {
	p := newPart(t, asked.Vectors, "vector")
	for range questions {
		k, l := drawKnown(p.r), drawKnown(p.r)
		p.becomes(asked.Join, k, l.encode(), l.vector().String(), k.joined(l))
	}
}
