package bayou_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
)

// The committed state, for those who lag behind what is kept of the writes ('97, 3.3).

// large is a value of which a few make a piece.
func large(text string) string { return text + string(make([]byte, 600<<10)) }

// lagging is a group of n of which the last lags behind what the others keep, in pieces as many.
func lagging(t testing.TB, n, pieces int) *cluster {
	c := group(t, n, func(cfg *bayou.Config) { cfg.Retain = 3 })
	for i := range pieces {
		c.put(1, fmt.Sprintf("k%02d", i), large(fmt.Sprint(i)))
	}
	for range 5 {
		c.put(1, "a", "1")
	}
	for id := 2; id < n; id++ {
		c.tell(1, id)
	}
	require.Greater(t, c.report(1).Dropped, c.report(n).Commit)
	return c
}

// pieces are what arrives of a transfer, as it is asked for.
func countPieces(c *cluster, from, to int, most int) (arrived []proto.Piece) {
	c.t.Helper()
	c.now += second
	c.step(c.nodes[to], machine.Recv{From: at(from), Msg: c.offer(from)})
	c.passIf(func(l letter) bool {
		p, ok := l.msg.(proto.Piece)
		if ok && between(from, to)(l) && len(arrived) < most {
			arrived = append(arrived, p)
			return true
		}
		return !ok && between(from, to)(l) && len(arrived) < most
	})
	return arrived
}

func TestWhoLagsIsSentTheStateAndKeepsItsOwnTentativeWrites(t *testing.T) {
	c := lagging(t, 3, 3)
	v := c.put(3, "mine", "tentative")
	arrived := countPieces(c, 1, 3, 99)
	require.Len(t, arrived, 3)
	require.Equal(t, uint64(1), c.report(3).Cost.Transfers)
	require.Equal(t, c.report(1).Commit, c.report(3).Commit)
	require.Equal(t, c.report(3).Omitted, c.report(3).Committed)
	require.Contains(t, c.all(3), "mine=tentative")
	require.Equal(t, kv.Standing{Known: true}, c.standing(3, v))
	c.restart(c.nodes[3])
	require.Equal(t, kv.Standing{Known: true}, c.standing(3, v))
	require.Equal(t, c.nodes[1].server.Hash(state.Sure), c.nodes[3].server.Hash(state.Sure))
	c.tell(3, 1)
	c.tell(1, 3)
	c.tell(1, 2)
	require.True(t, c.standing(2, v).Stable)
	c.agree(1, 2, 3)
}

func TestATentativeWriteThatIsInTheStateIsNotDoneAgain(t *testing.T) {
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Retain = 3 })
	v := c.do(2, guarded("a", "1", "b=1")).Rev
	c.tell(2, 1)
	for range 5 {
		c.put(1, "z", "1")
	}
	require.Equal(t, 1, c.report(2).Tentative)
	c.tell(1, 2)
	require.Equal(t, uint64(1), c.report(2).Cost.Transfers)
	require.Zero(t, c.report(2).Tentative)
	require.Equal(t, "a=1 z=1", c.all(2))
	require.True(t, c.standing(2, v).Stable)
	c.agree(1, 2)
}

func TestATransferThatIsCutGoesOnWithThePieceThatIsMissing(t *testing.T) {
	c := lagging(t, 2, 4)
	first := countPieces(c, 1, 2, 2)
	require.Len(t, first, 2)
	require.Zero(t, c.report(2).Cost.Transfers)
	rest := countPieces(c, 1, 2, 99)
	require.Len(t, rest, 2)
	require.Equal(t, first[1].Part.Next, rest[0].Part.At.From)
	require.Equal(t, uint64(1), c.report(2).Cost.Transfers)
	c.agree(1, 2)
}

