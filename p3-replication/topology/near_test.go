package topology_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/proto"
)

// sight sees node 2 at 90 ms, node 3 at 5 ms, and node 4 down.
func sight() proto.Sight {
	return proto.Sight{
		Self: proto.Place{Node: 1, Zone: "east"}, Chosen: 3,
		Peers: []proto.Seen{
			{Place: proto.Place{Node: 2, Addr: "b:1", Zone: "west"}, Up: true, RTT: 90 * ms},
			{Place: proto.Place{Node: 3, Addr: "c:1", Zone: "east"}, Up: true, RTT: 5 * ms},
			{Place: proto.Place{Node: 4}, RTT: 1 * ms},
		},
	}
}

func TestDistancesTellWhatTheProbeSees(t *testing.T) {
	require.Empty(t, cmp.Diff(kv.Distances{Asked: 1, Zone: "east", List: []kv.Distance{
		{ID: 2, Addr: "b:1", Zone: "west", Up: true, RTT: 90 * time.Millisecond},
		{ID: 3, Addr: "c:1", Zone: "east", Up: true, RTT: 5 * time.Millisecond, Chosen: true},
		{ID: 4, RTT: time.Millisecond},
	}}, topology.Distances(sight())))
}

// spy is a server that keeps what it is given.
type spy struct {
	events  []machine.Event
	stopped bool
}

func (s *spy) Step(in machine.In, _ *machine.Out) { s.events = append(s.events, in.Event) }
func (s *spy) Stop()                              { s.stopped = true }

func TestANearChoosesByWhatItsProbeMeasures(t *testing.T) {
	near, server := topology.NewNear("probe", topology.Spatial{A: 2}), &spy{}
	near.Server = server
	count := func() map[machine.Node]int {
		r, count := rand.New(rand.NewPCG(1, 2)), map[machine.Node]int{}
		for range 6000 {
			count[near.Partner(r.Uint64(), []machine.Node{2, 3, 4})]++
		}
		return count
	}
	step := func(e machine.Event) { near.Step(machine.In{Event: e}, &machine.Out{}) }
	for _, n := range count() {
		require.InDelta(t, 2000, n, 200, "nothing is known")
	}
	for _, from := range []machine.Addr{{Node: 2, Role: "probe"}, {Node: 1, Role: "other"}} {
		step(machine.Recv{From: from, Msg: sight()})
		require.InDelta(t, 2000, count()[3], 200, "not its probe")
	}
	step(machine.Recv{From: machine.Addr{Node: 1, Role: "probe"}, Msg: sight()})
	after := count()
	require.Greater(t, after[3], 2*after[2])
	require.Greater(t, after[2], after[4])
	require.Positive(t, after[4], "what is down is tried all the same")

	require.Empty(t, server.events, "it has seen no Sight")
	step(machine.Ready{})
	step(machine.Recv{Msg: proto.Tick{}})
	require.Equal(t, []machine.Event{machine.Ready{}, machine.Recv{Msg: proto.Tick{}}}, server.events)
	near.Stop()
	require.True(t, server.stopped)
}

func TestAProtocolWithSightsTakesThemBesideItsOwnMessages(t *testing.T) {
	p := topology.WithSights(machine.Protocol{Message: proto.DecodeProbe})
	for _, m := range []machine.Data{sight(), proto.Probing{}} {
		got, err := p.Message(m.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(m, got))
	}
	_, err := p.Message(proto.Tick{}.AppendTo(nil))
	require.ErrorIs(t, err, cbor.ErrMalformed)
	_, err = topology.WithSights(machine.Protocol{}).Message(proto.Probing{}.AppendTo(nil))
	require.ErrorIs(t, err, machine.ErrNoDecoder)
}
