package bayou_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// What a disk brings back, and what it must not.

// A life of one server, crashed behind each of its records: what it had answered and told by
// then, it still stands by.
func TestWhereverACrashFallsWhatWasSaidIsKept(t *testing.T) {
	type word struct {
		records int // that were durable when it was said
		write   kv.Version
		number  uint64 // it was stable
		reach   proto.Reach
	}
	for _, self := range []int{1, 2} {
		c := group(t, 2, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 1500, 4 })
		var said []word
		n := c.nodes[self]
		note := func(v kv.Version) {
			w := word{records: int(n.seq), write: v, reach: c.offer(self).Reach}
			if !v.IsZero() {
				w.number = c.standing(self, v).Commit
			}
			said = append(said, w)
		}
		for i := range 25 {
			note(c.do(self, guarded("a", fmt.Sprint(i), fmt.Sprintf("b%d=x", i))).Rev)
			c.put(3-self, "c", fmt.Sprint(i))
			if i%4 == 0 {
				c.tell(self, 3-self)
				c.tell(3-self, self)
				note(kv.Version{})
			}
			c.pass()
		}
		require.Positive(t, n.trimmed, "it has let go of records")
		whole := n
		for k := int(group(t, 2).nodes[self].seq); k <= len(whole.history); k++ {
			c.onDisk(whole, k)
			known, r := c.report(self).Full, c.report(self)
			for _, w := range said {
				if w.records > k {
					break
				}
				require.True(t, known.Compare(w.reach.Known) != vector.Before && known.Compare(w.reach.Known) != vector.Concurrent,
					"%d records: %s, it has said %s", k, known, w.reach.Known)
				require.GreaterOrEqual(t, r.Commit, w.reach.Commit, "%d records", k)
				if !w.write.IsZero() {
					st := c.standing(self, w.write)
					require.True(t, st.Known, "%d records: write %s", k, w.write)
					require.True(t, w.number == 0 || st.Stable, "%d records: write %s", k, w.write)
				}
			}
		}
		c.nodes[self] = whole
	}
}

func TestAfterACrashAServerIsWhatItWas(t *testing.T) {
	c := group(t, 3)
	for i := range 6 {
		c.do(2, guarded("a", fmt.Sprint(i), fmt.Sprintf("b=%d", i)))
		c.put(3, "z", fmt.Sprint(i))
	}
	c.tell(3, 2)
	c.tell(2, 1)
	c.put(1, "a", "late")
	c.tell(1, 2)
	c.put(2, "last", "1")
	for id := 1; id <= 3; id++ {
		before, full, stable := c.report(id), c.all(id), c.stable(id)
		c.restart(c.nodes[id])
		after := c.report(id)
		before.Cost, after.Cost = bayou.Cost{}, bayou.Cost{}
		require.Equal(t, before, after)
		require.Equal(t, full, c.all(id))
		require.Equal(t, stable, c.stable(id))
	}
	c.meet(1, 2, 3)
	c.agree(1, 2, 3)
}

func TestStampsGoOnAboveAllThatWereGivenBeforeACrash(t *testing.T) {
	for _, keep := range []int{300, 1 << 20} {
		c := group(t, 3, func(cfg *bayou.Config) { cfg.Keep = keep })
		var last uint64
		for i := range 40 {
			v := c.put(2, "a", fmt.Sprint(i))
			require.Greater(t, v.Hi, last)
			last = v.Hi
			switch i % 4 {
			case 1:
				last = c.put(3, "b", "1").Hi
				c.tell(3, 2)
			case 2:
				c.tell(2, 1)
				c.tell(1, 2)
			}
			c.pass()
			c.restart(c.nodes[2])
		}
		c.meet(1, 2, 3)
		require.Equal(t, "a=39 b=1", c.all(3))
		c.agree(1, 2, 3)
	}
}

func TestOldRecordsGoWhenTheCommittedStateIsSaved(t *testing.T) {
	for _, self := range []int{1, 2} {
		c := group(t, 2, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 2000, 5 })
		n := c.nodes[self]
		for i := range 300 {
			c.put(self, "a", fmt.Sprint(i))
			if i%20 == 19 {
				c.tell(2, 1)
				c.tell(1, 2)
			}
			c.pass()
			require.Less(t, len(n.disk), 200)
		}
		require.Greater(t, len(n.history), 300)
		before := c.all(self)
		c.restart(n)
		require.Equal(t, before, c.all(self))
		c.meet(1, 2)
		c.agree(1, 2)
	}
}

func TestADiskDoesNotGrowWithCrashes(t *testing.T) {
	c := group(t, 1, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 2000, 5 })
	for i := range 60 {
		for range 5 {
			c.put(1, "a", fmt.Sprint(i))
		}
		c.pass()
		c.restart(c.nodes[1])
		c.pass()
		require.Less(t, len(c.nodes[1].disk), 100)
	}
}