func TestATransferGoesOnWithTheSameStateWhileWritesGoOn(t *testing.T) {
	c := lagging(t, 2, 4)
	first := countPieces(c, 1, 2, 2)
	c.put(1, "k00", "changed")
	rest := countPieces(c, 1, 2, 99)
	same := slices.DeleteFunc(rest, func(p proto.Piece) bool { return p.Part.At.Commit != first[0].Part.At.Commit })
	require.Len(t, same, 2, "another state may follow")
	c.tell(1, 2)
	require.Contains(t, c.all(2), "k00=changed")
	c.agree(1, 2)
}

func TestATransferCanChangeItsSenderInTheMiddle(t *testing.T) {
	c := lagging(t, 3, 4)
	c.put(3, "mine", "tentative")
	require.Len(t, countPieces(c, 1, 3, 2), 2)
	c.put(2, "of 2", "x")
	c.tell(2, 1)
	c.tell(1, 2) // which is at another number now
	c.nodes[1].server = nil
	arrived := countPieces(c, 2, 3, 99)
	require.Len(t, arrived, 4, "from the beginning")
	require.Equal(t, c.report(2).Commit, c.report(3).Commit)
	require.Contains(t, c.all(3), "mine=tentative")
	c.tell(3, 2)
	c.agree(2, 3)
}

func TestPiecesThatComeTwiceOrLateOrFromAnotherAreNotTaken(t *testing.T) {
	c := lagging(t, 3, 4)
	stale := countPieces(c, 2, 3, 2) // 2 at the same number
	c.put(1, "k03", "changed")
	arrived := countPieces(c, 1, 3, 3)
	require.Len(t, arrived, 3)
	for _, p := range []proto.Piece{arrived[1], arrived[2], stale[1]} {
		require.Empty(t, c.hear(3, 1, p))
	}
	require.Empty(t, c.hear(3, 2, stale[1]))
	countPieces(c, 1, 3, 99)
	require.Equal(t, uint64(1), c.report(3).Cost.Transfers)
	c.agree(1, 3)
	require.Empty(t, c.hear(3, 1, arrived[0]), "what is known is not asked for again")
}

func TestACrashInATransferLosesNothingThatWasKnown(t *testing.T) {
	play := func() (c *cluster, before int) {
		c = lagging(t, 2, 3)
		c.put(2, "mine", "tentative")
		before = int(c.nodes[2].seq)
		c.tell(1, 2)
		return c, before
	}
	c, before := play()
	after := int(c.nodes[2].seq)
	require.Greater(t, after, before+4)
	for k := before; k <= after; k++ {
		c, _ := play()
		c.onDisk(c.nodes[2], k)
		require.Contains(t, c.all(2), "mine=tentative", "%d of %d records", k, after)
		c.meet(1, 2)
		c.agree(1, 2)
		require.Contains(t, c.stable(1), "mine=tentative")
	}
}

func TestAStateWithAPairThatNoServerHasIsRefusedAndItIsSaid(t *testing.T) {
	c := lagging(t, 2, 1)
	piece := of[proto.Piece](c.hear(1, 2, c.wanted(2, 1)))[0]
	before := c.report(2)
	piece.Part.Pairs = append([]proto.Pair{{Key: "?", Value: []byte("x")}}, piece.Part.Pairs...)
	c.hear(2, 1, piece)
	require.Equal(t, before.Full, c.report(2).Full)
	require.Equal(t, before.Commit, c.report(2).Commit)
	require.Contains(t, c.nodes[2].notes[0], "refused: the state after number")
	c.tell(1, 2)
	c.agree(1, 2)
}

func TestTwoStatesAreOnTheirWayAtATime(t *testing.T) {
	c := lagging(t, 2, 4)
	seen := map[uint64]int{}
	for id := uint64(11); id < 20; id++ { // each asks for the present one
		p := of[proto.Piece](c.hear(1, int(id), proto.Want{Database: c.report(1).Database, Life: id}))
		require.Len(t, p, 1)
		require.NotEmpty(t, p[0].Part.Next)
		seen[p[0].Part.At.Commit]++
		c.put(1, "a", fmt.Sprint(id))
	}
	require.Len(t, seen, 2)
	c.run(3 * second)
	p := of[proto.Piece](c.hear(1, 11, proto.Want{Database: c.report(1).Database, Life: 11}))
	require.Equal(t, c.report(1).Commit, p[0].Part.At.Commit, "those that nobody asked for were given up")
}

