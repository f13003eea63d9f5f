package paxos

import (
	"dss.example/common/machine"
)

// acceptor votes. Invariant: whatever it told is saved, and voted.Ballot <=
// promised.
type acceptor struct {
	cfg      Config
	promised uint64 // it takes part in no ballot below
	voted    Vote
	mute     bool // a record was damaged: what it promised is unknown
}

// Step implements machine.Machine.
func (a *acceptor) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		a.load(e)
	case machine.Recv:
		switch m := e.Msg.(type) {
		case Prepare:
			a.prepare(e.From, m.Ballot, out)
		case Accept:
			a.accept(Vote(m), out)
		}
	}
}

func (a *acceptor) load(e machine.Load) {
	switch r := e.Record.(type) {
	case Promised:
		a.promised = max(a.promised, r.Ballot)
	case Voted:
		if a.cfg.Bug == VoteForgottenAtRestart {
			return
		}
		a.voted, a.promised = Vote(r), max(a.promised, r.Ballot)
	default:
		a.mute = true
	}
}

// prepare is phase 1b: promise to a higher ballot than any before.
func (a *acceptor) prepare(from machine.Addr, ballot uint64, out *machine.Out) {
	if a.mute || ballot <= a.promised && a.cfg.Bug != PromiseLowered {
		return
	}
	a.promised = ballot
	if a.cfg.Bug != PromiseNotSaved {
		out.Save = append(out.Save, Promised{ballot})
	}
	last := a.voted
	if a.cfg.Bug == VoteNotReported {
		last = Vote{}
	}
	a.send(out, from, Promise{ballot, last})
}

// accept is phase 2b: vote unless a higher ballot was promised. A repeated
// request is answered again and saved once.
func (a *acceptor) accept(v Vote, out *machine.Out) {
	if a.mute || v.Ballot < a.promised && a.cfg.Bug != VoteBelowPromise {
		return
	}
	if v.Ballot != a.voted.Ballot {
		a.voted = v
		if a.cfg.Bug != VoteWithoutPromise {
			a.promised = v.Ballot
		}
		out.Save = append(out.Save, Voted(v))
	}
	for _, l := range a.cfg.Learners {
		a.send(out, machine.Addr{Node: l, Role: Learner}, Accepted(a.voted))
	}
}

func (a *acceptor) send(out *machine.Out, to machine.Addr, msg machine.Data) {
	early := a.cfg.Bug == SentBeforeSaved
	out.Send = append(out.Send, machine.Envelope{To: to, Early: early, Msg: msg})
}

// proposer runs one ballot at a time: what was reported in promises decides what
// it may propose.
type proposer struct {
	cfg      Config
	turn     uint64    // its place among the proposers, from 1
	ballot   uint64    // the latest that it used; 0 before the first
	own      string    // what it was asked to propose
	promises []promise // of this ballot, sorted by node; nil when votes are asked for
	asked    bool      // votes are asked for
}

type promise struct {
	by   machine.Node
	last Vote
}

// Step implements machine.Machine.
func (p *proposer) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		if r, ok := e.Record.(Used); ok && p.cfg.Bug != BallotReused {
			p.ballot = r.Ballot
			p.asked = p.cfg.Bug != BallotResumed // what it proposed is forgotten
		}
	case machine.Ask:
		if c, ok := e.Cmd.(Propose); ok {
			p.start(c.Value, out)
		}
	case machine.Recv:
		if m, ok := e.Msg.(Promise); ok {
			p.promised(e.From.Node, m, out)
		}
	}
}

// start is phase 1a, in the next ballot of its own.
func (p *proposer) start(value string, out *machine.Out) {
	if p.ballot == 0 {
		p.ballot = p.turn
	} else {
		p.ballot += uint64(len(p.cfg.Proposers))
	}
	p.own, p.asked = value, false
	if p.cfg.Bug != EarlierPromises {
		p.promises = nil
	}
	out.Save = append(out.Save, Used{p.ballot})
	p.broadcast(out, Prepare{p.ballot})
}

