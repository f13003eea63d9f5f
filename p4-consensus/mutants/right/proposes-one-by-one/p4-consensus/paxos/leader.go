package paxos

import (
	"fmt"
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// The leader, which Lamport calls the distinguished proposer: PMMC's commanders in one. It
// has been through phase 1, as a candidate, and runs phase 2 for each value.

// lead is what a replica holds that leads or wants to, in one ballot of its own.
type lead struct {
	promises  []proto.Voter // who promised, and has told all its votes
	recovered uint64        // the last slot of which a promise has told; those up to it come first
	next      uint64        // the next slot to propose for
	base      machine.Time
	time      machine.Time // of the last value proposed
	open      int          // bytes of values that are proposed and not chosen

	pending      []proto.Entry // to be proposed
	pendingBytes int
	due          bool // the service's own command is pending or proposed

	round   uint64         // of the last beat
	rounds  []machine.Time // when the last ones left: round n at n % len
	echoes  []echo         // the last of each voter
	told    uint64         // the commit that everybody was told
	asked   machine.Time   // when phase 1 was last asked for
	called  proto.Ballot   // the leader's that has asked for this candidacy; zero: none
	blessed machine.Node   // whom it has asked to lead: meanwhile it begins nothing
	until   machine.Time   // and until when
	lent    bool           // it has ever asked anybody: that may be heeded late, so its leases are over
}

// echo is the latest beat that a voter answered.
type echo struct {
	voter proto.Voter
	round uint64
	sent  machine.Time
}

// propose proposes for as many slots as there is something for: first what promises told
// of and the gaps between (no-ops), then what was asked for, one by one, then what a change
// of the group needs to take effect.
func (r *Replica) propose() {
	if r.role != leading {
		return
	}
	l := &r.lead
	for l.next = max(l.next, r.commit+1); l.open < maxPending && r.covered(l.next); l.next++ {
		if s := r.log.at(l.next); s != nil && s.chosen {
			continue
		}
		v, ok := r.owed(l.next)
		if !ok {
			v, ok = r.wanted(l.next)
		}
		if !ok {
			return
		}
		r.ask(l.next, v)
	}
}

// owed returns what a slot must have that an earlier ballot may have come to: the value of
// the highest vote for it, its own or told of; and a no-op in a gap before such a slot. It
// is not ok for a slot that is free.
func (r *Replica) owed(n uint64) (v proto.Value, ok bool) {
	switch s := r.log.at(n); {
	case s != nil && s.ballot.Less(s.bound.ballot):
		return s.bound.value, true
	case s != nil && !s.ballot.IsZero():
		return s.value, true
	case n <= r.lead.recovered:
		return proto.Value{Time: r.logTime()}, true
	}
	return v, false
}

// wanted returns what there is for a slot that is free: commands, or a no-op if a change of
// the group needs it to take effect. It is not ok if there is nothing.
func (r *Replica) wanted(n uint64) (v proto.Value, ok bool) {
	switch l := &r.lead; {
	case l.blessed != 0:
		return v, false
	case len(l.pending) > 0:
		return r.batch(), true
	case n < r.reigns.Last().From:
		return proto.Value{Time: r.logTime()}, true
	}
	return v, false
}

// logTime is the time that the order gives to the next value. It goes on from the last
// that was proposed, at the speed of this replica's clock.
func (r *Replica) logTime() machine.Time {
	l := &r.lead
	l.time = max(l.time, r.now+l.base)
	return l.time
}

// batch takes the first that is pending, and no more.
func (r *Replica) batch() proto.Value {
	l := &r.lead
	v := proto.Value{Time: r.logTime(), Entries: slices.Clone(l.pending[:1])}
	l.pendingBytes -= v.Entries[0].Size()
	l.pending = slices.Delete(l.pending, 0, 1)
	return v
}

// ask asks all members for their votes (phase 2a), and votes itself. The others need not
// wait until that vote is durable; it counts when it is.
func (r *Replica) ask(n uint64, v proto.Value) {
	s := r.vote(n, r.promised, v)
	s.acks, s.sent = nil, r.now
	r.lead.open += v.Size()
	r.lead.told = r.commit
	m := proto.Accept{Ballot: r.promised, Slot: n, Commit: r.commit, Value: v}
	for _, node := range r.reigns.Nodes() {
		if node != r.self.Node {
			r.early(r.peer(node), m)
		}
	}
	r.send(r.self, proto.Accepted{Ballot: r.promised, Disk: r.disk, Slot: n})
}

// accepted counts a vote. A value is chosen when a quorum of the group that decides the
// slot has voted for it in one ballot, and only then.
func (r *Replica) accepted(from machine.Addr, m proto.Accepted) {
	s := r.log.at(m.Slot)
	if r.role != leading || m.Ballot != r.promised || s == nil || s.chosen || s.ballot != m.Ballot {
		return
	}
	voter := proto.Voter{Node: from.Node, Disk: m.Disk}
	g := r.reigns.Of(m.Slot)
	if !g.Has(voter) || slices.Contains(s.acks, voter) {
		return
	}
	s.acks = append(s.acks, voter)
	if !g.Accepted(func(v proto.Voter) bool { return slices.Contains(s.acks, v) }) {
		return
	}
	s.chosen, s.acks = true, nil
	r.lead.open -= s.value.Size()
	r.advance()
	r.propose()
	r.flush()
}

// sendBeat tells everybody who leads and what is chosen.
func (r *Replica) sendBeat() {
	l := &r.lead
	l.round++
	l.rounds[l.round%uint64(len(l.rounds))] = r.now
	l.told = r.commit
	m := proto.Beat{Ballot: r.promised, Round: l.round, Commit: r.commit}
	for _, node := range r.reigns.Nodes() {
		if node != r.self.Node {
			r.send(r.peer(node), m)
		}
	}
	for _, g := range r.guests {
		r.send(r.peer(g.voter.Node), m)
	}
}

// echoed notes that a voter had promised no higher ballot after a beat had left.
func (r *Replica) echoed(from machine.Addr, m proto.Echo) {
	l := &r.lead
	if r.role != leading || m.Ballot != r.promised || m.Round == 0 || m.Round > l.round || l.round-m.Round >= uint64(len(l.rounds)) {
		return
	}
	r.met(from.Node, m.Disk, m.Commit)
	e := echo{proto.Voter{Node: from.Node, Disk: m.Disk}, m.Round, l.rounds[m.Round%uint64(len(l.rounds))]}
	i := slices.IndexFunc(l.echoes, func(e echo) bool { return e.voter.Node == from.Node })
	switch {
	case i < 0:
		l.echoes = append(l.echoes, e)
	case l.echoes[i].voter != e.voter || l.echoes[i].round < e.round:
		l.echoes[i] = e
	}
	if r.confirmed(func(e echo) bool { return r.now-e.sent < r.cfg.Election }) {
		r.loyalty = r.now + r.cfg.Election/2
	}
	r.serveReads()
}

// confirmed tells whether a quorum of each group that counts has sent an echo of which a
// condition holds. It meets every quorum that could make another leader.
func (r *Replica) confirmed(holds func(echo) bool) bool {
	voted := func(v proto.Voter) bool {
		if v == r.voter() {
			return true
		}
		return slices.ContainsFunc(r.lead.echoes, func(e echo) bool { return e.voter == v && holds(e) })
	}
	return r.reigns.All(func(g *proto.Group) bool { return g.Accepted(voted) })
}

// lookAfter is a leader's or candidate's part of a tick.
func (r *Replica) lookAfter() {
	l := &r.lead
	if r.role == electing && !r.electable() { // it has learned meanwhile that it is no member
		r.retire()
		return
	}
	if r.role == electing || !r.covered(min(l.next, r.commit+r.cfg.Alpha)) {
		if r.now-l.asked >= r.cfg.Heartbeat {
			r.solicit()
		}
	}
	if r.role != leading || r.stepsDown() {
		return
	}
	if l.blessed != 0 && r.now >= l.until {
		l.blessed = 0
	}
	r.repeat()
	r.addDue()
	r.propose()
	r.sendBeat()
}

// stepsDown ends a leadership of which no quorum has been heard for too long, or of a leader
// that is no member any more and has proposed what it owed.
func (r *Replica) stepsDown() bool {
	if !r.electable() && r.commit >= r.lead.recovered || r.now >= r.deadline {
		r.note("steps down", fmt.Sprintf("member %v, quorum heard %v", r.electable(), r.now < r.deadline))
		r.sendBeat() // what is chosen is good to know
		r.retire()
		r.expect(r.cfg.Election)
		return true
	}
	if r.confirmed(func(e echo) bool { return r.now-e.sent < r.cfg.Election }) {
		r.deadline = r.now + 2*r.cfg.Election
	}
	return false
}

// repeat asks once more for the votes that have not come.
func (r *Replica) repeat() {
	for n, size := r.commit+1, 0; n < r.lead.next && size < maxVotes; n++ {
		s := r.log.at(n)
		if s.chosen || r.now-s.sent < 2*r.cfg.Heartbeat {
			continue
		}
		s.sent = r.now
		size += s.value.Size()
		m := proto.Accept{Ballot: r.promised, Slot: n, Commit: r.commit, Value: s.value}
		for _, node := range r.reigns.Nodes() {
			if node != r.self.Node && !slices.ContainsFunc(s.acks, func(v proto.Voter) bool { return v.Node == node }) {
				r.send(r.peer(node), m)
			}
		}
	}
}

// addDue sees to the command that the service wants by itself.
func (r *Replica) addDue() {
	at, body, ok := r.service.Due()
	if ok && !r.lead.due && at <= max(r.lead.time, r.now+r.lead.base) {
		r.lead.due = true
		r.enqueue(proto.Entry{Body: body})
	}
}

// enqueue makes a command wait for its slot; it is dropped if too much waits.
func (r *Replica) enqueue(e proto.Entry) bool {
	l := &r.lead
	if l.pendingBytes+e.Size() > maxPending {
		return false
	}
	l.pending = append(l.pending, e)
	l.pendingBytes += e.Size()
	r.flush()
	return true
}

// bless asks another member to lead (a transfer). From then on this leader begins nothing.
func (r *Replica) bless(to machine.Node) {
	r.lead.blessed, r.lead.until, r.lead.lent = to, r.now+r.cfg.Election, true
	r.send(r.peer(to), proto.Campaign{Ballot: r.promised})
}
