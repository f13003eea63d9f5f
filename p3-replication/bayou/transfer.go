package bayou

import (
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// shipped is a committed state on its way to others, as it was after a commit number: it is
// sent piece by piece, as it is asked for, while this server goes on.
type shipped struct {
	commit uint64
	sure   vector.Vector
	pairs  state.Snapshot
	asked  machine.Time // for the last time
}

const (
	maxShipped   = 2   // states at a time: they keep old pairs in memory
	shippedTicks = 100 // without a question, after which a state is given up
)

// ship sends the part of a state that is asked for. If that state is not held any more, it
// begins again with the present one.
func (s *Server) ship(to machine.Addr, m proto.Want) {
	sh := s.shipment(m.State.Commit)
	at := m.State
	if sh.commit != at.Commit {
		at = proto.Cursor{Commit: sh.commit}
	}
	sh.asked = s.now
	part := proto.Part{At: at}
	part.Pairs, part.Next = sh.pairs.Part(at.From)
	if part.Next == "" {
		part.Sure = sh.sure
	}
	s.send(to, proto.Piece{Database: s.me.Database, Life: m.Life, Part: part, Clock: s.clock.Last(), Reach: s.log.Reach()})
}

// shipment returns the state of a commit number, or else the present one.
func (s *Server) shipment(commit uint64) *shipped {
	newest := 0
	for i := range s.shipped {
		if s.shipped[i].commit == commit {
			return &s.shipped[i]
		}
		if s.shipped[i].commit > s.shipped[newest].commit {
			newest = i
		}
	}
	if len(s.shipped) == maxShipped {
		return &s.shipped[newest] // a little older, and its receiver catches up from there
	}
	s.shipped = append(s.shipped, shipped{
		commit: s.log.Commit(), sure: s.log.Sure.Clone(), pairs: s.state.Snapshot(state.Sure),
	})
	return &s.shipped[len(s.shipped)-1]
}

// dropShipped gives up states that nobody asks for.
func (s *Server) dropShipped() {
	kept := s.shipped[:0]
	for _, sh := range s.shipped {
		if s.now-sh.asked < shippedTicks*s.cfg.Tick && sh.commit >= s.log.Dropped() {
			kept = append(kept, sh)
		}
	}
	clear(s.shipped[len(kept):])
	s.shipped = kept
}

// arriving is a state that is being put together.
type arriving struct {
	from  machine.Node
	at    proto.Cursor // what is wanted next
	pairs []proto.Pair
}

// cursor returns what to ask a server for next.
func (a *arriving) cursor(from machine.Node) proto.Cursor {
	if a.from != from {
		return proto.Cursor{}
	}
	return a.at
}

// piece takes a part of a state, if it is the one that comes next, or the first of a state.
func (s *Server) piece(from machine.Addr, m proto.Piece) {
	part := &m.Part
	if !s.ours(from, m.Database) || m.Life != s.life || part.At.Commit <= s.log.Commit() {
		return
	}
	s.hear(from, m.Reach)
	s.clock.Witness(m.Clock)
	switch a := &s.arriving; {
	case a.from == from.Node && a.at == part.At && part.At.From != "":
		a.pairs = append(a.pairs, part.Pairs...)
	case part.At.From == "":
		*a = arriving{from: from.Node, pairs: part.Pairs}
	default:
		return
	}
	s.arriving.at = proto.Cursor{Commit: part.At.Commit, From: part.Next}
	if part.Next != "" {
		s.want(from.Node)
		return
	}
	s.adopt(part.At.Commit, part.Sure)
	s.goOn(from, true, true)
}

// adopt takes a committed state in the place of the writes that made it. What this server
// knows beyond it stays: tentative writes of its own, which nobody else may know, above all.
func (s *Server) adopt(commit uint64, sure vector.Vector) {
	pairs := s.arriving.pairs
	s.arriving = arriving{}
	if err := s.state.Load(pairs); err != nil {
		s.note("refused", "the state after number %d: %v", commit, err)
		return
	}
	s.restart(commit, sure)
	s.cost.Transfers++
	s.keepAll()
	s.settle()
}

// restart goes on from a committed state: what was done is not done in it.
func (s *Server) restart(commit uint64, sure vector.Vector) {
	s.done = nil
	s.ordered = s.ordered[min(commit-s.log.Commit(), uint64(len(s.ordered))):]
	s.log.Restart(commit, sure)
	s.clock.Witness(s.log.Last())
}