func TestWhoIsNotBehindWhatIsKeptIsSentWritesOnly(t *testing.T) {
	c := lagging(t, 2, 1)
	reach := c.offer(1).Reach
	for commit := uint64(0); commit <= reach.Commit; commit++ {
		said := c.hear(1, 2, proto.Want{Database: c.report(1).Database, Life: 7, Reach: proto.Reach{Known: reach.Known, Commit: commit}})
		require.Equal(t, commit < c.report(1).Dropped, len(of[proto.Piece](said)) == 1)
		require.Equal(t, commit >= c.report(1).Dropped, len(of[proto.Batch](said)) == 1)
	}
}

func TestOfTheCommittedWritesAsManyAreKeptAsASettingSays(t *testing.T) {
	c := group(t, 1, func(cfg *bayou.Config) { cfg.Retain = 7 })
	for range 20 {
		c.put(1, "a", "1")
	}
	r := c.report(1)
	require.Equal(t, uint64(7), r.Commit-r.Dropped)
	require.True(t, slices.Equal(r.Full, r.Committed))
	require.NotEqual(t, r.Omitted, r.Committed)
}

func nobody(letter) bool { return false }

func TestATransferEndsWhileMoreIsCommittedThanIsKept(t *testing.T) {
	c := lagging(t, 2, 4)
	first := countPieces(c, 1, 2, 2)
	for range 10 {
		c.put(1, "z", "1")
	}
	c.now += tick
	c.passIf(nobody)
	rest := countPieces(c, 1, 2, 99)
	require.Len(t, rest, 2)
	require.Equal(t, first[0].Part.At.Commit, rest[0].Part.At.Commit)
	c.tell(1, 2)
	require.Equal(t, uint64(1), c.report(2).Cost.Transfers, "what was committed meanwhile has come as writes")
	c.agree(1, 2)
	c.run(3 * second)
	c.put(1, "z", "2")
	require.Equal(t, c.report(1).Commit-3, c.report(1).Dropped, "nothing is held for who has all")
}

func TestWhoIsBeyondAllStatesThatAreOnTheirWayIsSentANewOne(t *testing.T) {
	c := group(t, 1, func(cfg *bayou.Config) { cfg.Retain, cfg.Bytes = 3, 20_000 })
	want := func(id int, commit uint64) proto.Part {
		said := of[proto.Piece](c.hear(1, id, proto.Want{Database: c.report(1).Database, Life: 7, Reach: proto.Reach{Commit: commit}}))
		require.Len(t, said, 1)
		return said[0].Part
	}
	for id := 11; id <= 12; id++ {
		for range 5 {
			c.put(1, "a", "x")
		}
		want(id, 0)
	}
	for range 30 {
		c.put(1, "a", string(make([]byte, 1000)))
	}
	require.Less(t, c.report(1).Commit-c.report(1).Dropped, uint64(20), "memory has its bound")
	reached := c.report(1).Dropped - 1
	require.Greater(t, want(13, reached).At.Commit, reached)
}

func TestATransferThatDoesNotGoOnBeginsFromTheFirstPair(t *testing.T) {
	c := lagging(t, 2, 4)
	require.Len(t, countPieces(c, 1, 2, 2), 2)
	sender := c.nodes[1].server
	c.nodes[1].server = nil
	c.run(3 * second)
	c.nodes[1].server = sender
	require.Zero(t, c.wanted(2, 1).State, "what had come is forgotten")
	c.tell(1, 2)
	require.Equal(t, uint64(1), c.report(2).Cost.Transfers)
	c.agree(1, 2)
}

