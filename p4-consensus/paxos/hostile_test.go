package paxos_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos/proto"
)

// What others say is not believed further than one crashed disk, one old copy or one
// mistaken sender can make it wrong.

// standing are replicas about everything that there is to be about, each as node 1 of a
// group in which it has voted for slot 4 and knows slots 1 to 3.
func standing(t testing.TB) map[string]func() (*cluster, *node) {
	log := []machine.Data{
		proto.Learned{Slot: 1, Value: value("a")},
		proto.Learned{Slot: 2, Value: value("b")},
		proto.Learned{Slot: 3, Value: value("c")},
		proto.Voted{Ballot: ballot(5, 2), Slot: 4, Commit: 3, Value: value("d")},
	}
	joining := configOf(3)
	joining.Join = true
	return map[string]func() (*cluster, *node){
		"forming": func() (*cluster, *node) { return loadedWith(t, configOf(3)) },
		"joining": func() (*cluster, *node) { return loadedWith(t, joining) },
		"damaged": func() (*cluster, *node) { return aloneWith(t, configOf(3), append(log, nil)...) },
		"follower": func() (*cluster, *node) {
			c, n := alone(t, log...)
			c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1, Commit: 3})
			return c, n
		},
		"candidate": func() (*cluster, *node) {
			c, n := alone(t, log...)
			campaigns(t, c, n)
			return c, n
		},
		"leader": func() (*cluster, *node) {
			c, n := alone(t, log...)
			leads(t, c, n)
			return c, n
		},
	}
}

type forgery struct {
	name string
	from machine.Node
	msg  machine.Data
}

const (
	end  = 1<<54 - 1 // the last slot
	huge = uint64(math.MaxUint64)
)

