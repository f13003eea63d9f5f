package spec

import (
	"fmt"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

// Synod is the specification of single-decree Paxos as a judge of one run: it refuses every
// step that is no action of Lamport's module Paxos (of the TLA+ examples). An acceptor's
// maxBal, maxVBal and maxVal are the last record on its disk. Of promises those count that
// have arrived: no others can be answered.
type Synod struct {
	first, second int // acceptors in a quorum
	disks         map[machine.Addr][]machine.Data
	loaded        map[machine.Addr]uint64 // records that a restart has shown to be durable
	msgs          map[any]bool            // commands, what was sent, and what arrived as Recv
}

// NewSynod returns the judge of one run of machines with a Config.
func NewSynod(c single.Config) *Synod {
	first, second := c.Quorums()
	return &Synod{first, second, map[machine.Addr][]machine.Data{}, map[machine.Addr]uint64{}, map[any]bool{}}
}

// Step implements sim.Judge. The Rule of its errors is the action that was not allowed, "1a",
// "1b", "2a" or "2b", or "chosen" for a value that is told and not chosen, or "agreement".
func (s *Synod) Step(st *sim.Step) error {
	s.takeIn(st.Addr, st.In.Event)
	for _, r := range st.Out.Save {
		if err := s.check(st.Addr, r, false); err != nil {
			return err
		}
		s.disks[st.Addr] = append(s.disks[st.Addr], r)
	}
	for _, e := range st.Out.Send {
		if err := s.check(st.Addr, e.Msg, e.Early); err != nil {
			return err
		}
		s.msgs[e.Msg] = true
	}
	for _, a := range st.Out.Reply {
		if err := s.check(st.Addr, a.Data, a.Early); err != nil {
			return err
		}
	}
	if len(st.Out.Save) > 0 && len(s.chosen()) > 1 {
		return notAllowed{"agreement", fmt.Sprintf("%v makes a second value chosen", st.Addr)}
	}
	return nil
}

// End implements sim.Judge. All was said at the steps.
func (*Synod) End(*sim.World) error { return nil }

func (s *Synod) takeIn(at machine.Addr, event machine.Event) {
	switch e := event.(type) {
	case machine.Load:
		s.loaded[at] = e.Seq
	case machine.Ready: // what else was saved is lost
		s.disks[at] = s.disks[at][:min(int(s.loaded[at]), len(s.disks[at]))]
	case machine.Recv:
		s.msgs[e] = true
	case machine.Ask:
		s.msgs[e.Cmd] = true
	}
}

// check refuses a record, message or answer. Early ones wait for no record to be durable, so
// that none may rest on one.
func (s *Synod) check(at machine.Addr, what machine.Data, early bool) error {
	var used single.Used
	var kept single.Kept
	if d := s.disks[at]; len(d) > 0 {
		used, _ = d[len(d)-1].(single.Used)
		kept, _ = d[len(d)-1].(single.Kept)
	}
	rule, ok := "", true
	switch m := what.(type) {
	case single.Used:
		rule, ok = "1a", m.Ballot.Node == at.Node && used.Ballot.Less(m.Ballot)
	case single.Prepare:
		rule, ok = "1a", m.Ballot == used.Ballot && !early
	case single.Kept:
		rule, ok = "1b", s.msgs[single.Prepare{Ballot: m.Promised}] && kept.Promised.Less(m.Promised)
		if m.Voted != kept.Voted {
			rule, ok = "2b", s.msgs[single.Accept(m.Voted)] && m.Promised == m.Voted.Ballot && !m.Promised.Less(kept.Promised)
		}
	case single.Promise:
		rule, ok = "1b", m == single.Promise{Ballot: kept.Promised, Last: kept.Voted} && !early
	case single.Accept:
		rule, ok = "2a", m.Ballot == used.Ballot && s.safe(single.Vote(m))
	case single.Accepted:
		rule, ok = "2b", single.Vote(m) == kept.Voted && !early
	case single.Chosen:
		rule, ok = "chosen", s.chosen()[m.Value]
	}
	if ok {
		return nil
	}
	return notAllowed{rule, fmt.Sprintf("%v saves or says %T (%v): no action allows it", at, what, what)}
}

// safe tells whether a vote may be asked for: its ballot has no other value, and of some
// quorum of promises the highest vote is for this one, or there is none and it was proposed.
func (s *Synod) safe(v single.Vote) bool {
	var votes []proto.Ballot // that the promises tell of
	var highest proto.Ballot // of those for this value
	for msg := range s.msgs {
		if m, ok := msg.(single.Accept); ok && m.Ballot == v.Ballot && m.Value != v.Value {
			return false
		}
		recv, _ := msg.(machine.Recv)
		if m, ok := recv.Msg.(single.Promise); ok && m.Ballot == v.Ballot {
			votes = append(votes, m.Last.Ballot)
			if m.Last.Value == v.Value && highest.Less(m.Last.Ballot) {
				highest = m.Last.Ballot
			}
		}
	}
	quorum := 0
	for _, b := range votes {
		if !highest.Less(b) {
			quorum++
		}
	}
	return quorum >= s.first && (!highest.IsZero() || s.msgs[single.Propose{Value: v.Value}])
}

// chosen returns the values for which a quorum has voted in one ballot.
func (s *Synod) chosen() map[string]bool {
	votes, values := map[single.Vote]int{}, map[string]bool{}
	for _, d := range s.disks {
		var counted single.Vote // votes only grow, so that equal ones are neighbours
		for _, r := range d {
			if k, ok := r.(single.Kept); ok && k.Voted != counted {
				counted = k.Voted
				if votes[counted]++; votes[counted] >= s.second {
					values[counted.Value] = true
				}
			}
		}
	}
	return values
}

// notAllowed is a step that the specification does not allow.
type notAllowed struct{ rule, text string }

func (n notAllowed) Error() string { return n.text }

// Rule names the action that it was not, or the invariant.
func (n notAllowed) Rule() string { return n.rule }
