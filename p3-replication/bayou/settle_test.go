package bayou_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
)

// Putting writes in order ('95, 5): what is undone and done again, and what is not.

// cost is what a server has done and undone while something happened.
func (c *cluster) cost(id int, fn func()) (done, undone uint64) {
	before := c.report(id).Cost
	fn()
	after := c.report(id).Cost
	return after.Done - before.Done, after.Undone - before.Undone
}

func TestAWriteIsTentativeUntilThePrimaryHasHeardOfIt(t *testing.T) {
	c := group(t, 2)
	resp := c.do(2, kv.Put{Key: "a", Value: []byte("1")})
	require.False(t, resp.Stable)
	require.Equal(t, "a=1", c.all(2))
	require.Equal(t, "", c.stable(2))
	require.Equal(t, kv.Standing{Known: true}, c.standing(2, resp.Rev))
	require.Equal(t, kv.Standing{}, c.standing(1, resp.Rev))

	c.tell(2, 1)
	require.Equal(t, "a=1", c.stable(1))
	require.Equal(t, "", c.stable(2))
	c.tell(1, 2)
	require.Equal(t, "a=1", c.stable(2))
	require.Equal(t, c.standing(1, resp.Rev), c.standing(2, resp.Rev))
	require.NotZero(t, c.standing(2, resp.Rev).Commit)
}

func TestThePrimarysOwnWritesAreStableAtOnce(t *testing.T) {
	c := group(t, 1)
	require.True(t, c.do(1, kv.Put{Key: "a", Value: []byte("1")}).Stable)
	require.Equal(t, "a=1", c.stable(1))
}

func TestALateWriteTakesThePlaceOfItsStamp(t *testing.T) {
	c := group(t, 3)
	c.put(2, "a", "early at 2")
	for range 3 {
		c.put(3, "b", "so that the clock of 3 is ahead")
	}
	c.put(3, "a", "late at 3")
	c.tell(2, 3)
	require.Contains(t, c.all(3), "a=late at 3", "the write of 2 has the lower stamp")
	c.tell(3, 2)
	require.Contains(t, c.all(2), "a=late at 3")
	c.agree(2, 3)
}

func TestAWriteInTheMiddleUndoesOnlyWhatComesBehindIt(t *testing.T) {
	c := group(t, 3)
	for range 4 {
		c.put(3, "a", "x")
	}
	c.tell(3, 2)
	c.put(2, "b", "behind the four")
	for range 4 { // with stamps of which the first is that of 2's
		c.put(3, "c", "x")
	}
	done, undone := c.cost(3, func() { c.tell(2, 3) })
	require.Equal(t, uint64(4), undone, "those of 3 behind the one of 2")
	require.Equal(t, uint64(5), done)
	done, undone = c.cost(2, func() { c.tell(3, 2) })
	require.Equal(t, uint64(0), undone)
	require.Equal(t, uint64(4), done)
	c.agree(2, 3)
}

func TestCommitsInTheOrderInWhichWritesWereDoneUndoNothing(t *testing.T) {
	c := group(t, 2)
	for range 5 {
		c.put(2, "a", "x")
	}
	c.tell(2, 1)
	done, undone := c.cost(2, func() { c.tell(1, 2) })
	require.Equal(t, c.report(1).Commit, c.report(2).Commit)
	require.Zero(t, done)
	require.Zero(t, undone)
	c.agree(1, 2)
}

func TestACommitOutOfOrderUndoesAndTheEndIsThePrimarys(t *testing.T) {
	c := group(t, 3)
	for range 3 {
		c.put(3, "z", "so that the clock of 3 is ahead")
	}
	c.do(3, guarded("a", "of 3", "b=of 3"))
	c.do(2, guarded("a", "of 2", "b=of 2"))
	c.tell(3, 1)
	c.tell(3, 2)
	_, undone := c.cost(2, func() { c.tell(1, 2) })
	require.Positive(t, undone, "its own, which stood before by its stamp")
	require.Equal(t, "a=of 3 b=of 2 z=so that the clock of 3 is ahead", c.all(2))
	c.meet(1, 2, 3)
	require.Equal(t, "a=of 3 b=of 2 z=so that the clock of 3 is ahead", c.stable(3))
	c.agree(1, 2, 3)
}

func TestANumberForATentativeWriteInTheMiddleUndoesThoseBeforeIt(t *testing.T) {
	c := group(t, 3)
	for range 3 {
		c.put(3, "z", "so that the clock of 3 is ahead")
	}
	c.do(3, guarded("a", "of 3", "b=of 3"))
	c.do(2, guarded("a", "of 2", "b=of 2"))
	c.tell(3, 1)
	c.tell(3, 2)
	require.Equal(t, "a=of 2 b=of 3 z=so that the clock of 3 is ahead", c.all(2))
	_, undone := c.cost(2, func() { c.tell(1, 2) })
	require.Positive(t, undone)
	require.Equal(t, "a=of 3 b=of 2 z=so that the clock of 3 is ahead", c.all(2))
	require.Equal(t, "a=of 3 z=so that the clock of 3 is ahead", c.stable(2))
}