// forgeries must change nothing that is kept, whoever gets them.
func forgeries(own proto.Ballot) []forgery {
	vote := proto.Vote{Slot: 9, Chosen: true, Value: value("forged")}
	sum := sha256.Sum256(nil)
	foreign := trio()
	foreign.Version = 9
	foreign.Members[0].Disk = 99
	return []forgery{
		{"prepare in another's ballot", 2, proto.Prepare{Ballot: ballot(99, 3), From: 1}},
		{"prepare in the receiver's ballot", 2, proto.Prepare{Ballot: ballot(99, 1), From: 1}},
		{"prepare in a stranger's ballot", 2, proto.Prepare{Ballot: ballot(proto.MaxRound, 77), From: 1}},
		{"prepare of an old ballot", 3, proto.Prepare{Ballot: ballot(1, 3), From: 1}},
		{"prepare of an old ballot, blessed", 3, proto.Prepare{Ballot: ballot(1, 3), From: end, Blessed: own}},
		{"accept in another's ballot", 2, proto.Accept{Ballot: ballot(99, 3), Slot: 5, Value: value("forged")}},
		{"accept in the receiver's ballot", 2, proto.Accept{Ballot: own.Above(1), Slot: 5, Commit: huge, Value: value("forged")}},
		{"accept in its very ballot", 3, proto.Accept{Ballot: own, Slot: 5, Commit: 5, Value: value("forged")}},
		{"accept of an old ballot", 2, proto.Accept{Ballot: ballot(4, 2), Slot: 5, Commit: 4, Value: value("forged")}},
		{"accept of an old ballot, before time", 2, proto.Accept{Ballot: ballot(4, 2), Slot: end, Value: proto.Value{Time: math.MinInt64}}},
		{"accept of a slot that is chosen", 2, proto.Accept{Ballot: ballot(4, 2), Slot: 1, Commit: huge, Value: value("forged")}},
		{"beat in another's ballot", 2, proto.Beat{Ballot: ballot(99, 3), Round: 1, Commit: huge}},
		{"beat in the receiver's ballot", 2, proto.Beat{Ballot: own.Above(1), Round: 1, Commit: 4}},
		{"beat of an old ballot", 2, proto.Beat{Ballot: ballot(4, 2), Round: huge, Commit: 4}},
		{"campaign by nobody's leave", 3, proto.Campaign{Ballot: ballot(5, 3)}},
		{"campaign in another's ballot", 3, proto.Campaign{Ballot: ballot(5, 2)}},
		{"campaign in the receiver's ballot", 3, proto.Campaign{Ballot: own}},
		{"campaign of round 2^48", 2, proto.Campaign{Ballot: ballot(proto.MaxRound, 2)}},
		{"promise of no ballot of its own", 2, proto.Promise{Ballot: ballot(5, 2), Disk: 22, Votes: []proto.Vote{vote}}},
		{"promise that was never asked for", 2, proto.Promise{Ballot: ballot(99, 1), Disk: 22, Votes: []proto.Vote{vote}}},
		{"promise of an earlier ballot", 2, proto.Promise{Ballot: ballot(1, 1), Disk: 22, Votes: []proto.Vote{vote}}},
		{"promise of the last round", 3, proto.Promise{Ballot: ballot(proto.MaxRound, 1), Disk: 33, Next: huge}},
		{"promise of a stranger", 77, proto.Promise{Ballot: own, Disk: 22}},
		{"promise of another disk", 2, proto.Promise{Ballot: own, Disk: 23}},
		{"promise of no disk", 2, proto.Promise{Ballot: own}},
		{"promise with a vote beyond all", 77, proto.Promise{Ballot: own, Disk: 77, Votes: []proto.Vote{{Slot: end, Ballot: ballot(4, 2)}}}},
		{"nack of what is promised", 2, proto.Nack{Promised: own}},
		{"nack of nothing", 77, proto.Nack{}},
		{"nack with a commit beyond all", 2, proto.Nack{Promised: ballot(1, 2), Commit: huge}},
		{"accepted in another's ballot", 2, proto.Accepted{Ballot: ballot(5, 2), Disk: 22, Slot: 4}},
		{"accepted of a stranger", 77, proto.Accepted{Ballot: own, Disk: 22, Slot: 4}},
		{"accepted of another disk", 2, proto.Accepted{Ballot: own, Disk: 23, Slot: 4}},
		{"accepted of an earlier ballot", 2, proto.Accepted{Ballot: ballot(1, 1), Disk: 22, Slot: 4}},
		{"accepted of a later ballot", 2, proto.Accepted{Ballot: own.Above(1), Disk: 22, Slot: 4}},
		{"accepted of a slot never proposed", 2, proto.Accepted{Ballot: own, Disk: 22, Slot: 5}},
		{"accepted of a slot that is chosen", 2, proto.Accepted{Ballot: own, Disk: 22, Slot: 1}},
		{"accepted of the last slot", 2, proto.Accepted{Ballot: own, Disk: 22, Slot: end}},
		{"echo of a round never sent", 2, proto.Echo{Ballot: own, Disk: 22, Round: huge, Commit: huge}},
		{"echo of round 0", 2, proto.Echo{Ballot: own, Disk: 22}},
		{"echo of a stranger", 77, proto.Echo{Ballot: own, Disk: 22, Round: 1, Commit: huge}},
		{"echo in another's ballot", 2, proto.Echo{Ballot: ballot(5, 2), Disk: 22, Round: 1}},
		{"want from beyond all", 2, proto.Want{From: huge}},
		{"want from behind the log", 77, proto.Want{From: 5}},
		{"want of a snapshot", 77, proto.Want{}},
		{"learn behind a gap", 2, proto.Learn{From: 5, Commit: 9, Values: []proto.Value{value("forged"), value("forged")}}},
		{"learn what is known", 2, proto.Learn{From: 1, Commit: 3, Values: []proto.Value{value("x"), value("y"), value("z")}}},
		{"learn at the end", 2, proto.Learn{From: end, Commit: huge, Values: []proto.Value{value("forged"), value("forged")}}},
		{"learn nothing", 2, proto.Learn{From: 4, Commit: huge}},
		{"install without a beginning", 2, proto.Install{Slot: 900, Index: 3, Body: []byte("x")}},
		{"install the end only", 2, proto.Install{Slot: 900, Index: 3, Last: true, Body: sum[:]}},
		{"install the sum of nothing", 2, proto.Install{Slot: 900, Last: true, Body: sum[:]}},
		{"install what is no head", 2, proto.Install{Slot: 900, Body: []byte("no head")}},
		{"install from the end of all slots", 2, proto.Install{Slot: end, Index: huge, Last: true}},
		{"install what is known", 2, proto.Install{Slot: 1, Last: true, Body: sum[:]}},
		{"installed what was never sent", 2, proto.Installed{Slot: 3, Index: 1}},
		{"installed what is not there", 77, proto.Installed{Slot: end, Index: huge}},
		{"an answer to a read never asked", 2, proto.ReadAt{Disk: 11, Life: 2, Seq: 1, Slot: 1}},
		{"an answer to a read of another life", 2, proto.ReadAt{Disk: 11, Life: 1, Seq: huge}},
		{"hello of no disk", 77, proto.Hello{}},
		{"greeting of a group of others", 2, proto.Greet{Disk: 22, Formed: true, Group: foreign}},
		{"greeting of a group unknown", 2, proto.Greet{Disk: 22, Formed: true}},
		{"greeting of a stranger", 77, proto.Greet{Disk: 77}},
		{"join on no disk", 77, proto.Join{Commit: huge}},
		{"join from beyond all", 77, proto.Join{Disk: 77, Commit: huge, Addr: "x"}},
		{"join of a member from beyond all", 3, proto.Join{Disk: 34, Commit: huge}},
		{"a tick of another's", 2, proto.Tick{}},
		{"a flush of another's", 2, proto.Flush{}},
		{"a disk's word from another", 2, proto.Saved{Record: huge}},
	}
}