// keptInPieces is a server on whose disk there is a state of several pieces, and how many
// records lie before it, and how many with it.
func keptInPieces(t testing.TB) (c *cluster, before, after int) {
	c = group(t, 2, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 3<<20, 2 })
	for i := range 4 {
		c.put(2, fmt.Sprintf("k%d", i), large(fmt.Sprint(i)))
		c.tell(2, 1)
		c.tell(1, 2)
		c.pass()
	}
	before = int(c.nodes[2].seq)
	for i := range 3 {
		c.put(2, "t", large(fmt.Sprint(i)))
	}
	c.put(2, "u", "1")
	c.pass()
	return c, before, int(c.nodes[2].seq)
}

func TestAStateThatIsSavedOverSeveralStepsCountsWhenItIsWhole(t *testing.T) {
	c, before, after := keptInPieces(t)
	require.Greater(t, len(saved[proto.Kept](c.nodes[2])), 2)
	for k := before; k <= after; k++ {
		c, _, _ := keptInPieces(t)
		writes := 0
		for _, l := range c.nodes[2].history[:k] {
			if rec, ok := l.Record.(proto.Learned); ok && rec.Write.Kind == proto.Update {
				writes = max(writes, int(rec.Write.ID.Time))
			}
		}
		c.onDisk(c.nodes[2], k)
		r := c.report(2)
		last, _ := r.Full.Get(r.Name)
		require.Equal(t, uint64(writes), last, "%d records", k)
		c.put(2, "more", "1")
		c.meet(1, 2)
		c.agree(1, 2)
	}
}

func TestAfterDamageAServerBeginsAnewUnderAnotherNameAndSaysSo(t *testing.T) {
	for what, harm := range map[string]func(*node) int{
		"a write": damage[proto.Learned], "a number": damage[proto.Committed], "its name": damage[proto.Named], "a state": damage[proto.Kept],
	} {
		c := group(t, 3, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 1000, 3 })
		for i := range 12 {
			c.put(2, "a", fmt.Sprint(i))
			c.tell(2, 1)
			c.tell(1, 2)
			c.pass()
		}
		c.put(2, "b", "that only it knew")
		former := c.report(2).Name
		n := c.nodes[2]
		require.Positive(t, harm(n), what)
		c.restart(n)
		require.Contains(t, n.notes[0], "damaged: ", what)
		require.Contains(t, n.notes[0], "begins anew under another name", what)
		c.now += second
		c.pass()
		require.NotEqual(t, former, c.report(2).Name, what)
		require.NotEmpty(t, c.report(2).Name, what)
		c.put(2, "c", "1")
		c.meet(1, 2, 3)
		c.agree(1, 2, 3)
		require.Equal(t, "a=11 c=1", c.all(3), what)
		c.restart(n)
		require.Empty(t, n.notes, "the damage is forgotten")
		c.agree(1, 2, 3)
	}
}

func TestDamageBeforeTheLastStateThatIsWholeMattersNoMore(t *testing.T) {
	c := group(t, 1, func(cfg *bayou.Config) { cfg.Keep, cfg.Retain = 1000, 3 })
	for i := range 40 {
		c.put(1, "a", fmt.Sprint(i))
		c.pass()
	}
	n := c.nodes[1]
	require.Greater(t, n.trimmed, uint64(3))
	var disk []machine.Load
	for _, l := range n.history {
		if l.Seq < n.trimmed { // a world that has not let go of them yet
			l = machine.Load{Seq: l.Seq, Damaged: true}
		}
		disk = append(disk, l)
	}
	n.disk, n.trimmed = disk, 0
	c.restart(n)
	require.Empty(t, n.notes)
	require.Equal(t, "a=39", c.all(1))
	require.True(t, c.report(1).Primary)
}

func TestAServerThatLostItsDiskIsAnotherAndWhatItToldIsThere(t *testing.T) {
	c := group(t, 3)
	c.put(2, "a", "told")
	c.tell(2, 3)
	c.put(2, "b", "that only it knew")
	former := c.report(2).Name
	c.wipe(2)
	c.now += second
	c.pass()
	require.NotEqual(t, former, c.report(2).Name)
	c.put(2, "c", "new")
	c.meet(1, 2, 3)
	require.Equal(t, "a=told c=new", c.all(2))
	c.agree(1, 2, 3)
	for _, p := range c.nodes[1].server.Peers() {
		require.Equal(t, addr(int(p.Node)), p.Addr)
	}
}

