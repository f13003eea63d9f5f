package paxos

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// The candidate, PMMC's scout: phase 1, once for all slots that are open, and the way back
// to following.

// campaign begins phase 1 in a ballot above all that were seen. The promise to itself is
// counted when it is durable, so that a ballot is never used again after a crash.
//
//ds:todo p4.7
func (r *Replica) campaign(blessed proto.Ballot) {
	b := r.promised.Above(r.self.Node)
	if b.Round > proto.MaxRound || !r.electable() {
		r.expect(r.cfg.Election)
		return
	}
	r.retire()
	r.role = electing
	r.failures++
	r.promised, r.leader = b, proto.Ballot{}
	r.save(proto.Promised{Ballot: b})
	r.lead = lead{rounds: make([]machine.Time, 64), recovered: r.commit, asked: r.now, called: blessed}
	r.reopen()
	r.note("campaigns", b.String())
	r.send(r.self, proto.Promise{Ballot: b, Disk: r.disk})
	r.solicit()
	r.expect(r.cfg.Election << min(r.failures, 3)) // so that duels end
}

// reopen begins anew with all slots that are open: what it has voted for itself comes first.
//
//ds:todo p4.9 return
func (r *Replica) reopen() {
	for n := r.commit + 1; n < r.log.end(); n++ {
		s := r.log.at(n)
		s.bound, s.acks = vote{}, nil
		if s.known() {
			r.lead.recovered = n
		}
	}
}

// electable tells whether this replica votes in the group that decides the next slot.
func (r *Replica) electable() bool {
	g := r.reigns.Of(r.commit + 1)
	return g != nil && g.Has(r.voter())
}

// solicit asks everybody who has not promised yet, on every disk that is a member.
//
//ds:todo p4.7
func (r *Replica) solicit() {
	r.lead.asked = r.now
	for _, node := range r.reigns.Nodes() {
		promised := r.reigns.All(func(g *proto.Group) bool {
			m, member := g.Find(node)
			return !member || slices.Contains(r.lead.promises, m.Voter)
		})
		if node != r.self.Node && !promised {
			r.send(r.peer(node), proto.Prepare{Ballot: r.promised, From: r.commit + 1, Blessed: r.lead.called})
		}
	}
}

// hear takes a promise. The votes that it tells of bind this replica: for each slot the
// one in the highest ballot (Paxos Made Simple, section 2.2, P2c).
//
//ds:todo p4.7
func (r *Replica) hear(from machine.Addr, m proto.Promise) {
	if m.Ballot != r.promised || m.Ballot.Node != r.self.Node || r.role == following {
		return
	}
	for i := range m.Votes {
		if !r.bind(&m.Votes[i]) {
			m.Next = m.Votes[i].Slot // once more, when what is before it is known
			break
		}
	}
	voter := proto.Voter{Node: from.Node, Disk: m.Disk}
	switch {
	case m.Next > 0:
		r.send(from, proto.Prepare{Ballot: m.Ballot, From: m.Next})
	case r.reigns.Has(voter) && !slices.Contains(r.lead.promises, voter):
		r.lead.promises = append(r.lead.promises, voter)
	}
	r.advance()
	if r.role == electing && r.covered(r.commit+1) {
		r.inaugurate()
	}
	r.propose()
}

// bind is bound by a vote, unless it is too far ahead of what is known here.
//
//ds:todo p4.9
func (r *Replica) bind(v *proto.Vote) bool {
	switch {
	case v.Slot <= r.commit:
		return true
	case v.Slot > r.commit+16*r.cfg.Alpha:
		return false
	}
	s := r.log.grow(v.Slot)
	r.lead.recovered = max(r.lead.recovered, v.Slot)
	switch {
	case s.chosen:
	case v.Chosen:
		r.learn(v.Slot, v.Value)
	case s.bound.ballot.Less(v.Ballot):
		s.bound = vote{v.Ballot, v.Value}
	}
	return true
}

// covered tells whether this replica may propose for a slot: the group that decides it is
// known, for every slot more than Alpha before it is chosen, and a quorum of that group
// has promised (Paxos Made Simple, section 3: the window of alpha commands).
//
//ds:todo p4.7
func (r *Replica) covered(n uint64) bool {
	if n > r.commit+r.cfg.Alpha {
		return false
	}
	g := r.reigns.Of(n)
	return g != nil && g.Promised(func(v proto.Voter) bool { return slices.Contains(r.lead.promises, v) })
}

// inaugurate makes a candidate the leader.
//
//ds:todo p4.7
func (r *Replica) inaugurate() {
	r.role = leading
	r.leader = r.promised
	l := &r.lead
	l.next = r.commit + 1
	l.time = r.clock
	for n := r.commit + 1; n < r.log.end(); n++ {
		s := r.log.at(n)
		l.time = max(l.time, s.value.Time, s.bound.value.Time)
	}
	l.base = l.time - r.now
	r.loyalty = r.now + r.cfg.Election
	r.deadline = r.now + 2*r.cfg.Election
	r.note("leads", r.promised.String())
	r.dispatch()
	r.sendBeat()
}

// nacked gives way to a higher ballot, or asks for what this replica has missed.
//
//ds:todo p4.9
func (r *Replica) nacked(from machine.Addr, m proto.Nack) {
	if m.Commit > r.commit {
		r.want(from)
	}
	if r.role == following || !r.promised.Less(m.Promised) {
		return
	}
	r.promise(m.Promised)
	r.retire()
	r.expect(r.cfg.Election / 4)
}

// retire ends a leadership or candidacy. What was asked here waits for the next leader.
//
//ds:todo p4.9 return
func (r *Replica) retire() {
	if r.role == following {
		return
	}
	r.note("retires", r.promised.String())
	r.role = following
	r.lead = lead{}
	r.leader = proto.Ballot{}
	r.remote = nil
	for i := range r.reads {
		r.reads[i].round = 0
	}
	for n := r.commit + 1; n < r.log.end(); n++ {
		s := r.log.at(n)
		s.bound, s.acks = vote{}, nil
	}
}
