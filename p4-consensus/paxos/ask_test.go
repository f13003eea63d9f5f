package paxos_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Commands: executed once, in one order and by one clock, or refused.

func TestACommandOfANodeIsExecutedOnceHoweverOftenItIsSent(t *testing.T) {
	c, leader, b, _ := led(t)
	var copies []letter
	c.lost = func(l letter) bool {
		if _, ok := l.msg.(proto.Forward); ok {
			copies = append(copies, l)
		}
		return false
	}
	require.Equal(t, "1", c.do(b, "add x"))
	require.NotEmpty(t, copies)
	for _, l := range copies {
		for range 3 {
			c.arrive(l)
			c.run(20 * ms)
		}
	}
	require.Equal(t, "x", c.alike(leader, b))
	c.crash(b)
	c.restart(b)
	c.until("a leader", func() bool { return c.leader() != nil })
	require.Equal(t, "2", c.do(b, "add y"), "its next life counts anew")
	c.arrive(copies[0])
	c.run(50 * ms)
	require.Equal(t, "x y", c.alike(leader, b))
}

func TestACommandThatStandsInTwoSlotsIsExecutedOnce(t *testing.T) {
	c, n := alone(t)
	c.teach(n, of3(1, "x"), of3(2, "y"), of3(1, "x"))
	require.Equal(t, uint64(3), c.report(n).Commit)
	require.Equal(t, "x y", c.do(n, "peek"))
}

func TestWhoAskedIsAnsweredForTheCommandOfThisVeryReplicaDiskAndLife(t *testing.T) {
	for name, o := range map[string]proto.Origin{
		"another replica": {Voter: proto.Voter{Node: 2, Disk: 22}, Life: 2, Seq: 1},
		"an earlier life": {Voter: proto.Voter{Node: 1, Disk: 11}, Life: 1, Seq: 1},
		"another number":  {Voter: proto.Voter{Node: 1, Disk: 11}, Life: 2, Seq: 2},
	} {
		c, n := alone(t)
		id := c.ask(n, "add mine")
		other := proto.Value{Entries: []proto.Entry{{Origin: o, Body: []byte("add other")}}}
		c.say(n, 2, proto.Learn{From: 1, Commit: 1, Values: []proto.Value{other}})
		require.Equal(t, "other", c.do(n, "peek"), name)
		require.Empty(t, answer(n, id), name)
		own := proto.Origin{Voter: proto.Voter{Node: 1, Disk: 11}, Life: 2, Seq: 1}
		mine := proto.Value{Entries: []proto.Entry{{Origin: own, Body: []byte("add mine")}}}
		c.say(n, 2, proto.Learn{From: 2, Commit: 2, Values: []proto.Value{mine}})
		require.Equal(t, "2", answer(n, id), name)
	}
}

func TestTheLogsTimeGoesOnFromWhereAnotherLeaderLeftIt(t *testing.T) {
	c := newCluster(t, 3)
	for i, id := range c.ids() {
		c.nodes[id].skew = machine.Time(i) * -1000 * machine.Second
	}
	leader, _ := c.elect()
	for i := range 6 {
		require.NotContains(t, c.do(leader, fmt.Sprintf("add %d", i)), "backwards")
		c.crash(leader)
		old := leader
		leader, _ = c.elect()
		c.restart(old)
	}
}

func TestTheServiceIsRungWhenItsTimeHasCome(t *testing.T) {
	c, leader, b, d := led(t)
	c.do(leader, "bell 500")
	c.run(400 * ms)
	require.Empty(t, c.alike(leader, b, d))
	c.run(200 * ms)
	require.Equal(t, "ding", c.alike(leader, b, d), "once")
	c.run(machine.Second)
	require.Equal(t, "ding", c.alike(leader, b, d))
}

func TestACommandThatCannotBeDecodedIsAnsweredAndHarmsNobody(t *testing.T) {
	c, leader, b, d := led(t)
	require.Contains(t, c.do(leader, "bad words"), "refused: invalid: not a command")
	require.Equal(t, "1", c.do(b, "add x"))
	require.Equal(t, "x", c.alike(leader, b, d))
}

func TestWithoutALeaderACommandIsRefusedInTheEnd(t *testing.T) {
	c := newCluster(t, 3)
	c.lost = func(letter) bool { return true }
	for _, cmd := range []string{"add x", "list"} {
		require.Contains(t, c.do(c.nodes[1], cmd), "refused: unavailable")
	}
	id := c.ask(c.nodes[1], "add y")
	c.step(c.nodes[1], machine.Cancel{ID: id})
	c.lost = nil
	c.elect()
	require.Empty(t, c.alike(c.nodes[1], c.nodes[2], c.nodes[3]), "what was refused or given up before it left is not done")
}

func TestWithoutAQuorumNobodyKnowsInTheEndWhatBecomesOfACommand(t *testing.T) {
	c, leader, b, d := led(t)
	c.lost = func(l letter) bool { _, vote := l.msg.(proto.Accepted); return vote && l.to == leader.addr }
	here, there := c.ask(leader, "add x"), c.ask(b, "add y")
	c.run(20 * election)
	require.Empty(t, answer(leader, here)+answer(b, there), "a quorum may come back")
	c.run(11 * election)
	for _, told := range []string{answer(leader, here), answer(b, there)} {
		require.Contains(t, told, "refused: unknown: no quorum has voted for it in time")
	}
	require.Zero(t, leader.replica.Pending()+b.replica.Pending(), "nobody waits for them any more")
	c.lost = nil
	c.do(d, "add z")
	require.Contains(t, c.alike(leader, b, d), "x", "and yet it may be done")
}

func TestTooManyCommandsAreRefused(t *testing.T) {
	c := newCluster(t, 3, func(cfg *paxos.Config) { cfg.Queue = 5 })
	n := c.nodes[1]
	for range 5 {
		require.Empty(t, answer(n, c.ask(n, "add x")))
	}
	require.Contains(t, answer(n, c.ask(n, "add y")), "refused: overloaded")
	require.Contains(t, answer(n, c.ask(n, "list")), "refused: overloaded")
	require.Empty(t, answer(n, c.ask(n, "peek")), "the state as it stands needs no queue, and is empty")
}
