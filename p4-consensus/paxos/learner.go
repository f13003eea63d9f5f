package paxos

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// The learner: what is chosen, in the order of the slots.

// learnUpTo takes the word of the leader of a ballot that all slots up to commit are
// chosen. What this replica has voted for in that very ballot is what was chosen: a leader
// proposes one value for a slot. Of the others it must ask.
//
//ds:todo p4.6 return
func (r *Replica) learnUpTo(commit uint64, b proto.Ballot) {
	for n := r.commit + 1; n <= commit; n++ {
		s := r.log.at(n)
		if s == nil || !s.chosen && s.ballot != b {
			break
		}
		if !s.chosen && s.record < r.harmed {
			s.record = r.save(proto.Learned{Slot: n, Value: s.value}) // its vote would not be believed
		}
		s.chosen = true
	}
	r.advance()
	if r.commit < commit {
		r.want(r.peer(b.Node))
	}
}

// learn takes a value that others know to be chosen.
//
//ds:todo p4.6
func (r *Replica) learn(n uint64, v proto.Value) {
	s := r.log.grow(n)
	if s.chosen {
		return
	}
	if r.role == leading && n < r.lead.next {
		r.lead.open -= s.value.Size()
	}
	s.chosen, s.acks, s.value = true, nil, v
	s.record = r.save(proto.Learned{Slot: n, Value: v})
}

// advance applies what is chosen, without a gap.
//
//ds:todo p4.6
func (r *Replica) advance() {
	before := r.commit
	for s := r.log.at(r.commit + 1); s != nil && s.chosen; s = r.log.at(r.commit + 1) {
		r.commit++
		r.succeed(r.commit)
		r.apply(r.commit, s.value)
	}
	if r.commit == before {
		return
	}
	r.succeed(r.commit + 1)
	if r.arriving != nil && r.arriving.Slot <= r.commit {
		r.arriving = nil // it came too late to be of use
	}
	r.serveReads()
	r.wake()
	r.considerSnapshot()
}

// want asks somebody for what is chosen and not known here.
//
//ds:todo p4.6
func (r *Replica) want(from machine.Addr) {
	if r.now < r.patience {
		return
	}
	r.patience = r.now + 2*r.cfg.Heartbeat
	m := proto.Want{From: r.commit + 1}
	if len(r.reigns) == 0 {
		m.From = 0
	}
	r.send(from, m)
}

// tell answers it with as many values as fit, or with a snapshot if the log no longer
// goes back so far.
//
//ds:todo p4.6
func (r *Replica) tell(to machine.Addr, m proto.Want) {
	if len(r.reigns) == 0 || max(m.From, 1) > r.commit {
		return
	}
	if m.From < r.log.first {
		r.ship(to)
		return
	}
	l := proto.Learn{From: m.From, Commit: r.commit}
	for n, size := m.From, 0; n <= r.commit; n++ {
		v := r.log.at(n).value
		if size += v.Size(); size > maxVotes && len(l.Values) > 0 {
			break
		}
		l.Values = append(l.Values, v)
	}
	r.send(to, l)
}

// told takes an answer.
//
//ds:todo p4.6
func (r *Replica) told(from machine.Addr, m proto.Learn) {
	for i, v := range m.Values {
		if n := m.From + uint64(i); n == r.commit+1 && len(r.reigns) > 0 {
			r.learn(n, v)
			r.advance()
			r.patience = 0
		}
	}
	if r.commit < m.Commit {
		r.want(from)
	}
	r.propose()
}

// apply executes what is chosen for a slot. A command that stands in two slots is executed
// once (PMMC, section 2.1), and one of somebody who is in the group no more not at all: what
// was executed of his is forgotten with him.
//
//ds:todo p4.6
func (r *Replica) apply(n uint64, v proto.Value) {
	r.clock = max(r.clock, v.Time)
	for i := range v.Entries {
		e := &v.Entries[i]
		if e.Origin.Node == 0 {
			r.lead.due = false
		} else if !r.reigns.Has(e.Origin.Voter) || !r.seen.First(e.Origin) {
			continue
		}
		r.executed(e, r.execute(n, i, e))
	}
	r.unsnapped += v.Size()
}

func (r *Replica) execute(n uint64, i int, e *proto.Entry) machine.Data {
	if e.Kind == proto.EntryGroup {
		return r.regroup(n, e.Body)
	}
	cmd, err := r.lang.Command(e.Body)
	if err != nil {
		return r.lang.Refuse(Invalid, err.Error(), "")
	}
	return r.service.Apply(proto.Position(n, i), r.clock, cmd)
}
