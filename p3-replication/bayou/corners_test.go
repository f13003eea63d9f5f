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
	"dss.example/p3-replication/vector"
)

// Corners of the protocol into which random runs seldom get.

// hearRetired has a server hear that another has retired at a time.
func (c *cluster) hearRetired(id, other int, time uint64) {
	c.t.Helper()
	r := c.report(other)
	w := proto.Write{ID: vector.Stamp{Time: time, Server: r.Name}, Kind: proto.Retirement}
	c.hear(id, other, proto.Batch{Database: r.Database, Life: c.life(id, other), Items: []proto.Item{{ID: w.ID, Write: &w}}})
	require.NotContains(c.t, c.members(id), other)
}

// A vector has no entry of one that has retired: its stamps are remembered by the clock alone.
func TestStampsGoOnAboveAllThatOnlyASavedStateTellsOf(t *testing.T) {
	for what, last := range map[string]uint64{"its own": 3, "those of one that has retired": 50} {
		c := group(t, 2, func(cfg *bayou.Config) { cfg.Keep = 1 })
		c.put(1, "a", "1")
		if last > 3 {
			c.hearRetired(1, 2, last)
		}
		c.pass()
		require.Empty(t, saved[proto.Learned](c.nodes[1]), "%s: the state stands for all writes", what)
		c.restart(c.nodes[1])
		require.Greater(t, c.put(1, "a", "later").Hi, last, what)
		require.Equal(t, "a=later", c.stable(1), what)
	}
}

func TestStampsGoOnAboveThoseOfTheRetiredThatAStateOfAnotherHolds(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Retain = 1 })
	c.put(1, "a", "1")
	c.hearRetired(1, 2, 50)
	c.put(3, "b", "which knows nothing of 50 yet")
	c.tell(1, 3)
	require.Equal(t, uint64(1), c.report(3).Cost.Transfers)
	require.Greater(t, c.put(3, "a", "later").Hi, uint64(50))
}

func TestWhatIsTentativeAtItsSenderIsNotInAState(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Retain = 1 })
	for range 5 {
		c.put(1, "a", "committed")
	}
	c.tell(1, 2)
	c.put(2, "a", "tentative")
	c.tell(2, 3)
	require.Equal(t, uint64(1), c.report(3).Cost.Transfers)
	require.Equal(t, "a=committed", c.stable(3))
	require.Equal(t, "a=tentative", c.all(3))
	c.agree(2, 3)
}

func TestPiecesOfStatesOfTwoNumbersAreNotPutTogether(t *testing.T) {
	c := lagging(t, 2, 4)
	arrived := countPieces(c, 1, 2, 2)
	require.Len(t, arrived, 2)
	other := arrived[1]
	other.Part.At = proto.Cursor{Commit: other.Part.At.Commit + 1, From: other.Part.Next}
	require.Empty(t, c.hear(2, 1, other))
	countPieces(c, 1, 2, 99)
	require.Equal(t, uint64(1), c.report(2).Cost.Transfers)
	c.agree(1, 2)
}

func TestRecordsStayUntilTheLastPartOfTheStateThatStandsForThemIsDurable(t *testing.T) {
	for durable := range 4 {
		c := group(t, 1, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 3<<20, 1 })
		for i := range 6 {
			c.put(1, fmt.Sprint(i), large("x"))
		}
		for range durable { // parts, and the next ones are saved
			i := slices.IndexFunc(c.mail, func(l letter) bool { _, ok := l.msg.(proto.Saved); return ok })
			if i < 0 {
				break
			}
			l := c.mail[i]
			c.mail = slices.Delete(c.mail, i, i+1)
			c.step(c.nodes[1], machine.Recv{From: l.from, Msg: l.msg})
		}
		c.restart(c.nodes[1])
		require.Len(t, c.do(1, kv.Scan{KeysOnly: true}).Result.(kv.Items).List, 6, "%d parts are durable", durable)
	}
}