// facts are what no forgery may change.
type facts struct {
	role    string
	ballot  proto.Ballot
	commit  uint64
	first   uint64
	group   uint64
	words   string
	records int
}

func (c *cluster) facts(n *node) facts {
	r := c.report(n)
	return facts{r.Role, r.Ballot, r.Commit, r.First, r.Group.Version, c.do(n, "peek"), len(n.disk)}
}

func TestForgedMessagesChangeNothingThatIsKept(t *testing.T) {
	tried := 0
	for state, stand := range standing(t) {
		c, n := stand()
		for _, f := range forgeries(c.report(n).Ballot) {
			c, n := stand()
			before := c.facts(n)
			for range 3 { // and their copies
				sent := c.say(n, f.from, f.msg)
				require.Less(t, len(sent), 8, "%s: %s", state, f.name)
				tried++
			}
			require.Empty(t, cmp.Diff(before, c.facts(n), cmp.AllowUnexported(facts{})), "%s: %s", state, f.name)
		}
	}
	require.Greater(t, tried, 1000)
	tally.Add(t, "badinputs", tried)
}

func TestWhatAnotherRoleSaysIsNotHeard(t *testing.T) {
	for state, stand := range standing(t) {
		c, n := stand()
		before := c.facts(n)
		for _, f := range forgeries(before.ballot) {
			out := c.step(n, machine.Recv{From: machine.Addr{Node: f.from, Role: "other"}, Msg: f.msg})
			require.Empty(t, cmp.Diff(machine.Out{}, *out), "%s: %s", state, f.name)
		}
		require.Equal(t, before, c.facts(n), state)
	}
}

func TestWhatANodeTellsItselfIsNotHeardOfOthers(t *testing.T) {
	for state, stand := range standing(t) {
		c, n := stand()
		c.now += 8 * election
		for _, m := range []machine.Data{proto.Tick{}, proto.Flush{}, proto.Saved{Record: huge}} {
			out := c.step(n, machine.Recv{From: addr(2), Msg: m})
			require.Empty(t, cmp.Diff(machine.Out{}, *out), "%s: %T", state, m)
		}
	}
}

// A life of messages, all of them played to a replica again after the next leader came.
func TestOldMessagesPlayedAgainChangeNothing(t *testing.T) {
	c := newCluster(t, 3)
	var old []letter
	c.lost = func(l letter) bool {
		old = append(old, l)
		return false
	}
	for i := range 4 {
		leader, _ := c.elect()
		c.do(leader, fmt.Sprintf("add %d", i))
		c.crash(leader)
		c.elect()
		c.restart(leader)
	}
	leader, others := c.elect()
	words := c.alike(leader, others[0], others[1])
	c.lost = nil
	highest := c.report(leader).Ballot
	before := c.report(leader).Commit
	for _, l := range old {
		c.arrive(l)
	}
	tally.Add(t, "badinputs", len(old))
	leader, others = c.elect()
	require.Equal(t, words, c.alike(leader, others[0], others[1]))
	require.Equal(t, before, c.report(leader).Commit)
	require.False(t, c.report(leader).Ballot.Less(highest))
}

func TestTheLastRoundIsTheEndAndNotTheBeginning(t *testing.T) {
	c, n := alone(t)
	c.say(n, 2, proto.Prepare{Ballot: ballot(proto.MaxRound, 2), From: 1})
	for range 5 {
		require.Empty(t, of[proto.Prepare](c.tick(n, 8*election)), "no ballot is above")
	}
	require.Equal(t, ballot(proto.MaxRound, 2), c.report(n).Ballot)
	require.Len(t, of[proto.Nack](c.say(n, 3, proto.Prepare{Ballot: ballot(proto.MaxRound-1, 3), From: 1})), 1)
}

func TestALeadersSlotFarAheadGetsNoVoteBeforeTheOthersAreKnown(t *testing.T) {
	c, n := alone(t)
	for _, slot := range []uint64{8*alpha + 1, 1 << 20, 1 << 53, end} {
		said := c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: slot, Commit: slot - 1, Value: value("x")})
		require.Empty(t, of[proto.Accepted](said), "slot %d", slot)
		c.now += 10 * heartbeat
	}
	require.Empty(t, saved[proto.Voted](n))
	require.Len(t, of[proto.Accepted](c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: 8 * alpha, Value: value("x")})), 1)
}

