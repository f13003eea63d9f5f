package vector_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/vector"
)

func TestNothingIsCommonWhileSomebodyWasNeverHeard(t *testing.T) {
	var m vector.Matrix
	require.Empty(t, m.Min())
	require.Empty(t, m.Known())
	m.Heard(vector.Root, entries(t, "0", 9, "0.5", 6))
	require.Empty(t, m.Min())
	require.Empty(t, m.Row(name(t, "0.5")))
	m.Heard(name(t, "0.5"), entries(t, "0", 7, "0.5", 8))
	require.Equal(t, "[0:7 0.5:6]", m.Min().String())
	require.Equal(t, "[0:9 0.5:8]", m.Known().String())
}

func TestAMessageThatComesLateTakesNothingBack(t *testing.T) {
	var m vector.Matrix
	m.Heard(vector.Root, entries(t, "0", 9))
	m.Heard(vector.Root, entries(t, "0", 4))
	require.Equal(t, "[0:9]", m.Row(vector.Root).String())
	require.Equal(t, "[0:9]", m.Min().String())
}

func TestAServerThatRetiredIsWaitedForUntilItsRetirementIsKnown(t *testing.T) {
	var m vector.Matrix
	m.Heard(vector.Root, entries(t, "0", 9, "0.5", 6))
	m.Heard(name(t, "0.5"), entries(t, "0", 5, "0.5", 6))
	require.Equal(t, "[0:5 0.5:6]", m.Min().String())
	m.Heard(vector.Root, entries(t, "0", 9))
	require.Equal(t, "[0:9]", m.Min().String())
}

func TestAMatrixThatIsFullHoldsNothingForCommon(t *testing.T) {
	var m vector.Matrix
	all := entries(t, "0", 100)
	for when := uint64(1); when < vector.MaxServers; when++ {
		all.Raise(vector.Stamp{Time: when, Server: child(t, when)})
	}
	for _, e := range all {
		require.True(t, m.Heard(e.Server, all))
	}
	require.Equal(t, all, m.Min())
	last := child(t, 100)
	require.False(t, m.Heard(last, all))
	require.Empty(t, m.Min(), "it may lack anything")
}

func TestAMatrixThatIsFullForgetsThoseThatHaveRetired(t *testing.T) {
	var m vector.Matrix
	all := entries(t, "0", 99)
	for when := uint64(1); when < vector.MaxServers; when++ {
		all.Raise(vector.Stamp{Time: when, Server: child(t, when)})
	}
	for _, e := range all {
		require.True(t, m.Heard(e.Server, all))
	}
	all.Remove(child(t, 7))
	all.Raise(at(t, 100, "0"))
	all.Raise(vector.Stamp{Time: 100, Server: child(t, 100)})
	require.True(t, m.Heard(vector.Root, all))
	require.True(t, m.Heard(child(t, 100), all))
	require.Empty(t, m.Row(child(t, 7)))
	low, known := m.Min().Get(vector.Root)
	require.True(t, known)
	require.Equal(t, uint64(99), low)
}

func child(t require.TestingT, when uint64) vector.Server {
	s, err := vector.Root.Child(when)
	require.NoError(t, err)
	return s
}
