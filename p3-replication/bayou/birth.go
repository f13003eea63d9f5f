package bayou

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// seekName asks for a name: one peer after the other, each for a while, because two that
// answer would bear this server twice. Whoever may found the database does so when all peers
// have said that they have none, or have been silent for long.
func (s *Server) seekName() {
	if s.founding == 0 {
		s.founding = s.now
	}
	if s.me.Name != "" { // born, and still to learn what there is
		s.learnBirth()
		return
	}
	silent := s.now-s.founding >= s.cfg.Founding
	if s.cfg.Found && (silent || len(s.denied) == len(s.cfg.Peers)) {
		s.found()
		return
	}
	for _, p := range s.peers {
		if s.cfg.Found || s.turn(p.Node) {
			s.send(s.addr(p.Node), proto.Bear{Place: s.me.Place})
		}
	}
}

// learnBirth asks for the write that this server was born by. If nobody has it for long, it was
// lost with the disk of who made it, and another name is asked for: this one was never used.
func (s *Server) learnBirth() {
	const intervals = 20
	if s.now-s.founding >= intervals*s.cfg.Interval {
		s.begin()
		return
	}
	s.seek()
	if s.pull.from == 0 {
		s.want(s.peers[s.draw()%uint64(len(s.peers))].Node)
	}
}

// turn tells whether a peer is the one to be asked at present.
func (s *Server) turn(node machine.Node) bool {
	const ticks = 10
	n := int((s.now - s.founding) / (ticks * s.cfg.Tick))
	return s.peers[n%len(s.peers)].Node == node
}

// deny notes that a peer has no database.
func (s *Server) deny(from machine.Addr) {
	if !slices.Contains(s.denied, from.Node) && slices.ContainsFunc(s.cfg.Peers, func(p Peer) bool { return p.Node == from.Node }) {
		s.denied = append(s.denied, from.Node)
	}
}

// found makes a database, in which this server is the first.
func (s *Server) found() {
	s.me.Database, s.me.Name = s.draw()|1, vector.Root
	s.save(s.me)
	s.log.Known.Raise(vector.Stamp{Server: vector.Root})
	s.accept(&proto.Write{Kind: proto.Birth, Place: s.me.Place})
	s.settle()
}

// bear makes a server, by a write, unless that was done already. One that has no database says
// so. The answer waits until the write is durable.
func (s *Server) bear(from machine.Addr, m proto.Bear) {
	if m.Place.Node != from.Node || m.Place.Life == 0 {
		return
	}
	if !s.named() || s.retired {
		if s.me.Database == 0 {
			s.send(from, proto.Offer{})
		}
		return
	}
	name, known := s.bornAs(m.Place.Life)
	if !known {
		if len(s.log.Known) >= MaxServers {
			s.note("full", "node %d is not born: there are %d servers, and there can be no more: let one retire", m.Place.Node, MaxServers)
			return
		}
		w := &proto.Write{Kind: proto.Birth, Place: m.Place}
		if !s.accept(w) {
			return
		}
		name, _ = w.ID.Server.Child(w.ID.Time)
		s.settle()
	}
	s.send(from, proto.Born{Database: s.me.Database, Life: m.Place.Life, Name: name})
}

// bornAs returns the name of the server whose place has that life.
func (s *Server) bornAs(life uint64) (vector.Server, bool) {
	for server := range s.state.Servers(state.Full) {
		if server.Place.Life == life {
			return server.Name, true
		}
	}
	return "", false
}

// born takes the name that another server has given this one, and asks it for all that there is.
func (s *Server) born(from machine.Addr, m proto.Born) {
	if s.me.Name != "" || m.Life != s.me.Place.Life || m.Database == 0 || m.Name == vector.Root {
		return
	}
	s.me.Database, s.me.Name = m.Database, m.Name
	s.save(s.me)
	s.clock.Witness(m.Name.Born().Time)
	s.founding = s.now
	s.want(from.Node)
}

// recognize looks whether a write is the birth of a server that this one is not, although it
// is of this life: two have answered when one was asked. It retires at once.
func (s *Server) recognize(w *proto.Write) {
	if w.Kind != proto.Birth || w.Place.Life != s.me.Place.Life || s.me.Name == "" {
		return
	}
	name, err := w.ID.Server.Child(w.ID.Time)
	if err != nil || name == s.me.Name {
		return
	}
	if t := s.clock.Tick(); t > 0 {
		s.learn(&proto.Write{ID: vector.Stamp{Time: t, Server: name}, Kind: proto.Retirement})
	}
}

// retire gives up the name of this server. Its last write has to reach another server before
// it stops: see Gone.
func (s *Server) retire() bool {
	if s.retired || !s.accept(&proto.Write{Kind: proto.Retirement}) {
		return false
	}
	s.retired = true
	s.settle()
	return true
}

// gone tells whether another server knows that this one has retired, and so all its writes.
func (s *Server) gone() bool {
	return slices.ContainsFunc(s.peers, func(p peer) bool {
		_, state := p.reach.Known.Complete(s.me.Name)
		return s.retired && state == vector.Retired
	})
}
