package stats_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/bench/stats"
)

func TestSpread(t *testing.T) {
	for want, figures := range map[stats.Spread]map[int]float64{
		{}:                              nil,
		{Median: 7, Min: 7, Max: 7}:     {3: 7},
		{Median: 2.5, Min: 1, Max: 100}: {1: 100, 2: 1, 3: 2, 4: 3},
		{Median: 3, Min: 1, Max: 9}:     {1: 9, 2: 3, 3: 1},
	} {
		require.Empty(t, cmp.Diff(want, stats.Of(figures)))
	}
	require.Equal(t, stats.Spread{Median: 20, Min: 10, Max: 30}, stats.Spread{Median: 2, Min: 1, Max: 3}.Times(10))
}

func TestRatioIsOfTheRoundsThatBothWereIn(t *testing.T) {
	ours := map[int]float64{1: 100, 2: 300, 3: 200, 4: 1e9}
	got, ok := stats.Ratio(ours, map[int]float64{1: 100, 2: 100, 3: 50, 5: 1e9, 4: 0})
	require.True(t, ok)
	require.Empty(t, cmp.Diff(stats.Spread{Median: 2, Min: 1, Max: 4}, got)) // 200 to 100, while single rounds give 1, 3 and 4
	_, ok = stats.Ratio(ours, map[int]float64{9: 1})
	require.False(t, ok)
	_, ok = stats.Ratio(nil, nil)
	require.False(t, ok)
}
