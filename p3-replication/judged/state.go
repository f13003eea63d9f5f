package judged

import (
	"bytes"
	"fmt"
	"slices"

	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/judged/asked"
	"dss.example/p3-replication/vector"
	"dss.example/p3-replication/world"
)

const stepState = "p3.3"

// stateChecks are those of p3.3.
func stateChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepState, Name: "a write does what fits at its place", Run: does,
			Rule: "Its update if its check holds; else what its merge procedure finds; else nothing is changed, and it is noted as a conflict.",
		},
		{
			Step: stepState, Name: "undoing takes back all that a write did", Run: undoes,
			Rule: "After the last write was undone every pair is as it was before: values, who wrote them, conflicts, servers and the primary.",
		},
		{
			Step: stepState, Name: "what is settled is what is sure", Run: settles,
			Rule: "The sure view shows the committed writes and nothing else, what they have deleted too, and the full view shows all.",
		},
		{
			Step: stepState, Name: "servers and the primary's office are state", Run: serves,
			Rule: "A birth enters a server, a retirement strikes it out; only the primary hands its office over, to who is there, and if it retires the first of the others has it.",
		},
		{
			Step: stepState, Name: "of too many conflicts the oldest is forgotten", Run: forgets,
			Rule: fmt.Sprintf("At most %d conflicts are kept; undoing brings back the one that was forgotten.", state.MaxConflicts),
		},
	}
}

// made is a part that does writes, beside the list of those that it has done.
type made struct {
	*part
	settled, done []*proto.Write
	time          uint64
}

func newMade(t *judge.T) *made { return &made{part: newPart(t, asked.State, "bayou/state")} }

// pairs are what writes come to, done one after the other and never undone.
func pairs(writes []*proto.Write) []byte {
	s := state.New(world.Usual().Programs()())
	for _, w := range writes {
		s.Do(w)
	}
	var all []proto.Pair
	for key, value := range s.Snapshot(state.Full).Pairs("") {
		all = append(all, proto.Pair{Key: key, Value: value})
	}
	return asked.EncodePairs(all)
}

// same looks at a view.
func (m *made) same(view state.View, after string) {
	writes, number, name := slices.Concat(m.settled, m.done), uint64(0), "full"
	if view == state.Sure {
		writes, number, name = m.settled, 1, "sure"
	}
	a := m.ask(asked.Pairs, []uint64{number})
	got, err := a.Pairs()
	if answer(m.part, got, err); !bytes.Equal(asked.EncodePairs(got), pairs(writes)) {
		want, _ := asked.Talk{Bytes: [][]byte{pairs(writes)}}.Pairs()
		m.t.Fatalf("after %s the %s view is not what its %d writes come to: %s", after, name, len(writes), differs(got, want))
	}
}

// differs names the first pair that is not as it should be.
func differs(got, want []proto.Pair) string {
	for i, w := range want {
		switch {
		case i == len(got) || got[i].Key > w.Key:
			return fmt.Sprintf("%v is missing", w)
		case got[i].Key < w.Key:
			return fmt.Sprintf("%v should not be there", got[i])
		case !bytes.Equal(got[i].Value, w.Value):
			return fmt.Sprintf("%v has %x: want %x", w, got[i].Value, w.Value)
		}
	}
	return fmt.Sprintf("%v should not be there", got[len(want)])
}

func (m *made) do(w *proto.Write) {
	s := state.New(world.Usual().Programs()())
	for _, before := range slices.Concat(m.settled, m.done) {
		s.Do(before)
	}
	want := s.Do(w).Fate
	if got := state.Fate(m.number(asked.Do, nil, asked.EncodeWrite(w))); got != want {
		m.t.Fatalf("of %v is said that its fate is %d: want %d (applied, merged and unresolved are 1, 2 and 3)", w, got, want)
	}
	m.done = append(m.done, w)
}

func (m *made) undo() {
	m.ask(asked.Undo, nil)
	m.done = m.done[:len(m.done)-1]
}

func (m *made) settle() {
	m.ask(asked.Settle, nil)
	m.settled, m.done = append(m.settled, m.done[0]), m.done[1:]
}