func TestAStateThatIsTooLargeIsRefusedAndItIsSaid(t *testing.T) {
	c := lagging(t, 2, 4)
	c.nodes[2].cfg.State = 1 << 20
	c.restart(c.nodes[2])
	c.passIf(func(letter) bool { return false }) // whatever it says when it starts
	before := c.report(2).Full
	arrived := countPieces(c, 1, 2, 99)
	require.Len(t, arrived, 2, "no more is asked for")
	require.Len(t, c.nodes[2].notes, 1)
	require.Contains(t, c.nodes[2].notes[0], "of node 1: it takes more than 1048576 bytes")
	require.Equal(t, before, c.report(2).Full)
	c.nodes[2].cfg.State = 4 << 20
	c.restart(c.nodes[2])
	c.tell(1, 2)
	c.agree(1, 2)
}

// While a state is saved that has arrived, its receiver goes on from what it had.
func TestAServerThatSavesAStateTakesWritesMeanwhile(t *testing.T) {
	c := lagging(t, 2, 4)
	arrived := countPieces(c, 1, 2, 3)
	require.Len(t, arrived, 3)
	last := of[proto.Piece](c.hear(1, 2, c.wanted(2, 1)))[0]
	before := c.report(2).Commit
	c.hear(2, 1, last)
	require.Equal(t, before, c.report(2).Commit, "it is not saved yet")
	c.put(2, "mine", "meanwhile")
	require.Contains(t, c.all(2), "mine=meanwhile")
	c.now += second
	require.Empty(t, of[proto.Want](c.hear(2, 1, c.offer(1))), "one state at a time")
	c.pass()
	require.Equal(t, last.Part.At.Commit, c.report(2).Commit)
	require.Contains(t, c.all(2), "mine=meanwhile")
	c.restart(c.nodes[2])
	require.Contains(t, c.all(2), "mine=meanwhile")
	c.meet(1, 2)
	require.Contains(t, c.stable(1), "mine=meanwhile")
	c.agree(1, 2)
}

func TestAStateThatIsOvertakenWhileItIsSavedIsNotTaken(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) {
		if cfg.Retain = 3; cfg.Addr == addr(3) {
			cfg.Retain, cfg.Batch = 1000, 8<<20
		}
	})
	for i := range 8 {
		c.put(1, fmt.Sprint("k", i%4), large(fmt.Sprint(i)))
		c.tell(1, 3)
	}
	answer := of[proto.Batch](c.hear(3, 2, c.wanted(2, 3)))
	if len(answer) == 0 {
		return // it sends states only, which overtake nothing
	}
	writes := answer[0] // which are late
	for want := []proto.Want{c.wanted(2, 1)}; len(want) > 0; {
		want = of[proto.Want](c.hear(2, 1, of[proto.Piece](c.hear(1, 2, want[0]))[0]))
	}
	require.Less(t, c.report(2).Commit, c.report(1).Commit, "it is being saved")
	c.hear(2, 3, writes)
	require.Equal(t, c.report(1).Commit, c.report(2).Commit)
	c.pass()
	require.Zero(t, c.report(2).Cost.Transfers)
	c.agree(1, 2, 3)
	c.restart(c.nodes[2])
	c.agree(1, 2, 3)
}

func TestWhoWasBornIsAPeerAlsoIfAStateTellsOfIt(t *testing.T) {
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 300, 3 })
	for range 20 {
		c.put(1, "a", "1")
		c.tell(1, 2)
		c.pass()
	}
	c.restart(c.nodes[2]) // from a state of its own
	c.start(3, quiet(3, 1))
	c.pass()
	for range 10 {
		c.put(1, "a", "2")
	}
	c.tell(1, 2)
	require.Equal(t, uint64(1), c.report(2).Cost.Transfers)
	require.Equal(t, []bayou.Peer{{Node: 1, Addr: addr(1)}, {Node: 3, Addr: addr(3)}}, c.nodes[2].server.Peers())
}
