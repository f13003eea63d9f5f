package proto

import (
	"cmp"
	"fmt"
	"slices"

	"dss.example/common/machine"
)

// Voter is who votes: a node with the disk on which it keeps its votes. A node that has
// lost its disk is another Voter, so that what it promised before never counts for what it
// knows now.
type Voter struct {
	Node machine.Node
	Disk uint64 // drawn at random when the disk was first used; 0 is no disk
}

// Member is a Voter of a Group, and where it is found.
type Member struct {
	Voter
	Addr string // at most MaxAddr bytes; not looked at here
}

// Group is a configuration: who votes, and how many make a quorum.
type Group struct {
	Version uint64   // 1 for the first, one more for each change
	Members []Member // by node, 1 to MaxMembers
	Quorum1 int      // votes that make a leader; 0 is a majority
	Quorum2 int      // votes that choose a value; 0 is a majority
	Alpha   uint64   // slots that may be open at a time, 1 to MaxAlpha; all groups of a log have the same
}

// Bounds of a Group.
const (
	MaxMembers = 63
	MaxAddr    = 255
	MaxAlpha   = 1 << 12
)

// Check tells what is wrong with a group. Any phase-1 quorum must meet any phase-2 quorum
// (Howard, Malkhi and Spiegelman, Flexible Paxos, section 3); two phase-2 quorums need not
// meet, so an even group may do with half of its members there.
func (g *Group) Check() error {
	n := len(g.Members)
	if n == 0 || n > MaxMembers {
		return fmt.Errorf("a group of %d: want 1 to %d members", n, MaxMembers)
	}
	for i, m := range g.Members {
		switch {
		case m.Node == 0 || m.Disk == 0:
			return fmt.Errorf("member %d has no number or no disk", m.Node)
		case len(m.Addr) > MaxAddr:
			return fmt.Errorf("member %d: an address of %d bytes: at most %d", m.Node, len(m.Addr), MaxAddr)
		case i > 0 && g.Members[i-1].Node >= m.Node:
			return fmt.Errorf("member %d comes twice or out of order", m.Node)
		}
	}
	if g.Alpha == 0 || g.Alpha > MaxAlpha {
		return fmt.Errorf("an alpha of %d: want 1 to %d slots", g.Alpha, MaxAlpha)
	}
	q1, q2 := g.Quorums()
	if q1 < 1 || q2 < 1 || q1 > n || q2 > n || q1+q2 <= n {
		return fmt.Errorf("quorums of %d and %d in a group of %d: want 1 to %d each, and more than %d together", q1, q2, n, n, n)
	}
	return nil
}

// Quorums returns how many votes make a leader, and how many choose a value.
func (g *Group) Quorums() (q1, q2 int) {
	majority := len(g.Members)/2 + 1
	return cmp.Or(g.Quorum1, majority), cmp.Or(g.Quorum2, majority)
}

// Find returns the member of a node.
func (g *Group) Find(node machine.Node) (Member, bool) {
	i, ok := slices.BinarySearchFunc(g.Members, node, func(m Member, n machine.Node) int { return cmp.Compare(m.Node, n) })
	if !ok {
		return Member{}, false
	}
	return g.Members[i], true
}

// Has tells whether a voter is a member, with the very disk.
func (g *Group) Has(v Voter) bool {
	m, ok := g.Find(v.Node)
	return ok && m.Voter == v
}

// Promised tells whether the members that hold are a quorum for leading.
func (g *Group) Promised(holds func(Voter) bool) bool {
	q1, _ := g.Quorums()
	return g.count(holds) >= q1
}

// Accepted tells whether the members that hold are a quorum for choosing.
func (g *Group) Accepted(holds func(Voter) bool) bool {
	_, q2 := g.Quorums()
	return g.count(holds) >= q2
}

func (g *Group) count(holds func(Voter) bool) (n int) {
	for i := range g.Members {
		if holds(g.Members[i].Voter) {
			n++
		}
	}
	return n
}
