package bayou

import (
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// isPrimary tells whether this server gives commit numbers. The committed writes tell who
// does: so who takes over knows all numbers that were given, and who has given the office
// away knows it with the number of the write that did it.
func (s *Server) isPrimary() bool {
	return s.cfg.Order == "" && s.named() && s.goesBy(s.state.Primary(state.Sure))
}

// goesBy tells whether a name was given to this server: its own, or another that was meant for
// it, under which it was made the primary before it could let that name retire.
func (s *Server) goesBy(name vector.Server) bool {
	if name == s.me.Name {
		return true
	}
	place, ok := s.state.Place(state.Sure, name)
	return ok && place.Life == s.me.Place.Life
}

// primary returns who gives commit numbers, as far as is known here: nobody, if they come from
// elsewhere.
func (s *Server) primary() vector.Server {
	if s.cfg.Order != "" {
		return ""
	}
	return s.state.Primary(state.Sure)
}

// commitAll gives numbers to all tentative writes, in their present order, while this server
// is the primary.
func (s *Server) commitAll() {
	first := s.log.Commit() + 1
	var ids []vector.Stamp
	for len(s.log.Tentative()) > 0 && s.isPrimary() {
		id := s.log.Tentative()[0].ID
		s.commit(id)
		ids = append(ids, id)
	}
	s.saveCommitted(first, ids)
}

// saveCommitted keeps which writes the numbers from first on were given to.
func (s *Server) saveCommitted(first uint64, ids []vector.Stamp) {
	for i, id := range ids {
		s.kept += itemSize
		s.save(proto.Committed{First: first + uint64(i), IDs: []vector.Stamp{id}})
	}
}

// itemSize is about what a commit number takes on a disk.
const itemSize = 32

// maxProposed bounds the writes in a Propose, and the numbers ahead that an Ordered may give.
const maxProposed = 256

// propose asks whoever gives the order, if that is not a primary, for numbers.
func (s *Server) propose() {
	if s.cfg.Order == "" || !s.named() {
		return
	}
	tentative := s.log.Tentative()
	ids := make([]vector.Stamp, 0, min(len(tentative), maxProposed))
	for _, w := range tentative[:cap(ids)] {
		ids = append(ids, w.ID)
	}
	to := machine.Addr{Node: s.self.Node, Role: s.cfg.Order}
	s.send(to, proto.Propose{From: s.log.Commit() + 1, IDs: ids})
}

// order takes numbers from whoever gives them. A number counts when all before it do and its
// write is known here.
func (s *Server) order(m proto.Ordered) {
	for i, id := range m.IDs {
		at := m.First + uint64(i) - s.log.Commit() - 1 // runs over, beyond all bounds, if it counts already
		if at >= maxProposed {
			continue
		}
		for uint64(len(s.ordered)) <= at {
			s.ordered = append(s.ordered, vector.Stamp{})
		}
		s.ordered[at] = id
	}
	s.settle()
}

// followOrder commits what has its number from elsewhere, as far as it is known.
func (s *Server) followOrder() {
	first := s.log.Commit() + 1
	var ids []vector.Stamp
	for len(s.ordered) > len(ids) && s.commit(s.ordered[len(ids)]) {
		ids = append(ids, s.ordered[len(ids)])
	}
	s.ordered = s.ordered[len(ids):]
	s.saveCommitted(first, ids)
}
