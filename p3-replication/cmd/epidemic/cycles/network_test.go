package cycles_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/cmd/epidemic/cycles"
	"dss.example/p3-replication/gossip"
)

func network(t *testing.T, sites int) *cycles.Network {
	w, err := cycles.NewNetwork(sites)
	require.NoError(t, err)
	return w
}

func TestWhatGoesBetweenTheContinentsGoesOverTheBottleneck(t *testing.T) {
	const sites = 200
	l := network(t, sites).NewLoad()
	l.Add(0, 0, 9)
	require.Zero(t, l.Average(), "to itself over no link")
	l.Add(1, 150, 2)
	require.Zero(t, l.Bottleneck(), "both at home")
	l.Add(sites-cycles.Abroad, sites-1, 2)
	require.Zero(t, l.Bottleneck(), "both abroad")
	l.Add(0, sites-cycles.Abroad, 5)
	l.Add(sites-1, 3, 1)
	require.InDelta(t, 6, l.Bottleneck(), 0)

	l = network(t, sites).NewLoad()
	l.Add(0, 1, 1)  // one link down
	l.Add(1, 2, 1)  // up and down
	l.Add(0, 9, 1)  // two down: 9 is below 1
	l.Add(9, 10, 1) // both below 1
	require.InDelta(t, 7.0/(sites-1), l.Average(), 1e-9, "two trees and a link have one link fewer than sites")
}

func TestWeightsFallWithTheSitesThatAreNearer(t *testing.T) {
	const sites = 200
	w := network(t, sites)
	for _, weight := range w.Weights(5, 0)[6:] {
		require.InEpsilon(t, gossip.MaxWeight, weight, 1e-6, "uniform")
	}
	require.Zero(t, w.Weights(5, 0)[5], "never itself")
	for _, a := range []float64{0.5, 1, 1.2, 2} {
		weights := w.Weights(sites-1, a) // a leaf abroad
		parent, sibling, root, far := weights[sites-cycles.Abroad+4], weights[sites-2], weights[sites-cycles.Abroad], weights[150]
		require.EqualValues(t, gossip.MaxWeight, parent, "the nearest")
		require.Greater(t, parent, sibling)
		require.Equal(t, sibling, root, "at the same distance")
		require.Greater(t, root, far)
		require.Positive(t, far)
	}
	near, far := w.Weights(9, 1.2), w.Weights(9, 2)
	require.Greater(t, near[150], far[150], "the higher a, the nearer")
}

func TestTooFewSitesMakeNoContinents(t *testing.T) {
	for _, sites := range []int{0, cycles.MinSites - 1, gossip.MaxPeers + 1} {
		_, err := cycles.NewNetwork(sites)
		require.ErrorIs(t, err, cycles.ErrSites)
	}
	network(t, cycles.MinSites)
}

func TestNearPartnersSpareTheBottleneckAndTakeLonger(t *testing.T) {
	const sites = 300
	w := network(t, sites)
	spread := func(a float64) (bottleneck, last float64) {
		configs := alike(sites, gossip.Config{Entropy: gossip.PushPull})
		for i := range configs {
			configs[i].Weights = w.Weights(i, a)
		}
		for seed := range uint64(4) {
			n, err := cycles.New(configs, seed)
			require.NoError(t, err)
			load := w.NewLoad()
			e := n.Spread(0, func(from, to int, msg machine.Data) {
				if _, ok := msg.(gossip.Diff); ok {
					load.Add(from, to, 1)
				}
			})
			require.Zero(t, e.Residue, "anti-entropy misses nobody")
			bottleneck += load.Bottleneck() / float64(e.Cycles) / 4
			last += e.Last / 4
		}
		return bottleneck, last
	}
	uniform, quick := spread(0)
	spatial, slow := spread(2)
	require.InEpsilon(t, 2.0*cycles.Abroad*(sites-cycles.Abroad)/sites, uniform, 0.15, "2 n1 n2 / n")
	require.Less(t, 10*spatial, uniform)
	require.Greater(t, slow, quick)
}
