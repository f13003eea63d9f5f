package single_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

// usual is a Config of three acceptors 1 to 3, proposers 11 and 12, learners 21 to 23.
func usual() single.Config {
	c := single.Usual()
	c.Learners = append(c.Learners, 23)
	return c
}

func acceptor(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: single.Acceptor} }
func proposer(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: single.Proposer} }
func learner(n machine.Node) machine.Addr  { return machine.Addr{Node: n, Role: single.Learner} }

func ballot(round uint64, node machine.Node) proto.Ballot {
	return proto.Ballot{Round: round, Node: node}
}

func vote(round uint64, node machine.Node, value string) single.Vote {
	return single.Vote{Ballot: ballot(round, node), Value: value}
}

// subject is one machine at work, and the disk that keeps what it saves.
type subject struct {
	t      *testing.T
	cfg    single.Config
	self   machine.Addr
	m      machine.Machine
	disk   []machine.Data
	trim   uint64
	asks   uint64
	random uint64
}

func start(t *testing.T, cfg single.Config, self machine.Addr) *subject {
	t.Helper()
	s := &subject{t: t, cfg: cfg, self: self}
	s.restart()
	return s
}

// restart ends the machine's life and begins another from its disk.
func (s *subject) restart() machine.Out {
	s.t.Helper()
	m, err := single.Protocol(s.self.Role).New(s.self, s.cfg.AppendTo(nil))
	require.NoError(s.t, err)
	s.m = m
	for i, r := range s.disk {
		if seq := uint64(i) + 1; seq >= s.trim {
			s.step(machine.Load{Seq: seq, Record: r, Damaged: r == nil})
		}
	}
	return s.step(machine.Ready{Fresh: len(s.disk) == 0})
}

func (s *subject) step(e machine.Event) machine.Out {
	s.t.Helper()
	var out machine.Out
	s.m.Step(machine.In{Rand: s.random, Event: e}, &out)
	s.disk = append(s.disk, out.Save...)
	s.trim = max(s.trim, out.Trim)
	require.LessOrEqual(s.t, s.trim, uint64(len(s.disk)), "trims what it has not saved")
	return out
}

func (s *subject) hears(from machine.Addr, msg machine.Data) machine.Out {
	s.t.Helper()
	return s.step(machine.Recv{From: from, Msg: msg})
}

// asks asks the machine; its n-th ask has ID n.
func (s *subject) asked(cmd machine.Data) machine.Out {
	s.t.Helper()
	s.asks++
	return s.step(machine.Ask{ID: s.asks, Cmd: cmd})
}

// sent lists the messages for a role, without the addresses.
func sent(out machine.Out, role string) (all []machine.Data) {
	for _, e := range out.Send {
		if e.To.Role == role && e.After == 0 {
			all = append(all, e.Msg)
		}
	}
	return all
}

// timer returns the only timer that is set.
func timer(t *testing.T, out machine.Out) machine.Envelope {
	t.Helper()
	var timers []machine.Envelope
	for _, e := range out.Send {
		if e.After > 0 {
			timers = append(timers, e)
		}
	}
	require.Len(t, timers, 1)
	return timers[0]
}

// anyOrder is that of the messages of one step, and of their receivers: it tells nothing.
var anyOrder = cmp.Options{
	cmpopts.SortSlices(func(a, b machine.Addr) bool { return a.String() < b.String() }),
	cmpopts.SortSlices(func(a, b machine.Envelope) bool { return fmt.Sprint(a) < fmt.Sprint(b) }),
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	require.Empty(t, cmp.Diff(want, got, anyOrder))
}

// silent demands that nothing at all was done.
func silent(t *testing.T, out machine.Out) {
	t.Helper()
	equal(t, machine.Out{}, out)
}