func TestASessionWaitsForTheWriteOfAServerThatWasNeverHeardOf(t *testing.T) {
	c := group(t, 3)
	cfg := quiet(2, 1)
	c.onRecords(2, cfg, formed(2, 2, cfg)...)
	token := c.do(3, aWrite).Token
	require.Nil(t, c.try(2, &kv.Request{Token: token, Op: aRead}), "2 knows nothing of the birth of 3")
	require.Nil(t, c.try(2, &kv.Request{Token: token, Op: aWrite}))
	require.Equal(t, 2, c.report(2).Waiting)
	c.tell(1, 2)
	c.tell(3, 2)
	require.Zero(t, c.report(2).Waiting)
}

func TestWhoIsAskedByOneThatKnowsMoreLearnsItToo(t *testing.T) {
	c := group(t, 2)
	c.put(1, "a", "1")
	c.put(2, "b", "2")
	want := c.wanted(2, 1)
	c.hear(1, 2, want)
	c.pass()
	require.Equal(t, "a=1 b=2", c.all(1))
}

func TestAnItemIsStableIfNoWriteThatIsKnownCanChangeIt(t *testing.T) {
	c := group(t, 2)
	stable := func(key string) bool { return c.ask(2, kv.Get{Key: key}).Stable }
	require.True(t, stable("a"), "nobody has written it")
	c.put(2, "a", "1")
	require.False(t, stable("a"))
	require.True(t, stable("b"))
	c.meet(1, 2)
	require.True(t, stable("a"))
	c.do(2, kv.Delete{Key: "a"})
	require.False(t, stable("a"), "it is gone for the time being")
	c.meet(1, 2)
	require.True(t, stable("a"))
}

// A world may not have let go of the records yet that stand before the word that they are void.
func TestWhatAServerHasForgottenDoesNotComeBackAfterACrash(t *testing.T) {
	c := group(t, 2)
	former, cfg := c.report(2).Name, quiet(2, 1)
	place := proto.Place{Node: 2, Life: 77, Addr: addr(2)}
	n := c.onRecords(2, cfg, append(formed(2, 2, cfg), learned(9, former.String(), "a", "forgotten", ""), proto.Forgot{Place: place})...)
	require.Empty(t, c.report(2).Name)
	require.Empty(t, c.report(2).Full)
	c.pass()
	require.NotContains(t, []vector.Server{"", former}, c.report(2).Name)
	require.Equal(t, "", c.all(2))
	c.restart(n)
	require.NotContains(t, []vector.Server{"", former}, c.report(2).Name)
	c.meet(1, 2)
	c.agree(1, 2)
}

// Without a primary it is not the number of its retirement that holds a server back.
func TestWhatWasSentOfOneThatRetiresHasNotArrivedYet(t *testing.T) {
	c := sequenced(t, 3)
	c.put(2, "a", "last words")
	c.do(2, kv.Change{Remove: 2})
	c.tell(2, 3)
	require.False(t, c.report(2).Gone, "nobody has said that it arrived")
	c.tell(3, 2)
	require.True(t, c.report(2).Gone)
	require.Equal(t, "a=last words", c.all(3))
}

func TestTwoThatRetireDoNotVouchForEachOtherWithoutAPrimary(t *testing.T) {
	c := sequenced(t, 3)
	for _, id := range []int{2, 3} {
		c.nodes[id].cfg.Peers = quiet(id, 1, 5-id).Peers
		c.restart(c.nodes[id])
		c.do(id, kv.Change{Remove: kv.ReplicaID(id)})
	}
	c.meet(2, 3)
	require.Equal(t, c.report(2).Full, c.report(3).Full)
	require.False(t, c.report(2).Gone)
	require.False(t, c.report(3).Gone)
	c.tell(3, 1)
	c.tell(1, 2)
	c.tell(1, 3)
	require.True(t, c.report(2).Gone)
	require.True(t, c.report(3).Gone)
}
