package asked

import (
	"fmt"

	"dss.example/p3-replication/bayou/proto"
	bayou "dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/world"
)

// State is the machine that has what writes have made.
const State = "state"

// What State is asked. It remembers the effects of what was done and not settled.
const (
	Do     Op = iota + 1 // a write: its fate
	Undo                 // takes back the last one that was done
	Settle               // settles the first one that was done
	Pairs                // a number, 1 for the sure view: a proto.Kept of all pairs
	Load                 // a proto.Kept of pairs
)

type state struct {
	*bayou.State
	done []bayou.Effect
}

func newState() *state { return &state{State: bayou.New(world.Usual().Programs()())} }

func (m *state) answer(q Talk) Talk {
	switch q.Op {
	case Do:
		e := m.Do(decodeWrite(q.Bytes[0]))
		m.done = append(m.done, e)
		return number(uint64(e.Fate))
	case Undo:
		last := len(m.done) - 1
		m.Undo(m.done[last])
		m.done = m.done[:last]
	case Settle:
		m.Settle(m.done[0])
		m.done = m.done[1:]
	case Pairs:
		var pairs []proto.Pair
		for key, value := range m.Snapshot(q.Numbers[0] == 1).Pairs("") {
			pairs = append(pairs, proto.Pair{Key: key, Value: value})
		}
		return Talk{Bytes: [][]byte{EncodePairs(pairs)}}
	case Load:
		_ = must(0, m.Load(must(decodePairs(q.Bytes[0]))))
		m.done = nil
	}
	return Talk{}
}

// EncodePairs encodes pairs as a record has them.
func EncodePairs(pairs []proto.Pair) []byte {
	return proto.Kept{Part: proto.Part{Pairs: pairs}}.AppendTo(nil)
}

func decodePairs(b []byte) ([]proto.Pair, error) {
	rec, err := proto.DecodeRecord(b)
	kept, ok := rec.(proto.Kept)
	if err == nil && !ok {
		err = errTalk
	}
	return kept.Part.Pairs, err
}

// Pairs reads the answer to Pairs.
func (t Talk) Pairs() ([]proto.Pair, error) {
	if len(t.Bytes) != 1 {
		return nil, fmt.Errorf("%w: %d byte strings: want one", errTalk, len(t.Bytes))
	}
	return decodePairs(t.Bytes[0])
}
