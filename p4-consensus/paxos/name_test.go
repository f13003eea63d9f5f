package paxos_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// The names of disks: which of them may be kept, and which never come back.

// groupOf is a group of the trio's disks, and of node 4 on disk 44.
func groupOf(version uint64, nodes ...machine.Node) proto.Group {
	all := trio()
	all.Members = append(all.Members, proto.Member{Voter: proto.Voter{Node: 4, Disk: 44}, Addr: "host4"})
	g := all
	g.Version, g.Members = version, nil
	for _, node := range nodes {
		m, _ := all.Find(node)
		g.Members = append(g.Members, m)
	}
	return g
}

// regroup is the value that makes a group the next one, and the no-ops until it counts.
func regroup(version uint64, nodes ...machine.Node) []proto.Value {
	g := groupOf(version, nodes...)
	entry := proto.Entry{Kind: proto.EntryGroup, Body: proto.AppendGroup(nil, &g)}
	return append([]proto.Value{{Entries: []proto.Entry{entry}}}, make([]proto.Value, alpha-1)...)
}

// of3 is a command that node 3 was asked on disk 33.
func of3(seq uint64, word string) proto.Value {
	o := proto.Origin{Voter: proto.Voter{Node: 3, Disk: 33}, Life: 1, Seq: seq}
	return proto.Value{Entries: []proto.Entry{{Origin: o, Body: []byte("add " + word)}}}
}

// asLearned are the records of values that were chosen, from slot 1 on.
func asLearned(values ...[]proto.Value) (all []machine.Data) {
	for _, list := range values {
		for _, v := range list {
			all = append(all, proto.Learned{Slot: uint64(len(all) + 1), Value: v})
		}
	}
	return all
}

func TestWhoIsNoMemberYetKeepsTheNameOfItsDiskOverRestarts(t *testing.T) {
	c, leader, _, _ := led(t)
	c.do(leader, "add x")
	fourth := c.joiner(4, 3)
	c.until("it has caught up", func() bool { return c.report(fourth).Commit == c.report(leader).Commit })
	name := disk(fourth)
	id := c.ask(leader, "change +4")
	c.until("it is added", func() bool { return answer(leader, id) != "" })
	require.Contains(t, answer(leader, id), "{Slot:")
	c.crash(fourth) // it may not have heard of that yet
	c.restart(fourth)
	require.Equal(t, name, disk(fourth))
	c.until("it votes", func() bool { return c.report(fourth).Role == "follower" })
	require.Equal(t, name, disk(fourth), "under the name that was taken up")
}

func TestANameThatHasLeftTheGroupIsNotTakenUpAgain(t *testing.T) {
	c, n := alone(t, asLearned(regroup(2, 1, 2, 4), make([]proto.Value, 1))...)
	leads(t, c, n)
	join := func(disk uint64) string {
		c.say(n, 3, proto.Join{Disk: disk, Addr: "host3", Commit: c.report(n).Commit})
		id := c.ask(n, "change +3")
		return answer(n, id)
	}
	require.Contains(t, join(33), "refused: invalid: node 3 was a member on this disk before: wait until it has given it a new name")
	require.Empty(t, join(34), "it is proposed")
}

// The command of node 3 is chosen a second time, after its name has left the group, and once
// more after a change has brought that name back.
func TestNoCommandOfANameThatHasLeftIsExecutedTwice(t *testing.T) {
	first, again := []proto.Value{of3(1, "x")}, []proto.Value{of3(1, "x"), of3(2, "y")}
	log := slices.Concat(first, regroup(2, 1, 2), again, regroup(3, 1, 2, 4), again, regroup(4, 1, 2, 3, 4), again)
	c, n := alone(t)
	c.teach(n, log...)
	require.Equal(t, uint64(len(log)), c.report(n).Commit)
	require.Equal(t, "x", c.do(n, "peek"))
	require.Equal(t, []machine.Node{1, 2, 4}, c.members(n), "the last change is refused")
}

// So it is for who has only the snapshot of that.
func TestASnapshotTellsWhichNamesHaveLeft(t *testing.T) {
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 1, 1
	log := asLearned([]proto.Value{of3(1, "x")}, regroup(2, 1, 2), regroup(3, 1, 2, 4), make([]proto.Value, 1))
	c, n := aloneWith(t, cfg, log...)
	c.say(n, 2, proto.Learn{From: uint64(len(log) + 1), Commit: uint64(len(log) + 1), Values: []proto.Value{value("z")}})
	c.settle()
	require.NotEmpty(t, saved[proto.Piece](n))
	require.Empty(t, saved[proto.Formed](n), "the log before it is trimmed")
	pieces := saved[proto.Piece](n)
	head := snapshot.NewArriving(pieces[0].Slot, 1)
	head.Add(pieces[0])
	require.False(t, head.Seen.Done(of3(1, "x").Entries[0].Origin), "what was executed for it is forgotten")
	c.crash(n)
	c.restart(n)
	end := c.report(n).Commit
	for i, v := range append(regroup(4, 1, 2, 3, 4), of3(1, "x")) {
		slot := end + 1 + uint64(i)
		c.say(n, 2, proto.Learn{From: slot, Commit: slot, Values: []proto.Value{v}})
	}
	require.Equal(t, end+alpha+1, c.report(n).Commit)
	require.Equal(t, "x z", c.do(n, "peek"))
	require.Equal(t, []machine.Node{1, 2, 4}, c.members(n))
}

// A member is away while it is removed, and its place in the log too.
func TestWhoHasMissedItsRemovalTakesANewNameThoughACrashComesBetween(t *testing.T) {
	c, leader, b, d := led(t, func(cfg *paxos.Config) { cfg.Snapshot, cfg.Retain = 200, 1 })
	name := disk(d)
	c.do(leader, "add x")
	c.crash(d)
	c.change(fmt.Sprintf("-%d", d.addr.Node))
	for i := range 30 {
		c.do(leader, fmt.Sprintf("add %d", i))
	}
	require.NotZero(t, c.report(leader).Snapshot)
	c.restart(d)
	require.Equal(t, name, disk(d), "it does not know yet")
	c.until("it hears of it", func() bool { return c.report(d).Commit >= c.report(leader).Commit })
	c.crash(d)
	c.restart(d)
	c.run(2 * heartbeat)
	require.NotEqual(t, name, disk(d))
	name = disk(d)
	c.crash(d)
	c.restart(d)
	require.Equal(t, name, disk(d), "once is enough")
	c.until("a guest", func() bool { return len(c.report(leader).Guests) == 1 && c.report(leader).Guests[0].Ready })
	c.change(fmt.Sprintf("+%d", d.addr.Node))
	c.until("it votes", func() bool { return c.report(d).Role == "follower" })
	c.crash(b)
	require.Equal(t, "32", c.do(leader, "add y"))
}

func TestNamesThatHaveLeftAreBoundedAndTheOldestIsForgotten(t *testing.T) {
	var gone snapshot.Gone
	for i := range uint64(snapshot.MaxGone + 1) {
		gone.Add(proto.Voter{Node: 3, Disk: i + 1})
	}
	require.Len(t, gone, snapshot.MaxGone)
	require.False(t, gone.Has(proto.Voter{Node: 3, Disk: 1}))
	require.True(t, gone.Has(proto.Voter{Node: 3, Disk: 2}))
	require.True(t, gone.Has(proto.Voter{Node: 3, Disk: snapshot.MaxGone + 1}))
	require.False(t, gone.Has(proto.Voter{Node: 2, Disk: 2}))
}
