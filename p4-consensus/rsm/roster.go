package rsm

import (
	"fmt"
	"sync"

	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p4-consensus/paxos/proto"
)

// roster keeps the network at those whom the group needs, and its newcomers.
type roster struct {
	self  machine.Node
	peers *wire.Peers // set before anybody else sees the roster

	mu      sync.Mutex // guards what follows
	members []proto.Member
	guests  map[machine.Node]newcomer // and who has just been a member
	dialled map[machine.Node]string
	up      map[machine.Node]bool
}

// newcomer is one who has called to say that it wants to join.
type newcomer struct {
	addr  string
	until machine.Time
}

func newRoster(self machine.Node) *roster {
	return &roster{
		self: self, guests: make(map[machine.Node]newcomer),
		dialled: make(map[machine.Node]string), up: make(map[machine.Node]bool),
	}
}

// follow takes what the machine says of the members. Who is none any more stays a peer for a
// while, to learn of it.
func (r *roster) follow(members []proto.Member, now machine.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		r.guests[m.Node] = newcomer{addr: m.Addr, until: now + guestTime}
	}
	r.members = members
	for node, g := range r.guests {
		if now >= g.until || r.isMember(node) {
			delete(r.guests, node)
		}
	}
	r.dial()
}

// meet takes a newcomer for a peer, for guestTime. It changes nothing of a member.
func (r *roster) meet(node machine.Node, addr string, now machine.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		if m.Node == node && m.Addr != addr {
			return fmt.Errorf("%w: node %d is at %s, and not at %s: come back there, or under another number", ErrTaken, node, m.Addr, addr)
		}
	}
	switch _, known := r.guests[node]; {
	case node == r.self:
		return fmt.Errorf("%w: node %d is this one", ErrTaken, node)
	case r.isMember(node):
		return nil
	case !known && len(r.guests) == maxGuests:
		return fmt.Errorf("%w: %d", ErrGuests, maxGuests)
	}
	r.guests[node] = newcomer{addr: addr, until: now + guestTime}
	r.dial()
	return nil
}

func (r *roster) isMember(node machine.Node) bool {
	for _, m := range r.members {
		if m.Node == node {
			return true
		}
	}
	return false
}

// dial adds and removes peers. The mutex is held.
func (r *roster) dial() {
	want := make(map[machine.Node]string, len(r.members)+len(r.guests))
	for node, g := range r.guests {
		want[node] = g.addr
	}
	for _, m := range r.members {
		want[m.Node] = m.Addr
	}
	for node := range r.dialled {
		if _, still := want[node]; !still {
			delete(r.dialled, node)
			r.peers.Remove(node)
		}
	}
	for node, addr := range want {
		if r.dialled[node] != addr && node != r.self {
			r.dialled[node] = addr
			r.peers.Add(node, addr)
		}
	}
}

// link notes a hint of the network's.
func (r *roster) link(node machine.Node, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up[node] = up
	if !up {
		delete(r.up, node)
	}
}

// isUp tells whether a peer can be spoken to, for all that is known.
func (r *roster) isUp(node machine.Node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up[node]
}

// addrs returns where the members are, as far as this replica knows.
func (r *roster) addrs() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		all = append(all, m.Addr)
	}
	return all
}
