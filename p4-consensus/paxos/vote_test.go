package paxos_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos/proto"
)

// The rules of voting, one test a rule. Node 1 is real; the test plays the others.

var sameData = cmp.Options{cmpopts.EquateEmpty()}

// promised is the one Promise among messages.
func promised(t testing.TB, all []machine.Data) proto.Promise {
	t.Helper()
	ps := of[proto.Promise](all)
	require.Len(t, ps, 1, "%#v", all)
	return ps[0]
}

// campaigns makes node 1 a candidate, and returns its ballot.
func campaigns(t testing.TB, c *cluster, n *node) proto.Ballot {
	t.Helper()
	ps := of[proto.Prepare](c.tick(n, 8*election))
	require.GreaterOrEqual(t, len(ps), 2, "one for each other member")
	return ps[len(ps)-1].Ballot
}

// leads makes node 1 the leader, by the promise of node 2 and its votes.
func leads(t testing.TB, c *cluster, n *node, votes ...proto.Vote) (b proto.Ballot, said []machine.Data) {
	t.Helper()
	b = campaigns(t, c, n)
	said = c.say(n, 2, proto.Promise{Ballot: b, Disk: 22, Votes: votes})
	require.Equal(t, "leader", c.report(n).Role)
	return b, said
}

// proposed maps slots to the words of the values asked votes for.
func proposed(all []machine.Data) map[uint64]string {
	m := map[uint64]string{}
	for _, a := range of[proto.Accept](all) {
		m[a.Slot] = ""
		for _, e := range a.Value.Entries {
			m[a.Slot] += string(e.Body)
		}
	}
	return m
}

func TestABallotBelowThePromisedOneIsRefused(t *testing.T) {
	c, n := alone(t)
	require.Equal(t, ballot(5, 3), promised(t, c.say(n, 3, proto.Prepare{Ballot: ballot(5, 3), From: 1})).Ballot)
	nack := []machine.Data{proto.Nack{Promised: ballot(5, 3)}}
	for name, m := range map[string]machine.Data{
		"a promise": proto.Prepare{Ballot: ballot(5, 2), From: 1},
		"a vote":    proto.Accept{Ballot: ballot(5, 2), Slot: 1, Value: value("x")},
		"an echo":   proto.Beat{Ballot: ballot(5, 2), Round: 1},
	} {
		before := len(n.disk)
		require.Empty(t, cmp.Diff(nack, c.say(n, 2, m), sameData), name)
		require.Len(t, n.disk, before, name)
	}
	require.Equal(t, ballot(5, 3), c.report(n).Ballot)
}

func TestAHigherBallotNeedsNoPromiseToGetAVote(t *testing.T) {
	c, n := alone(t, proto.Promised{Ballot: ballot(5, 3)})
	said := c.say(n, 2, proto.Accept{Ballot: ballot(6, 2), Slot: 1, Value: value("x")})
	require.Contains(t, said, proto.Accepted{Ballot: ballot(6, 2), Disk: 11, Slot: 1})
	require.Len(t, of[proto.Nack](c.say(n, 3, proto.Accept{Ballot: ballot(5, 3), Slot: 2, Value: value("y")})), 1, "a vote promises too")
}

func TestNothingIsSaidBeforeWhatItRestsOnIsDurable(t *testing.T) {
	for name, c := range map[string]struct {
		msg machine.Data
		rec machine.Data
	}{
		"promise": {proto.Prepare{Ballot: ballot(5, 2), From: 1}, proto.Promised{Ballot: ballot(5, 2)}},
		"vote":    {proto.Accept{Ballot: ballot(5, 2), Slot: 1, Value: value("x")}, proto.Voted{Ballot: ballot(5, 2), Slot: 1, Value: value("x")}},
		"echo":    {proto.Beat{Ballot: ballot(5, 2), Round: 1}, proto.Promised{Ballot: ballot(5, 2)}},
	} {
		w, n := alone(t)
		n.stalled = true
		require.Empty(t, w.say(n, 2, c.msg), name)
		w.sync(n)
		require.Len(t, w.take(n), 1, name)
		require.Empty(t, cmp.Diff(c.rec, n.disk[len(n.disk)-1].Record, sameData), name)
	}
}

func TestACandidateIsHeardWhenItsOwnBallotIsDurable(t *testing.T) {
	c, n := alone(t)
	n.stalled = true
	require.Empty(t, of[proto.Prepare](c.tick(n, 8*election)))
	c.say(n, 2, proto.Promise{Ballot: ballot(1, 1), Disk: 22})
	c.say(n, 3, proto.Promise{Ballot: ballot(1, 1), Disk: 33})
	c.crash(n)
	c.restart(n)
	require.Equal(t, proto.Ballot{}, c.report(n).Ballot, "nobody has heard of it")
	require.Equal(t, ballot(1, 1), campaigns(t, c, n))
}

