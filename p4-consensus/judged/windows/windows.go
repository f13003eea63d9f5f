// Package windows lets a judge ask the windows of executed commands that live in another
// process: there they stand behind a machine that does nothing else.
package windows

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// Role is the machine's.
const Role = "windows"

// Question asks about a command. First lets it be executed, unless it was before; otherwise
// it is asked only whether it was.
type Question struct {
	Origin proto.Origin
	First  bool
}

// Answer is what the windows say.
type Answer struct{ Yes bool }

// AppendTo implements machine.Data.
func (q Question) AppendTo(b []byte) []byte {
	o := q.Origin
	return proto.AppendNumbers(b, uint64(o.Node), o.Disk, o.Life, o.Seq, number(q.First))
}

// AppendTo implements machine.Data.
func (a Answer) AppendTo(b []byte) []byte { return proto.AppendNumbers(b, number(a.Yes)) }

func number(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

// Protocol is the machine's.
func Protocol() *machine.Protocol {
	return &machine.Protocol{
		Name:    "windows of executed commands",
		New:     func(machine.Addr, []byte) (machine.Machine, error) { return &asked{}, nil },
		Command: decodeQuestion, Answer: decodeAnswer,
	}
}

func decodeQuestion(b []byte) (machine.Data, error) {
	r := proto.NewReader(b)
	q := Question{Origin: proto.Origin{Voter: proto.Voter{Node: machine.Node(r.Uint()), Disk: r.Uint()}, Life: r.Uint(), Seq: r.Uint()}}
	q.First = yes(&r)
	return q, r.Close()
}

func decodeAnswer(b []byte) (machine.Data, error) {
	r := proto.NewReader(b)
	a := Answer{yes(&r)}
	return a, r.Close()
}

func yes(r *proto.Reader) bool {
	n := r.Uint()
	if n > 1 {
		r.Fail("%d: want 0 or 1", n)
	}
	return n == 1
}

// asked is windows that answer.
type asked struct{ windows snapshot.Windows }

// Step implements machine.Machine.
func (a *asked) Step(in machine.In, out *machine.Out) {
	e, _ := in.Event.(machine.Ask)
	q, ok := e.Cmd.(Question)
	switch {
	case !ok:
	case q.First:
		out.Answer(e.ID, Answer{a.windows.First(q.Origin)})
	default:
		out.Answer(e.ID, Answer{a.windows.Done(q.Origin)})
	}
}
