package world

import (
	"bytes"
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

const roleAuditor = "auditor"

// auditor answers when all servers have told, in one round of questions, that they have the
// same state, and nothing tentative: with the answer of one of them. Until then it asks round
// after round. Who the servers are it asks node 1, which never retires, before and after.
type auditor struct {
	self machine.Addr

	ask   uint64 // its client's, that is open; 0: none
	round uint64 // the call by which the present one began
	call  uint64 // the last
	wants map[uint64]bool
	who   []kv.Member  // as node 1 has told in this round; nil: not yet
	first *kv.Response // of those whom it then asked
}

// roundTime is how long a round may take before the next begins.
const roundTime = 200 * machine.Millisecond

func auditorProtocol() *machine.Protocol {
	return &machine.Protocol{
		Name: roleAuditor, Message: decodeDue, Command: decodeRequest, Answer: decodeResponse, Return: decodeResponse,
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			_, err := serversIn(config)
			return &auditor{self: self}, err
		},
	}
}

// Step implements machine.Machine.
func (a *auditor) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		a.ask = e.ID
		a.begin(out)
	case machine.Recv:
		switch m := e.Msg.(type) {
		case due:
			if m.call == a.round && a.ask != 0 {
				a.begin(out)
			}
		case machine.Return:
			if resp, ok := m.Data.(*kv.Response); ok && a.ask != 0 {
				a.told(m.ID, resp, out)
			}
		}
	}
}

// begin begins a round: who is there?
func (a *auditor) begin(out *machine.Out) {
	a.wants, a.who, a.first = map[uint64]bool{}, nil, nil
	a.question(1, kv.Members{}, out)
	a.round = a.call
	out.Timer(a.self, roundTime, due{a.round})
}

func (a *auditor) question(node kv.ReplicaID, op kv.Op, out *machine.Out) {
	a.call++
	a.wants[a.call] = true
	out.SendTo(Server(int(node)), machine.Call{ID: a.call, Cmd: &kv.Request{Op: op, Level: kv.Eventual}})
}

// told takes an answer of this round. One that differs ends it: the next begins in its time.
func (a *auditor) told(id uint64, resp *kv.Response, out *machine.Out) {
	if !a.wants[id] || resp.Status != kv.OK {
		return
	}
	delete(a.wants, id)
	switch r := resp.Result.(type) {
	case kv.Group:
		a.members(r.Members, out)
	case kv.Stats:
		if a.first == nil {
			a.first = resp
		}
		if !resp.Stable || resp.Rev.Hi != a.first.Rev.Hi || !bytes.Equal(r.Hash, a.first.Result.(kv.Stats).Hash) {
			clear(a.wants)
		} else if len(a.wants) == 0 {
			a.question(1, kv.Members{}, out)
		}
	}
}

// members asks all servers, or ends the audit if all have answered, and they are still the same.
func (a *auditor) members(who []kv.Member, out *machine.Out) {
	if a.first != nil {
		if slices.Equal(who, a.who) {
			out.Answer(a.ask, a.first)
			a.ask = 0
		}
		return
	}
	a.who = who
	for _, m := range who {
		a.question(m.ID, kv.Stat{Hash: true}, out)
	}
}