func TestABallotIsNeverUsedAgainAfterACrash(t *testing.T) {
	c, n := alone(t)
	first := campaigns(t, c, n)
	c.crash(n)
	c.restart(n)
	require.True(t, first.Less(campaigns(t, c, n)))
}

func TestOneBallotGetsOneVoteForASlot(t *testing.T) {
	c, n := alone(t)
	c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: 1, Value: value("x")})
	c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: 1, Value: value("y")})
	p := promised(t, c.say(n, 2, proto.Prepare{Ballot: ballot(6, 2), From: 1}))
	require.Empty(t, cmp.Diff([]proto.Vote{{Slot: 1, Ballot: ballot(5, 2), Value: value("x")}}, p.Votes, sameData))
	require.Len(t, saved[proto.Voted](n), 1)
}

func TestAPromiseTellsOfAllVotesFromTheSlotAskedFor(t *testing.T) {
	c, n := alone(t)
	for slot := uint64(1); slot <= 4; slot++ {
		c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: slot, Value: value(fmt.Sprint(slot))})
	}
	c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1, Commit: 2})
	p := promised(t, c.say(n, 2, proto.Prepare{Ballot: ballot(6, 2), From: 2}))
	require.Empty(t, cmp.Diff(proto.Promise{Ballot: ballot(6, 2), Disk: 11, Votes: []proto.Vote{
		{Slot: 2, Chosen: true, Value: value("2")},
		{Slot: 3, Ballot: ballot(5, 2), Value: value("3")},
		{Slot: 4, Ballot: ballot(5, 2), Value: value("4")},
	}}, p, sameData))
}

func TestVotesThatDoNotFitAreToldWhenTheyAreAskedFor(t *testing.T) {
	c, n := alone(t)
	large := proto.Value{Entries: []proto.Entry{{Body: append([]byte("add "), make([]byte, 600<<10)...)}}}
	for slot := uint64(1); slot <= 3; slot++ {
		c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: slot, Value: large})
	}
	next := uint64(1)
	for slot := uint64(1); slot <= 3; slot++ {
		p := promised(t, c.say(n, 2, proto.Prepare{Ballot: ballot(6, 2), From: next}))
		require.Len(t, p.Votes, 1)
		require.Equal(t, slot, p.Votes[0].Slot)
		next = p.Next
	}
	require.Zero(t, next, "these were all")
}

func TestACandidateThatWasNotToldAllVotesAsksForTheRest(t *testing.T) {
	c, n := alone(t)
	b := campaigns(t, c, n)
	said := c.say(n, 2, proto.Promise{Ballot: b, Disk: 22, Next: 3, Votes: []proto.Vote{{Slot: 2, Ballot: ballot(0, 0).Above(3), Value: value("x")}}})
	require.Empty(t, cmp.Diff([]machine.Data{proto.Prepare{Ballot: b, From: 3}}, said, sameData))
	require.Equal(t, "candidate", c.report(n).Role, "half a promise is none")
	said = c.say(n, 2, proto.Promise{Ballot: b, Disk: 22, Votes: []proto.Vote{{Slot: 3, Ballot: ballot(1, 3), Value: value("y")}}})
	require.Equal(t, map[uint64]string{1: "", 2: "add x", 3: "add y"}, proposed(said))
}

func TestTheVoteInTheHighestBallotIsProposedAgain(t *testing.T) {
	vote := func(round uint64, word string) proto.Vote {
		return proto.Vote{Slot: 1, Ballot: ballot(round, 2), Value: value(word)}
	}
	for name, c := range map[string]struct {
		own  machine.Data
		told []proto.Vote
		want string
	}{
		"told only":      {proto.Promised{Ballot: ballot(4, 2)}, []proto.Vote{vote(3, "told")}, "add told"},
		"told is higher": {proto.Voted{Ballot: ballot(2, 3), Slot: 1, Value: value("own")}, []proto.Vote{vote(3, "told")}, "add told"},
		"own is higher":  {proto.Voted{Ballot: ballot(4, 3), Slot: 1, Value: value("own")}, []proto.Vote{vote(3, "told")}, "add own"},
		"first of two":   {proto.Promised{Ballot: ballot(4, 2)}, []proto.Vote{vote(3, "high"), vote(2, "low")}, "add high"},
		"second of two":  {proto.Promised{Ballot: ballot(4, 2)}, []proto.Vote{vote(2, "low"), vote(3, "high")}, "add high"},
		"own only":       {proto.Voted{Ballot: ballot(2, 3), Slot: 1, Value: value("own")}, nil, "add own"},
	} {
		w, n := alone(t, c.own)
		w.ask(n, "add mine")
		_, said := leads(t, w, n, c.told...)
		require.Equal(t, c.want, proposed(said)[1], name)
	}
}