func TestAWriteThatIsKnownIsNotSentAgainOnlyItsNumber(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	r := c.report(2)
	c.tell(2, 1)
	said := of[proto.Batch](c.hear(1, 2, proto.Want{Database: r.Database, Life: 7, Reach: proto.Reach{Known: r.Full, Commit: r.Commit}}))
	require.Len(t, said, 1)
	require.Len(t, said[0].Items, 1)
	require.Equal(t, uint64(7), said[0].Life)
	require.Nil(t, said[0].Items[0].Write)
	require.Equal(t, c.report(1).Commit, said[0].Items[0].Commit)
}

func TestAWriteIsBehindAllThatItsServerKnewThen(t *testing.T) {
	c := group(t, 3)
	var last kv.Version
	for range 9 {
		last = c.put(3, "a", "3's")
	}
	c.tell(3, 2)
	v := c.put(2, "a", "2's")
	require.Greater(t, v.Hi, last.Hi, "its stamp")
	c.meet(1, 2, 3)
	require.Equal(t, "a=2's", c.stable(1))
	c.agree(1, 2, 3)
}

func TestWhatAProcedureFindsDependsOnThePlaceInTheOrder(t *testing.T) {
	c := group(t, 3)
	require.Equal(t, kv.GuardedResult{Fate: kv.Applied}, c.do(2, guarded("a", "2", "b=2;c=2")).Result)
	require.Equal(t, kv.GuardedResult{Fate: kv.Applied}, c.do(3, guarded("a", "3", "b=3;c=3")).Result)
	require.Equal(t, kv.GuardedResult{Fate: kv.Merged}, c.do(3, guarded("a", "3'", "b=3'")).Result)
	require.Equal(t, kv.GuardedResult{Fate: kv.Unresolved}, c.do(3, guarded("a", "3''", "b=3''")).Result)
	c.meet(2, 3)
	require.Equal(t, "a=2 b=3", c.all(3), "the second of 3 finds nothing any more")
	require.Equal(t, 2, c.report(3).Conflicts)
	c.meet(1, 2, 3)
	require.Equal(t, "a=2 b=3", c.stable(1))
	c.agree(1, 2, 3)
}

func TestAConflictIsListedAndStopsNobody(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	bad := c.do(2, guarded("a", "2", ""))
	c.put(2, "b", "2")
	require.Equal(t, "a=1 b=2", c.all(2))
	list := c.do(2, kv.Conflicts{}).Result.(kv.ConflictList)
	require.Len(t, list.List, 1)
	require.Equal(t, bad.Rev, list.List[0].Write)
	require.Equal(t, []kv.Op{kv.Put{Key: "a", Value: []byte("2")}}, list.List[0].Then)
	require.False(t, list.List[0].Stable)
	require.Contains(t, list.List[0].Text, "no merge procedure")
	require.Empty(t, c.try(2, &kv.Request{Level: kv.Prefix, Op: kv.Conflicts{}}).Result.(kv.ConflictList).List)
	c.meet(1, 2)
	require.True(t, c.do(2, kv.Conflicts{}).Result.(kv.ConflictList).List[0].Stable)
	require.Len(t, c.try(2, &kv.Request{Level: kv.Prefix, Op: kv.Conflicts{}}).Result.(kv.ConflictList).List, 1)
}

func TestConflictsAreListedPageByPage(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	var want, got []kv.Version
	for range 7 {
		want = append(want, c.do(2, guarded("a", "2", "")).Rev)
	}
	for more, after := true, (kv.Version{}); more; {
		list := c.do(2, kv.Conflicts{After: after, Limit: 3}).Result.(kv.ConflictList)
		require.LessOrEqual(t, len(list.List), 3)
		for _, one := range list.List {
			got, after = append(got, one.Write), one.Write
		}
		more = list.More
	}
	require.Equal(t, want, got)
}

func TestOfTooManyConflictsTheOldestAreForgottenAlikeEverywhere(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	first := c.do(2, guarded("a", "2", "")).Rev
	for range 1000 {
		c.do(2, guarded("a", "2", ""))
	}
	require.Equal(t, 1000, c.report(2).Conflicts)
	require.NotEqual(t, first, c.do(2, kv.Conflicts{Limit: 1}).Result.(kv.ConflictList).List[0].Write)
	c.meet(1, 2)
	require.Equal(t, 1000, c.report(1).Conflicts)
	c.agree(1, 2)
}

