package probe_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

type rtts = map[int]machine.Time

// settled is a bench whose probe has chosen node 2, at 40 ms.
func settled(t *testing.T, c probe.Config) *bench {
	c.Peers = places(2, 3, 4)
	b := newBench(t, c)
	b.rounds(40, rtts{2: 40 * ms, 3: 200 * ms, 4: 200 * ms})
	require.Equal(t, 2, b.chosen())
	return b
}

func TestTheNearestIsChosenAtFirst(t *testing.T) {
	b := newBench(t, probe.Config{Peers: places(2, 3, 4)})
	require.Zero(t, b.chosen(), "nobody has answered")
	b.round(rtts{2: 50 * ms, 3: 20 * ms, 4: 80 * ms})
	require.Equal(t, 3, b.chosen())
}

func TestAServerThatIsNearerByLessThanTheMarginIsNotChosen(t *testing.T) {
	b := settled(t, probe.Config{Margin: 20})
	b.rounds(200, rtts{2: 40 * ms, 3: 33 * ms, 4: 200 * ms})
	require.Equal(t, 2, b.chosen())
	b.rounds(200, rtts{2: 40 * ms, 3: 30 * ms, 4: 200 * ms})
	require.Equal(t, 3, b.chosen(), "a quarter nearer")
}

func TestANearerServerIsChosenOnlyWhenItHasBeenForSomeRounds(t *testing.T) {
	b := settled(t, probe.Config{Rounds: 6})
	near, far := rtts{2: 40 * ms, 3: 10 * ms, 4: 200 * ms}, rtts{2: 40 * ms, 3: 40 * ms, 4: 200 * ms}
	for b.seen(3).RTT*100 >= 80*b.seen(2).RTT {
		b.round(near)
	}
	b.rounds(4, near)
	require.Equal(t, 2, b.chosen(), "it is the sixth round that counts")
	b.rounds(1, near)
	require.Equal(t, 3, b.chosen())

	b = settled(t, probe.Config{Rounds: 6})
	for range 30 {
		for b.seen(3).RTT*100 >= 80*b.seen(2).RTT {
			b.round(near)
		}
		for b.seen(3).RTT*100 < 80*b.seen(2).RTT {
			b.round(far)
		}
	}
	require.Equal(t, 2, b.chosen(), "it was never nearer for long")
}

func TestTwoNearerServersThatTakeTurnsDoNotKeepTheFarOne(t *testing.T) {
	b := settled(t, probe.Config{})
	for range 60 {
		b.round(rtts{2: 40 * ms, 3: 9 * ms, 4: 11 * ms})
		b.round(rtts{2: 40 * ms, 3: 11 * ms, 4: 9 * ms})
	}
	require.NotEqual(t, 2, b.chosen())
}

func TestAServerThatIsDownIsLeftAtOnceAndNotTakenBackWithoutReason(t *testing.T) {
	b := settled(t, probe.Config{Misses: 3})
	all := rtts{2: 40 * ms, 3: 38 * ms, 4: 38 * ms}
	b.rounds(40, all)
	dead := maps.Clone(all)
	delete(dead, 2)
	b.rounds(2, dead)
	require.Equal(t, 2, b.chosen())
	require.True(t, b.seen(2).Up)
	b.round(dead)
	require.False(t, b.seen(2).Up)
	require.Equal(t, 3, b.chosen(), "the lower of two that are as near")
	b.rounds(50, all)
	require.True(t, b.seen(2).Up)
	require.Equal(t, 3, b.chosen(), "2 is as near, not nearer")
	b.rounds(10, nil)
	require.Zero(t, b.chosen(), "none is up")
}

func TestASingleLateAnswerDoesLittleHarm(t *testing.T) {
	b := settled(t, probe.Config{})
	b.round(rtts{2: 900 * ms, 3: 200 * ms, 4: 200 * ms})
	require.Less(t, b.seen(2).RTT, 56*ms, "no more than half as far again")
	b.rounds(20, rtts{2: 40 * ms, 3: 200 * ms, 4: 200 * ms})
	require.Equal(t, 2, b.chosen())
	b.rounds(60, rtts{2: 900 * ms, 3: 200 * ms, 4: 200 * ms})
	require.InDelta(t, float64(900*ms), float64(b.seen(2).RTT), float64(50*ms), "a distance that has grown is found")
	require.Equal(t, 3, b.chosen())
}

func TestEachPingCountsOnceAndOnlyIfItIsThisProcesssOwn(t *testing.T) {
	b := settled(t, probe.Config{})
	before := b.seen(2)
	old := b.pings[2]
	b.round(rtts{2: 40 * ms, 3: 200 * ms})
	for name, m := range map[string]proto.Pong{
		"again":             {Sent: old.Sent, Life: old.Life},
		"of another life":   {Sent: b.pings[2].Sent, Life: old.Life + 1},
		"from the future":   {Sent: b.now + 5*every, Life: old.Life},
		"of nothing so old": {Sent: 0, Life: old.Life},
	} {
		m.From = places(2)[0]
		b.hear(2, m)
		require.Equal(t, before, b.seen(2), name)
	}
	b.hear(9, proto.Pong{Sent: b.pings[2].Sent, Life: old.Life, From: places(9)[0]})
	require.Equal(t, before, b.seen(2))
	require.True(t, b.seen(9).Up, "who answers is known")
}

func TestEachRoundTellsTheOtherMachineOfTheNode(t *testing.T) {
	b := newBench(t, probe.Config{Peers: places(2), Tell: "overlay", Addr: "here:1", Zone: "east"})
	b.rounds(3, rtts{2: 7 * ms})
	require.Len(t, b.told, 4)
	last := b.told[3]
	require.Equal(t, proto.Place{Node: 1, Addr: "here:1", Zone: "east"}, last.Self)
	require.Equal(t, []proto.Seen{{Place: places(2)[0], Up: true, RTT: 7 * ms}}, last.Peers)
	require.Equal(t, machine.Node(2), last.Chosen)
}

func TestAConnectionThatComesUpIsProbedAtOnce(t *testing.T) {
	b := newBench(t, probe.Config{Peers: places(2)})
	clear(b.pings)
	b.step(machine.Link{Peer: 2, Up: false})
	b.step(machine.Link{Peer: 3, Up: true})
	require.Empty(t, b.pings)
	b.step(machine.Link{Peer: 2, Up: true})
	require.Contains(t, b.pings, 2)
}
