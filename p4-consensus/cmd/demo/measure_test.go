//go:build unix

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// used makes samples of which each figure is given, in MiB and goroutines.
func used(figures ...uint64) (all []usage) {
	for _, n := range figures {
		all = append(all, usage{rss: n << 20, heap: n << 20, goroutines: n})
	}
	return all
}

func TestWhatGrowsByMoreThanAQuarterIsTold(t *testing.T) {
	for _, c := range []struct {
		samples []usage
		grown   bool
	}{
		{used(40, 40, 40, 40, 40, 40, 40, 40, 40), false},
		{used(40, 41, 42, 95, 95, 95, 42, 44, 99), false}, // one peak is no growth
		{used(40, 40, 40, 45, 45, 45, 50, 50, 50), false},
		{used(40, 40, 40, 45, 45, 45, 51, 51, 51), true},
		{used(51, 51, 51, 45, 45, 45, 40, 40, 40), false},
		{used(40, 40, 40, 51, 51, 51, 51, 51), false}, // too few
	} {
		for _, trend := range trends(c.samples) {
			require.Equal(t, c.grown, trend.check() != nil, "%v: %v", trend.what, trend.check())
		}
	}
	require.EqualError(t, trends(used(40, 40, 40, 45, 45, 45, 51, 51, 51))[0].check(),
		"resident memory: 40.0 MiB at first, 51.0 MiB at last: want at most 1.25 times as much")
	require.Contains(t, trends(used(1, 2))[0].row().Note, "too short to judge: 2 rounds of 9")
}

func TestAFigureIsFoundAmongTheMetrics(t *testing.T) {
	const text = "# HELP go_goroutines Goroutines now.\n# TYPE go_goroutines gauge\ngo_goroutines 33\ngo_goroutines_total 7\n"
	n, err := figure(text, "go_goroutines")
	require.NoError(t, err)
	require.EqualValues(t, 33, n)
	_, err = figure(text, "go_threads")
	require.EqualError(t, err, "/metrics tells no go_threads")
	_, err = figure("go_threads NaN\n", "go_threads")
	require.Error(t, err)
}

func TestTheMemoryOfAProcessIsKnown(t *testing.T) {
	n, err := residentBytes(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, n, uint64(1<<20))
	require.Less(t, n, uint64(4<<30))
	_, err = residentBytes(-1)
	require.Error(t, err)
}
