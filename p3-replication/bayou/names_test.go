package bayou_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Names that are waited for, and those that there is no room for.

func TestAServerWithoutANameSaysWhatItWaitsFor(t *testing.T) {
	waits := func(c *cluster, id int) string {
		t.Helper()
		return c.do(id, kv.Inspect{}).Result.(kv.Replica).Waiting
	}
	c := newCluster(t)
	c.start(4, quiet(4))
	c.start(3, quiet(3, 8, 9))
	c.start(2, quiet(2, 3, 9))
	c.run(second)
	require.Equal(t, "another server to bear it", waits(c, 3))
	c.run(3 * second)
	require.Contains(t, waits(c, 4), "it knows of none")
	require.Contains(t, waits(c, 3), "none of its 2 peers answers")
	c.loud = true
	c.run(second)
	require.Contains(t, waits(c, 2), "1 of its 2 peers have no name either")
	born := group(t, 2)
	born.newborn(3)
	require.Equal(t, "the write that it was born by", waits(born, 3))
}

func TestOneWhosePeersAreGoneIsBornByAnotherThatKnowsOfIt(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	c.start(3, quiet(3, 9))
	c.run(3 * second)
	require.Empty(t, c.report(3).Name)
	require.Len(t, of[proto.Bear](c.hear(3, 2, c.offer(2))), 1)
	c.pass()
	require.NotEmpty(t, c.report(3).Name)
	require.Equal(t, "a=1", c.all(3))
	require.Empty(t, of[proto.Bear](c.hear(3, 1, c.offer(1))), "it has a name")
}

func TestNamesOfLostDisksAreCountedWhereNobodyCanBeBornAnyMore(t *testing.T) {
	c := group(t, 1)
	for life := uint64(2); life <= bayou.MaxServers; life++ {
		require.Len(t, c.hear(1, 2, proto.Bear{Place: proto.Place{Node: 2, Life: life}}), 1)
	}
	require.Empty(t, c.hear(1, 2, proto.Bear{Place: proto.Place{Node: 2, Life: 99}}))
	require.Contains(t, c.nodes[1].notes[0], "30 are names of disks that were lost, which keep their places for good")
}

// deepNames is a server among others whose names all have 15 levels, the last but one.
func deepNames(c *cluster, others int) *node {
	parent := vector.Root
	for i := 1; i < vector.MaxDepth-2; i++ {
		parent, _ = parent.Child(uint64(i))
	}
	own, _ := parent.Child(50)
	records := []machine.Data{proto.Named{Database: 5, Name: own, Place: proto.Place{Node: 1, Life: 9}}}
	for i := range others + 1 {
		w := proto.Write{ID: vector.Stamp{Time: 50 + uint64(i), Server: parent}, Kind: proto.Birth, Place: proto.Place{Node: machine.Node(i + 1), Life: uint64(i + 9)}}
		records = append(records, proto.Learned{Write: w})
	}
	return c.onRecords(1, quiet(1), records...)
}

func TestNobodyIsBornWithWhoseNameTokensWouldBeTooLong(t *testing.T) {
	for others, born := range map[int]int{11: 1, 13: 0} {
		c := newCluster(t)
		n := deepNames(c, others)
		require.Len(t, of[proto.Born](c.hear(1, 90, proto.Bear{Place: proto.Place{Node: 90, Life: 90}})), born, "%d others", others)
		if born == 0 {
			require.Contains(t, n.notes[0], "full: node 90 is not born here: with another name of 16 levels, sessions' tokens would exceed 4096 bytes")
		}
	}
}
