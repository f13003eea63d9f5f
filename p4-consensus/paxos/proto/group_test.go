package proto_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos/proto"
)

// groupOf has members 1 to n, whose disks are 10 times their numbers.
func groupOf(n, quorum1, quorum2 int) proto.Group {
	g := proto.Group{Version: 1, Quorum1: quorum1, Quorum2: quorum2, Alpha: 1}
	for i := range n {
		g.Members = append(g.Members, proto.Member{Voter: voterOf(i + 1)})
	}
	return g
}

func voterOf(i int) proto.Voter { return proto.Voter{Node: machine.Node(i), Disk: uint64(10 * i)} }

// first tells whether a voter is one of the first n.
func first(n int) func(proto.Voter) bool {
	return func(v proto.Voter) bool { return int(v.Node) <= n }
}

func TestACheckedGroupHasQuorumsThatMeet(t *testing.T) {
	for _, c := range []struct {
		n, quorum1, quorum2 int
		leads, chooses      int // the least numbers of members that do
	}{
		{1, 0, 0, 1, 1},
		{2, 0, 0, 2, 2},
		{3, 0, 0, 2, 2},
		{4, 0, 0, 3, 3},
		{5, 0, 0, 3, 3},
		{6, 0, 0, 4, 4},
		{63, 0, 0, 32, 32},
		{4, 3, 2, 3, 2},
		{4, 0, 2, 3, 2},
		{4, 2, 0, 2, 3},
		{5, 5, 1, 5, 1},
		{5, 1, 5, 1, 5},
		{5, 5, 5, 5, 5},
	} {
		g := groupOf(c.n, c.quorum1, c.quorum2)
		require.NoError(t, g.Check(), "%+v", c)
		for n := range c.n + 1 {
			require.Equal(t, n >= c.leads, g.Promised(first(n)), "%+v: %d promise", c, n)
			require.Equal(t, n >= c.chooses, g.Accepted(first(n)), "%+v: %d accept", c, n)
		}
	}
}

func TestAGroupThatCouldForgetIsNone(t *testing.T) {
	alter := func(fn func(*proto.Group)) proto.Group {
		g := groupOf(3, 0, 0)
		fn(&g)
		return g
	}
	for name, c := range map[string]struct {
		group proto.Group
		says  string
	}{
		"nobody":                 {groupOf(0, 0, 0), "a group of 0"},
		"64 members":             {groupOf(64, 0, 0), "want 1 to 63"},
		"halves of an even one":  {groupOf(4, 2, 2), "quorums of 2 and 2 in a group of 4"},
		"halves of two":          {groupOf(2, 1, 1), "more than 2 together"},
		"a minority chooses":     {groupOf(3, 0, 1), "quorums of 2 and 1"},
		"a minority leads":       {groupOf(3, 1, 0), "quorums of 1 and 2"},
		"a quorum beyond all":    {groupOf(3, 4, 1), "quorums of 4 and 1"},
		"a second quorum beyond": {groupOf(3, 1, 4), "quorums of 1 and 4"},
		"a negative quorum":      {groupOf(3, -1, 3), "quorums of -1 and 3"},
		"a member twice":         {alter(func(g *proto.Group) { g.Members[1] = g.Members[0] }), "member 1 comes twice"},
		"one node on two disks":  {alter(func(g *proto.Group) { g.Members[1].Node = 1 }), "member 1 comes twice"},
		"out of order":           {alter(func(g *proto.Group) { slices.Reverse(g.Members) }), "member 2 comes twice or out of order"},
		"no number":              {alter(func(g *proto.Group) { g.Members[0].Node = 0 }), "no number or no disk"},
		"no disk":                {alter(func(g *proto.Group) { g.Members[2].Disk = 0 }), "member 3 has no number or no disk"},
		"no open slot":           {alter(func(g *proto.Group) { g.Alpha = 0 }), "an alpha of 0: want 1 to 4096 slots"},
		"too many open slots":    {alter(func(g *proto.Group) { g.Alpha = proto.MaxAlpha + 1 }), "an alpha of 4097"},
		"a long address":         {alter(func(g *proto.Group) { g.Members[1].Addr = strings.Repeat("a", 256) }), "member 2: an address of 256 bytes"},
	} {
		require.ErrorContains(t, c.group.Check(), c.says, name)
	}
}

func TestAnyQuorumThatLeadsMeetsAnyThatChooses(t *testing.T) {
	for n := 1; n <= 6; n++ {
		for q1 := range n + 1 {
			for q2 := range n + 1 {
				g := groupOf(n, q1, q2)
				if g.Check() == nil {
					requireMeeting(t, &g)
				}
			}
		}
	}
}

// requireMeeting tries all pairs of sets of members.
func requireMeeting(t *testing.T, g *proto.Group) {
	in := func(set int) func(proto.Voter) bool {
		return func(v proto.Voter) bool { return set>>(v.Node-1)&1 != 0 }
	}
	all := 1<<len(g.Members) - 1
	require.True(t, g.Promised(in(all)) && g.Accepted(in(all)), "all together are both")
	for a := range all + 1 {
		for b := range all + 1 {
			if g.Promised(in(a)) && g.Accepted(in(b)) {
				require.NotZero(t, a&b, "%d and %d of %+v", a, b, g)
			}
		}
	}
}