func TestGapsBeforeARecoveredVoteAreFilledAndNewCommandsComeBehind(t *testing.T) {
	c, n := alone(t)
	c.ask(n, "add mine")
	_, said := leads(t, c, n, proto.Vote{Slot: 3, Ballot: ballot(0, 0).Above(2), Value: value("told")})
	require.Equal(t, map[uint64]string{1: "", 2: "", 3: "add told", 4: "add mine"}, proposed(said))
}

func TestAPromiseCountsOnceAndForItsBallotOnly(t *testing.T) {
	cfg := configOf(3)
	cfg.Quorum1, cfg.Quorum2 = 3, 1
	g := trio()
	g.Quorum1, g.Quorum2 = 3, 1
	c, n := loadedWith(t, cfg, proto.Born{Disk: 11, Life: 1, New: true}, proto.Formed{Group: g})
	old := campaigns(t, c, n)
	b := campaigns(t, c, n)
	for name, p := range map[string]proto.Promise{
		"first": {Ballot: b, Disk: 22}, "again": {Ballot: b, Disk: 22}, "earlier ballot": {Ballot: old, Disk: 22},
		"another disk": {Ballot: b, Disk: 23},
	} {
		c.say(n, 2, p)
		require.Equal(t, "candidate", c.report(n).Role, name)
	}
	c.say(n, 3, proto.Promise{Ballot: old, Disk: 33})
	c.say(n, 4, proto.Promise{Ballot: b, Disk: 33})
	require.Equal(t, "candidate", c.report(n).Role)
	c.say(n, 3, proto.Promise{Ballot: b, Disk: 33})
	require.Equal(t, "leader", c.report(n).Role)
}

func TestAVoteCountsOnceInItsBallotOfAMember(t *testing.T) {
	cfg := configOf(3)
	cfg.Quorum1, cfg.Quorum2 = 1, 3
	g := trio()
	g.Quorum1, g.Quorum2 = 1, 3
	c, n := loadedWith(t, cfg, proto.Born{Disk: 11, Life: 1, New: true}, proto.Formed{Group: g})
	c.tick(n, 8*election)
	old := c.report(n).Ballot
	c.say(n, 3, proto.Nack{Promised: ballot(5, 3)})
	c.tick(n, 8*election)
	b := c.report(n).Ballot
	require.True(t, old.Less(b))
	c.ask(n, "add x")
	c.take(n)
	for name, from := range map[string]struct {
		node machine.Node
		vote proto.Accepted
	}{
		"first": {2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1}}, "again": {2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1}},
		"another disk":   {3, proto.Accepted{Ballot: b, Disk: 34, Slot: 1}},
		"earlier ballot": {3, proto.Accepted{Ballot: old, Disk: 33, Slot: 1}},
		"higher ballot":  {3, proto.Accepted{Ballot: ballot(99, 3), Disk: 33, Slot: 1}},
		"another slot":   {3, proto.Accepted{Ballot: b, Disk: 33, Slot: 2}},
		"a stranger":     {4, proto.Accepted{Ballot: b, Disk: 44, Slot: 1}},
		"with its name":  {4, proto.Accepted{Ballot: b, Disk: 33, Slot: 1}},
	} {
		c.say(n, from.node, from.vote)
		require.Zero(t, c.report(n).Commit, name)
	}
	c.say(n, 3, proto.Accepted{Ballot: b, Disk: 33, Slot: 1})
	require.Equal(t, uint64(1), c.report(n).Commit)
}

func TestALeadersOwnVoteCountsWhenItIsDurable(t *testing.T) {
	c, n := alone(t)
	b, _ := leads(t, c, n)
	n.stalled = true
	id := c.ask(n, "add x")
	require.Equal(t, map[uint64]string{1: "add x"}, proposed(c.take(n)), "others are asked at once")
	c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
	require.Zero(t, c.report(n).Commit, "one vote, and one that a crash may undo")
	require.Empty(t, answer(n, id))
	c.sync(n)
	c.take(n)
	require.Equal(t, uint64(1), c.report(n).Commit)
	require.Equal(t, "1", answer(n, id))
}

