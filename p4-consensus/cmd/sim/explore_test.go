package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim/explore"

	"dss.example/p4-consensus/paxos/proto"
)

func TestNoShortRunOfTheLogChoosesTwoValues(t *testing.T) {
	result, err := search(t.Context(), kinds()[0], depth, nil)
	require.NoError(t, err)
	require.ErrorIs(t, result.Err(), explore.ErrNotExhausted, "it is bounded: %v", result.Violation)
	require.Equal(t, depth, result.Depth)
	t.Logf("%d worlds, %d steps", result.Worlds, result.Steps)
}

func TestTheSearchFindsALeaderThatAsksForTwoValues(t *testing.T) {
	k := kinds()[0]
	result, err := searchOf(t.Context(), k, depth, liars(k.formed(), func(_ machine.Addr, _ machine.In, out *machine.Out) {
		say(out, func(e *machine.Envelope, m proto.Accept) machine.Data {
			m.Value.Time += machine.Time(e.To.Node)
			return m
		})
	}), nil)
	require.NoError(t, err)
	require.ErrorContains(t, result.Err(), "has two values for slot 1")
}