func TestAMemberIsANodeWithItsVeryDisk(t *testing.T) {
	g := groupOf(3, 0, 0)
	m, ok := g.Find(2)
	require.True(t, ok)
	require.Equal(t, voterOf(2), m.Voter)
	_, ok = g.Find(4)
	require.False(t, ok)
	require.True(t, g.Has(voterOf(3)))
	require.False(t, g.Has(proto.Voter{Node: 3, Disk: 31}), "another disk")
	require.False(t, g.Has(proto.Voter{Node: 4, Disk: 40}), "another node")

	wiped := func(v proto.Voter) bool { return v.Node == 1 || v == proto.Voter{Node: 2, Disk: 21} }
	require.False(t, g.Promised(wiped), "a vote under another name of the disk is none")
	require.False(t, g.Accepted(wiped))
}

func TestBallotsAreOrderedByRoundThenByNode(t *testing.T) {
	order := []proto.Ballot{{}, {1, 1}, {1, 2}, {1, math.MaxUint64}, {2, 1}, {proto.MaxRound, 1}, {proto.MaxRound, 2}}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, i < j, a.Less(b), "%v < %v", a, b)
		}
		require.Equal(t, i == 0, a.IsZero())
	}
	require.Equal(t, "7.2", low.String())
}

func TestABallotAboveAnotherIsTheNodesOwnAndTheNextRounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, node := drawBallot(t), machine.Node(rapid.Uint64Min(1).Draw(t, "other"))
		above := b.Above(node)
		require.True(t, b.Less(above))
		require.False(t, above.Less(b))
		require.Equal(t, proto.Ballot{Round: b.Round + 1, Node: node}, above)
	})
}

func TestASlotIsDecidedByTheLastGroupThatHasBegun(t *testing.T) {
	rs := proto.Reigns{{From: 5, Group: groupOf(1, 0, 0)}, {From: 9, Group: groupOf(2, 0, 0)}, {From: 20, Group: groupOf(3, 0, 0)}}
	for slot, members := range map[uint64]int{5: 1, 8: 1, 9: 2, 19: 2, 20: 3, math.MaxUint64: 3} {
		require.Len(t, rs.Of(slot).Members, members, "slot %d", slot)
	}
	require.Nil(t, rs.Of(4), "nobody knows")
	require.Equal(t, uint64(20), rs.Last().From, "the newest, begun or not")

	for slot, from := range map[uint64]uint64{1: 5, 8: 5, 9: 9, 19: 9, 20: 20, 99: 20} {
		since := rs.Since(slot)
		require.Equal(t, from, since[0].From, "from slot %d on", slot)
		require.Equal(t, uint64(20), since.Last().From)
	}

	var none proto.Reigns
	require.Nil(t, none.Last())
	require.Nil(t, none.Of(1))
	require.Empty(t, none.Since(1))
	require.Empty(t, none.Nodes())
	require.False(t, none.All(func(*proto.Group) bool { return true }), "no group holds anything")
}

func TestEveryGroupOfTheReignsCounts(t *testing.T) {
	old, fresh := groupOf(3, 0, 0), groupOf(4, 0, 0)
	fresh.Members = slices.Delete(fresh.Members, 1, 2)
	fresh.Members[2].Disk = 41
	rs := proto.Reigns{{From: 1, Group: old}, {From: 9, Group: fresh}}
	require.Empty(t, cmp.Diff([]machine.Node{1, 2, 3, 4}, rs.Nodes()))
	require.True(t, rs.Has(voterOf(2)), "of the old")
	require.True(t, rs.Has(proto.Voter{Node: 4, Disk: 41}), "of the new")
	require.False(t, rs.Has(voterOf(4)))
	require.True(t, rs.All(func(g *proto.Group) bool { return g.Has(voterOf(3)) }))
	require.False(t, rs.All(func(g *proto.Group) bool { return g.Has(voterOf(2)) }))
}

func TestPositionsGrowWithTheSlotAndTheEntry(t *testing.T) {
	last := uint64(0)
	for _, slot := range []uint64{1, 2, 1<<54 - 1} {
		for _, i := range []int{0, 1, proto.MaxEntries - 1} {
			pos := proto.Position(slot, i)
			require.Greater(t, pos, last)
			require.Equal(t, slot, proto.SlotOf(pos))
			last = pos
		}
	}
}

func TestTheSizeOfAValueIsAboutThatOfItsEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t)
		bytes := len(proto.Learned{Slot: 1, Value: v}.AppendTo(nil))
		require.GreaterOrEqual(t, v.Size()+16*len(v.Entries), bytes-16)
		require.LessOrEqual(t, v.Size(), bytes+16+32*len(v.Entries))
	})
}
