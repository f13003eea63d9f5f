package world

import (
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

const roleOrder = "order"

// sequencer gives commit numbers in the place of a primary, as a log that others agree on would.
// There is one beside each server, as its Config.Order wants it; the one at node 1 gives the
// numbers, and the others pass on what they are asked and told.
type sequencer struct {
	self    machine.Addr
	numbers []vector.Stamp
	placed  map[vector.Stamp]bool
}

// central is who gives the numbers.
func central() machine.Addr { return machine.Addr{Node: 1, Role: roleOrder} }

// maxOrdered bounds the numbers in an answer.
const maxOrdered = 256

func sequencerProtocol() *machine.Protocol {
	return &machine.Protocol{
		Name: roleOrder, Message: proto.DecodeMessage, Record: proto.DecodeRecord,
		New: func(self machine.Addr, _ []byte) (machine.Machine, error) {
			return &sequencer{self: self, placed: map[vector.Stamp]bool{}}, nil
		},
	}
}

// Step implements machine.Machine.
func (s *sequencer) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		if r, ok := e.Record.(proto.Committed); ok {
			s.place(r.IDs)
		}
	case machine.Recv:
		switch m := e.Msg.(type) {
		case proto.Propose:
			if s.self == central() {
				s.order(e.From, m, out)
			} else {
				out.SendTo(central(), m)
			}
		case proto.Ordered:
			out.SendTo(machine.Addr{Node: s.self.Node, Role: Role}, m)
		}
	}
}

// order gives numbers to what has none, and tells those that are wanted when they are durable.
func (s *sequencer) order(from machine.Addr, m proto.Propose, out *machine.Out) {
	first := uint64(len(s.numbers)) + 1
	if fresh := s.place(m.IDs); len(fresh) > 0 {
		out.Save = append(out.Save, proto.Committed{First: first, IDs: fresh})
	}
	if m.From == 0 || m.From > uint64(len(s.numbers)) {
		return
	}
	wanted := s.numbers[m.From-1:]
	out.SendTo(from, proto.Ordered{First: m.From, IDs: append([]vector.Stamp(nil), wanted[:min(len(wanted), maxOrdered)]...)})
}

// place gives the next numbers to those writes that have none, and returns them.
func (s *sequencer) place(ids []vector.Stamp) (fresh []vector.Stamp) {
	for _, id := range ids {
		if !s.placed[id] {
			s.placed[id] = true
			s.numbers, fresh = append(s.numbers, id), append(fresh, id)
		}
	}
	return fresh
}
