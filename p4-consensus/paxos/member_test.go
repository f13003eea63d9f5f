package paxos_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Who is in the group: how it forms once, and how it changes.

// members are the nodes of the group that a node knows.
func (c *cluster) members(n *node) (all []machine.Node) {
	for _, m := range c.report(n).Group.Members {
		all = append(all, m.Node)
	}
	return all
}

// disk is the name of a node's disk.
func disk(n *node) uint64 {
	born := saved[proto.Born](n)
	return born[len(born)-1].Disk
}

// change asks whoever leads for a change of the group until it is done.
func (c *cluster) change(words string) {
	c.t.Helper()
	var last string
	c.until("change "+words, func() bool {
		leader, _ := c.elect()
		last = c.do(leader, "change "+words)
		return last[0] == '{'
	})
}

func TestThreeEmptyDisksFormOneGroup(t *testing.T) {
	c, leader, b, d := led(t)
	want := c.report(leader).Group
	require.Equal(t, uint64(1), want.Version)
	for _, n := range []*node{leader, b, d} {
		require.Empty(t, cmp.Diff([]proto.Formed{{Group: want}}, saved[proto.Formed](n)), "once")
		require.True(t, want.Has(proto.Voter{Node: n.addr.Node, Disk: disk(n)}))
	}
	for _, n := range []*node{leader, b, d} {
		c.crash(n)
	}
	for _, n := range []*node{leader, b, d} {
		c.restart(n)
	}
	c.elect()
	require.Len(t, saved[proto.Formed](b), 1, "and never again")
}

func TestASilentPeerHoldsUpTheFounding(t *testing.T) {
	c := newCluster(t, 3)
	c.lost = isolate(c.nodes[3])
	c.run(20 * election)
	for _, id := range []machine.Node{1, 2} {
		r := c.report(c.nodes[id])
		require.Equal(t, "forming", r.Role)
		require.Equal(t, "peer 3 has not said whether its disk is empty", r.Waiting)
		require.Empty(t, saved[proto.Formed](c.nodes[id]))
	}
	c.lost = nil
	c.elect()
	require.Empty(t, c.report(c.nodes[1]).Waiting)
}

func TestAFoundingThatACrashUndidIsMadeUpForFromAPeer(t *testing.T) {
	c := newCluster(t, 3)
	third := c.nodes[3]
	c.lost = func(l letter) bool {
		_, greet := l.msg.(proto.Greet)
		return greet && l.to == third.addr
	}
	c.until("the others form", func() bool {
		return len(saved[proto.Formed](c.nodes[1])) == 1 && len(saved[proto.Formed](c.nodes[2])) == 1
	})
	c.lost = func(l letter) bool {
		_, greet := l.msg.(proto.Greet)
		third.stalled = third.stalled || greet && l.to == third.addr
		return false
	}
	c.until("the third does", func() bool { return c.report(third).Role != "forming" })
	c.lost = nil
	c.crash(third)
	require.Len(t, third.disk, 1, "the name was durable, the group was not")
	c.restart(third)
	c.elect()
	want := saved[proto.Formed](c.nodes[1])
	require.Empty(t, cmp.Diff(want, saved[proto.Formed](c.nodes[2])))
	require.Empty(t, cmp.Diff(want, saved[proto.Formed](third)), "the peers' group, which knows its disk")
}

func TestAWipedDiskNeverVotesAndNamesTheFlagThatHelps(t *testing.T) {
	c, leader, b, d := led(t)
	c.do(leader, "add x")
	old := disk(d)
	c.wipe(d)
	c.restart(d)
	c.run(10 * election)
	require.NotEqual(t, old, disk(d))
	require.Equal(t, "forming", c.report(d).Role)
	require.Contains(t, c.report(d).Waiting, "has a group that does not know this disk: start with -join")
	require.Empty(t, saved[proto.Promised](d))
	require.Empty(t, saved[proto.Voted](d))

	c.crash(b)
	id := c.ask(leader, "add y")
	c.run(20 * election)
	require.NotEqual(t, "2", answer(leader, id), "one disk of three is no quorum")
	c.restart(b)
	c.elect2(leader, b)
	require.Equal(t, "x y", c.alike(leader, b)[:3])
}

// elect2 waits until two nodes agree who leads.
func (c *cluster) elect2(a, b *node) {
	c.t.Helper()
	c.until("the two agree", func() bool {
		l := c.report(a).Leader
		return l != 0 && l == c.report(b).Leader && (c.report(a).Role == "leader" || c.report(b).Role == "leader")
	})
	c.run(10 * election)
}

