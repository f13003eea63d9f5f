package bayou

import (
	"fmt"
	"math"
	"slices"

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

// drop forgets the oldest committed writes where there are too many, but none behind a state
// that is on its way: its receiver would have to be sent another one, and another. What takes
// too much memory is forgotten all the same.
func (s *Server) drop() {
	upTo := s.log.Commit()
	for i := range s.shipped {
		upTo = min(upTo, s.shipped[i].commit)
	}
	s.log.Drop(upTo, s.cfg.Retain, s.cfg.Bytes/2)
	s.log.Drop(s.log.Commit(), math.MaxInt, s.cfg.Bytes/2)
}

// ship sends the part of a state that is asked for. If that state is not held any more, it
// begins again with the present one.
//
//ds:todo p3.8
func (s *Server) ship(to machine.Addr, m proto.Want) {
	sh := s.shipment(m.State.Commit, m.Reach.Commit)
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

// shipment returns the state of a commit number, or else the present one, for somebody who has
// come to a number that is before it.
//
//ds:todo p3.8
func (s *Server) shipment(commit, reached uint64) *shipped {
	newest, oldest := 0, 0
	for i := range s.shipped {
		if s.shipped[i].commit == commit && commit > reached {
			return &s.shipped[i]
		}
		if s.shipped[i].commit > s.shipped[newest].commit {
			newest = i
		}
		if s.shipped[i].asked < s.shipped[oldest].asked {
			oldest = i
		}
	}
	if len(s.shipped) == maxShipped {
		if s.shipped[newest].commit > reached {
			return &s.shipped[newest] // a little older, and its receiver catches up from there
		}
		s.shipped = slices.Delete(s.shipped, oldest, oldest+1)
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
		if s.now-sh.asked < shippedTicks*s.cfg.Tick {
			kept = append(kept, sh)
		}
	}
	clear(s.shipped[len(kept):])
	s.shipped = kept
}

// arriving is a state that is being put together. It takes no more bytes than Config.State: of a
// larger one nothing is taken. One that does not go on is forgotten when its sender has given it
// up too, and begins from its first pair again.
type arriving struct {
	from  machine.Node
	at    proto.Cursor // what is wanted next
	pairs []proto.Pair
	size  int          // bytes of all pairs
	heard machine.Time // when the last part came

	state *state.State // all of it, while it is saved: then nothing more is asked for
	sure  vector.Vector
}

// cursor returns what to ask a server for next.
func (a *arriving) cursor(from machine.Node) proto.Cursor {
	if a.from != from {
		return proto.Cursor{}
	}
	return a.at
}

// dropArriving forgets a state that does not go on, or that has nothing new any more.
func (s *Server) dropArriving() {
	a := &s.arriving
	if a.state == nil && (s.now-a.heard >= shippedTicks*s.cfg.Tick || a.at.Commit <= s.log.Commit()) {
		*a = arriving{}
	}
}

// piece takes a part of a state, if it is the one that comes next, or the first of a state.
//
//ds:todo p3.8
func (s *Server) piece(from machine.Addr, m proto.Piece) {
	part, a := &m.Part, &s.arriving
	if !s.ours(from, m.Database) || m.Life != s.life || part.At.Commit <= s.log.Commit() || a.state != nil {
		return
	}
	s.hear(from, m.Reach)
	s.clock.Witness(m.Clock)
	switch {
	case a.from == from.Node && a.at == part.At && part.At.From != "":
	case part.At.From == "":
		*a = arriving{from: from.Node}
	default:
		return
	}
	s.answered(from)
	a.at, a.heard = proto.Cursor{Commit: part.At.Commit, From: part.Next}, s.now
	a.pairs = append(a.pairs, part.Pairs...)
	for i := range part.Pairs {
		a.size += len(part.Pairs[i].Key) + len(part.Pairs[i].Value)
	}
	switch {
	case a.size > s.cfg.State:
		s.refuseState("it takes more than %d bytes: let this server have more room for it", s.cfg.State)
	case part.Next != "":
		s.want(from.Node)
	default:
		s.brought(from)
		s.adopt(part.At.Commit, part.Sure)
	}
}

// refuseState gives up the state that arrives, and asks its sender again when that is heard.
func (s *Server) refuseState(format string, args ...any) {
	s.note("refused", "the state after number %d of node %d: %s", s.arriving.at.Commit, s.arriving.from, fmt.Sprintf(format, args...))
	s.giveUp(s.arriving.from)
	s.arriving = arriving{}
}

// adopt begins to take a committed state in the place of the writes that made it. It is saved
// first: until its last part is, this server goes on from what it had, and a crash leaves that.
//
//ds:todo p3.8
func (s *Server) adopt(commit uint64, sure vector.Vector) {
	a := &s.arriving
	a.state, a.sure = state.New(s.programs), sure
	if err := a.state.Load(a.pairs); err != nil {
		s.refuseState("%v", err)
		return
	}
	a.pairs, s.pull = nil, pull{}
	s.beginKeep(commit, sure, a.state.Snapshot(state.Sure))
	s.adopted()
}

// keepArrived saves more of a state that has arrived, unless it has nothing new any more.
//
//ds:todo p3.8
func (s *Server) keepArrived() {
	if s.log.Commit() >= s.keeping.commit {
		s.keeping, s.arriving = keeping{}, arriving{}
		return
	}
	s.keepOn()
	s.adopted()
}

// adopted goes on from a state that has arrived, once all of it is saved. What this server knows
// beyond it stays: tentative writes of its own, which nobody else may know, above all.
//
//ds:todo p3.8
func (s *Server) adopted() {
	if !s.keeping.whole {
		return
	}
	a := s.arriving
	s.arriving = arriving{}
	s.state = a.state
	s.met = 0 // of the former state
	s.restart(a.at.Commit, a.sure)
	s.cost.Transfers++
	s.settle()
	s.want(a.from)
}

// restart goes on from a committed state: what was done is not done in it.
func (s *Server) restart(commit uint64, sure vector.Vector) {
	s.done = nil
	s.ordered = s.ordered[min(commit-s.log.Commit(), uint64(len(s.ordered))):]
	s.log.Restart(commit, sure)
	s.clock.Witness(s.log.Last())
}
