package cycles_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/cmd/epidemic/cycles"
	"dss.example/p3-replication/gossip"
)

func alike(sites int, c gossip.Config) []gossip.Config {
	all := make([]gossip.Config, sites)
	for i := range all {
		all[i] = c
		all[i].Peers = cycles.Everyone(sites)
	}
	return all
}

// rumour is an epidemic of 1,000 sites.
func rumour(t *testing.T, c gossip.Config, seed uint64) cycles.Epidemic {
	n, err := cycles.New(alike(1000, c), seed)
	require.NoError(t, err)
	return n.Rumour(int(seed) % 1000)
}

// mean is the mean of so many epidemics.
func mean(t *testing.T, c gossip.Config, trials int) (m cycles.Epidemic) {
	for seed := range uint64(trials) {
		e := rumour(t, c, seed)
		m.Residue += e.Residue / float64(trials)
		m.Traffic += e.Traffic / float64(trials)
		m.Average += e.Average / float64(trials)
		m.Last += e.Last / float64(trials)
	}
	return m
}

func TestRumoursSpreadAsThePapersDo(t *testing.T) {
	for _, c := range []struct {
		name                   string
		config                 gossip.Config
		residue, traffic, last float64 // E87, tables 1 to 3
	}{
		{"push, feedback, counter, k=1", gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: 1}}, 0.18, 1.7, 16.8},
		{"push, feedback, counter, k=2", gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: 2}}, 0.037, 3.3, 16.9},
		{"push, feedback, counter, k=4", gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: 4}}, 0.0036, 5.6, 17.5},
		{"push, blind, coin, k=2", gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{Blind: true, Coin: true, K: 2}}, 0.20, 1.6, 33},
		{"push, blind, coin, k=4", gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{Blind: true, Coin: true, K: 4}}, 0.021, 3.9, 32},
		{"pull, feedback, counter, k=1", gossip.Config{Rumours: gossip.Pull, Fade: gossip.Fade{K: 1}}, 0.031, 2.7, 17.6},
		{"pull, feedback, counter, k=2", gossip.Config{Rumours: gossip.Pull, Fade: gossip.Fade{K: 2}}, 5.8e-4, 4.5, 15.4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := mean(t, c.config, 8)
			require.InDelta(t, c.residue, got.Residue, 0.25*c.residue+0.002)
			require.InEpsilon(t, c.traffic, got.Traffic, 0.15)
			require.InEpsilon(t, c.last, got.Last, 0.25)
		})
	}
}

func TestPushLeavesWhatItsTrafficSays(t *testing.T) {
	for k := 1; k <= 3; k++ {
		got := mean(t, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: k}}, 4)
		require.InEpsilon(t, math.Exp(-got.Traffic), got.Residue, 0.35, "s = e^-m, k=%d", k)
	}
}

func TestPullLeavesLessThanPushOfTheSameTraffic(t *testing.T) {
	pull := mean(t, gossip.Config{Rumours: gossip.Pull, Fade: gossip.Fade{K: 1}}, 4)
	require.Less(t, pull.Residue, math.Exp(-pull.Traffic))
}

func TestACycleIsTheSameForTheSameSeed(t *testing.T) {
	c := gossip.Config{Rumours: gossip.PushPull, Fade: gossip.Fade{Coin: true, K: 2}, Entropy: gossip.Push, Limit: 1, Hunt: 3}
	require.Equal(t, rumour(t, c, 5), rumour(t, c, 5))
	require.NotEqual(t, rumour(t, c, 5), rumour(t, c, 6))
}

func TestInACycleWithoutALimitAnUpdateAtMostDoublesByPush(t *testing.T) {
	n, err := cycles.New(alike(200, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: 50}}), 1)
	require.NoError(t, err)
	known := 0
	n.Saved = func(int, gossip.Item) { known++ }
	require.IsType(t, gossip.Written{}, n.Ask(7, gossip.Put{Key: "x"}))
	for before := 1; n.Number() < 12; before = known {
		n.Cycle()
		require.LessOrEqual(t, known, 2*before, "who learns it in a cycle tells it from the next on")
		require.Greater(t, known, 1)
	}
}

func TestAConfigThatIsRefusedMakesNoNet(t *testing.T) {
	_, err := cycles.New([]gossip.Config{{Page: -1}}, 1)
	require.ErrorIs(t, err, gossip.ErrConfig)
}

func TestCopiesCountTheItemsOfAMessage(t *testing.T) {
	items := make([]gossip.Item, 3)
	for _, c := range []struct {
		msg  machine.Data
		want int
	}{
		{gossip.Mail{}, 1},
		{gossip.Rumours{Items: items}, 3},
		{gossip.Page{Give: items}, 3},
		{gossip.Diff{Items: items}, 3},
		{gossip.Busy{}, 0},
	} {
		require.Equal(t, c.want, cycles.Copies(c.msg), "%T", c.msg)
	}
}