func TestManyTentativeWritesAreRefusedUntilThePrimaryIsHeard(t *testing.T) {
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Tentative = 5 })
	for range 5 {
		c.put(2, "a", "1")
	}
	require.Equal(t, kv.Overloaded, c.ask(2, kv.Put{Key: "a", Value: []byte("6")}).Status)
	require.Equal(t, kv.Overloaded, c.ask(2, kv.Delete{Key: "a"}).Status)
	require.Equal(t, kv.OK, c.ask(2, kv.Get{Key: "a"}).Status, "reads go on")
	require.Equal(t, 5, c.report(2).Tentative)
	c.meet(1, 2)
	c.put(2, "a", "6")
}

func TestManyBytesOfWritesAreRefusedUntilThePrimaryIsHeard(t *testing.T) {
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Bytes = 10_000 })
	written := 0
	for ; written < 100; written++ {
		if c.ask(2, kv.Put{Key: "a", Value: make([]byte, 1000)}).Status == kv.Overloaded {
			break
		}
	}
	require.Greater(t, written, 5)
	require.Less(t, written, 12)
	c.meet(1, 2)
	c.put(2, "a", "1")
	for range 30 {
		c.ask(1, kv.Put{Key: "a", Value: make([]byte, 1000)})
	}
	require.Equal(t, kv.OK, c.ask(1, kv.Put{Key: "a"}).Status, "what is committed makes room")
}

func TestAClientsRequestThatIsRefusedChangesNothing(t *testing.T) {
	c := group(t, 2)
	for name, one := range map[string]struct {
		req  kv.Request
		want kv.Status
	}{
		"a program that is none":     {kv.Request{Op: kv.Guarded{If: "!", Then: []kv.Op{kv.Put{Key: "a"}}}}, kv.Invalid},
		"a numbered session":         {kv.Request{Session: 1, Seq: 1, Op: kv.Put{Key: "a"}}, kv.Unsupported},
		"too strong a level":         {kv.Request{Level: kv.Linearizable, Op: kv.Put{Key: "a"}}, kv.Unsupported},
		"a lease":                    {kv.Request{Op: kv.Put{Key: "a", Lease: 1}}, kv.Unsupported},
		"what needs one order":       {kv.Request{Op: kv.CAS{Key: "a"}}, kv.Unsupported},
		"a transaction":              {kv.Request{Op: kv.Txn{Then: []kv.Op{kv.Put{Key: "a"}}}}, kv.Unsupported},
		"no key":                     {kv.Request{Op: kv.Put{}}, kv.Invalid},
		"a token that is none":       {kv.Request{Token: []byte("xy"), Op: kv.Put{Key: "a"}}, kv.Invalid},
		"guarantees that are none":   {kv.Request{Token: []byte{16}, Op: kv.Put{Key: "a"}}, kv.Invalid},
		"a read of the past":         {kv.Request{At: kv.Version{Hi: 1}, Op: kv.Get{Key: "a"}}, kv.Unsupported},
		"a hand-over by another":     {kv.Request{Op: kv.Transfer{To: 2}}, kv.Unavailable},
		"an addition":                {kv.Request{Op: kv.Change{Add: 3}}, kv.Invalid},
		"the retirement of another":  {kv.Request{Op: kv.Change{Remove: 1}}, kv.Unavailable},
		"more than a write may take": {kv.Request{Op: kv.Guarded{Then: []kv.Op{kv.Put{Key: "a", Value: make([]byte, kv.MaxValue)}, kv.Put{Key: "b", Value: make([]byte, kv.MaxValue)}}}}, kv.TooLarge},
	} {
		before := c.report(2)
		resp := c.try(2, &one.req)
		require.NotNil(t, resp, name)
		require.Equal(t, one.want.String(), resp.Status.String(), "%s: %s", name, resp.Detail)
		require.NotEmpty(t, resp.Detail, name)
		require.Equal(t, before, c.report(2), name)
	}
	require.Nil(t, c.step(c.nodes[2], machine.Ask{ID: 99, Cmd: machine.Raw("x")}).Reply)
}

// A server that comes back with m writes of its own to one that has as many, in between: each is
// undone once at most, and done once more, in whatever number of batches they come.
func TestWritesThatInterleaveAreUndoneAndDoneInProportionToTheirNumber(t *testing.T) {
	for _, m := range []int{50, 200, 800} {
		c := group(t, 3, func(cfg *bayou.Config) { cfg.Batch = 1000 })
		for range m {
			c.put(2, "a", "of 2")
			c.put(3, "b", "of 3")
		}
		done, undone := c.cost(2, func() { c.tell(3, 2) })
		require.Equal(t, 2*m, c.report(2).Tentative)
		require.LessOrEqual(t, undone, uint64(m))
		require.LessOrEqual(t, done, uint64(2*m))
		require.Greater(t, undone, uint64(m-2), "they do interleave")
	}
}

