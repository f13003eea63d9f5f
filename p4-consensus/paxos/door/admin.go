package door

import (
	"cmp"
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// The group's administration, from the words of package kv into those of package proto and
// back.

// Transfer returns the command that asks the leader to let another member lead.
func Transfer(to machine.Node) machine.Data {
	return &kv.Request{Op: kv.Transfer{To: kv.ReplicaID(to)}}
}

// control tells what of the administration a request asks for; nil: nothing, or it breaks
// a rule, which the store will say.
func control(cmd machine.Data) proto.Control {
	req := cmd.(*kv.Request)
	var c proto.Control
	switch op := req.Op.(type) {
	case kv.Members:
		c = proto.Inspect{Group: true}
	case kv.Inspect:
		c = proto.Inspect{}
	case kv.Change:
		c = proto.Change{Add: machine.Node(op.Add), Remove: machine.Node(op.Remove)}
	case kv.Transfer:
		c = proto.Transfer{To: machine.Node(op.To)}
	default:
		return nil
	}
	if !servable(req) || !req.At.IsZero() {
		return nil
	}
	return c
}

// told puts what came of it into an answer.
func told(o proto.Outcome) machine.Data {
	rep, ok := o.(proto.Report)
	switch {
	case !ok:
		return &kv.Response{Status: kv.OK}
	case !rep.Asked.Group:
		return &kv.Response{Status: kv.OK, Result: replica(&rep)}
	case rep.Group.Version == 0:
		return kv.Refuse(kv.Unavailable, "replica %d knows of no group yet: %s", rep.Self, cmp.Or(rep.Waiting, rep.Role))
	}
	return &kv.Response{Status: kv.OK, Result: group(&rep)}
}

func replica(r *proto.Report) kv.Replica {
	return kv.Replica{
		ID: kv.ReplicaID(r.Self), Role: role(r), Leader: kv.ReplicaID(r.Leader),
		Ballot:  kv.Ballot{Round: r.Ballot.Round, Replica: kv.ReplicaID(r.Ballot.Node)},
		Version: r.Group.Version, Commit: r.Commit, First: r.First, Snapshot: r.Snapshot, Waiting: r.Waiting,
	}
}

func group(r *proto.Report) kv.Group {
	g := kv.Group{
		Version: r.Group.Version, From: r.From, Commit: r.Commit,
		Asked: kv.ReplicaID(r.Self), Leader: kv.ReplicaID(r.Leader),
	}
	g.Quorum1, g.Quorum2 = r.Group.Quorums()
	for _, m := range r.Group.Members {
		g.Members = append(g.Members, kv.Member{ID: kv.ReplicaID(m.Node), Addr: m.Addr, Role: roleOf(r, m.Node)})
	}
	for _, v := range r.Guests {
		g.Guests = append(g.Guests, kv.Guest{ID: kv.ReplicaID(v.Node), Addr: v.Addr, Commit: v.Commit, Ready: v.Ready})
	}
	slices.SortFunc(g.Guests, func(a, b kv.Guest) int { return cmp.Compare(a.ID, b.ID) })
	return g
}

// roleOf tells a member's role, as far as who reports knows it.
func roleOf(r *proto.Report, node machine.Node) kv.Role {
	switch node {
	case r.Self:
		return role(r)
	case r.Leader:
		return kv.Leader
	}
	return kv.Follower
}

// role tells that of who reports; it is none if the core calls it by a name that is new.
func role(r *proto.Report) kv.Role {
	known, _ := kv.ParseRole(r.Role)
	return known
}
