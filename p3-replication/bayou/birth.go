package bayou

import (
	"fmt"
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// seekName asks for a name: one peer after the other, each for a while, because two that
// answer would bear this server twice. Whoever may found the database does so when all peers
// have said that they have none, or have been silent for long.
//
//ds:todo p3.9
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
//
//ds:todo p3.9
func (s *Server) learnBirth() {
	const intervals = 20
	if s.now-s.founding >= intervals*s.cfg.Interval {
		s.begin()
		return
	}
	s.seek()
	if s.pull.from == 0 && len(s.peers) > 0 {
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
	s.bearRoot()
	s.settle()
}

// bearRoot makes the first write: the birth of the first server.
func (s *Server) bearRoot() { s.accept(&proto.Write{Kind: proto.Birth, Place: s.me.Place}) }

// bear makes a server, by a write, unless that was done already. One that has no database says
// so. The answer waits until the write is durable.
//
//ds:todo p3.9
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
		if why := s.full(); why != "" {
			s.note("full", "node %d is not born here: %s", m.Place.Node, why)
			return
		}
		w := &proto.Write{Kind: proto.Birth, Place: m.Place}
		if !s.accept(w) {
			return
		}
		name, _ = w.Child()
		s.settle()
	}
	s.send(from, proto.Born{Database: s.me.Database, Life: m.Place.Life, Name: name})
}

// full tells why this server can bear nobody; empty: it can.
func (s *Server) full() string {
	child, err := s.me.Name.Child(1)
	switch {
	case err != nil:
		return err.Error()
	case len(s.log.Known) >= MaxServers:
		return fmt.Sprintf("there are %d servers, and there can be no more: let one retire%s", len(s.log.Known), s.ofLostDisks())
	case tokenSize+2*(namesSize(s.log.Known)+len(child)+entrySize) > kv.MaxToken:
		return fmt.Sprintf("with another name of %d levels, sessions' tokens would exceed %d bytes: ask a server with a shorter name, or let one retire%s",
			len(child)/len(vector.Root), kv.MaxToken, s.ofLostDisks())
	}
	return ""
}

// ofLostDisks tells of the names that a newer server of the same node has taken the place of: its
// disk was lost, and what it had told others is theirs for good, with its name (see the package
// comment).
func (s *Server) ofLostDisks() string {
	lost := 0
	for server := range s.state.Servers(state.Full) {
		newest, _ := s.serverAt(server.Place.Node)
		lost += btoi(newest.Name != server.Name)
	}
	if lost == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d are names of disks that were lost, which keep their places for good: let servers retire before their disks are taken away)", lost)
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
//
//ds:todo p3.9
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

// disown lets servers retire that were born for this life of this server and are not its own:
// several have answered when one was asked. They have never written.
//
//ds:todo p3.9 return
func (s *Server) disown() {
	var others []vector.Server
	for server := range s.state.Servers(state.Full) {
		if s.me.Name != "" && server.Place.Life == s.me.Place.Life && server.Name != s.me.Name {
			others = append(others, server.Name)
		}
	}
	for _, name := range others {
		if t := s.clock.Tick(); t > 0 {
			s.learn(&proto.Write{ID: vector.Stamp{Time: t, Server: name}, Kind: proto.Retirement})
		}
	}
}

// retire gives up the name of this server. Its last write has to reach another server before
// it stops: see Gone.
//
//ds:todo p3.9 return false
func (s *Server) retire() bool {
	if s.retired || !s.accept(&proto.Write{Kind: proto.Retirement}) {
		return false
	}
	s.settle()
	return true
}

// gone tells whether another server knows that this one has retired, and so all its writes, and
// that the retirement has its number: before, the office may still be on its way here, and would
// be lost with who gives it on. One that retires too does not count: it may stop before it tells
// anybody. Without a primary that is heard nobody is gone: it may be stopped all the same once
// another has its writes.
//
//ds:todo p3.9 return false
func (s *Server) gone() bool {
	if !s.retired || s.cfg.Order == "" && s.left == 0 {
		return false
	}
	return slices.ContainsFunc(s.peers, func(p peer) bool {
		_, mine := p.reach.Known.Complete(s.me.Name)
		other, ok := s.serverAt(p.Node)
		_, its := p.reach.Known.Complete(other.Name)
		return mine == vector.Retired && ok && its == vector.Present && p.reach.Commit >= s.left
	})
}

// retires looks, after a step that has taken in writes, whether this server's retirement is
// known, whoever has told of it, and whether it has its number.
//
//ds:todo p3.9 return
func (s *Server) retires() {
	if s.me.Name == "" {
		s.retired, s.left = false, 0
		return
	}
	_, known := s.log.Known.Complete(s.me.Name)
	_, sure := s.log.Sure.Complete(s.me.Name)
	s.retired = known == vector.Retired
	if sure == vector.Retired && s.left == 0 && s.cfg.Order == "" {
		s.left = s.log.Commit()
	}
}