func TestAWipedMemberComesBackUnderItsNumber(t *testing.T) {
	for name, snapshot := range map[string]int{"by values": 1 << 20, "by a snapshot": 100} {
		c, leader, b, d := led(t, func(cfg *paxos.Config) { cfg.Snapshot, cfg.Retain = snapshot, 2 })
		for i := range 30 {
			c.do(leader, fmt.Sprintf("add %d", i))
		}
		old := proto.Voter{Node: d.addr.Node, Disk: disk(d)}
		c.wipe(d)
		d.cfg.Join = true
		c.restart(d)
		c.until(name, func() bool {
			g := c.report(leader).Group
			return g.Has(proto.Voter{Node: d.addr.Node, Disk: disk(d)}) && c.report(d).Role == "follower"
		})
		g := c.report(leader).Group
		require.False(t, g.Has(old), name)
		require.Len(t, g.Members, 3)
		c.crash(b)
		c.elect()
		require.Equal(t, "31", c.do(d, "add last"), "it votes: with the leader it is a quorum")
		c.alike(leader, d)
	}
}

func TestWhoJoinsCatchesUpBeforeItIsAddedAndVotesAfter(t *testing.T) {
	c, leader, b, d := led(t, func(cfg *paxos.Config) { cfg.Snapshot, cfg.Retain = 200, 2 })
	for i := range 30 {
		c.do(leader, fmt.Sprintf("add %d", i))
	}
	require.Contains(t, c.do(leader, "change +4"), "refused: invalid: node 4 has not caught up: start it with -join first")
	fourth := c.joiner(4, 3)
	c.until("it asks to join", func() bool { return len(c.report(leader).Guests) == 1 })
	require.Contains(t, c.do(leader, "change +4"), "refused: invalid: node 4 has not caught up", "it has only begun")
	c.until("it has caught up", func() bool { return c.report(fourth).Commit == c.report(leader).Commit })
	require.Equal(t, "joining", c.report(fourth).Role)
	require.Equal(t, c.do(leader, "peek"), c.do(fourth, "peek"))
	c.change("+4")
	c.until("it votes", func() bool { return c.report(fourth).Role == "follower" })
	require.Equal(t, []machine.Node{1, 2, 3, 4}, c.members(leader))
	c.crash(b)
	c.elect()
	require.Equal(t, "31", c.do(leader, "add x"), "three of four")
	c.crash(d)
	id := c.ask(leader, "add y")
	c.run(5 * election)
	require.NotEqual(t, "32", answer(leader, id), "two of four")
}

func TestAMemberIsReplacedInOneChange(t *testing.T) {
	c, leader, b, d := led(t)
	fourth := c.joiner(4, 3)
	c.until("a guest", func() bool { return len(c.report(leader).Guests) == 1 && c.report(leader).Guests[0].Ready })
	c.change(fmt.Sprintf("+4 -%d", d.addr.Node))
	c.until("the new group decides", func() bool { return c.report(fourth).Role == "follower" })
	want := slices.Sorted(slices.Values([]machine.Node{leader.addr.Node, b.addr.Node, 4}))
	require.Equal(t, want, c.members(fourth))
	c.crash(d)
	c.crash(b)
	require.Equal(t, "1", c.do(leader, "add x"), "the old group would have no quorum")
}

func TestARemovedLeaderLeadsUntilItsGroupNoLongerDecidesAndStepsDown(t *testing.T) {
	c, leader, b, d := led(t)
	before := c.report(leader).Commit
	c.change(fmt.Sprintf("-%d", leader.addr.Node))
	c.until("it steps down", func() bool { return c.report(leader).Role != "leader" })
	c.until("another leads", func() bool { return c.report(b).Role == "leader" || c.report(d).Role == "leader" })
	require.GreaterOrEqual(t, c.report(b).Commit, before+alpha, "no-ops have pushed the change through")
	require.Len(t, c.members(b), 2)
	require.Equal(t, "1", c.do(b, "add x"))
	c.run(20 * election)
	require.Equal(t, "joining", c.report(leader).Role, "it asks to be taken up again")
	require.Len(t, c.members(d), 2, "and waits to be added")
}

