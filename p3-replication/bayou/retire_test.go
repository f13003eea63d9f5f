package bayou_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
)

// How a server gives up its name ('97, 4.3).

func TestAServerThatRetiresIsForgottenByAllWhoHearOfIt(t *testing.T) {
	c := group(t, 3)
	name := c.report(2).Name
	c.do(2, kv.Change{Remove: 2})
	c.meet(1, 2, 3)
	for id := 1; id <= 3; id++ {
		require.Equal(t, []int{1, 3}, c.members(id))
		_, has := c.report(id).Full.Get(name)
		require.False(t, has)
		_, has = c.report(id).Committed.Get(name)
		require.False(t, has)
	}
	c.agree(1, 2, 3)
}

func TestItsLastWritesReachOthersBeforeItIsGone(t *testing.T) {
	c := group(t, 3)
	c.put(2, "a", "last words")
	c.do(2, kv.Change{Remove: 2})
	require.True(t, c.report(2).Retired)
	require.False(t, c.report(2).Gone)
	c.tell(3, 2) // 3 knows nothing new
	require.False(t, c.report(2).Gone)
	c.tell(2, 3)
	require.False(t, c.report(2).Gone, "it has been sent, and nobody has said that it arrived")
	c.tell(3, 2)
	require.Equal(t, "a=last words", c.all(3))
	c.nodes[2].cfg.Peers = quiet(2, 1, 3).Peers
	c.restart(c.nodes[2])
	c.tell(3, 2)
	require.False(t, c.report(2).Gone, "its retirement has no number")
	c.tell(3, 1)
	c.tell(1, 2)
	require.True(t, c.report(2).Gone)
	c.nodes[2].server = nil
	c.meet(1, 3)
	require.Equal(t, "a=last words", c.stable(1))
	c.agree(1, 3)
}

func TestTwoThatRetireDoNotVouchForEachOther(t *testing.T) {
	c := group(t, 3)
	for _, id := range []int{2, 3} {
		c.nodes[id].cfg.Peers = quiet(id, 1, 5-id).Peers
		c.restart(c.nodes[id])
	}
	c.put(2, "a", "of 2")
	c.put(3, "b", "of 3")
	c.do(2, kv.Change{Remove: 2})
	c.do(3, kv.Change{Remove: 3})
	c.meet(2, 3)
	require.Equal(t, c.report(2).Full, c.report(3).Full)
	require.False(t, c.report(2).Gone)
	require.False(t, c.report(3).Gone)
	c.tell(3, 1)
	c.tell(1, 2)
	c.tell(1, 3)
	require.True(t, c.report(2).Gone)
	require.True(t, c.report(3).Gone)
	require.Equal(t, "a=of 2 b=of 3", c.stable(1))
}

func TestWhoHasRetiredTakesNoWritesAndBearsNobodyAlsoAfterACrash(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	c.do(2, kv.Change{Remove: 2})
	for range 2 {
		resp := c.ask(2, kv.Put{Key: "a", Value: []byte("2")})
		require.Equal(t, kv.Unavailable, resp.Status)
		require.Equal(t, addr(1), resp.Try)
		require.Equal(t, kv.Unavailable, c.ask(2, kv.Change{Remove: 2}).Status)
		require.Equal(t, "a=1", c.all(2))
		require.Empty(t, c.hear(2, 9, proto.Bear{Place: proto.Place{Node: 9, Life: 9}}))
		require.True(t, c.report(2).Retired)
		c.restart(c.nodes[2])
	}
	c.tell(2, 1)
	require.Equal(t, "a=1", c.stable(1))
}

func TestThePrimaryDoesNotRetireBeforeItHandsItsOfficeOver(t *testing.T) {
	c := group(t, 2)
	require.Equal(t, kv.Invalid, c.ask(1, kv.Change{Remove: 1}).Status)
	c.do(1, kv.Transfer{To: 2})
	c.do(1, kv.Change{Remove: 1})
	c.meet(1, 2)
	require.Equal(t, []int{2}, c.members(2))
	require.Len(t, c.report(2).Full, 1)
	require.True(t, c.report(1).Gone)
}

func TestTheLastServerDoesNotRetire(t *testing.T) {
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Order = "sequencer" })
	c.do(2, kv.Change{Remove: 2})
	c.meet(1, 2)
	resp := c.ask(1, kv.Change{Remove: 1})
	require.Equal(t, kv.Invalid, resp.Status)
	require.Contains(t, resp.Detail, "the only one")
	c.put(1, "a", "1")
}

func TestADatabaseGoesOnWithoutItsFounder(t *testing.T) {
	c := group(t, 2)
	c.put(1, "a", "1")
	c.do(1, kv.Transfer{To: 2})
	c.do(1, kv.Change{Remove: 1})
	c.meet(1, 2)
	c.nodes[1].server = nil
	c.start(3, quiet(3, 2))
	c.pass()
	c.put(3, "b", "2")
	c.meet(2, 3)
	require.Equal(t, "a=1 b=2", c.stable(3))
	c.restart(c.nodes[2])
	c.restart(c.nodes[3])
	c.agree(2, 3)
}

func TestAWriteOfOneThatRetiredIsStillKnown(t *testing.T) {
	c := group(t, 3)
	v := c.put(2, "a", "last words")
	c.do(2, kv.Change{Remove: 2})
	c.tell(2, 3)
	require.Equal(t, kv.Standing{Known: true}, c.standing(3, v))
	require.Equal(t, kv.Standing{}, c.standing(1, v))
	c.meet(1, 2, 3)
	require.True(t, c.standing(3, v).Stable)
	require.NotZero(t, c.standing(3, v).Commit)
}

// A session has read what one wrote that has retired since: that nothing more is to come of
// it shows only in what is not in a vector.
func TestASessionWaitsForTheWritesOfOneThatRetired(t *testing.T) {
	for what, op := range map[string]kv.Op{"monotonic reads": kv.Get{Key: "a"}, "writes follow reads": kv.Put{Key: "a"}} {
		c := group(t, 3)
		c.put(2, "a", "last words")
		c.do(2, kv.Change{Remove: 2})
		c.tell(2, 1)
		token := c.do(1, kv.Get{Key: "a"}).Token
		require.Nil(t, c.try(3, &kv.Request{Token: token, Op: op}), what)
		c.tell(1, 3)
		require.NotNil(t, c.nodes[3].answers[c.nodes[3].ids], what)
		require.NotNil(t, c.try(3, &kv.Request{Token: token, Op: op}), what)
	}
}

func TestTokensDoNotGrowWithServersThatRetired(t *testing.T) {
	c := group(t, 1)
	token := c.ask(1, kv.Get{Key: "a"}).Token
	size := len(token)
	for i := 2; i < 80; i++ {
		c.start(i, quiet(i, 1))
		c.pass()
		resp := c.try(1, &kv.Request{Token: token, Op: kv.Get{Key: "a"}})
		c.do(i, kv.Change{Remove: kv.ReplicaID(i)})
		c.tell(i, 1)
		c.nodes[i].server = nil
		resp = c.try(1, &kv.Request{Token: resp.Token, Op: kv.Get{Key: "a"}})
		require.Equal(t, kv.NotFound, resp.Status, resp.Detail)
		token = resp.Token
	}
	require.Less(t, len(token), size+20)
}
