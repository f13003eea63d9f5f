package door_test

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/paxos/proto"
)

// other returns a member that does not lead.
func other(leader machine.Node) machine.Node { return leader%3 + 1 }

func TestAnyReplicaTellsWhoIsInTheGroup(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	leader := c.settle(1)
	for asked := range machine.Node(3) {
		asked++
		c.settle(asked)
		want := kv.Group{
			Version: 1, From: 1, Quorum1: 2, Quorum2: 2, Asked: kv.ReplicaID(asked), Leader: kv.ReplicaID(leader),
			Commit: c.inspect(asked).Commit,
			Members: []kv.Member{
				{ID: 1, Addr: place(1), Role: kv.Follower}, {ID: 2, Addr: place(2), Role: kv.Follower}, {ID: 3, Addr: place(3), Role: kv.Follower},
			},
		}
		want.Members[leader-1].Role = kv.Leader
		require.Empty(t, gocmp.Diff(want, c.members(asked)))
	}
}

func TestInspectTellsOfTheReplicaThatIsAsked(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	c.settle(1)
	c.must(1, kv.Put{Key: "k"})
	leader := c.settle(1)
	asked := other(leader)
	c.settle(asked)
	ballot := c.inspect(leader).Ballot
	require.Equal(t, kv.ReplicaID(leader), ballot.Replica)
	want := kv.Replica{ID: kv.ReplicaID(asked), Role: kv.Follower, Leader: kv.ReplicaID(leader), Ballot: ballot, Version: 1, First: 1, Commit: 1}
	require.Empty(t, gocmp.Diff(want, c.inspect(asked)))
	want.ID, want.Role = kv.ReplicaID(leader), kv.Leader
	require.Empty(t, gocmp.Diff(want, c.inspect(leader)))
}

func TestAReplicaWithoutAGroupSaysWhatItWaitsFor(t *testing.T) {
	c := newCluster(t, 1, 2)
	c.down[2] = true
	c.pass(second)
	require.Empty(t, gocmp.Diff(kv.Replica{ID: 1, Role: kv.Forming, First: 1, Waiting: "peer 2 has not said whether its disk is empty"}, c.inspect(1)))
	resp := c.do(1, kv.Members{})
	require.Equal(t, kv.Unavailable, resp.Status)
	require.Equal(t, "replica 1 knows of no group yet: peer 2 has not said whether its disk is empty", resp.Detail)

	c.start(4, true, 1, 2)
	require.Equal(t, kv.Joining, c.inspect(4).Role)
	require.Equal(t, "replica 4 knows of no group yet: joining", c.do(4, kv.Members{}).Detail)
}

func TestACandidateIsToldFromAFollower(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	leader := c.settle(1)
	asked := other(leader)
	c.down[leader], c.down[other(asked)] = true, true
	c.until(func() bool { return c.inspect(asked).Role == kv.Candidate })
	require.Zero(t, c.inspect(asked).Leader)
	require.Equal(t, kv.Candidate, c.members(asked).Members[asked-1].Role)
}

func TestWhatOnlyTheLeaderDoesIsRefusedElsewhereWithItsAddress(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	leader := c.settle(1)
	asked := other(leader)
	c.settle(asked)
	for _, op := range []kv.Op{kv.Change{Remove: 1}, kv.Transfer{To: 1}} {
		resp := c.do(asked, op)
		require.Equal(t, kv.Unavailable, resp.Status)
		require.Equal(t, place(leader), resp.Try)
	}
	require.Equal(t, uint64(1), c.members(leader).Version)
}

func TestATransferMakesAnotherLead(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	leader := c.settle(1)
	to := other(leader)
	require.Equal(t, kv.Invalid, c.do(leader, kv.Transfer{To: 9}).Status)
	resp := c.ask(leader, door.Transfer(to).(*kv.Request))
	require.Equal(t, kv.OK, resp.Status)
	c.until(func() bool { return c.members(leader).Leader == kv.ReplicaID(to) })
	c.must(to, kv.Transfer{To: kv.ReplicaID(to)}) // leads already
}

