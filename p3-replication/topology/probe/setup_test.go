package probe_test

import (
	"cmp"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

const (
	role  = "probe"
	ms    = machine.Millisecond
	every = machine.Second
)

func addr(node int) machine.Addr { return machine.Addr{Node: machine.Node(node), Role: role} }

func places(nodes ...int) (all []proto.Place) {
	for _, n := range nodes {
		all = append(all, proto.Place{Node: machine.Node(n)})
	}
	return all
}

// bench is the probe of node 1 alone, whose others the test plays.
type bench struct {
	t     require.TestingT
	probe *probe.Probe
	now   machine.Time
	out   machine.Out
	pings map[int]proto.Ping // the latest of each
	told  []proto.Sight
}

func newBench(t require.TestingT, c probe.Config) *bench {
	c.Every = every
	p, err := probe.New(addr(1), c)
	require.NoError(t, err)
	b := &bench{t: t, probe: p, now: 100 * every, pings: map[int]proto.Ping{}}
	b.step(machine.Ready{Fresh: true})
	return b
}

func (b *bench) step(e machine.Event) {
	b.out.Reset()
	b.probe.Step(machine.In{Now: b.now, Rand: uint64(b.now) * 0x9e3779b97f4a7c15, Event: e}, &b.out)
	for _, env := range b.out.Send {
		switch m := env.Msg.(type) {
		case proto.Ping:
			b.pings[int(env.To.Node)] = m
		case proto.Sight:
			b.told = append(b.told, m)
		}
	}
}

// pong answers a node's latest ping, a round-trip time after it was sent.
func (b *bench) pong(node int, rtt machine.Time, known ...proto.Place) {
	p, ok := b.pings[node]
	require.True(b.t, ok, "node %d was sent no ping", node)
	delete(b.pings, node)
	b.now = max(b.now, p.Sent+rtt)
	b.hear(node, proto.Pong{Sent: p.Sent, Life: p.Life, From: places(node)[0], Known: known})
}

func (b *bench) hear(node int, msg machine.Data) {
	b.step(machine.Recv{From: addr(node), Msg: msg})
}

// round lets nodes answer the pings that are out, the nearest first, and the next round begin.
func (b *bench) round(rtt map[int]machine.Time) {
	begun := b.now
	nearest := func(i, j int) int { return cmp.Or(cmp.Compare(rtt[i], rtt[j]), i-j) }
	for _, node := range slices.SortedFunc(maps.Keys(rtt), nearest) {
		b.pong(node, rtt[node])
	}
	b.now = begun + every
	b.step(machine.Recv{From: addr(1), Msg: proto.Probing{}})
}

func (b *bench) rounds(n int, rtt map[int]machine.Time) {
	for range n {
		b.round(rtt)
	}
}

func (b *bench) look() proto.Sight {
	b.step(machine.Ask{ID: 1, Cmd: proto.Look{}})
	require.Len(b.t, b.out.Reply, 1)
	return b.out.Reply[0].Data.(proto.Sight)
}

func (b *bench) chosen() int { return int(b.look().Chosen) }

// seen returns how the probe sees a node.
func (b *bench) seen(node int) proto.Seen { return seen(b.t, b.look(), node) }

func seen(t require.TestingT, s proto.Sight, node int) proto.Seen {
	for _, p := range s.Peers {
		if p.Node == machine.Node(node) {
			return p
		}
	}
	require.FailNow(t, "not seen", "node %d in %v", node, s)
	return proto.Seen{}
}