func TestACommitBeyondEverythingIsTakenForWhatIsKnownOfIt(t *testing.T) {
	c, n := alone(t)
	c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: 1, Value: value("x")})
	said := c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1, Commit: huge})
	require.Equal(t, []proto.Want{{From: 2}}, of[proto.Want](said), "the rest is asked for")
	require.Equal(t, uint64(1), c.report(n).Commit)
	require.Empty(t, of[proto.Want](c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 2, Commit: huge})), "and not again at once")
}

func TestATimeBeforeAllTimesDoesNotTurnTheLogsTimeBack(t *testing.T) {
	c, n := alone(t)
	for i, at := range []machine.Time{machine.Second, -1, math.MinInt64, math.MaxInt64, 5} {
		v := value(fmt.Sprint(i))
		v.Time = at
		c.say(n, 2, proto.Learn{From: uint64(i + 1), Commit: 5, Values: []proto.Value{v}})
	}
	require.Equal(t, "0 1 2 3 4", c.do(n, "peek"), "the list would refuse to go backwards")
	b, _ := leads(t, c, n)
	id := c.ask(n, "add x")
	for _, a := range of[proto.Accept](c.take(n)) {
		require.Equal(t, machine.Time(math.MaxInt64), a.Value.Time, "there is no later time")
		c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: a.Slot})
	}
	require.Equal(t, "6", answer(n, id))
}

func TestAnEchoOfNoBeatConfirmsNoRead(t *testing.T) {
	cfg := configOf(3)
	cfg.Lease = election
	for _, round := range []uint64{0, 50, huge} {
		c, n := aloneWith(t, cfg)
		c.crash(n)
		n.skew = -c.now - 8*election + ms // it leads when its clock has just begun
		c.restart(n)
		b, _ := leads(t, c, n)
		id := c.ask(n, "list")
		c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: round})
		require.NotContains(t, n.answers, id, "round %d", round)
	}
}

func TestAFloodTakesNoMemoryWithoutBound(t *testing.T) {
	const copies = 30_000
	for name, forge := range map[string]func(i uint64, b proto.Ballot) (machine.Node, machine.Data){
		"promises of ever new disks": func(i uint64, b proto.Ballot) (machine.Node, machine.Data) {
			return 3, proto.Promise{Ballot: b, Disk: i + 1000}
		},
		"votes of ever new disks": func(i uint64, b proto.Ballot) (machine.Node, machine.Data) {
			return 3, proto.Accepted{Ballot: b, Disk: i + 1000, Slot: 4}
		},
		"votes for ever new slots": func(i uint64, b proto.Ballot) (machine.Node, machine.Data) {
			return 3, proto.Promise{Ballot: b, Disk: 34, Votes: []proto.Vote{{Slot: 4 + i, Ballot: ballot(4, 2)}}}
		},
		"echoes of ever new disks": func(i uint64, b proto.Ballot) (machine.Node, machine.Data) {
			return 3, proto.Echo{Ballot: b, Disk: i + 1000, Round: 1}
		},
		"guests": func(i uint64, _ proto.Ballot) (machine.Node, machine.Data) {
			return machine.Node(100 + i), proto.Join{Disk: i + 1000, Addr: "somewhere"}
		},
		"wishes for a snapshot": func(i uint64, _ proto.Ballot) (machine.Node, machine.Data) {
			return machine.Node(100 + i), proto.Want{}
		},
		"hellos": func(i uint64, _ proto.Ballot) (machine.Node, machine.Data) {
			return machine.Node(100 + i), proto.Hello{Disk: i}
		},
		"beginnings of snapshots": func(i uint64, _ proto.Ballot) (machine.Node, machine.Data) {
			return 3, proto.Install{Slot: 4 + i, Index: i % 3, Body: []byte("x")}
		},
		"greetings": func(i uint64, _ proto.Ballot) (machine.Node, machine.Data) {
			return 3, proto.Greet{Disk: i}
		},
	} {
		c, n := standing(t)["leader"]()
		b := c.report(n).Ballot
		before := alive()
		for i := range uint64(copies) {
			from, msg := forge(i, b)
			c.say(n, from, msg)
		}
		n.notes = nil
		require.Less(t, int64(alive())-int64(before), int64(256<<10), name)
		runtime.KeepAlive(n)
	}
	tally.Add(t, "badinputs", 9*copies)
}

// alive is the memory in use.
func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
