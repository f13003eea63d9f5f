package topology_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/topology"
)

const ms = machine.Millisecond

const world = `
	# round trips
	east   1ms
	west  70ms   1ms   # over land
	asia 180ms 120ms 500us
`

func parse(t testing.TB, text string) *topology.Map {
	m, err := topology.ParseMap(text)
	require.NoError(t, err)
	return m
}

func nodes(n int) (all []machine.Node) {
	for i := range n {
		all = append(all, machine.Node(i+1))
	}
	return all
}