func TestAPrimaryThatLostItsDiskTakesItsOfficeWithIt(t *testing.T) {
	c := group(t, 3)
	c.put(1, "a", "1")
	c.tell(1, 2)
	cfg := quiet(1, 2, 3)
	c.start(1, cfg)
	c.pass()
	c.meet(1, 2, 3)
	for id := 1; id <= 3; id++ {
		require.False(t, c.report(id).Primary)
		require.Equal(t, "a=1", c.all(id))
	}
	require.False(t, c.do(1, kv.Put{Key: "b"}).Stable)
	c.meet(1, 2, 3)
	require.Positive(t, c.report(2).Tentative)
	c.agree(1, 2, 3)
}

// medium is a value of which a few make a record long.
func medium() []byte { return make([]byte, 100<<10) }

func TestHoweverMuchIsTentativeNoStepSavesMuch(t *testing.T) {
	const most = 5 << 19 // bytes: some writes, and a part of a state
	c := lagging(t, 2, 3)
	c.nodes[2].cfg.Keep = 1 << 20
	c.restart(c.nodes[2])
	c.passIf(func(letter) bool { return false }) // whatever it says when it starts
	c.nodes[2].widest = 0
	for range 60 {
		c.do(2, kv.Put{Key: "a", Value: medium()})
		c.pass()
	}
	require.Less(t, c.nodes[2].widest, most, "the state of its own writes")
	c.tell(1, 2)
	require.Equal(t, uint64(1), c.report(2).Cost.Transfers)
	require.Equal(t, 60, c.report(2).Tentative)
	require.Less(t, c.nodes[2].widest, most, "the state of another")
	c.restart(c.nodes[2])
	require.Equal(t, 60, c.report(2).Tentative)
}

// moment is what a server knew when so many records were durable.
type moment struct {
	records int
	reach   proto.Reach
	full    [32]byte
}

// busyKeep is a server that saves its state over several steps, in which it learns the writes
// and the retirement of another, and numbers, of writes that are still to be saved again.
func busyKeep(t testing.TB) (n *node, c *cluster, all []moment) {
	c = group(t, 3, func(cfg *bayou.Config) { cfg.Keep = 2 << 20 })
	n = c.nodes[2]
	note := func() {
		all = append(all, moment{int(n.seq), c.offer(2).Reach, n.server.Hash(state.Full)})
	}
	for i := range 18 {
		c.do(2, kv.Put{Key: fmt.Sprint("a", i), Value: medium()})
	}
	c.tell(2, 3)
	c.put(3, "c", "of 3")
	c.tell(3, 2)
	c.tell(2, 1)
	c.put(3, "c", "its last")
	c.do(3, kv.Change{Remove: 3})
	note()
	bring := func(from int) {
		c.hear(2, from, of[proto.Batch](c.hear(from, 2, c.wanted(2, from)))[0])
		note()
	}
	for i := range 4 { // and now it begins
		c.do(2, kv.Put{Key: fmt.Sprint("b", i), Value: medium()})
		note()
	}
	require.Len(t, saved[proto.Kept](n), 0, "the writes come first")
	bring(3)
	bring(1)
	c.put(2, "d", "x")
	note()
	c.pass()
	note()
	return n, c, all
}

func TestWhereverACrashFallsWhileAStateIsSavedWhatWasLearnedMeanwhileIsKept(t *testing.T) {
	whole, c, all := busyKeep(t)
	require.Positive(t, whole.trimmed)
	require.Greater(t, c.report(2).Commit, all[0].reach.Commit)
	for k := all[0].records; k <= len(whole.history); k++ {
		c.onDisk(whole, k)
		r := c.report(2)
		for _, m := range all {
			if m.records > k {
				continue
			}
			for _, e := range m.reach.Known {
				require.True(t, r.Full.Knows(vector.Stamp{Time: e.Time, Server: e.Server}), "%d records: %s, it has said %s", k, r.Full, m.reach.Known)
			}
			require.GreaterOrEqual(t, r.Commit, m.reach.Commit, "%d records", k)
			if m.records == k {
				require.Equal(t, m.full, c.nodes[2].server.Hash(state.Full), "%d records", k)
			}
		}
	}
	c.onDisk(whole, len(whole.history))
	c.meet(1, 2, 3)
	c.agree(1, 2)
}

func TestManyNumbersAreSavedInSeveralRecords(t *testing.T) {
	const many = 5000
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Batch = 1 << 20 })
	for range many {
		c.do(2, kv.Put{Key: "a"})
	}
	c.tell(2, 1)
	require.Greater(t, c.report(1).Commit, uint64(many))
	for _, rec := range saved[proto.Committed](c.nodes[1]) {
		require.LessOrEqual(t, len(rec.IDs), 4096)
	}
	c.restart(c.nodes[1])
	require.Zero(t, c.report(1).Tentative)
	require.Greater(t, c.report(1).Commit, uint64(many))
}
