package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim/explore"
	"dss.example/common/trace"

	"dss.example/p4-consensus/cmd/sim/worlds"
	"dss.example/p4-consensus/paxos/proto"
)

// Every world is looked at, and there are so many. In short mode runs are shorter, and nobody counts.
func TestNoShortRunOfTheLogChoosesTwoValues(t *testing.T) {
	for _, c := range []struct {
		small
		worlds int
	}{{begun(), 216_334}, {stopped(), 144_183}} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() {
				c.depth -= 2
			}
			result, err := c.search(t.Context(), worlds.Language().Protocol(), func(string) {})
			require.NoError(t, err)
			require.ErrorIs(t, result.Err(), explore.ErrNotExhausted, "it is bounded: %v", result.Violation)
			require.Equal(t, c.depth, result.Depth)
			if !testing.Short() {
				require.Equal(t, c.worlds, result.Worlds)
			}
		})
	}
}

// Each is a wrong replica, and the shortest run that shows it.
func TestTheShortestRunThatGoesWrongIsDrawn(t *testing.T) {
	for name, c := range map[string]struct {
		small
		tell func(machine.Addr, machine.In, *machine.Out)
	}{
		"two-values": {begun(), func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(e *machine.Envelope, m proto.Accept) machine.Data {
				m.Value.Time += machine.Time(e.To.Node)
				return m
			})
		}},
		"no-votes-told": {stopped(), func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(_ *machine.Envelope, m proto.Promise) machine.Data { m.Votes = nil; return m })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := c.search(t.Context(), liars(worlds.Language().Protocol(), c.tell), func(string) {})
			require.NoError(t, err)
			var v *explore.Violation
			require.True(t, errors.As(result.Err(), &v), "%v", result.Err())
			var drawn bytes.Buffer
			require.NoError(t, trace.Print(&drawn, v.Trace, trace.Options{}))
			golden := filepath.Join("testdata", "drawn", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, drawn.Bytes(), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), drawn.String()))
		})
	}
}