func TestANewGroupDecidesAlphaSlotsAfterItsChange(t *testing.T) {
	g := trio()
	g.Version, g.Members = 2, g.Members[:2]
	change := proto.Value{Entries: []proto.Entry{{Kind: proto.EntryGroup, Body: proto.AppendGroup(nil, &g)}}}
	c, n := alone(t)
	c.teach(n, change)
	require.Equal(t, uint64(1+alpha), c.report(n).From)
	b, said := leads(t, c, n)
	require.Len(t, proposed(said), alpha-1, "no-ops for slots 2 to 4, and not beyond")
	for slot := uint64(2); slot <= alpha; slot++ {
		c.say(n, 3, proto.Accepted{Ballot: b, Disk: 33, Slot: slot})
		require.Equal(t, slot, c.report(n).Commit, "node 3 votes for the last time")
	}
	c.ask(n, "add x")
	c.take(n)
	c.say(n, 3, proto.Accepted{Ballot: b, Disk: 33, Slot: 5})
	require.Equal(t, uint64(alpha), c.report(n).Commit, "and no more")
	c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 5})
	require.Equal(t, uint64(5), c.report(n).Commit)
}

func TestAlphaIsTheGroupsWhateverAReplicaIsToldLater(t *testing.T) {
	c, leader, b, d := led(t)
	for _, n := range []*node{leader, b, d} {
		c.crash(n)
		n.cfg.Alpha = 64
		c.restart(n)
	}
	other := c.joiner(4, 3, func(cfg *paxos.Config) { cfg.Alpha = 7 })
	require.Equal(t, "1", c.do(leader, "add x"))
	c.until("it has caught up", func() bool { return c.report(other).Commit > 0 && c.report(other).Commit == c.report(leader).Commit })
	before := c.report(leader).Commit
	c.change("+4")
	for _, n := range []*node{leader, b, d, other} {
		c.until("it is known everywhere", func() bool { return c.report(n).Group.Version == 2 })
		r := c.report(n)
		require.Equal(t, []uint64{alpha, before + 1 + alpha}, []uint64{r.Group.Alpha, r.From}, "else they would not agree who decides a slot")
	}
	c.until("it votes", func() bool { return c.report(other).Role == "follower" })
	require.Equal(t, "2", c.do(other, "add y"))
}

func TestASecondChangeWaitsForTheFirst(t *testing.T) {
	c, n := alone(t)
	b, _ := leads(t, c, n)
	first := c.ask(n, "change -3")
	require.Contains(t, c.do(n, "change -2"), "refused: conflict: another change of the group is under way")
	c.take(n)
	c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
	require.Equal(t, "{Slot:1}", answer(n, first))
	require.Contains(t, c.do(n, "change -2"), "refused: conflict", "it does not count yet")
}

// teach tells a node of values that are chosen, from slot 1 on.
func (c *cluster) teach(n *node, values ...proto.Value) {
	c.say(n, 2, proto.Learn{From: 1, Commit: uint64(len(values)), Values: values})
}

func TestAChangeThatAnotherCameBeforeIsRefusedWhereItStands(t *testing.T) {
	entry := func(version uint64, members ...int) proto.Value {
		g := trio()
		g.Version = version
		g.Members = slices.DeleteFunc(g.Members, func(m proto.Member) bool { return !slices.Contains(members, int(m.Node)) })
		return proto.Value{Entries: []proto.Entry{{Kind: proto.EntryGroup, Body: proto.AppendGroup(nil, &g)}}}
	}
	for name, second := range map[string]proto.Value{
		"the same version": entry(2, 1, 3), "a version too far": entry(4, 1, 3), "an old version": entry(1, 1, 3),
		"the next, too early": entry(3, 1), "what is no group": {Entries: []proto.Entry{{Kind: proto.EntryGroup, Body: []byte("x")}}},
	} {
		c, n := alone(t)
		c.teach(n, entry(2, 1, 2), second)
		r := c.report(n)
		require.Equal(t, uint64(2), r.Commit, name)
		require.Equal(t, uint64(2), r.Group.Version, name)
		require.Equal(t, []machine.Node{1, 2}, c.members(n), name)
	}
}

