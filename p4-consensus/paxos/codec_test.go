package paxos_test

import (
	"math"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// sequence encodes items by another implementation's canonical form.
func sequence(t require.TestingT, items ...any) (b []byte) {
	enc, err := oracle.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	for _, item := range items {
		one, err := enc.Marshal(item)
		require.NoError(t, err)
		b = append(b, one...)
	}
	return b
}

func TestAConfigurationIsEncodedAsTheseItems(t *testing.T) {
	c := paxos.Config{
		Peers: []proto.Member{{Voter: proto.Voter{Node: 1}, Addr: "a:1"}, {Voter: proto.Voter{Node: 2}}},
		Join:  true, Addr: "c:3", Quorum1: 2, Quorum2: 1,
		Heartbeat: 20, Election: 300, Lease: 100, Alpha: 64, Batch: 1 << 18, Queue: 4096, Snapshot: 1 << 24, Retain: 1024,
	}
	want := sequence(t, 0, 2, 1, 64, []any{[]any{1, 0, []byte("a:1")}, []any{2, 0, []byte{}}}, true, []byte("c:3"),
		20, 300, 100, 1<<18, 4096, 1<<24, 1024)
	require.Equal(t, want, c.AppendTo(nil))
	got, err := paxos.DecodeConfig(want)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(c, got))
	for n := range want {
		_, err := paxos.DecodeConfig(want[:n])
		require.ErrorIs(t, err, cbor.ErrMalformed, "cut at %d", n)
	}
}

func TestConfigurationsDecodeAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) int { return rapid.IntRange(0, 1<<62-1).Draw(t, name) }
		span := func(name string) machine.Time { return machine.Time(number(name)) }
		c := paxos.Config{
			Join: rapid.Bool().Draw(t, "join"), Addr: string(rapid.SliceOfN(rapid.Byte(), 0, proto.MaxAddr).Draw(t, "addr")),
			Quorum1: rapid.IntRange(0, proto.MaxMembers).Draw(t, "q1"), Quorum2: rapid.IntRange(0, proto.MaxMembers).Draw(t, "q2"),
			Heartbeat: span("heartbeat"), Election: span("election"), Lease: span("lease"),
			Alpha: rapid.Uint64().Draw(t, "alpha"), Batch: number("batch"), Queue: number("queue"), Snapshot: number("snapshot"),
			Retain: rapid.Uint64().Draw(t, "retain"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "peers") {
			c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(rapid.Uint64().Draw(t, "node"))}, Addr: rapid.StringN(0, 9, 99).Draw(t, "addr")})
		}
		got, err := paxos.DecodeConfig(c.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c, got))
	})
}

func FuzzConfig(f *testing.F) {
	f.Add(configOf(3).AppendTo(nil))
	f.Add(paxos.Config{Join: true}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := paxos.DecodeConfig(b)
		if err != nil {
			require.ErrorIs(t, err, cbor.ErrMalformed)
			return
		}
		require.Equal(t, b, c.AppendTo([]byte{}))
		_, _ = paxos.New(addr(1), language(), c)
	})
}

func TestAReplicaThatCannotBeIsRefused(t *testing.T) {
	alter := func(fn func(*paxos.Config)) paxos.Config {
		c := configOf(3)
		fn(&c)
		return c
	}
	for name, c := range map[string]struct {
		self machine.Node
		cfg  paxos.Config
		says string
	}{
		"no number":             {0, configOf(3), "without a number"},
		"not among the peers":   {4, configOf(3), "node 4 is not among the peers"},
		"no peers":              {1, configOf(0), "a group of 0"},
		"too many":              {1, configOf(64), "a group of 64"},
		"peers out of order":    {1, alter(func(c *paxos.Config) { c.Peers[0], c.Peers[1] = c.Peers[1], c.Peers[0] }), "out of order"},
		"a peer twice":          {1, alter(func(c *paxos.Config) { c.Peers[1] = c.Peers[0] }), "out of order"},
		"a peer without number": {1, alter(func(c *paxos.Config) { c.Peers[0].Node = 0 }), "without a number"},
		"quorums that miss":     {1, alter(func(c *paxos.Config) { c.Quorum1, c.Quorum2 = 1, 2 }), "quorums of 1 and 2"},
		"a quorum of 2^62":      {1, alter(func(c *paxos.Config) { c.Quorum1 = math.MaxInt >> 1 }), "quorums"},
	} {
		_, err := paxos.New(addr(c.self), language(), c.cfg)
		require.ErrorContains(t, err, c.says, name)
	}
	_, err := paxos.New(addr(9), language(), alter(func(c *paxos.Config) { c.Join = true }))
	require.NoError(t, err, "who joins need not be among the peers")
}

func TestAProtocolMakesReplicasOfAnEncodedConfiguration(t *testing.T) {
	p := language().Protocol()
	m, err := p.New(addr(1), configOf(1).AppendTo(nil))
	require.NoError(t, err)
	require.NotNil(t, m)
	for name, b := range map[string][]byte{"nothing": nil, "cut": configOf(1).AppendTo(nil)[1:], "of others": configOf(0).AppendTo(nil)} {
		_, err := p.New(addr(1), b)
		require.Error(t, err, name)
	}
}
