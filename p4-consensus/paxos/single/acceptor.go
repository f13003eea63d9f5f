package single

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// acceptor promises and votes. Invariants: the ballot of voted is not above promised; both
// only grow; what it has told is saved, because the world lets no message go before the
// records that were saved with it or earlier.
type acceptor struct {
	cfg      Config
	promised proto.Ballot // no vote in any lower ballot
	voted    Vote         // the latest
	mute     bool         // its last record is damaged: what it has promised is not known
	records  uint64       // saved so far
}

// Step implements machine.Machine.
func (a *acceptor) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		a.load(e)
	case machine.Recv:
		if !a.mute {
			a.receive(e.From, e.Msg, out)
		}
	}
}

//ds:todo p4.1
func (a *acceptor) load(e machine.Load) {
	k, ok := e.Record.(Kept)
	a.records, a.mute = e.Seq, !ok
	if ok {
		a.promised, a.voted = k.Promised, k.Voted
	}
}

// receive takes a message. Nobody speaks in a ballot of somebody else's.
//
//ds:todo p4.1
func (a *acceptor) receive(from machine.Addr, msg machine.Data, out *machine.Out) {
	proposes := func(b proto.Ballot) bool { return a.cfg.is(Proposer, from) && b.Node == from.Node }
	switch m := msg.(type) {
	case Prepare:
		if proposes(m.Ballot) {
			a.prepare(from, m.Ballot, out)
		}
	case Accept:
		if proposes(m.Ballot) {
			a.accept(from, Vote(m), out)
		}
	case Inquire:
		if a.cfg.is(Learner, from) && !a.voted.Ballot.IsZero() {
			out.SendTo(from, Accepted(a.voted))
		}
	}
}

// prepare is phase 1b: a promise to vote in no lower ballot, and the latest vote. A promise
// is repeated until there is a vote in its ballot: then its proposer has heard enough.
//
//ds:todo p4.1
func (a *acceptor) prepare(from machine.Addr, b proto.Ballot, out *machine.Out) {
	switch {
	case b.Less(a.promised):
		out.SendTo(from, Nack{b, a.promised})
		return
	case b == a.voted.Ballot:
		return
	case b != a.promised:
		a.promised = b
		a.save(out)
	}
	out.SendTo(from, Promise{b, a.voted})
}

// accept is phase 2b: a vote, unless a higher ballot was promised. No promise of this very
// ballot is needed. A repeated request is answered again and saved once.
//
//ds:todo p4.1
func (a *acceptor) accept(from machine.Addr, v Vote, out *machine.Out) {
	if v.Ballot.Less(a.promised) {
		out.SendTo(from, Nack{v.Ballot, a.promised})
		return
	}
	if v.Ballot != a.voted.Ballot {
		a.promised, a.voted = v.Ballot, v
		a.save(out)
	}
	tell(out, Learner, a.cfg.told(), Accepted(a.voted))
}

// save keeps all that counts in one record, which replaces those before it.
//
//ds:todo p4.1
func (a *acceptor) save(out *machine.Out) {
	a.records++
	out.Save = append(out.Save, Kept{a.promised, a.voted})
	out.Trim = a.records
}
