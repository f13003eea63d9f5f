package single

import (
	"cmp"
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// proposer has one value chosen, in one ballot after the other. Invariants: no ballot is used
// twice, over crashes too, because it is saved before it is told; in one ballot it asks for
// votes on one value, because it does so once.
type proposer struct {
	self     machine.Addr
	cfg      Config
	ballot   proto.Ballot // the latest that it used
	phase    phase        // of that ballot
	promises []promise    // of that ballot, in order of acceptors; nil after phase 1
	seen     proto.Ballot // the highest that it was refused for
	tries    int          // ballots in a row
	waiting  []proposal   // at most MaxWaiting
	chosen   *string      // nil: not known
	mute     bool         // its last record is damaged: which ballots it has used is not known
	records  uint64       // saved so far
}

// phase is where a proposer is with its ballot.
type phase uint8

const (
	idle      phase = iota // no ballot is under way
	preparing              // phase 1
	accepting              // phase 2
)

type promise struct {
	by   machine.Node
	last Vote
}

// proposal is a Propose that is not answered yet.
type proposal struct {
	id    uint64
	value string
}

// Step implements machine.Machine.
func (p *proposer) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		p.load(e)
	case machine.Ask:
		if c, ok := e.Cmd.(Propose); ok {
			p.propose(e.ID, c.Value, in.Rand, out)
		}
	case machine.Cancel:
		p.waiting = slices.DeleteFunc(p.waiting, func(w proposal) bool { return w.id == e.ID })
	case machine.Recv:
		p.receive(e.From, e.Msg, in.Rand, out)
	}
}

func (p *proposer) load(e machine.Load) {
	r, ok := e.Record.(Used)
	p.records, p.mute = e.Seq, !ok
	if ok {
		p.ballot = r.Ballot
	}
}

func (p *proposer) receive(from machine.Addr, msg machine.Data, rand uint64, out *machine.Out) {
	switch m := msg.(type) {
	case Promise:
		if p.cfg.is(Acceptor, from) {
			p.promised(from.Node, m, out)
		}
	case Nack:
		if p.cfg.is(Acceptor, from) {
			p.refused(m, rand, out)
		}
	case Inquire:
		if p.cfg.is(Learner, from) {
			p.inquired(from, rand, out)
		}
	case Chosen:
		if p.cfg.is(Learner, from) {
			p.learn(m.Value, out)
		}
	case Retry:
		if from == p.self && m.Ballot == p.ballot {
			p.retry(rand, out)
		}
	}
}

// propose takes a value. It is the one to be proposed when those that came before it are
// gone.
func (p *proposer) propose(id uint64, value string, rand uint64, out *machine.Out) {
	switch {
	case p.chosen != nil:
		out.Answer(id, Chosen{*p.chosen})
		return
	case p.disabled():
		out.Answer(id, Refused{Disabled})
		return
	case len(value) > MaxValue:
		out.Answer(id, Refused{TooLarge})
		return
	case len(p.waiting) == MaxWaiting:
		out.Answer(id, Refused{Busy})
		return
	}
	p.waiting = append(p.waiting, proposal{id, value})
	if p.phase == idle {
		p.begin(rand, out)
	}
	p.advance(out)
}

// next is the lowest ballot of its own above all that it knows.
func (p *proposer) next() proto.Ballot {
	highest := p.ballot
	if highest.Less(p.seen) {
		highest = p.seen
	}
	return highest.Above(p.self.Node)
}

// disabled tells whether it can begin no ballot any more.
func (p *proposer) disabled() bool { return p.mute || p.next().Round > proto.MaxRound }

// begin is phase 1a, in a new ballot. Maybe an earlier one has succeeded and the news was
// lost, so learners are asked too; who can begin none only asks.
func (p *proposer) begin(rand uint64, out *machine.Out) {
	disabled := p.disabled()
	if !disabled {
		p.ballot, p.phase, p.promises = p.next(), preparing, nil
	}
	out.Timer(p.self, p.cfg.patience(p.tries, rand), Retry{p.ballot})
	if !disabled {
		p.records++
		out.Save = append(out.Save, Used{p.ballot})
		out.Trim = p.records
		p.askAll(out, Prepare{p.ballot})
	}
	if p.tries > 0 {
		tell(out, Learner, p.cfg.Learners, Inquire{})
	}
	p.tries = min(p.tries+1, doublings)
}

// askAll asks every acceptor, the last one first.
func (p *proposer) askAll(out *machine.Out, msg machine.Data) {
	for _, n := range slices.Backward(p.cfg.Acceptors) {
		out.SendTo(machine.Addr{Node: n, Role: Acceptor}, msg)
	}
}

// promised counts a promise of the ballot that is under way, one of each acceptor.
func (p *proposer) promised(by machine.Node, m Promise, out *machine.Out) {
	if p.phase != preparing || m.Ballot != p.ballot {
		return
	}
	i, given := slices.BinarySearchFunc(p.promises, by, func(g promise, n machine.Node) int { return cmp.Compare(g.by, n) })
	if given {
		return
	}
	p.promises = slices.Insert(p.promises, i, promise{by, m.Last})
	p.advance(out)
}

// advance is phase 2a, once a quorum has promised and there is a value to ask votes for.
func (p *proposer) advance(out *machine.Out) {
	if p.phase != preparing || len(p.promises) < p.cfg.Quorum1 {
		return
	}
	value, ok := p.bound()
	if !ok {
		return
	}
	p.phase, p.promises = accepting, nil
	p.askAll(out, Accept{p.ballot, value})
}

// bound is the heart of the protocol (PMS 2.2, P2c): the value of the highest vote that the
// promises tell of. If they tell of none it is free, and takes the first that it was asked
// for, if any.
func (p *proposer) bound() (value string, ok bool) {
	var highest Vote
	for _, g := range p.promises {
		if highest.Ballot.Less(g.last.Ballot) {
			highest = g.last
		}
	}
	switch {
	case !highest.Ballot.IsZero():
		return highest.Value, true
	case len(p.waiting) > 0:
		return p.waiting[0].value, true
	}
	return "", false
}

// refused hears of a ballot above its own. Its own may still succeed with others; if it has
// not after a while, it tries above that one.
func (p *proposer) refused(m Nack, rand uint64, out *machine.Out) {
	if p.phase == idle || m.Ballot != p.ballot || !p.seen.Less(m.Promised) {
		return
	}
	p.seen = m.Promised
	out.Timer(p.self, p.cfg.patience(p.tries, rand)/4, Retry{p.ballot})
}

// retry begins the next ballot, unless nobody waits for what comes of it.
func (p *proposer) retry(rand uint64, out *machine.Out) {
	if p.phase == idle {
		return
	}
	if len(p.waiting) == 0 {
		p.phase, p.promises, p.tries = idle, nil, 0
		return
	}
	p.begin(rand, out)
}

// inquired answers a learner, or finds out: whatever is chosen shows in a new ballot.
func (p *proposer) inquired(from machine.Addr, rand uint64, out *machine.Out) {
	switch {
	case p.chosen != nil:
		out.SendTo(from, Chosen{*p.chosen})
	case p.phase == idle && !p.disabled():
		p.begin(rand, out)
	}
}

// learn ends the proposer's work.
func (p *proposer) learn(value string, out *machine.Out) {
	if p.chosen != nil {
		return
	}
	p.chosen = &value
	for _, w := range p.waiting {
		out.Answer(w.id, Chosen{value})
	}
	p.phase, p.promises, p.waiting = idle, nil, nil
}