func TestAChangeThatCannotBeIsRefused(t *testing.T) {
	c, n := alone(t)
	require.Contains(t, c.do(n, "change -2"), "refused: unavailable: only the leader can do that")
	leads(t, c, n)
	for cmd, says := range map[string]string{
		"change -9": "node 9 is no member", "change +2": "node 2 has not caught up", "change +9 -9": "node 9 is no member",
		"transfer 9": "node 9 is no member",
	} {
		require.Contains(t, c.do(n, cmd), "refused: invalid: "+says, cmd)
	}
	c.say(n, 4, proto.Join{Disk: 44, Addr: "host4"})
	c.say(n, 2, proto.Join{Disk: 22, Addr: "host2"})
	require.Equal(t, []proto.Guest{{Member: proto.Member{Voter: proto.Voter{Node: 4, Disk: 44}, Addr: "host4"}, Ready: true}}, c.report(n).Guests, "a member is no guest")
}

func TestOneWhoIsMoreThanAlphaSlotsBehindIsNotAdded(t *testing.T) {
	c, n := alone(t, learned(1, "a", "b", "c", "d", "e", "f", "g", "h", "i")...)
	leads(t, c, n)
	c.say(n, 4, proto.Join{Disk: 44, Commit: 9 - alpha - 1})
	require.Contains(t, c.do(n, "change +4"), "refused: invalid: node 4 has not caught up")
	c.say(n, 4, proto.Join{Disk: 44, Commit: 9 - alpha})
	c.ask(n, "change +4")
	require.Len(t, proposed(c.take(n)), 1)
}

func TestTheLastMemberCannotBeRemoved(t *testing.T) {
	c := newCluster(t, 1)
	leader, _ := c.elect()
	require.Contains(t, c.do(leader, "change -1"), "refused: invalid: a group of 0")
	require.Equal(t, "1", c.do(leader, "add x"))
}

func TestWhoIsRemovedTakesANewNameAndTellsWhatBecameOfItsCommands(t *testing.T) {
	c, leader, b, d := led(t)
	old := disk(d)
	c.lost = func(l letter) bool {
		_, forward := l.msg.(proto.Forward)
		return forward
	}
	id := c.ask(d, "add x")
	c.change(fmt.Sprintf("-%d", d.addr.Node))
	c.until("an answer", func() bool { return answer(d, id) != "" })
	require.Contains(t, answer(d, id), "refused: unknown")
	require.NotEqual(t, old, disk(d))
	require.Empty(t, c.alike(leader, b))
}

func TestAChangeToAGroupThatCannotBeIsRefusedWhereItStands(t *testing.T) {
	for name, alter := range map[string]func(*proto.Group){
		"another alpha":              func(g *proto.Group) { g.Alpha++ },
		"quorums that need not meet": func(g *proto.Group) { g.Quorum1, g.Quorum2 = 1, 2 },
	} {
		g := trio()
		g.Version = 2
		alter(&g)
		c, n := alone(t)
		c.teach(n, proto.Value{Entries: []proto.Entry{{Kind: proto.EntryGroup, Body: proto.AppendGroup(nil, &g)}}})
		r := c.report(n)
		require.Equal(t, []uint64{1, 1, alpha}, []uint64{r.Commit, r.Group.Version, r.Group.Alpha}, name)
	}
}

// A leader has the promise of a disk that is then lost. The group goes on with the disk
// that takes its place, without waiting for a member that is down.
func TestADiskThatTookThePlaceOfOneThatHadPromisedIsAskedForItsPromise(t *testing.T) {
	g := trio()
	g.Version, g.Members[2].Disk = 2, 34
	change := proto.Value{Entries: []proto.Entry{{Kind: proto.EntryGroup, Body: proto.AppendGroup(nil, &g)}}}
	c, n := alone(t)
	b := campaigns(t, c, n)
	c.say(n, 3, proto.Promise{Ballot: b, Disk: 33})
	require.Equal(t, "leader", c.report(n).Role)
	c.say(n, 2, proto.Learn{From: 1, Commit: 4, Values: []proto.Value{change, {}, {}, {}}})
	require.Equal(t, uint64(alpha), c.report(n).Commit)
	c.ask(n, "add x")
	require.Empty(t, proposed(c.take(n)), "of the group that decides now, only this node has promised")
	asked := 0
	c.lost = nil
	for range 3 {
		c.now += heartbeat
		c.step(n, machine.Recv{From: n.addr, Msg: proto.Tick{}})
		for _, l := range c.mail {
			if _, ok := l.msg.(proto.Prepare); ok && l.to == addr(3) {
				asked++
			}
		}
		c.take(n)
	}
	require.NotZero(t, asked)
	require.Equal(t, map[uint64]string{5: "add x"}, proposed(c.say(n, 3, proto.Promise{Ballot: b, Disk: 34})))
}
