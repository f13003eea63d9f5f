package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

func TestFourReplicasWriteWithTwoIfALeaderNeedsThree(t *testing.T) {
	// A leader that two keep must not be lost because a machine is busy: nobody could follow.
	g := newGroup(t, 4, "-quorum1", "3", "-quorum2", "2", "-election", "2s")
	start := func(id int) { g.launch(id, "-peers", g.peers(1, 2, 3, 4)) }
	for id := 1; id <= 4; id++ {
		start(id)
	}
	g.put("key", "with four", 1)
	leader := g.leader()
	rest := others(4, leader)
	g.kill(rest[0])
	g.kill(rest[1])
	g.put("key", "with two", rest[2])
	require.Equal(t, "with two", g.get("key", rest[2]))

	start(rest[0])
	g.kill(leader)
	told := g.refused(time.Second, kv.Get{Key: "key"}, kv.Put{Key: "key", Value: []byte("without a leader")}, rest[2])
	require.Equal(t, kv.Unavailable, told[0].Status, told[0].Detail)
	require.Contains(t, []kv.Status{kv.Unavailable, kv.Maybe}, told[1].Status, told[1].Detail)

	start(rest[1])
	require.Equal(t, "with two", g.get("key", rest[1]), "two of four had it, and any three know")
}
