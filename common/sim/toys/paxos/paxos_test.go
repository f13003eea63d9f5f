package paxos_test

import (
	"strings"
	"testing"

	"dss.example/common/machine"
	"dss.example/common/sim/toys/paxos"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// all lists every kind of data with the role and decoder that takes it.
func all() map[machine.Data]func([]byte) (machine.Data, error) {
	a, p, l := paxos.Protocol(paxos.Acceptor), paxos.Protocol(paxos.Proposer), paxos.Protocol(paxos.Learner)
	v := paxos.Vote{Ballot: 1 << 60, Value: "\xff\x00"}
	return map[machine.Data]func([]byte) (machine.Data, error){
		paxos.Prepare{Ballot: 1}:          a.Message,
		paxos.Accept(v):                   a.Message,
		paxos.Promised{Ballot: 24}:        a.Record,
		paxos.Voted(v):                    a.Record,
		paxos.Promise{Ballot: 1}:          p.Message,
		paxos.Promise{Ballot: 2, Last: v}: p.Message,
		paxos.Used{Ballot: 256}:           p.Record,
		paxos.Propose{Value: "v"}:         p.Command,
		paxos.Accepted(v):                 l.Message,
		paxos.Learn{}:                     l.Command,
		paxos.Chosen{Value: ""}:           l.Answer,
	}
}

func TestEveryKindOfDataComesBackFromItsBytes(t *testing.T) {
	for d, decode := range all() {
		got, err := decode(d.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(d, got))
	}
}

func TestDecodersRefuseWhatAppendToDoesNotWrite(t *testing.T) {
	for d, decode := range all() {
		b := d.AppendTo(nil)
		for n := range b {
			_, err := decode(b[:n])
			require.Error(t, err, "%T cut to %d bytes", d, n)
		}
		_, err := decode(append(b, 0))
		require.Error(t, err, "%T with a byte more", d)
	}
	a := paxos.Protocol(paxos.Acceptor)
	for _, d := range []machine.Data{
		paxos.Prepare{},
		paxos.Accept{Ballot: 1, Value: strings.Repeat("x", paxos.MaxValue+1)},
		paxos.Promise{Ballot: 1},
	} {
		_, err := a.Message(d.AppendTo(nil))
		require.Error(t, err, "%v", d)
	}
	_, err := paxos.Protocol(paxos.Proposer).Message(paxos.Promise{Ballot: 1, Last: paxos.Vote{Value: "x"}}.AppendTo(nil))
	require.Error(t, err)
}

func TestAConfigThatIsNotOneIsRefused(t *testing.T) {
	p := paxos.Protocol(paxos.Proposer)
	self := machine.Addr{Node: 1, Role: paxos.Proposer}
	for _, c := range []paxos.Config{{}, {Proposers: []machine.Node{2}}, {Acceptors: make([]machine.Node, paxos.MaxNodes+1)}} {
		_, err := p.New(self, c.Bytes())
		require.Error(t, err)
	}
	_, err := p.New(self, nil)
	require.Error(t, err)
	require.Nil(t, paxos.Protocol("king"))
}

// newMachine returns a machine of node 1 that has started on these records.
func newMachine(t *testing.T, role string, records ...machine.Load) machine.Machine {
	t.Helper()
	one := []machine.Node{1}
	cfg := paxos.Config{Acceptors: []machine.Node{1, 2, 3}, Proposers: one, Learners: one}
	m, err := paxos.Protocol(role).New(machine.Addr{Node: 1, Role: role}, cfg.Bytes())
	require.NoError(t, err)
	var out machine.Out
	for _, l := range records {
		m.Step(machine.In{Event: l}, &out)
	}
	m.Step(machine.In{Event: machine.Ready{Fresh: len(records) == 0}}, &out)
	require.Empty(t, cmp.Diff(machine.Out{}, out))
	return m
}

func receive(m machine.Machine, from machine.Node, msg machine.Data) (out machine.Out) {
	m.Step(machine.In{Event: machine.Recv{From: machine.Addr{Node: from}, Msg: msg}}, &out)
	return out
}

func TestAnAcceptorWithADamagedRecordTakesNoPart(t *testing.T) {
	m := newMachine(t, paxos.Acceptor, machine.Load{Seq: 1, Damaged: true}, machine.Load{Seq: 2, Record: paxos.Promised{Ballot: 1}})
	require.Empty(t, cmp.Diff(machine.Out{}, receive(m, 2, paxos.Prepare{Ballot: 9})))
	require.Empty(t, cmp.Diff(machine.Out{}, receive(m, 2, paxos.Accept{Ballot: 9})))
}

func TestARepeatedAcceptRequestIsAnsweredAndNotSavedAgain(t *testing.T) {
	m := newMachine(t, paxos.Acceptor)
	first := receive(m, 2, paxos.Accept{Ballot: 3, Value: "v"})
	require.Empty(t, cmp.Diff([]machine.Data{paxos.Voted{Ballot: 3, Value: "v"}}, first.Save))
	again := receive(m, 2, paxos.Accept{Ballot: 3, Value: "v"})
	require.Empty(t, again.Save)
	require.Empty(t, cmp.Diff(first.Send, again.Send))
}

func TestALearnerAnswersThoseWhoStillWait(t *testing.T) {
	m := newMachine(t, paxos.Learner)
	var out machine.Out
	m.Step(machine.In{Event: machine.Ask{ID: 1, Cmd: paxos.Learn{}}}, &out)
	m.Step(machine.In{Event: machine.Ask{ID: 2, Cmd: paxos.Learn{}}}, &out)
	m.Step(machine.In{Event: machine.Cancel{ID: 1}}, &out)
	require.Empty(t, receive(m, 1, paxos.Accepted{Ballot: 1, Value: "v"}).Reply)
	require.Empty(t, receive(m, 1, paxos.Accepted{Ballot: 1, Value: "v"}).Reply)
	require.Empty(t, cmp.Diff([]machine.Answer{{ID: 2, Data: paxos.Chosen{Value: "v"}}},
		receive(m, 3, paxos.Accepted{Ballot: 1, Value: "v"}).Reply))
	out.Reset()
	m.Step(machine.In{Event: machine.Ask{ID: 3, Cmd: paxos.Learn{}}}, &out)
	require.Len(t, out.Reply, 1)
}

func TestALearnerBoundsThoseWhoWait(t *testing.T) {
	m := newMachine(t, paxos.Learner)
	var out machine.Out
	for id := range uint64(100) {
		m.Step(machine.In{Event: machine.Ask{ID: id + 1, Cmd: paxos.Learn{}}}, &out)
	}
	receive(m, 1, paxos.Accepted{Ballot: 1, Value: "v"})
	require.Len(t, receive(m, 2, paxos.Accepted{Ballot: 1, Value: "v"}).Reply, 64)
}
