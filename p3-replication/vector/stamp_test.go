package vector_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p3-replication/vector"
)

func TestStampsAreOrderedByTimeAndThenByServer(t *testing.T) {
	sorted := []vector.Stamp{{}, at(t, 1, "0.9"), at(t, 2, "0"), at(t, 2, "0.1"), at(t, 2, "0.1.1"), at(t, 2, "0.3"), at(t, 10, "0")}
	for i, a := range sorted {
		for j, b := range sorted {
			require.Equal(t, i < j, a.Compare(b) < 0, "%v and %v", a, b)
			require.Equal(t, i == j, a.Compare(b) == 0, "%v and %v", a, b)
		}
	}
}

func TestAStampIsItsTextBackwards(t *testing.T) {
	require.Equal(t, "17@0.5", at(t, 17, "0.5").String())
	require.Equal(t, "-", vector.Stamp{}.String())
	rapid.Check(t, func(t *rapid.T) {
		want := drawStamp(t)
		got, err := vector.ParseStamp(want.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestTextsThatAreNoWritesStampAreRefused(t *testing.T) {
	for _, text := range []string{"", "-", "17", "@0", "0@0", "07@0", "-1@0", "4611686018427387905@0", "x@0.5"} {
		_, err := vector.ParseStamp(text)
		require.ErrorIs(t, err, vector.ErrStamp, "%q", text)
	}
	for _, text := range []string{"17@", "17@5", "17@0.5@0"} {
		_, err := vector.ParseStamp(text)
		require.ErrorIs(t, err, vector.ErrServer, "%q", text)
	}
	last, err := vector.ParseStamp("4611686018427387904@0")
	require.NoError(t, err)
	require.Equal(t, uint64(vector.MaxTime), last.Time)
}

func TestAClockShowsAnEffectLaterThanItsCauses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c vector.Clock
		var highest uint64
		for range rapid.IntRange(0, 20).Draw(t, "events") {
			if rapid.Bool().Draw(t, "received") {
				seen := rapid.Uint64Range(0, 50).Draw(t, "time")
				c.Witness(seen)
				highest = max(highest, seen)
			} else {
				require.Equal(t, highest+1, c.Tick())
				highest++
			}
			require.Equal(t, highest, c.Last())
		}
	})
}

func TestNoTimeComesAfterTheLast(t *testing.T) {
	var c vector.Clock
	c.Witness(vector.MaxTime + 1)
	c.Witness(1<<64 - 1)
	require.Equal(t, uint64(1), c.Tick(), "what is beyond all clocks is ignored")
	c.Witness(vector.MaxTime - 1)
	require.Equal(t, uint64(vector.MaxTime), c.Tick())
	require.Zero(t, c.Tick())
	require.Zero(t, c.Tick())
	require.Equal(t, uint64(vector.MaxTime), c.Last())
}
