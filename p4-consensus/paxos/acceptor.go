package paxos

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// The acceptor: what this replica has promised and voted for. Everything that it says is
// saved before it leaves, because the world lets no message go before the records that
// were saved with it.

// prepare answers a candidate (phase 1b): a promise to vote in no lower ballot, and the
// votes so far (PMMC, invariant A1: ballots only grow).
//
//ds:todo p4.4
func (r *Replica) prepare(from machine.Addr, m proto.Prepare) {
	switch {
	case m.Ballot.Less(r.promised) || m.From < r.log.first,
		m.From <= r.commit && !slices.Contains(r.reigns.Nodes(), from.Node): // it has to learn that it is no member
		r.send(from, proto.Nack{Promised: r.promised, Commit: r.commit})
		return
	case r.promised.Less(m.Ballot) && r.loyal(m):
		return // the leader lives: no election is needed
	}
	r.promise(m.Ballot)
	r.send(from, r.votes(m))
}

// promise raises the ballot below which this replica does not vote any more.
//
//ds:todo p4.4
func (r *Replica) promise(b proto.Ballot) {
	if !r.promised.Less(b) {
		return
	}
	r.promised = b
	r.save(proto.Promised{Ballot: b})
	if b.Node != r.self.Node {
		r.retire()
	}
	r.leader = proto.Ballot{}
}

// loyal tells whether a promise is withheld, because this replica has just heard a leader
// that has not asked for its own replacement. A lease rests on it.
func (r *Replica) loyal(m proto.Prepare) bool {
	if r.role == leading {
		return r.now < r.loyalty && m.Ballot.Node != r.self.Node && m.Blessed != r.promised
	}
	return r.now < r.loyalty && m.Ballot.Node != r.leader.Node && (m.Blessed.IsZero() || m.Blessed != r.leader)
}

// votes returns the promise for a candidate, with as many votes as fit.
//
//ds:todo p4.4
func (r *Replica) votes(m proto.Prepare) proto.Promise {
	p := proto.Promise{Ballot: m.Ballot, Disk: r.disk}
	for n, size := m.From, 0; n < r.log.end(); n++ {
		s := r.log.at(n)
		if !s.known() {
			continue
		}
		if size += 64 + s.value.Size(); size > maxVotes && len(p.Votes) > 0 {
			p.Next = n
			break
		}
		v := proto.Vote{Slot: n, Value: s.value, Chosen: s.chosen}
		if !s.chosen {
			v.Ballot = s.ballot
		}
		p.Votes = append(p.Votes, v)
	}
	return p
}

// accept votes (phase 2b), unless a higher ballot was promised. It is what makes a vote
// count for ever: a later leader whose quorum meets this replica hears of it.
//
//ds:todo p4.4
func (r *Replica) accept(from machine.Addr, m proto.Accept) {
	if m.Ballot.Less(r.promised) {
		r.send(from, proto.Nack{Promised: r.promised, Commit: r.commit})
		return
	}
	r.follow(m.Ballot)
	switch s := r.log.at(m.Slot); {
	case m.Slot <= r.commit || s != nil && (s.chosen || s.ballot == m.Ballot):
		// Chosen, so that the value is the same; or voted for before.
	case m.Slot > r.commit+8*r.cfg.Alpha:
		r.learnUpTo(m.Commit, m.Ballot) // too far ahead of what is known here
		return
	default:
		r.vote(m.Slot, m.Ballot, m.Value)
	}
	r.send(from, proto.Accepted{Ballot: m.Ballot, Disk: r.disk, Slot: m.Slot})
	r.learnUpTo(m.Commit, m.Ballot)
}

// vote keeps a vote. Its record tells of the promise too: the ballot is not below it.
//
//ds:todo p4.4
func (r *Replica) vote(n uint64, b proto.Ballot, v proto.Value) *slot {
	r.promised = b
	s := r.log.grow(n)
	s.vote = vote{ballot: b, value: v}
	s.record = r.save(proto.Voted{Ballot: b, Slot: n, Commit: r.commit, Value: v})
	return s
}

// beat answers a leader's sign of life.
//
//ds:todo p4.4
func (r *Replica) beat(from machine.Addr, m proto.Beat) {
	if m.Ballot.Less(r.promised) {
		r.send(from, proto.Nack{Promised: r.promised, Commit: r.commit})
		return
	}
	r.promise(m.Ballot)
	r.follow(m.Ballot)
	r.send(from, proto.Echo{Ballot: m.Ballot, Disk: r.disk, Round: m.Round, Commit: r.commit})
	r.learnUpTo(m.Commit, m.Ballot)
}

// follow takes the leader of a ballot for granted, for a while.
func (r *Replica) follow(b proto.Ballot) {
	r.loyalty = r.now + max(r.cfg.Lease, r.cfg.Election/2)
	r.expect(r.cfg.Election)
	r.failures = 0
	if r.leader == b {
		return
	}
	if b.Node != r.self.Node {
		r.retire()
	}
	r.leader = b
	r.note("follows", b.String())
	r.dispatch()
}