func TestAReplicaThatHasCaughtUpIsAddedAndAnotherRemoved(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	c.must(1, kv.Put{Key: "k"})
	leader := c.settle(1)
	require.Equal(t, kv.Invalid, c.do(leader, kv.Change{Add: 4}).Status, "nobody has heard of it")
	c.start(4, true, 1, 2, 3)
	c.until(func() bool { g := c.members(leader).Guests; return len(g) == 1 && g[0].Commit == 1 })
	require.Empty(t, gocmp.Diff([]kv.Guest{{ID: 4, Addr: place(4), Commit: 1, Ready: true}}, c.members(leader).Guests))
	require.Empty(t, c.members(other(leader)).Guests, "only the leader knows")

	gone := other(leader)
	before := c.inspect(leader).Commit
	first := c.submit(leader, &kv.Request{Op: kv.Change{Add: 4, Remove: kv.ReplicaID(gone)}})
	rival := c.submit(leader, &kv.Request{Op: kv.Change{Remove: 4}})
	require.Equal(t, kv.Overloaded, c.got[rival].Status, "one change at a time")
	for range 10 { // each lets the leader hear from all, also from who is a guest for it still
		c.do(leader, kv.Get{Key: "k"})
	}
	require.NotNil(t, c.got[first])
	require.Equal(t, kv.OK, c.got[first].Status)
	g := c.members(leader)
	require.Equal(t, []uint64{2, before + 1 + 8}, []uint64{g.Version, g.From}, "it counts Alpha slots later")
	c.until(func() bool {
		g := c.members(leader)
		joins := func(m kv.Guest) bool { return m.ID == 4 }
		return g.From <= g.Commit+1 && !slices.ContainsFunc(g.Guests, joins)
	})
	g = c.members(leader)
	c.pass(second)
	require.Equal(t, uint64(2), c.members(leader).Version, "nothing else was asked for")
	require.Len(t, g.Members, 3)
	for _, m := range g.Members {
		require.NotEqual(t, kv.ReplicaID(gone), m.ID)
	}
	require.Equal(t, kv.Member{ID: 4, Addr: place(4), Role: kv.Follower}, g.Members[2])
	c.until(func() bool { return c.inspect(4).Role == kv.Follower })
	require.Equal(t, kv.Invalid, c.do(leader, kv.Change{Remove: kv.ReplicaID(gone)}).Status)
}

func TestQuorumsAreToldAsTheyCount(t *testing.T) {
	rep := proto.Report{Asked: proto.Inspect{Group: true}, Group: proto.Group{
		Version: 1, Quorum1: 3, Members: []proto.Member{{Voter: proto.Voter{Node: 1}}, {Voter: proto.Voter{Node: 2}}, {Voter: proto.Voter{Node: 3}}},
	}}
	told := door.Language(role, newToy).Told(rep).(*kv.Response).Result.(kv.Group)
	require.Equal(t, []int{3, 2}, []int{told.Quorum1, told.Quorum2})
}

func TestGuestsAreToldInOrder(t *testing.T) {
	rep := proto.Report{Asked: proto.Inspect{Group: true}, Group: proto.Group{Version: 1}}
	for _, n := range []machine.Node{9, 7, 8} {
		rep.Guests = append(rep.Guests, proto.Guest{Member: proto.Member{Voter: proto.Voter{Node: n}, Addr: "x"}, Commit: uint64(n)})
	}
	told := door.Language(role, newToy).Told(rep).(*kv.Response).Result.(kv.Group)
	require.Empty(t, gocmp.Diff([]kv.Guest{{ID: 7, Addr: "x", Commit: 7}, {ID: 8, Addr: "x", Commit: 8}, {ID: 9, Addr: "x", Commit: 9}}, told.Guests))
}

func TestAdministrationThatBreaksARuleIsRefused(t *testing.T) {
	c := newCluster(t, 1)
	c.settle(1)
	old := kv.Version{Lo: 1}
	for _, bad := range []struct {
		req    kv.Request
		status kv.Status
	}{
		{kv.Request{Op: kv.Change{}}, kv.Invalid},
		{kv.Request{Op: kv.Transfer{}}, kv.Invalid},
		{kv.Request{Session: 7, Seq: 1, Op: kv.Change{Remove: 1}}, kv.Invalid},
		{kv.Request{At: old, Op: kv.Change{Remove: 1}}, kv.Invalid},
		{kv.Request{At: old, Op: kv.Members{}}, kv.Unsupported}, // what the store says
		{kv.Request{Level: kv.StrictSerializable, Op: kv.Members{}}, kv.Unsupported},
		{kv.Request{Op: kv.Change{Remove: 1}}, kv.Invalid}, // nobody would be left
	} {
		require.Equal(t, bad.status, c.ask(1, &bad.req).Status, "%v", &bad.req)
	}
	require.Equal(t, uint64(1), c.members(1).Version)
}
