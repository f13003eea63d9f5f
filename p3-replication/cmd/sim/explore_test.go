package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim/explore"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/world"
)

func TestNoShortRunOfTwoServersGivesANumberTwice(t *testing.T) {
	deep := depth
	if testing.Short() {
		deep -= 4
	}
	result, err := explore.Search(smallWorld(t.Context(), world.Usual().Protocol(), deep, func(string) {}))
	require.NoError(t, err)
	require.ErrorIs(t, result.Err(), explore.ErrNotExhausted, "it is bounded: %v", result.Violation)
	require.Equal(t, deep, result.Depth)
	t.Logf("%d worlds", result.Worlds)
}

// greedy is a server that gives each number that it learns to the first write that it has saved.
type greedy struct {
	machine.Machine
	first *proto.Write
}

// Step implements machine.Machine.
func (m *greedy) Step(in machine.In, out *machine.Out) {
	m.Machine.Step(in, out)
	for i, rec := range out.Save {
		switch r := rec.(type) {
		case proto.Learned:
			if m.first == nil {
				m.first = &r.Write
			}
		case proto.Committed:
			if m.first != nil {
				r.IDs[0] = m.first.ID
				out.Save[i] = r
			}
		}
	}
}

func TestARunInWhichANumberIsGivenTwiceIsShown(t *testing.T) {
	honest := world.Usual().Protocol()
	p := *honest
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := honest.New(self, config)
		return &greedy{Machine: m}, err
	}
	result, err := explore.Search(smallWorld(t.Context(), &p, depth, func(string) {}))
	require.NoError(t, err)
	require.NotNil(t, result.Violation)
	require.ErrorContains(t, result.Violation, "elsewhere it is")
	require.LessOrEqual(t, len(result.Violation.Path), depth)
}
