package judged

import (
	"fmt"
	"slices"
	"strings"

	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

// talk is what one machine is told, and what it must say to it. It may say more, unless it is
// to be silent; how much it saves, and when it tries again, is its own affair.
type talk struct {
	name  string
	cfg   single.Config
	self  machine.Addr
	disk  []machine.Data // of lives before; nil is a damaged record
	lines []line
}

// line is one input. Of says each must be there: a machine.Envelope by its receiver and
// message, a machine.Answer, or a record.
type line struct {
	in     machine.Event // machine.Ready: the process ends, and another begins with its disk
	says   []any
	silent bool // nothing at all may be saved or said
	unsaid func(machine.Data) bool
}

// talks makes a Check's Run of talks.
func talks(all ...talk) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p4-consensus/paxos/single")
		for _, k := range all {
			s := &subject{t: t, talk: k}
			s.disk = slices.Clone(k.disk)
			s.begin()
			for _, l := range k.lines {
				s.hear(l)
			}
			s.far.Process().Kill()
		}
	}
}

// subject is a machine of the submission in a talk.
type subject struct {
	talk
	t    *judge.T
	far  *judge.Far
	m    machine.Machine
	trim uint64
	asks uint64
}

// begin begins a life with what is on the disk.
func (s *subject) begin() {
	if s.far != nil {
		s.far.Process().Kill()
	}
	s.far = s.t.Far(single.Roles(), program)
	m, err := s.far.Protocol(s.self.Role).New(s.self, s.cfg.AppendTo(nil))
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	s.m = m
	for i, r := range s.disk {
		if seq := uint64(i) + 1; seq >= s.trim {
			s.step(machine.Load{Seq: seq, Record: r, Damaged: r == nil})
		}
	}
	s.step(machine.Ready{Fresh: len(s.disk) == 0})
}

func (s *subject) step(e machine.Event) machine.Out {
	var out machine.Out
	s.m.Step(machine.In{Rand: 1, Event: e}, &out)
	s.disk = append(s.disk, out.Save...)
	if s.trim = max(s.trim, out.Trim); s.trim > uint64(len(s.disk)) {
		s.t.Fatalf("%s trims up to record %d, and has saved %d", s.self.Role, s.trim, len(s.disk))
	}
	return out
}

// hear tells the machine a line, and looks at what it says.
func (s *subject) hear(l line) {
	if _, again := l.in.(machine.Ready); again {
		s.begin()
		return
	}
	if ask, ok := l.in.(machine.Ask); ok {
		s.asks++
		ask.ID = s.asks
		l.in = ask
	}
	out := s.step(l.in)
	if l.silent && len(out.Save)+len(out.Send)+len(out.Reply) > 0 {
		s.t.Errorf("%s: after %s the %s should say and save nothing; it did:%s", s.name, heard(l.in), s.self.Role, said(&out))
	}
	for _, want := range l.says {
		if !contains(&out, want) {
			s.t.Errorf("%s: after %s the %s should have: %s; it did:%s", s.name, heard(l.in), s.self.Role, text(want), said(&out))
		}
	}
	for _, e := range out.Send {
		if l.unsaid != nil && e.After == 0 && l.unsaid(e.Msg) {
			s.t.Errorf("%s: after %s the %s should not say: %s", s.name, heard(l.in), s.self.Role, text(e))
		}
	}
}

// contains tells whether something was saved, sent or answered.
func contains(out *machine.Out, want any) bool {
	switch w := want.(type) {
	case machine.Envelope:
		return slices.ContainsFunc(out.Send, func(e machine.Envelope) bool { return e.To == w.To && e.Msg == w.Msg })
	case machine.Answer:
		return slices.ContainsFunc(out.Reply, func(a machine.Answer) bool { return a.ID == w.ID && a.Data == w.Data })
	}
	return slices.ContainsFunc(out.Save, func(r machine.Data) bool { return r == want })
}

// said lists what a machine did, for people.
func said(out *machine.Out) string {
	var b strings.Builder
	for _, r := range out.Save {
		fmt.Fprintf(&b, "\n  saved %v", r)
	}
	for _, e := range out.Send {
		fmt.Fprintf(&b, "\n  sent %s", text(e))
	}
	for _, a := range out.Reply {
		fmt.Fprintf(&b, "\n  %s", text(a))
	}
	if b.Len() == 0 {
		return " nothing"
	}
	return b.String()
}

func text(what any) string {
	switch w := what.(type) {
	case machine.Envelope:
		return fmt.Sprintf("%v to %v", w.Msg, w.To)
	case machine.Answer:
		return fmt.Sprintf("answered %d: %v", w.ID, w.Data)
	}
	return fmt.Sprintf("saved %v", what)
}

func heard(e machine.Event) string {
	switch e := e.(type) {
	case machine.Recv:
		return fmt.Sprintf("%q from %v", fmt.Sprint(e.Msg), e.From)
	case machine.Ask:
		return fmt.Sprintf("request %d, %q,", e.ID, fmt.Sprint(e.Cmd))
	}
	return fmt.Sprintf("%T", e)
}

// What talks are made of.

func acceptor(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: single.Acceptor} }
func proposer(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: single.Proposer} }
func learner(n machine.Node) machine.Addr  { return machine.Addr{Node: n, Role: single.Learner} }

func in(round uint64, node machine.Node) proto.Ballot {
	return proto.Ballot{Round: round, Node: node}
}

func vote(round uint64, node machine.Node, value string) single.Vote {
	return single.Vote{Ballot: in(round, node), Value: value}
}

func to(a machine.Addr, msg machine.Data) machine.Envelope {
	return machine.Envelope{To: a, Msg: msg}
}

func got(from machine.Addr, msg machine.Data) machine.Event {
	return machine.Recv{From: from, Msg: msg}
}

// hears is a line of a message and what must come of it.
func hears(from machine.Addr, msg machine.Data, says ...any) line {
	return line{in: got(from, msg), says: says}
}

// ignores is a line of a message of which nothing may come.
func ignores(from machine.Addr, msg machine.Data) line {
	return line{in: got(from, msg), silent: true}
}

func asked(cmd machine.Data, says ...any) line {
	return line{in: machine.Ask{Cmd: cmd}, says: says}
}

func answers(id uint64, a machine.Data) machine.Answer { return machine.Answer{ID: id, Data: a} }

// again is the line at which a machine's process ends and another goes on with its disk.
func again() line { return line{in: machine.Ready{}} }