func TestAFollowerTakesForChosenWhatItVotedForInTheLeadersBallot(t *testing.T) {
	c, n := alone(t)
	c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: 1, Value: value("old")})
	said := c.say(n, 3, proto.Beat{Ballot: ballot(6, 3), Round: 1, Commit: 1})
	require.Zero(t, c.report(n).Commit, "its vote was in another ballot")
	require.Equal(t, []proto.Want{{From: 1}}, of[proto.Want](said))
	c.say(n, 3, proto.Accept{Ballot: ballot(6, 3), Slot: 1, Commit: 0, Value: value("new")})
	require.Zero(t, c.report(n).Commit)
	c.say(n, 3, proto.Beat{Ballot: ballot(6, 3), Round: 2, Commit: 1})
	require.Equal(t, "new", c.do(n, "peek"))
}

func TestALeaderGivesWayToAHigherBallot(t *testing.T) {
	for name, m := range map[string]machine.Data{
		"nack": proto.Nack{Promised: ballot(9, 3)},
		"beat": proto.Beat{Ballot: ballot(9, 3), Round: 1},
		"vote": proto.Accept{Ballot: ballot(9, 3), Slot: 1, Value: value("x")},
	} {
		c, n := alone(t)
		b, _ := leads(t, c, n)
		c.say(n, 3, m)
		require.NotEqual(t, "leader", c.report(n).Role, name)
		c.ask(n, "add mine")
		require.Empty(t, of[proto.Accept](c.take(n)), name)
		c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
		require.Zero(t, c.report(n).Commit, name)
	}
}

func TestAtMostAlphaSlotsAreOpen(t *testing.T) {
	c, n := alone(t)
	b, _ := leads(t, c, n)
	asked := map[uint64]string{}
	for i := range 2 * alpha {
		c.ask(n, fmt.Sprintf("add %d", i))
		for slot, words := range proposed(c.take(n)) {
			asked[slot] = words
		}
	}
	require.Len(t, asked, alpha)
	said := c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
	more := proposed(said)
	require.Len(t, more, 1, "one slot is chosen, and one more is open")
	require.True(t, strings.HasPrefix(more[5], "add 4"), "what has waited comes in its order, as much of it as a value is to have: %q", more)
}

func TestSlotsAreExecutedInOrderWhicheverIsChosenFirst(t *testing.T) {
	c, n := alone(t)
	b, _ := leads(t, c, n)
	first := c.ask(n, "add a")
	c.settle()
	second := c.ask(n, "add b")
	require.Equal(t, map[uint64]string{1: "add a", 2: "add b"}, proposed(c.take(n)))
	c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 2})
	require.Zero(t, c.report(n).Commit, "slot 2 is chosen, and waits for slot 1")
	require.Empty(t, c.do(n, "peek"))
	require.Empty(t, answer(n, second))
	c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
	require.Equal(t, []string{"1", "2"}, []string{answer(n, first), answer(n, second)})
}

func TestAValueThatWasNotVotedForIsAskedForAgainAsItWas(t *testing.T) {
	c, n := alone(t)
	b, _ := leads(t, c, n)
	c.ask(n, "add x")
	first := of[proto.Accept](c.take(n))
	require.NotEmpty(t, first)
	var again []proto.Accept
	for i := 0; i < 20 && len(again) == 0; i++ {
		again = of[proto.Accept](c.tick(n, heartbeat))
	}
	require.NotEmpty(t, again)
	for _, m := range again {
		require.Empty(t, cmp.Diff(first[0], m, sameData), "its time too: a ballot has one value for a slot")
	}
	c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
	require.Empty(t, of[proto.Accept](c.tick(n, 20*heartbeat)), "it is chosen")
}

func TestWhatWasLearnedStandsForAnEarlierVoteAfterACrashToo(t *testing.T) {
	c, n := alone(t)
	c.say(n, 2, proto.Accept{Ballot: ballot(5, 2), Slot: 1, Value: value("voted")})
	c.teach(n, value("chosen"), value("next"))
	c.crash(n)
	c.restart(n)
	require.Equal(t, "chosen next", c.do(n, "peek"))
}

// A candidate may be further behind than it takes votes for at a time. A promise whose
// votes it has left out is none: the slots behind are chosen, and not open.
func TestACandidateFarBehindLearnsAllThatIsChosenBeforeItProposes(t *testing.T) {
	c, leader, b, d := led(t)
	c.lost = isolate(d)
	for i := range 40 * alpha {
		c.do(leader, fmt.Sprintf("add %d", i))
	}
	want := c.alike(leader, b)
	c.crash(leader)
	c.lost = nil
	id := c.ask(d, "add last")
	c.until("an answer", func() bool { return answer(d, id) != "" })
	require.Equal(t, fmt.Sprint(40*alpha+1), answer(d, id))
	require.Equal(t, want+" last", c.alike(b, d))
}
