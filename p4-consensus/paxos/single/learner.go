package single

import (
	"slices"

	"dss.example/common/machine"
)

// learner finds out what is chosen (PMS 2.3). It keeps each acceptor's latest vote: what it
// misses by forgetting earlier ones, a later ballot brings again.
type learner struct {
	self    machine.Addr
	cfg     Config
	votes   []Vote   // by place among the acceptors; nil when the value is known
	chosen  *string  // nil: not known
	waiting []uint64 // Learns that are not answered yet, at most MaxWaiting
	asked   bool     // somebody has inquired since it has last asked others
	armed   bool     // the timer is set
	tries   int      // times that it has asked others in a row
}

// Step implements machine.Machine.
func (l *learner) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		if _, ok := e.Cmd.(Learn); ok {
			l.ask(e.ID, in.Rand, out)
		}
	case machine.Cancel:
		l.waiting = slices.DeleteFunc(l.waiting, func(id uint64) bool { return id == e.ID })
	case machine.Recv:
		l.receive(e.From, e.Msg, in.Rand, out)
	}
}

//ds:todo p4.3
func (l *learner) receive(from machine.Addr, msg machine.Data, rand uint64, out *machine.Out) {
	switch m := msg.(type) {
	case Accepted:
		if l.cfg.is(Acceptor, from) {
			l.accepted(from.Node, Vote(m), out)
		}
	case Chosen:
		if l.cfg.is(Learner, from) || l.cfg.is(Proposer, from) {
			l.learn(m.Value, out)
		}
	case Inquire:
		if l.cfg.is(Learner, from) || l.cfg.is(Proposer, from) {
			l.inquired(from, rand, out)
		}
	case Again:
		if from == l.self {
			l.again(rand, out)
		}
	}
}

//ds:todo p4.3
func (l *learner) ask(id, rand uint64, out *machine.Out) {
	switch {
	case l.chosen != nil:
		out.Answer(id, Chosen{*l.chosen})
	case len(l.waiting) == MaxWaiting:
		out.Answer(id, Refused{Busy})
	default:
		l.waiting = append(l.waiting, id)
		l.arm(rand, out)
	}
}

// accepted counts a vote. A value is chosen when a quorum has voted for it in one ballot, and
// only then: equal values in different ballots do not add up.
//
//ds:todo p4.3
func (l *learner) accepted(by machine.Node, v Vote, out *machine.Out) {
	if l.chosen != nil {
		return
	}
	equal := 0
	for i, a := range l.cfg.Acceptors {
		if a == by && l.votes[i].Ballot.Less(v.Ballot) {
			l.votes[i] = v
		}
		if l.votes[i].Ballot == v.Ballot {
			equal++
		}
	}
	if equal >= l.cfg.Quorum2 {
		l.learn(v.Value, out)
	}
}

// learn answers all who wait. A learner that acceptors tell passes it on.
//
//ds:todo p4.3
func (l *learner) learn(value string, out *machine.Out) {
	if l.chosen != nil {
		if *l.chosen != value {
			out.Note = append(out.Note, machine.Fact{Name: "violated", Text: "two values are told to be chosen"})
		}
		return
	}
	l.chosen, l.votes = &value, nil
	for _, id := range l.waiting {
		out.Answer(id, Chosen{value})
	}
	l.waiting = nil
	if l.isTold() {
		tell(out, Learner, l.cfg.Learners[l.cfg.Told:], Chosen{value})
		tell(out, Proposer, l.cfg.Proposers, Chosen{value})
	}
}

// isTold tells whether acceptors tell it of their votes.
//
//ds:todo p4.3
func (l *learner) isTold() bool { return slices.Contains(l.cfg.told(), l.self.Node) }

// inquired answers, or finds out for one who will inquire again.
//
//ds:todo p4.3
func (l *learner) inquired(from machine.Addr, rand uint64, out *machine.Out) {
	if l.chosen != nil {
		out.SendTo(from, Chosen{*l.chosen})
		return
	}
	l.asked = true
	l.arm(rand, out)
}

// arm sets the timer after which it asks others.
//
//ds:todo p4.3
func (l *learner) arm(rand uint64, out *machine.Out) {
	if !l.armed {
		l.armed = true
		out.Timer(l.self, l.cfg.patience(l.tries, rand), Again{})
	}
}

// again asks others, as long as somebody wants to know.
//
//ds:todo p4.3
func (l *learner) again(rand uint64, out *machine.Out) {
	l.armed = false
	if l.chosen != nil || len(l.waiting) == 0 && !l.asked {
		l.tries = 0
		return
	}
	l.asked = false
	l.inquire(out)
	l.tries++
	l.arm(rand, out)
}

// inquire asks those who tell it, and from the second time on one of the proposers, each in
// its turn: the votes that are left may be of too many ballots to show what was chosen.
//
//ds:todo p4.3
func (l *learner) inquire(out *machine.Out) {
	if l.isTold() {
		tell(out, Acceptor, l.cfg.Acceptors, Inquire{})
	} else {
		tell(out, Learner, l.cfg.told(), Inquire{})
	}
	if n := len(l.cfg.Proposers); n > 0 && l.tries > 0 {
		i := l.tries % n
		tell(out, Proposer, l.cfg.Proposers[i:i+1], Inquire{})
	}
}
