// Package roster keeps a wire.Peers at those whom a group needs: its members, as the group's
// own records name them, and newcomers, who have said by a call that they want to belong.
//
// Peers take no frames from strangers, and a member that was added is no stranger only to who
// has learned of it. So a newcomer first makes a call, which the same port takes; then it is a
// peer for a while, in which it can learn, and be learned of, what makes it a member. Who has
// just been a member stays one for as long, to learn that it is none any more.
package roster

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"dss.example/common/machine"
	"dss.example/common/wire"
)

// Bounds of a Roster.
const (
	MaxGuests = 16                  // newcomers at a time
	GuestTime = 10 * machine.Second // for which one who has called is taken for a peer
)

// Errors that a newcomer is told.
var (
	// ErrTaken tells that a member of its number is elsewhere.
	ErrTaken = errors.New("the number is a member's")
	// ErrGuests tells that there are too many newcomers already: see MaxGuests.
	ErrGuests = errors.New("too many newcomers")
)

// Member is one of the group, and where it listens.
type Member struct {
	Node machine.Node
	Addr string
}

// Roster is who is dialled. Its methods may be called by any goroutine.
type Roster struct {
	self  machine.Node
	peers *wire.Peers

	mu      sync.Mutex // guards what follows
	members []Member
	guests  map[machine.Node]guest // and who has just been a member
	dialled map[machine.Node]string
	up      map[machine.Node]bool
}

// guest is one who is taken for a peer for a while.
type guest struct {
	addr  string
	until machine.Time
}

// New makes the network that o describes, in which nobody is yet, for Self as one of the group;
// o.Addrs is not used. o.Link is told after the Roster. Whoever calls New closes Peers.
func New(o wire.PeerOptions) *Roster {
	r := &Roster{
		self: o.Self, guests: make(map[machine.Node]guest),
		dialled: make(map[machine.Node]string), up: make(map[machine.Node]bool),
	}
	told := o.Link
	o.Addrs = nil
	o.Link = func(peer machine.Node, up bool) {
		r.link(peer, up)
		if told != nil {
			told(peer, up)
		}
	}
	r.peers = wire.NewPeers(o)
	return r
}

// Peers returns the network.
func (r *Roster) Peers() *wire.Peers { return r.peers }

// Follow makes these the members; the Roster keeps the slice. Who is none any more stays a peer
// for GuestTime. It also lets those go whose time is up, so it wants to be called again and
// again, whether or not the members have changed.
func (r *Roster) Follow(members []Member, now machine.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		r.guests[m.Node] = guest{addr: m.Addr, until: now + GuestTime}
	}
	r.members = members
	for node, g := range r.guests {
		if now >= g.until || r.isMember(node) {
			delete(r.guests, node)
		}
	}
	r.dial()
}

// Meet takes a newcomer for a peer, for GuestTime. It changes nothing of a member. Errors:
// ErrTaken, if that is elsewhere; ErrGuests.
func (r *Roster) Meet(node machine.Node, addr string, now machine.Time) error {
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
	case !known && len(r.guests) >= MaxGuests:
		return fmt.Errorf("%w: %d", ErrGuests, MaxGuests)
	}
	r.guests[node] = guest{addr: addr, until: now + GuestTime}
	r.dial()
	return nil
}

func (r *Roster) isMember(node machine.Node) bool {
	return slices.ContainsFunc(r.members, func(m Member) bool { return m.Node == node })
}

// dial adds and removes peers. The mutex is held.
func (r *Roster) dial() {
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
func (r *Roster) link(node machine.Node, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up[node] = up
	if !up {
		delete(r.up, node)
	}
}

// IsUp tells whether a peer can be spoken to, for all that is known.
func (r *Roster) IsUp(node machine.Node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up[node]
}

// Addrs returns where the members are, this one too if it is one.
func (r *Roster) Addrs() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		all = append(all, m.Addr)
	}
	return all
}
