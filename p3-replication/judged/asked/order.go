package asked

import (
	"fmt"

	bayou "dss.example/p3-replication/bayou/order"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Order is the machine that has writes in their order.
const Order = "order of writes"

// What Order is asked. To those that change it the answer is what Look answers, with a number
// before it that says where a write was put, if one was.
const (
	Insert  Op = iota + 1 // a write
	Promote               // a number, the place of a tentative write
	Drop                  // two numbers: how many committed writes, and how many bytes, may stay
	Restart               // a commit number, and the vector of what is in the state after it
	Beyond                // a reach, and how many bytes: a proto.Batch of what its server lacks
	Ahead                 // a reach: 0 or 1
	Look                  // the Picture
)

// Picture is what can be seen of an order of writes.
type Picture struct {
	Place, Commit, Dropped uint64
	Known, Sure, Omitted   vector.Vector
	Committed, Tentative   []vector.Stamp // those that are there
}

func (p *Picture) talk() Talk {
	return Talk{
		Numbers: []uint64{p.Place, p.Commit, p.Dropped},
		Bytes: [][]byte{
			p.Known.AppendTo(nil), p.Sure.AppendTo(nil), p.Omitted.AppendTo(nil),
			encodeStamps(p.Dropped+1, p.Committed), encodeStamps(1, p.Tentative),
		},
	}
}

// Picture reads the answer to Look.
func (t Talk) Picture() (p Picture, err error) {
	if len(t.Numbers) != 3 || len(t.Bytes) != 5 {
		return p, fmt.Errorf("%w: %d numbers and %d byte strings: want 3 and 5", errTalk, len(t.Numbers), len(t.Bytes))
	}
	p.Place, p.Commit, p.Dropped = t.Numbers[0], t.Numbers[1], t.Numbers[2]
	for i, v := range []*vector.Vector{&p.Known, &p.Sure, &p.Omitted} {
		if *v, err = read(t.Bytes[i], vector.ReadVector); err != nil {
			return p, err
		}
	}
	for i, ids := range []*[]vector.Stamp{&p.Committed, &p.Tentative} {
		rec, err := proto.DecodeRecord(t.Bytes[3+i])
		list, ok := rec.(proto.Committed)
		if err != nil || !ok {
			return p, fmt.Errorf("%w: %T where stamps should be: %w", errTalk, rec, err)
		}
		*ids = list.IDs
	}
	return p, nil
}

// Batch reads the answer to Beyond.
func (t Talk) Batch() (proto.Batch, error) {
	if len(t.Bytes) != 1 {
		return proto.Batch{}, fmt.Errorf("%w: %d byte strings: want one", errTalk, len(t.Bytes))
	}
	msg, err := proto.DecodeMessage(t.Bytes[0])
	b, ok := msg.(proto.Batch)
	if err == nil && !ok {
		err = errTalk
	}
	return b, err
}

type order struct{ log bayou.Log }

func (m *order) answer(q Talk) Talk {
	place := 0
	switch q.Op {
	case Insert:
		place = m.log.Insert(decodeWrite(q.Bytes[0]))
	case Promote:
		m.log.Promote(int(q.Numbers[0]))
	case Drop:
		m.log.Drop(m.log.Commit(), int(q.Numbers[0]), int(q.Numbers[1]))
	case Restart:
		m.log.Restart(q.Numbers[0], must(read(q.Bytes[0], vector.ReadVector)))
	case Beyond:
		reach := decodeReach(q.Bytes[0])
		items, more := m.log.Beyond(&reach, int(q.Numbers[0]))
		return Talk{Bytes: [][]byte{proto.Batch{Items: items, More: more}.AppendTo(nil)}}
	case Ahead:
		reach := decodeReach(q.Bytes[0])
		return number(yes(m.log.Ahead(&reach)))
	}
	return m.look(place)
}

func (m *order) look(place int) Talk {
	p := Picture{
		Place: uint64(place), Commit: m.log.Commit(), Dropped: m.log.Dropped(),
		Known: m.log.Known, Sure: m.log.Sure, Omitted: m.log.Omitted,
	}
	for n := p.Dropped + 1; n <= p.Commit; n++ {
		p.Committed = append(p.Committed, m.log.Committed(n).ID)
	}
	for _, w := range m.log.Tentative() {
		p.Tentative = append(p.Tentative, w.ID)
	}
	return p.talk()
}
