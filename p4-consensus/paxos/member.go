package paxos

import (
	"cmp"
	"fmt"
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// Who is in the group. A cluster forms once, when every peer has an empty disk; from then
// on the group changes by entries of the log, which count Alpha slots later (Paxos Made
// Simple, section 3). A disk has a name that is drawn when it is first used: whoever has
// lost what he promised has another name, and has to be taken up again.

// founding is what a replica without a group has heard of its peers.
type founding struct {
	disks []proto.Voter // of those that have no group either
	waits string        // for people: what keeps this replica from voting
	known bool          // waits tells of a group that is there, and stays
}

// guest is somebody who is kept up to date and is no member.
type guest struct {
	voter  proto.Voter
	addr   string
	commit uint64
	heard  machine.Time
}

// stand gives members that are only named a disk, so that their group can be checked.
func stand(peers []proto.Member) {
	for i := range peers {
		peers[i].Disk = 1
	}
}

// outside is the tick of a replica that does not vote.
func (r *Replica) outside() {
	if r.gone.Has(r.voter()) {
		r.forgetSent()
		r.beBorn(true)
	}
	forming := len(r.reigns) == 0 && !r.cfg.Join && r.harmed == 0
	nodes := r.reigns.Nodes()
	for _, p := range r.cfg.Peers {
		if !slices.Contains(nodes, p.Node) {
			nodes = append(nodes, p.Node)
		}
	}
	for _, node := range nodes {
		switch {
		case node == r.self.Node:
		case forming:
			r.send(r.peer(node), proto.Hello{Disk: r.disk})
		default:
			r.send(r.peer(node), proto.Join{Disk: r.disk, Addr: r.cfg.Addr, Commit: r.commit})
		}
	}
	if forming {
		r.form()
	}
}

// hello tells a peer without a group what is known here.
func (r *Replica) hello(from machine.Addr, m proto.Hello) {
	g := proto.Greet{Disk: r.disk, Formed: len(r.reigns) > 0 || r.harmed > 0}
	if len(r.reigns) > 0 {
		g.Group = r.reigns.Last().Group
	}
	r.send(from, g)
}

// greeted takes the answer. A peer that has a group decides: it knows this very disk, or
// this replica must not vote, for it may have forgotten what it promised.
func (r *Replica) greeted(from machine.Addr, m proto.Greet) {
	if len(r.reigns) > 0 || r.cfg.Join || r.harmed > 0 {
		return
	}
	switch {
	case !m.Formed:
		f := &r.founding
		f.disks = slices.DeleteFunc(f.disks, func(v proto.Voter) bool { return v.Node == from.Node })
		f.disks = append(f.disks, proto.Voter{Node: from.Node, Disk: m.Disk})
		r.form()
	case !m.Group.Has(r.voter()):
		r.founding.known = true
		r.founding.waits = fmt.Sprintf("peer %d has a group that does not know this disk: start with -join to be taken up", from.Node)
	case m.Group.Version == 1:
		r.found(m.Group)
	default:
		r.want(from)
	}
}

// form begins the cluster if all peers have no group either.
func (r *Replica) form() {
	g := r.cfg.first()
	g.Version = 1
	for i := range g.Members {
		m := &g.Members[i]
		m.Disk = r.disk
		if m.Node == r.self.Node {
			continue
		}
		at := slices.IndexFunc(r.founding.disks, func(v proto.Voter) bool { return v.Node == m.Node })
		if at < 0 {
			if !r.founding.known {
				r.founding.waits = fmt.Sprintf("peer %d has not said whether its disk is empty", m.Node)
			}
			return
		}
		m.Disk = r.founding.disks[at].Disk
	}
	r.found(g)
}

func (r *Replica) found(g proto.Group) {
	r.founding = founding{}
	r.enter(proto.Reigns{{From: 1, Group: g}})
	r.save(proto.Formed{Group: g})
	r.note("forms", fmt.Sprintf("a group of %d", len(g.Members)))
	r.expect(r.cfg.Heartbeat) // all wait for a leader
}

// enter takes the groups that decide. With them comes Alpha, whatever this replica was told:
// all must know alike when a change counts.
func (r *Replica) enter(groups proto.Reigns) {
	r.reigns, r.cfg.Alpha = groups, groups[0].Group.Alpha
}

// joins keeps somebody up to date who is no member. One who stands under a member's
// number, on another disk, takes its place when it has caught up.
func (r *Replica) joins(from machine.Addr, m proto.Join) {
	if r.role != leading || m.Disk == 0 {
		return
	}
	voter := proto.Voter{Node: from.Node, Disk: m.Disk}
	if r.reigns.Last().Group.Has(voter) {
		return
	}
	i := slices.IndexFunc(r.guests, func(g guest) bool { return g.voter.Node == from.Node })
	if i < 0 {
		if len(r.guests) == maxGuests {
			return
		}
		i = len(r.guests)
		r.guests = append(r.guests, guest{})
	}
	r.guests[i] = guest{voter: voter, addr: m.Addr, commit: m.Commit, heard: r.now}
	r.met(from.Node, m.Disk, m.Commit)
	r.send(from, proto.Beat{Ballot: r.promised, Round: r.lead.round, Commit: r.commit})
}

// met notes how far a guest has come.
func (r *Replica) met(node machine.Node, disk, commit uint64) {
	i := slices.IndexFunc(r.guests, func(g guest) bool { return g.voter == proto.Voter{Node: node, Disk: disk} })
	if i < 0 {
		return
	}
	r.guests[i].commit, r.guests[i].heard = commit, r.now
	last := r.reigns.Last()
	if m, member := last.Group.Find(node); member && m.Disk != disk && r.caughtUp(&r.guests[i]) && r.settled() {
		if g, err := r.altered(proto.Change{Add: node, Remove: node}); err == nil {
			r.submit(0, proto.EntryGroup, proto.AppendGroup(nil, &g))
		}
	}
}

func (r *Replica) caughtUp(g *guest) bool {
	return g.commit <= r.commit && r.commit-g.commit <= r.cfg.Alpha
}

// settled tells whether no change of the group is under way.
func (r *Replica) settled() bool {
	return r.reigns.Last().From <= r.commit+1 &&
		!slices.ContainsFunc(r.asks, func(a asked) bool { return a.kind == proto.EntryGroup })
}

func (r *Replica) dropGuests() {
	r.guests = slices.DeleteFunc(r.guests, func(g guest) bool {
		return r.role != leading || r.now-g.heard >= giveUp*r.cfg.Election || r.reigns.Last().Group.Has(g.voter)
	})
}

// control does what is not the service's business.
func (r *Replica) control(id uint64, cmd proto.Control) {
	if asked, ok := cmd.(proto.Inspect); ok {
		rep := r.report()
		rep.Asked = asked
		r.answer(id, r.say(rep))
		return
	}
	if r.role != leading {
		r.refuse(id, Unavailable, "only the leader can do that")
		return
	}
	switch c := cmd.(type) {
	case proto.Transfer:
		switch _, ok := r.reigns.Of(r.commit + 1).Find(c.To); {
		case c.To == r.self.Node:
			r.answer(id, r.say(proto.Done{Slot: r.commit}))
		case !ok:
			r.refuse(id, Invalid, fmt.Sprintf("node %d is no member", c.To))
		default:
			r.bless(c.To)
			r.answer(id, r.say(proto.Done{Slot: r.commit}))
		}
	case proto.Change:
		if !r.settled() {
			r.refuse(id, Conflict, "another change of the group is under way")
			return
		}
		g, err := r.altered(c)
		if err != nil {
			r.refuse(id, Invalid, err.Error())
			return
		}
		r.submit(id, proto.EntryGroup, proto.AppendGroup(nil, &g))
	}
}

// altered returns the group after a change.
func (r *Replica) altered(c proto.Change) (proto.Group, error) {
	g := r.reigns.Last().Group
	g.Version++
	g.Members = slices.Clone(g.Members)
	if c.Remove != 0 {
		if _, ok := g.Find(c.Remove); !ok {
			return g, fmt.Errorf("node %d is no member", c.Remove)
		}
		g.Members = slices.DeleteFunc(g.Members, func(m proto.Member) bool { return m.Node == c.Remove })
	}
	if c.Add != 0 {
		i := slices.IndexFunc(r.guests, func(v guest) bool { return v.voter.Node == c.Add })
		if i < 0 || !r.caughtUp(&r.guests[i]) {
			return g, fmt.Errorf("node %d has not caught up: start it with -join first, and wait until it has", c.Add)
		}
		m := proto.Member{Voter: r.guests[i].voter, Addr: r.guests[i].addr}
		if r.gone.Has(m.Voter) {
			return g, fmt.Errorf("node %d was a member on this disk before: wait until it has given it a new name", c.Add)
		}
		at, found := slices.BinarySearchFunc(g.Members, m, func(a, b proto.Member) int { return cmp.Compare(a.Node, b.Node) })
		if found {
			return g, fmt.Errorf("node %d is a member already", c.Add)
		}
		g.Members = slices.Insert(g.Members, at, m)
	}
	return g, g.Check()
}

// regroup executes a change of the group: it counts Alpha slots later, for values of the
// slots before that may have been proposed already.
func (r *Replica) regroup(n uint64, body []byte) machine.Data {
	rd := proto.NewReader(body)
	g := rd.Group()
	last := r.reigns.Last()
	switch err := rd.Close(); {
	case err != nil:
		return r.lang.Refuse(Invalid, err.Error(), "")
	case g.Version != last.Group.Version+1 || last.From > n:
		return r.lang.Refuse(Conflict, "another change of the group came first", "")
	case g.Alpha != last.Group.Alpha:
		return r.lang.Refuse(Invalid, fmt.Sprintf("an alpha of %d: the log's is %d for good", g.Alpha, last.Group.Alpha), "")
	case slices.ContainsFunc(g.Members, func(m proto.Member) bool { return r.gone.Has(m.Voter) }):
		return r.lang.Refuse(Invalid, "a disk that has left the group is taken up under a new name only", "")
	}
	r.reigns = append(slices.Clip(r.reigns), proto.Reign{From: n + r.cfg.Alpha, Group: g})
	r.note("regroups", fmt.Sprintf("from slot %d: %d members", n+r.cfg.Alpha, len(g.Members)))
	return r.say(proto.Done{Slot: n})
}

// succeed lets go of the groups that decide no slot from n on. What was executed for a disk
// that is in none of the others is forgotten, and its name never comes back: so none of its
// commands is executed twice.
func (r *Replica) succeed(n uint64) {
	before := r.reigns
	r.reigns = before.Since(n)
	past := before[:len(before)-len(r.reigns)]
	for i := range past {
		for _, m := range past[i].Group.Members {
			if !r.reigns.Has(m.Voter) && !r.gone.Has(m.Voter) {
				r.gone.Add(m.Voter)
			}
		}
	}
	if len(past) > 0 {
		r.seen.Keep(r.reigns.Has)
	}
}

// say puts an answer into the language's words.
func (r *Replica) say(o proto.Outcome) machine.Data {
	if r.lang.Told == nil {
		return nil // nobody can have asked
	}
	return r.lang.Told(o)
}

func (r *Replica) report() proto.Report {
	rep := proto.Report{
		Self: r.self.Node, Leader: r.leader.Node, Ballot: r.promised, Commit: r.commit, First: r.log.first,
		Snapshot: r.snapped, Waiting: r.founding.waits,
	}
	if last := r.reigns.Last(); last != nil {
		rep.Group, rep.From = last.Group, last.From
	}
	for i := range r.guests {
		g := &r.guests[i]
		rep.Guests = append(rep.Guests, proto.Guest{Member: proto.Member{Voter: g.voter, Addr: g.addr}, Commit: g.commit, Ready: r.caughtUp(g)})
	}
	switch {
	case len(r.reigns) == 0 && !r.cfg.Join && r.harmed == 0:
		rep.Role = "forming"
	case r.role == leading:
		rep.Role = "leader"
	case r.role == electing:
		rep.Role = "candidate"
	case r.electable():
		rep.Role = "follower"
	default:
		rep.Role = "joining"
		if r.damaged > 0 {
			rep.Waiting = fmt.Sprintf("%d records are damaged: the group has to take this disk up again", r.damaged)
		}
	}
	return rep
}
