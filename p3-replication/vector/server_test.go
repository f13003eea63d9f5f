package vector_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p3-replication/vector"
)

func TestAChildIsNamedAfterItsParentAndTheTimeOfItsCreation(t *testing.T) {
	child, err := vector.Root.Child(5)
	require.NoError(t, err)
	grandchild, err := child.Child(9)
	require.NoError(t, err)
	require.Equal(t, "0 0.5 0.5.9", strings.Join([]string{vector.Root.String(), child.String(), grandchild.String()}, " "))
	require.Len(t, string(grandchild), 24, "eight bytes a level")

	parent, when, ok := grandchild.Parent()
	require.True(t, ok)
	require.Equal(t, child, parent)
	require.Equal(t, uint64(9), when)
	require.Equal(t, vector.Stamp{Time: 9, Server: child}, grandchild.Born())
}

func TestNobodyCreatedTheRoot(t *testing.T) {
	for _, s := range []vector.Server{vector.Root, "", "eight by"} {
		_, _, ok := s.Parent()
		require.False(t, ok, "%v", s)
		require.True(t, s.Born().IsZero(), "%v", s)
	}
	require.True(t, vector.Root.Valid())
}

func TestNamesSortParentsFirstAndSiblingsByTheirTimes(t *testing.T) {
	sorted := []string{"0", "0.2", "0.2.1", "0.2.300", "0.10", "0.256", "0.256.1"}
	var names []vector.Server
	for _, text := range sorted {
		names = append(names, name(t, text))
	}
	require.True(t, slices.IsSorted(names))
}

func TestANameIsItsTextBackwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := vector.Root
		for range rapid.IntRange(0, vector.MaxDepth-1).Draw(t, "levels") {
			child, err := s.Child(rapid.Uint64Range(1, vector.MaxTime).Draw(t, "time"))
			require.NoError(t, err)
			parent, _, _ := child.Parent()
			require.Equal(t, s, parent)
			require.Greater(t, child, s)
			s = child
		}
		require.True(t, s.Valid())
		require.Equal(t, s, name(t, s.String()))
	})
}

func TestAServerAtTheLastLevelCreatesNoMore(t *testing.T) {
	s := name(t, "0"+strings.Repeat(".7", vector.MaxDepth-1))
	_, err := s.Child(8)
	require.ErrorIs(t, err, vector.ErrServer)
	require.ErrorContains(t, err, "16 levels")
	require.False(t, (s + vector.Root[:7] + "\x08").Valid())
}

func TestNoServerIsCreatedAtATimeThatNoClockShows(t *testing.T) {
	for _, when := range []uint64{0, vector.MaxTime + 1, 1<<64 - 1} {
		_, err := vector.Root.Child(when)
		require.ErrorIs(t, err, vector.ErrServer, "%d", when)
	}
	_, err := vector.Root.Child(vector.MaxTime)
	require.NoError(t, err)
	_, err = vector.Server("somebody").Child(1)
	require.ErrorIs(t, err, vector.ErrServer)
}

func TestWhatIsNoNameIsRefusedAndPrintsAsNone(t *testing.T) {
	for _, text := range []string{"", "-", "5", "0.", "0.0", "0.05", "0.+5", "0.-1", "0 .5", ".0", "0.5.", "0.4611686018427387905", "0.99999999999999999999", "?00"} {
		_, err := vector.ParseServer(text)
		require.ErrorIs(t, err, vector.ErrServer, "%q", text)
		require.ErrorContains(t, err, text)
	}
	root := string(vector.Root)
	for shown, s := range map[string]string{
		"-":                                 "",
		"?30":                               "0",
		"?0000000000000001":                 root[:7] + "\x01",
		"?00000000000000000000000000000000": root + root,
		"?0000000000000000ffffffffffffffff": root + strings.Repeat("\xff", 8),
	} {
		require.False(t, vector.Server(s).Valid(), "%x", s)
		require.Equal(t, shown, vector.Server(s).String())
	}
}