// update draws a write of a client. Few keys and values meet often.
func (m *made) update() *proto.Write {
	word := func() string { return string(rune('a' + m.r.IntN(3))) }
	w := &proto.Write{ID: m.stamp(), Kind: proto.Update}
	for range 1 + m.r.IntN(3) {
		w.Update = append(w.Update, proto.Change{Key: word(), Value: []byte(word()), Delete: m.r.IntN(4) == 0})
	}
	for i := range w.Update {
		if w.Update[i].Delete {
			w.Update[i].Value = nil
		}
	}
	switch m.r.IntN(4) {
	case 0:
		w.Check = word()
	case 1:
		w.Check = word() + "=" + word()
	}
	if w.Check != "" && m.r.IntN(3) > 0 {
		w.Merge = fmt.Sprintf("%s=1;%s=2", word(), word())
	}
	return w
}

func (m *made) stamp() vector.Stamp {
	m.time++
	return vector.Stamp{Time: m.time, Server: pick(m.r, servers())}
}

// office draws a birth, a retirement or a hand-over, of whomever it may be.
func (m *made) office() *proto.Write {
	w := &proto.Write{ID: m.stamp(), Kind: proto.Birth, Place: proto.Place{Node: machine.Node(m.time), Life: m.time}}
	s := pick(m.r, servers())
	if born := s.Born(); !born.IsZero() && m.r.IntN(3) > 0 { // one whom others speak of
		w.ID = born
	} else if s == vector.Root {
		w.ID = vector.Stamp{Time: 1, Server: vector.Root}
	}
	switch m.r.IntN(4) {
	case 0:
		return &proto.Write{ID: m.stamp(), Kind: proto.Retirement}
	case 1, 2:
		return &proto.Write{ID: m.stamp(), Kind: proto.Handover, Heir: s}
	}
	return w
}

// writesMade is how many a check lets a state do.
const writesMade = 120

func does(t *judge.T) {
	m := newMade(t)
	for range writesMade {
		m.do(m.update())
		m.same(state.Full, "a write was done")
	}
}

func undoes(t *judge.T) {
	m := newMade(t)
	for range 2 * writesMade {
		if len(m.done) > 0 && m.r.IntN(5) < 2 {
			m.undo()
			m.same(state.Full, "a write was undone")
		} else {
			m.do(m.any())
		}
	}
	for len(m.done) > 0 {
		m.undo()
	}
	m.same(state.Full, "all writes were undone")
}

func (m *made) any() *proto.Write {
	if m.r.IntN(4) == 0 {
		return m.office()
	}
	return m.update()
}

func settles(t *judge.T) {
	m := newMade(t)
	for range writesMade {
		switch n := m.r.IntN(6); {
		case n == 0 && len(m.done) > 0:
			m.undo()
		case n < 3 && len(m.done) > 0:
			m.settle()
			m.same(state.Sure, "a write was settled")
		default:
			m.do(m.any())
			m.same(state.Sure, "a write was done")
		}
	}
	m.same(state.Full, "some writes were settled")
}

func serves(t *judge.T) {
	m := newMade(t)
	m.do(&proto.Write{ID: vector.Stamp{Time: 1, Server: vector.Root}, Kind: proto.Birth, Place: proto.Place{Node: 1, Life: 1}})
	for range writesMade {
		m.do(m.office())
		m.same(state.Full, "a server was born, has retired, or has handed its office over")
	}
}

// forgets makes more conflicts than there may be, in one state that is not compared at each.
func forgets(t *judge.T) {
	m := newMade(t)
	never := func() *proto.Write {
		return &proto.Write{ID: m.stamp(), Kind: proto.Update, Update: []proto.Change{{Key: "a"}}, Check: "never=so"}
	}
	for range state.MaxConflicts {
		w := never()
		m.ask(asked.Do, nil, asked.EncodeWrite(w))
		m.done = append(m.done, w)
	}
	m.same(state.Full, "as many conflicts as may be")
	for range 3 {
		m.do(never())
	}
	m.same(state.Full, "three conflicts more than may be")
	m.undo()
	m.undo()
	m.same(state.Full, "two of these were undone")
}
