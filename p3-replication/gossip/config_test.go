package gossip_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
)

// everything is a Config in which no field is zero.
func everything() gossip.Config {
	return gossip.Config{
		Peers: []machine.Node{1, 2, 9}, Weights: []uint32{1, 0, gossip.MaxWeight}, Mail: true,
		Rumours: gossip.Push, Fade: gossip.Fade{Blind: true, Coin: true, K: 3},
		Entropy: gossip.PushPull, Every: 2, Compare: gossip.Peel, Recent: 7,
		Period: machine.Second, Page: 5, Limit: 4, Hunt: 6, Retain: 8, Dormant: 9, Keepers: 10,
	}
}

func TestAConfigIsItsBytesBackwards(t *testing.T) {
	for _, c := range []gossip.Config{{}, everything()} {
		got, err := gossip.DecodeConfig(c.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c, got, sameData))
		m, err := gossip.Protocol().New(addr(2), c.AppendTo(nil))
		require.NoError(t, err)
		require.NotNil(t, m)
	}
	_, err := gossip.Protocol().New(addr(2), []byte{1})
	require.ErrorIs(t, err, cbor.ErrMalformed)
}

func TestConfigsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*gossip.Config){
		"0 to 4096":           func(c *gossip.Config) { c.Limit = gossip.MaxPeers + 1 },
		"K of 1 to 1000":      func(c *gossip.Config) { c.Fade.K = 0 },
		"fade's K":            func(c *gossip.Config) { c.Fade.K = gossip.MaxK + 1 },
		"every of -1":         func(c *gossip.Config) { c.Every = -1 },
		"recent":              func(c *gossip.Config) { c.Recent = gossip.MaxRecent + 1 },
		"page":                func(c *gossip.Config) { c.Page = gossip.MaxPage + 1 },
		"hunt":                func(c *gossip.Config) { c.Hunt = gossip.MaxHunt + 1 },
		"keepers of 17":       func(c *gossip.Config) { c.Keepers = gossip.MaxKeepers + 1 },
		"way 4":               func(c *gossip.Config) { c.Rumours = 4 },
		"way 5":               func(c *gossip.Config) { c.Entropy = 5 },
		"compare 4":           func(c *gossip.Config) { c.Compare = 4 },
		"period of 999 ns":    func(c *gossip.Config) { c.Period = 999 },
		"1 us to 1 h":         func(c *gossip.Config) { c.Period = 3601 * machine.Second },
		"kept -1":             func(c *gossip.Config) { c.Retain = -1 },
		"and -2":              func(c *gossip.Config) { c.Dormant = -2 },
		"2 weights of 3":      func(c *gossip.Config) { c.Weights = c.Weights[:2] },
		"weight 1073741825":   func(c *gossip.Config) { c.Weights[0] = gossip.MaxWeight + 1 },
		"peer 0":              func(c *gossip.Config) { c.Peers[0] = 0 },
		"peer 2: want number": func(c *gossip.Config) { c.Peers[2] = 2 },
		"4097 peers":          func(c *gossip.Config) { c.Peers = make([]machine.Node, gossip.MaxPeers+1) },
	} {
		c := everything()
		spoil(&c)
		err := c.Check()
		require.ErrorIs(t, err, gossip.ErrConfig, name)
		require.ErrorContains(t, err, name)
		_, err = gossip.New(addr(1), c)
		require.ErrorIs(t, err, gossip.ErrConfig, name)
		_, err = gossip.DecodeConfig(c.AppendTo(nil))
		require.Error(t, err, name)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(gossip.Config{}.AppendTo(nil))
	f.Add(everything().AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := gossip.DecodeConfig(b)
		if err != nil {
			return
		}
		require.Equal(t, b, c.AppendTo(nil))
		_, err = gossip.New(addr(1), c)
		require.NoError(t, err)
	})
}
