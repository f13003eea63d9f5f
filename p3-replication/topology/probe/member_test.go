package probe_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

func TestWhoPingsIsKnownByWhatItSaysOfItself(t *testing.T) {
	b := newBench(t, probe.Config{})
	b.hear(5, proto.Ping{From: proto.Place{Node: 5, Addr: "five:1", Zone: "west"}})
	require.IsType(t, proto.Pong{}, b.out.Send[0].Msg)
	require.Equal(t, proto.Seen{Place: proto.Place{Node: 5, Addr: "five:1", Zone: "west"}}, b.seen(5))
	b.hear(5, proto.Ping{From: proto.Place{Node: 5, Addr: "five:2", Zone: "east"}})
	require.Equal(t, "five:2", b.seen(5).Addr, "it has moved")
	b.hear(5, proto.Ping{From: proto.Place{Node: 6, Addr: "lie"}})
	require.Equal(t, "five:2", b.seen(5).Addr)
	require.Len(t, b.look().Peers, 1, "6 has said nothing")
	b.round(nil)
	b.pong(5, 3*ms, proto.Place{Node: 7, Addr: "seven:1"}, proto.Place{Node: 5, Addr: "lie"}, proto.Place{Node: 1})
	require.Equal(t, "seven:1", b.seen(7).Addr, "5 has named it")
	require.Equal(t, "", b.seen(5).Addr, "what it says of itself")
	require.Len(t, b.look().Peers, 2)
}

func TestThereIsRoomForSoManyServers(t *testing.T) {
	b := newBench(t, probe.Config{Peers: places(200)})
	for n := 2; n < 150; n++ {
		b.hear(n, proto.Ping{From: places(n)[0]})
	}
	require.Len(t, b.look().Peers, proto.MaxPlaces-1)
	_, err := proto.DecodeAnswer(b.look().AppendTo(nil))
	require.NoError(t, err)
	b.round(nil)
	for n := 2; n < 60; n++ {
		b.pong(n, 5*ms)
	}
	b.hear(2, proto.Ping{From: places(2)[0]})
	known := b.out.Send[0].Msg.(proto.Pong).Known
	require.Len(t, known, proto.MaxNamed)
	require.NotContains(t, known, places(2)[0], "it knows itself")
}

func TestWhoWasOnlyHeardOfIsForgottenWhenItIsSilentForLong(t *testing.T) {
	b := newBench(t, probe.Config{Peers: places(2), Forget: 10 * every})
	b.hear(3, proto.Ping{From: places(3)[0]})
	b.rounds(20, rtts{2: 5 * ms})
	require.Len(t, b.look().Peers, 1, "it never answered")
	b.hear(3, proto.Ping{From: places(3)[0]})
	b.round(nil)
	b.rounds(20, rtts{3: 5 * ms})
	require.Len(t, b.look().Peers, 2, "it answers")
	b.rounds(12, nil)
	require.Len(t, b.look().Peers, 1)
	require.Equal(t, machine.Node(2), b.look().Peers[0].Node, "it is in the Config")
	b.hear(4, proto.Ping{From: places(4)[0]})
	require.Empty(t, b.out.Send[0].Msg.(proto.Pong).Known, "who is down is not named")
}

func TestStrangersAreNotHeard(t *testing.T) {
	b := newBench(t, probe.Config{})
	for _, from := range []machine.Addr{{Node: 5, Role: "other"}, {Node: 1, Role: "other"}} {
		b.step(machine.Recv{From: from, Msg: proto.Ping{From: proto.Place{Node: from.Node}}})
		require.Empty(t, b.out.Send)
		b.step(machine.Recv{From: from, Msg: proto.Probing{}})
		require.Empty(t, b.out.Send)
	}
	require.Empty(t, b.look().Peers)
}

// everything is a Config in which no field is zero.
func everything() probe.Config {
	return probe.Config{
		Addr: "a:1", Zone: "east", Peers: []proto.Place{{Node: 2, Addr: "b:1", Zone: "west"}, {Node: 9}}, Tell: "overlay",
		Every: 5 * ms, Misses: 7, Margin: 8, Rounds: 9, Forget: machine.Second,
	}
}

func TestAConfigIsItsBytesBackwards(t *testing.T) {
	for _, c := range []probe.Config{{}, everything()} {
		got, err := probe.DecodeConfig(c.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c, got))
		m, err := probe.Protocol().New(addr(1), c.AppendTo(nil))
		require.NoError(t, err)
		require.NotNil(t, m)
	}
	_, err := probe.Protocol().New(addr(1), []byte{1})
	require.ErrorIs(t, err, cbor.ErrMalformed)
}

func TestConfigsThatMakeNoSenseAreRefused(t *testing.T) {
	long := string(make([]byte, proto.MaxName+1))
	for want, spoil := range map[string]func(*probe.Config){
		"1 ms to 1 h":       func(c *probe.Config) { c.Every = 999 * machine.Microsecond },
		"rounds 36000":      func(c *probe.Config) { c.Every, c.Forget = 3600001*ms, 1<<60 },
		"-1 misses":         func(c *probe.Config) { c.Misses = -1 },
		"1001 rounds":       func(c *probe.Config) { c.Rounds = 1001 },
		"margin of 100":     func(c *probe.Config) { c.Margin = 100 },
		"forgetting after":  func(c *probe.Config) { c.Forget = c.Every - 1 },
		"64 peers":          func(c *probe.Config) { c.Peers = make([]proto.Place, proto.MaxPlaces) },
		"peer 0":            func(c *probe.Config) { c.Peers[0].Node = 0 },
		"peer 1 of node 1":  func(c *probe.Config) { c.Peers[0].Node = 1 },
		"peer 9 of node 1":  func(c *probe.Config) { c.Peers[0].Node = 9 },
		"address of 257":    func(c *probe.Config) { c.Addr = long },
		"a zone of 257":     func(c *probe.Config) { c.Zone = long },
		"a name of peer 2 ": func(c *probe.Config) { c.Peers[0].Zone = long },
	} {
		c := everything()
		spoil(&c)
		_, err := probe.New(addr(1), c)
		require.ErrorIs(t, err, probe.ErrConfig, want)
		require.ErrorContains(t, err, want)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(probe.Config{}.AppendTo(nil))
	f.Add(everything().AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := probe.DecodeConfig(b)
		if err != nil {
			return
		}
		require.Equal(t, b, c.AppendTo(nil))
		if _, err = probe.New(addr(1), c); err != nil {
			require.ErrorIs(t, err, probe.ErrConfig)
		}
	})
}