// promised counts one acceptor's promise, and asks for votes at a majority: phase
// 2a.
func (p *proposer) promised(by machine.Node, m Promise, out *machine.Out) {
	current := m.Ballot == p.ballot || m.Ballot < p.ballot && p.cfg.Bug == EarlierPromises
	if !current || p.asked && p.cfg.Bug != TwoValues {
		return
	}
	if !p.add(promise{by, m.Last}) || len(p.promises) < p.cfg.quorum() {
		return
	}
	p.asked = true
	p.broadcast(out, Accept{p.ballot, p.pick()})
	if p.cfg.Bug != TwoValues {
		p.promises = nil
	}
}

// add keeps promises sorted by acceptor, one of each.
func (p *proposer) add(n promise) bool {
	i := 0
	for i < len(p.promises) && p.promises[i].by < n.by {
		i++
	}
	if i < len(p.promises) && p.promises[i].by == n.by && p.cfg.Bug != DuplicateCounted {
		return false
	}
	p.promises = append(p.promises, promise{})
	copy(p.promises[i+1:], p.promises[i:])
	p.promises[i] = n
	return true
}

// pick is the heart of the protocol: the value of the highest vote reported; its
// own when there is none.
func (p *proposer) pick() string {
	var best Vote
	for _, r := range p.promises {
		if p.better(r.last, best) {
			best = r.last
		}
	}
	if best.Ballot == 0 || p.cfg.Bug == OwnValue {
		return p.own
	}
	return best.Value
}

func (p *proposer) better(v, best Vote) bool {
	switch p.cfg.Bug {
	case LowestBallot:
		return v.Ballot > 0 && (best.Ballot == 0 || v.Ballot < best.Ballot)
	case FirstReported:
		return best.Ballot == 0
	}
	return v.Ballot > best.Ballot
}

func (p *proposer) broadcast(out *machine.Out, msg machine.Data) {
	for _, a := range p.cfg.Acceptors {
		out.SendTo(machine.Addr{Node: a, Role: Acceptor}, msg)
	}
}

// learner finds out what was chosen. It keeps each acceptor's latest vote: what
// it misses by forgetting older ones, a later ballot brings again.
type learner struct {
	cfg     Config
	votes   []Vote // by place in cfg.Acceptors
	chosen  *string
	waiting []uint64 // Asks to be answered, at most maxWaiting
}

// maxWaiting bounds the Asks that wait at a learner. One more is not answered.
const maxWaiting = 64

// Step implements machine.Machine.
func (l *learner) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		if _, ok := e.Cmd.(Learn); ok && len(l.waiting) < maxWaiting {
			l.waiting = append(l.waiting, e.ID)
		}
	case machine.Cancel:
		l.cancel(e.ID)
	case machine.Recv:
		if m, ok := e.Msg.(Accepted); ok {
			l.accepted(e.From.Node, Vote(m))
		}
	}
	if l.chosen == nil {
		return
	}
	for _, id := range l.waiting {
		out.Answer(id, Chosen{*l.chosen})
	}
	l.waiting = nil
}

func (l *learner) cancel(id uint64) {
	var rest []uint64
	for _, w := range l.waiting {
		if w != id {
			rest = append(rest, w)
		}
	}
	l.waiting = rest
}

func (l *learner) accepted(by machine.Node, v Vote) {
	equal := 0
	for i, a := range l.cfg.Acceptors {
		if a == by && v.Ballot > l.votes[i].Ballot {
			l.votes[i] = v
		}
		if l.same(l.votes[i], v) {
			equal++
		}
	}
	if equal >= l.cfg.quorum() && l.chosen == nil {
		l.chosen = &v.Value
	}
}

func (l *learner) same(x, y Vote) bool {
	return x == y || l.cfg.Bug == BallotsMixed && x.Ballot > 0 && x.Value == y.Value
}
