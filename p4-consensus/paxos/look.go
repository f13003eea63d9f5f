package paxos

import (
	"slices"

	"dss.example/p4-consensus/paxos/proto"
)

// What the world may look at between two steps, for people and for the network.

// Report tells what this replica knows, as an answer to proto.Inspect does.
func (r *Replica) Report() proto.Report { return r.report() }

// Pending returns how many commands and reads were asked here and are not answered yet.
// Reads that wait for a change are not among them.
func (r *Replica) Pending() int { return len(r.asks) + len(r.reads) }

// Peers returns whom this replica may want to send messages to, and where they are, by
// node: the members of all groups that still count; and while it does not vote itself also
// those whom it was told of when it was made.
func (r *Replica) Peers() []proto.Member {
	var all []proto.Member
	add := func(m proto.Member) {
		known := func(k proto.Member) bool { return k.Node == m.Node }
		if m.Node != r.self.Node && !slices.ContainsFunc(all, known) {
			all = append(all, m)
		}
	}
	for _, reign := range slices.Backward(r.reigns) { // the newest address counts
		for _, m := range reign.Group.Members {
			add(m)
		}
	}
	if !r.electable() {
		for _, m := range r.cfg.Peers {
			add(m)
		}
	}
	slices.SortFunc(all, func(a, b proto.Member) int { return int(a.Node) - int(b.Node) })
	return all
}
