package bayou_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// A server alone: what it accepts, and what it makes of the writes and numbers that it knows. What
// it knows of others it has from its disk.

// holding is a group whose last server has more records on its disk, and is the only one to be up.
func holding(t testing.TB, n int, records []machine.Data, tune ...func(*bayou.Config)) (c *cluster, id int) {
	c = newCluster(t)
	cfg := quiet(n, upTo(n-1)...)
	for _, fn := range tune {
		fn(&cfg)
	}
	c.onRecords(n, cfg, append(formed(n, n, cfg), records...)...)
	return c, n
}

// learned is a write of a server's, unless a key is there, and else what a procedure finds.
func learned(time uint64, server, key, value, merge string) proto.Learned {
	w := proto.Write{ID: vector.Stamp{Time: time, Server: name(server)}, Kind: proto.Update, Merge: merge}
	w.Update = []proto.Change{{Key: key, Value: []byte(value)}}
	if merge != "" {
		w.Check = key
	}
	return proto.Learned{Write: w}
}

func TestAWriteIsDurableWhenItIsAnswered(t *testing.T) {
	c := group(t, 2)
	out := c.step(c.nodes[2], machine.Ask{ID: 77, Cmd: &kv.Request{Op: kv.Put{Key: "a", Value: []byte("1")}}})
	require.Len(t, out.Reply, 1)
	kept := of[proto.Learned](out.Save)
	require.Len(t, kept, 1, "the answer leaves when what was saved with it is durable")
	require.Equal(t, c.report(2).Name, kept[0].Write.ID.Server)
	require.Equal(t, kept[0].Write.ID.Time, out.Reply[0].Data.(*kv.Response).Rev.Hi)
	require.Equal(t, []proto.Change{{Key: "a", Value: []byte("1")}}, kept[0].Write.Update)
	c.restart(c.nodes[2])
	require.Equal(t, "a=1", c.all(2))
}

func TestAStampIsAboveAllThatIsKnownAlsoAfterACrash(t *testing.T) {
	c, id := holding(t, 2, []machine.Data{learned(50, "0", "a", "of 1", "")})
	first := c.put(id, "a", "of 2")
	require.Greater(t, first.Hi, uint64(50), "it comes behind what it may rest on")
	require.Equal(t, "a=of 2", c.all(id))
	c.restart(c.nodes[id])
	require.Greater(t, c.put(id, "a", "of 2 again").Hi, first.Hi)
	require.Equal(t, "a=of 2 again", c.all(id))
}

func TestAtTheEndOfItsClockAServerAcceptsNothing(t *testing.T) {
	c, id := holding(t, 2, []machine.Data{learned(vector.MaxTime, "0", "a", "last", "")})
	before := c.nodes[id].seq
	require.Equal(t, kv.Unavailable, c.ask(id, kv.Put{Key: "a", Value: []byte("later")}).Status)
	require.Equal(t, "a=last", c.all(id))
	require.Equal(t, before, c.nodes[id].seq, "nothing is saved of it")
}

func TestWritesAreDoneInTheOrderOfTheirStampsInWhateverOrderTheyCame(t *testing.T) {
	c, id := holding(t, 3, []machine.Data{
		learned(12, "0.2", "a", "third", "c=third"),
		learned(9, "0.3", "a", "second", "b=second"),
		learned(8, "0", "a", "first", "z=first"),
	})
	require.Equal(t, "a=first b=second c=third", c.all(id))
	require.Equal(t, 3, c.report(id).Tentative)
	require.Equal(t, "", c.stable(id))
}

func TestWhatBecameOfAWriteIsInItsAnswer(t *testing.T) {
	c := group(t, 2)
	for _, want := range []kv.Fate{kv.Applied, kv.Merged, kv.Unresolved} {
		require.Equal(t, kv.GuardedResult{Fate: want}, c.do(2, guarded("a", "1", "b=2")).Result)
	}
	require.Equal(t, "a=1 b=2", c.all(2))
	require.Equal(t, 1, c.report(2).Conflicts)
}

func TestCommittedWritesStandBeforeTentativeOnesWhateverTheirStamps(t *testing.T) {
	c, id := holding(t, 2, []machine.Data{
		learned(8, "0.2", "a", "tentative", "b=tentative"),
		learned(9, "0", "a", "committed", "c=committed"),
		proto.Committed{First: 3, IDs: []vector.Stamp{{Time: 9, Server: vector.Root}}},
	})
	require.Equal(t, "a=committed", c.stable(id))
	require.Equal(t, "a=committed b=tentative", c.all(id))
	require.Equal(t, uint64(3), c.report(id).Commit)
	require.Equal(t, 1, c.report(id).Tentative, "what has a number is tentative no more")
}

