package topology_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/gossip"
	"dss.example/p3-replication/topology"
)

// share returns what each weight is of the sum.
func share(weights []uint32) (all []float64) {
	sum := 0.0
	for _, w := range weights {
		sum += float64(w)
	}
	for _, w := range weights {
		all = append(all, float64(w)/sum)
	}
	return all
}

func TestOnALineTheChanceFallsAsThePowerOfTheDistance(t *testing.T) {
	var line []machine.Time // two at each distance, on either side
	for d := machine.Time(1); d <= 400; d++ {
		line = append(line, d, d)
	}
	for _, a := range []float64{1, 1.5, 2, 3} {
		got := share(topology.Spatial{A: a}.Weights(line))
		require.InEpsilon(t, math.Pow(4, a), got[2*49]/got[2*199], 0.02, "50 against 200, a = %v", a)
		require.Equal(t, got[2*49], got[2*49+1])
	}
}

func TestSitesAtOneDistanceAreChosenAlikeByTheMeanOfTheirRanks(t *testing.T) {
	// Itself, then one, then two at the next distance: Q is 1, 2, 4, and the mean of Q^-2 from
	// 1 to 2 is 1/2, from 2 to 4 it is (1/2 - 1/4) / 2 = 1/8.
	got := share(topology.Spatial{A: 2}.Weights([]machine.Time{900, 5, 900}))
	require.InDeltaSlice(t, []float64{1. / 6, 4. / 6, 1. / 6}, got, 1e-6)
	// By 1/Q, ln 2 and (ln 2) / 2.
	got = share(topology.Spatial{A: 1}.Weights([]machine.Time{900, 5, 900}))
	require.InDeltaSlice(t, []float64{1. / 4, 2. / 4, 1. / 4}, got, 1e-6)
}

func TestOnlyTheOrderOfDistancesCounts(t *testing.T) {
	s := topology.Spatial{A: 1.7}
	require.Equal(t, s.Weights([]machine.Time{1, 2, 3, 3}), s.Weights([]machine.Time{10, 1000, math.MaxInt64, math.MaxInt64}))
}

func TestWithoutAnExponentAllButNeverAreAlike(t *testing.T) {
	w := topology.Spatial{}.Weights([]machine.Time{5, topology.Never, 900, 7})
	require.Zero(t, w[1])
	require.Equal(t, []uint32{w[0], w[0]}, []uint32{w[2], w[3]})
	require.Positive(t, w[0])
}

func TestTheFarthestOfManyStillHasAChance(t *testing.T) {
	var line []machine.Time
	for d := range machine.Time(4096) {
		line = append(line, d)
	}
	w := topology.Spatial{A: topology.MaxA}.Weights(line)
	require.Equal(t, uint32(1), slices.Min(w))
	require.Equal(t, uint32(gossip.MaxWeight), slices.Max(w))
}

func TestChoiceFollowsTheWeights(t *testing.T) {
	s, peers, distance := topology.Spatial{A: 2}, nodes(4), []machine.Time{7, topology.Never, 5, 7}
	r, count := rand.New(rand.NewPCG(1, 2)), map[machine.Node]float64{}
	const draws = 60_000
	for range draws {
		count[s.Choose(r.Uint64(), peers, distance)]++
	}
	require.Len(t, count, 3)
	require.InDelta(t, 4./6, count[3]/draws, 0.01)
	require.InDelta(t, 1./6, count[1]/draws, 0.01)
	require.Zero(t, s.Choose(5, nil, nil))
	require.Zero(t, s.Choose(5, nodes(1), []machine.Time{topology.Never}))
}

func TestOnlyExponentsFrom0To8Are(t *testing.T) {
	for _, a := range []float64{0, 1, 2.5, 8} {
		require.NoError(t, topology.Spatial{A: a}.Check())
	}
	for _, a := range []float64{-0.1, 8.1, math.NaN(), math.Inf(1)} {
		require.ErrorIs(t, topology.Spatial{A: a}.Check(), topology.ErrSpatial)
	}
}

func TestALayoutGivesPartnersToBayouAndWeightsToGossip(t *testing.T) {
	l := parse(t, world).Spread(9) // 1, 4, 7 in the east; 2, 5, 8 in the west
	weights := l.Weights(1, topology.Spatial{A: 2}, nodes(9))
	c := gossip.Config{Peers: nodes(9), Weights: weights}
	require.NoError(t, c.Check())
	require.Zero(t, weights[0], "itself")
	require.Equal(t, weights[3], weights[6])
	require.Greater(t, weights[3], 3*weights[1])
	require.Greater(t, weights[1], weights[2], "asia is farther than the west")

	b := bayou.Config{Partner: l.Partner(1, topology.Spatial{A: 2})}
	r, count := rand.New(rand.NewPCG(1, 2)), map[machine.Node]int{}
	for range 20_000 {
		count[b.Partner(r.Uint64(), nodes(9)[1:])]++
	}
	require.Len(t, count, 8)
	require.Greater(t, count[4], 3*count[2])
	require.Equal(t, b.Partner(99, nodes(9)[1:]), b.Partner(99, nodes(9)[1:]))
}

func FuzzWeights(f *testing.F) {
	f.Add(2.0, []byte{1, 2, 2, 255})
	f.Fuzz(func(t *testing.T, a float64, b []byte) {
		s := topology.Spatial{A: a}
		if s.Check() != nil || len(b) > 64 {
			return
		}
		distance := make([]machine.Time, len(b))
		for i, d := range b {
			distance[i] = machine.Time(d) - 1
		}
		weights := s.Weights(distance)
		for i, d := range distance {
			require.Equal(t, d == topology.Never, weights[i] == 0)
			require.LessOrEqual(t, weights[i], uint32(gossip.MaxWeight))
			for j, e := range distance {
				if d != topology.Never && d < e {
					require.GreaterOrEqual(t, weights[i], weights[j])
				}
			}
		}
	})
}