func TestASessionThatIsCutLeavesWritesThatAreReadAtOnce(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Batch, cfg.Patience = 1, 100*second })
	token := c.do(3, kv.Put{Key: "a", Value: []byte("1")}).Token
	for range 5 {
		c.put(3, "b", "2")
	}
	require.Nil(t, c.try(2, &kv.Request{Token: token, Op: kv.Get{Key: "a"}}))
	waiting := c.nodes[2].ids
	c.hear(2, 3, of[proto.Batch](c.hear(3, 2, c.wanted(2, 3)))[0]) // and the rest is lost
	require.Equal(t, "a=1", c.all(2))
	require.Equal(t, kv.OK, c.nodes[2].answers[waiting].Status)
}

// threeConflicts is a server that knows of three conflicts of one time, and them. The key of the
// second one can be made free.
func threeConflicts(t testing.TB) (c *cluster, all []kv.Version) {
	c = group(t, 4)
	c.put(1, "a", "1")
	c.put(1, "b", "1")
	for id := 2; id <= 4; id++ {
		c.tell(1, id)
	}
	for id, key := range map[int]string{2: "a", 3: "b", 4: "a"} {
		c.do(id, guarded(key, "2", ""))
	}
	c.tell(2, 4)
	c.tell(3, 4)
	for _, one := range c.do(4, kv.Conflicts{}).Result.(kv.ConflictList).List {
		all = append(all, one.Write)
	}
	require.Len(t, all, 3)
	require.Equal(t, all[0].Hi, all[2].Hi, "they are of one time")
	return c, all
}

func (c *cluster) conflictsAfter(id int, last kv.Version) (all []kv.Version) {
	c.t.Helper()
	for _, one := range c.do(id, kv.Conflicts{After: last}).Result.(kv.ConflictList).List {
		all = append(all, one.Write)
	}
	return all
}

func TestConflictsAreListedOnFromOneThatWasResolvedSince(t *testing.T) {
	c, all := threeConflicts(t)
	c.do(1, kv.Delete{Key: "b"})
	c.tell(1, 4)
	require.Equal(t, 2, c.report(4).Conflicts)
	require.Equal(t, all[2:], c.conflictsAfter(4, all[1]))
	require.Empty(t, c.conflictsAfter(4, all[2]))
}

func TestConflictsAreListedOnFromOneOfAServerThatHasRetired(t *testing.T) {
	c, all := threeConflicts(t)
	for id := 2; id <= 3; id++ {
		c.do(id, kv.Change{Remove: kv.ReplicaID(id)})
		c.tell(id, 4)
	}
	require.Equal(t, all[1:], c.conflictsAfter(4, all[0]))
	require.Equal(t, all[2:], c.conflictsAfter(4, all[1]))
	c.do(1, kv.Delete{Key: "b"})
	c.tell(1, 4)
	require.Contains(t, c.conflictsAfter(4, all[1]), all[2], "none is left out, where nobody knows any more which one it was")
}

func TestAWriteCostsNoMoreWhereThereAreManyServers(t *testing.T) {
	allocs := func(servers int) float64 {
		c := group(t, 1)
		for i := 2; i <= servers; i++ {
			c.hear(1, i, proto.Bear{Place: proto.Place{Node: machine.Node(i), Life: uint64(i), Addr: addr(i), Zone: "z"}})
		}
		return testing.AllocsPerRun(20, func() {
			c.try(1, &kv.Request{Level: kv.Eventual, Op: kv.Put{Key: "a"}})
		})
	}
	require.Less(t, allocs(30), allocs(2)+10)
}

func TestManyWritesThatAreUndoneTogetherAreDoneAgainBehindTheCommittedOnes(t *testing.T) {
	const many = 200
	c := group(t, 2)
	c.put(2, "a", "2's")
	for i := range many {
		c.put(2, fmt.Sprint("k", i), "2's")
	}
	c.do(2, guarded("a", "lost", ""))
	require.Equal(t, 1, c.report(2).Conflicts)
	c.put(1, "b", "1's")
	done, undone := c.cost(2, func() { c.tell(1, 2) })
	require.Equal(t, uint64(many+2), undone, "all of its own")
	require.Equal(t, uint64(many+3), done)
	require.Equal(t, "b=1's", c.stable(2))
	require.Contains(t, c.all(2), "a=2's b=1's k0=2's")
	require.Equal(t, 1, c.report(2).Conflicts, "the same as before")
	c.put(2, "b", "2's")
	require.Equal(t, "b=1's", c.stable(2))
	c.meet(1, 2)
	c.agree(1, 2)
	require.Equal(t, c.all(2), c.stable(2))
}