func TestNumbersInTheOrderOfTheWritesChangeNothingThatIsSeen(t *testing.T) {
	c := sequenced(t, 1)
	for i := range 3 {
		c.do(1, guarded("a", fmt.Sprint(i), fmt.Sprintf("b=%d;c=%d", i, i)))
	}
	require.Equal(t, "a=0 b=1 c=2", c.all(1))
	for n, stable := range []string{"", "a=0", "a=0 b=1", "a=0 b=1 c=2"} {
		c.ordered(1, uint64(n+1), vector.Stamp{Time: uint64(n + 1), Server: vector.Root})
		require.Equal(t, stable, c.stable(1))
		require.Equal(t, "a=0 b=1 c=2", c.all(1))
		require.Equal(t, 3-n, c.report(1).Tentative)
	}
}

func TestNumbersInAnotherOrderUndoWhatWasDoneAndDoItAgain(t *testing.T) {
	c := sequenced(t, 1)
	for i := range 3 {
		c.do(1, guarded("a", fmt.Sprint(i), fmt.Sprintf("b=%d;c=%d", i, i)))
	}
	c.ordered(1, 1, births(1)...)
	for _, step := range []struct {
		time        uint64
		stable, all string
	}{
		{4, "a=2", "a=2 b=0 c=1"},
		{3, "a=2 b=1", "a=2 b=1 c=0"},
		{2, "a=2 b=1 c=0", "a=2 b=1 c=0"},
	} {
		c.ordered(1, c.report(1).Commit+1, vector.Stamp{Time: step.time, Server: vector.Root})
		require.Equal(t, step.stable, c.stable(1))
		require.Equal(t, step.all, c.all(1))
	}
	require.Zero(t, c.report(1).Tentative)
	require.Zero(t, c.report(1).Conflicts)
}

func TestAWriteThatIsCommittedIsDoneOnce(t *testing.T) {
	c := sequenced(t, 1)
	for i := range 3 {
		c.put(1, "a", fmt.Sprint(i))
	}
	for _, time := range []uint64{1, 3, 2, 4} {
		c.ordered(1, c.report(1).Commit+1, vector.Stamp{Time: time, Server: vector.Root})
	}
	for _, level := range []kv.Level{kv.Eventual, kv.Prefix} {
		it := c.try(1, &kv.Request{Level: level, Op: kv.Get{Key: "a"}}).Result.(kv.Item)
		require.Equal(t, uint64(3), it.Count, "writes of the key")
		require.Equal(t, "2", string(it.Value))
	}
}

func TestANumberWaitsForAllBeforeItAndIsTakenOnce(t *testing.T) {
	c := sequenced(t, 1)
	c.put(1, "a", "1")
	c.ordered(1, 2, vector.Stamp{Time: 2, Server: vector.Root})
	require.Zero(t, c.report(1).Commit, "number 1 is not known")
	c.ordered(1, 1, births(1)...)
	require.Equal(t, uint64(2), c.report(1).Commit)
	c.ordered(1, 1, births(2)...)
	require.Equal(t, uint64(2), c.report(1).Commit)
	require.Equal(t, "a=1", c.stable(1))
}

func TestANumberOfAWriteThatIsNotKnownIsKeptUntilItIs(t *testing.T) {
	c := sequenced(t, 1)
	c.ordered(1, 1, births(3)...)
	require.Equal(t, uint64(1), c.report(1).Commit)
	require.True(t, c.do(1, kv.Put{Key: "a", Value: []byte("1")}).Stable, "its number was there before it")
	require.Equal(t, uint64(2), c.report(1).Commit)
}

func TestOfCommittedWritesAsManyAreKeptAsASettingSaysAndAllTentativeOnes(t *testing.T) {
	var records []machine.Data
	order := proto.Committed{First: 3}
	for time := uint64(3); time < 30; time++ {
		l := learned(time, "0", "a", fmt.Sprint(time), "")
		records = append(records, l)
		if time < 20 {
			order.IDs = append(order.IDs, l.Write.ID)
		}
	}
	c, id := holding(t, 2, append(records, order), func(cfg *bayou.Config) { cfg.Retain = 7 })
	r := c.report(id)
	require.Equal(t, uint64(19), r.Commit)
	require.Equal(t, uint64(12), r.Dropped)
	require.Equal(t, 10, r.Tentative)
	require.Equal(t, "a=29", c.all(id))
	require.Equal(t, "a=19", c.stable(id))
}

func TestAServerThatHasRetiredAnswersReadsAndTakesNoWrites(t *testing.T) {
	last := proto.Write{ID: vector.Stamp{Time: 9, Server: name("0.2")}, Kind: proto.Retirement}
	c, id := holding(t, 2, []machine.Data{learned(8, "0.2", "a", "1", ""), proto.Learned{Write: last}})
	require.True(t, c.report(id).Retired)
	require.Equal(t, kv.Unavailable, c.ask(id, kv.Put{Key: "a"}).Status)
	require.Equal(t, "a=1", c.all(id))
}
