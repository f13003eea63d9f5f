package overlay_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/topology/overlay"
	"dss.example/p3-replication/topology/proto"
)

// graph makes the rows of n servers of which some are joined.
func graph(r *rand.Rand, n int, dense float64) []proto.Row {
	rows := make([]proto.Row, n)
	for i := range rows {
		rows[i].Node = machine.Node(2*i + 1)
	}
	for i := range rows {
		for j := range i {
			if r.Float64() < dense {
				rtt := machine.Time(r.IntN(6) + 1)
				rows[i].Links = append(rows[i].Links, proto.Link{To: rows[j].Node, RTT: rtt})
				rows[j].Links = append(rows[j].Links, proto.Link{To: rows[i].Node, RTT: machine.Time(r.IntN(int(rtt)) + 1)})
			}
		}
	}
	return rows
}

// way returns the edges between two nodes in a tree, and whether there are any.
func way(tree []proto.Edge, from, to, not machine.Node) ([]proto.Edge, bool) {
	if from == to {
		return nil, true
	}
	for _, e := range tree {
		for _, step := range [][2]machine.Node{{e.A, e.B}, {e.B, e.A}} {
			if step[0] != from || step[1] == not {
				continue
			}
			if rest, ok := way(tree, step[1], to, from); ok {
				return append(rest, e), true
			}
		}
	}
	return nil, false
}

// TestNoEdgeIsShorterThanThoseOnTheWayAroundIt is what makes a tree one of the least sum.
func TestNoEdgeIsShorterThanThoseOnTheWayAroundIt(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := r.IntN(9) + 1
		edges := overlay.Edges(graph(r, n, r.Float64()))
		tree := overlay.Spanning(edges)
		require.Less(t, len(tree), n)
		for _, e := range edges {
			around, ok := way(tree, e.A, e.B, 0)
			require.True(t, ok, "seed %d: %v are joined", seed, e)
			for _, f := range around {
				require.LessOrEqual(t, f.RTT, e.RTT, "seed %d", seed)
			}
		}
		for i, e := range tree {
			require.Contains(t, edges, e)
			_, twice := way(slices.Concat(tree[:i], tree[i+1:]), e.A, e.B, 0)
			require.False(t, twice, "seed %d: a ring", seed)
		}
	}
}

func TestAnEdgeIsWhatBothEndsTellAndAsFarAsTheLonger(t *testing.T) {
	rows := []proto.Row{
		{Node: 1, Links: []proto.Link{{To: 2, RTT: 5}, {To: 3, RTT: 7}, {To: 4, RTT: 2}}},
		{Node: 2, Links: []proto.Link{{To: 1, RTT: 9}, {To: 3, RTT: 1}}},
		{Node: 3, Links: []proto.Link{{To: 1, RTT: 6}}},
	}
	require.Empty(t, cmp.Diff([]proto.Edge{{A: 1, B: 3, RTT: 7}, {A: 1, B: 2, RTT: 9}}, overlay.Edges(rows)))
}

func TestOfEqualEdgesThoseOfLowerNodesAreTaken(t *testing.T) {
	full := func(n machine.Node) (links []proto.Link) {
		for o := machine.Node(1); o <= 4; o++ {
			if o != n {
				links = append(links, proto.Link{To: o, RTT: 8})
			}
		}
		return links
	}
	var rows []proto.Row
	for n := machine.Node(1); n <= 4; n++ {
		rows = append(rows, proto.Row{Node: n, Links: full(n)})
	}
	want := []proto.Edge{{A: 1, B: 2, RTT: 8}, {A: 1, B: 3, RTT: 8}, {A: 1, B: 4, RTT: 8}}
	require.Empty(t, cmp.Diff(want, overlay.Spanning(overlay.Edges(rows))))
}

func TestAroundANodeIsWhatItCanReach(t *testing.T) {
	tree := []proto.Edge{{A: 1, B: 4, RTT: 1}, {A: 2, B: 3, RTT: 1}, {A: 4, B: 6, RTT: 1}}
	reached, next := overlay.Around(tree, 4)
	require.Empty(t, cmp.Diff([]proto.Edge{{A: 1, B: 4, RTT: 1}, {A: 4, B: 6, RTT: 1}}, reached))
	require.Equal(t, []machine.Node{1, 6}, next)
	reached, next = overlay.Around(tree, 9)
	require.Empty(t, reached)
	require.Empty(t, next)
}
