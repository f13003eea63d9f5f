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

// Who gives commit numbers ('97, 3.1).

// numbers are the writes that a server has given commit numbers to, or learned them of.
func (c *cluster) numbers(id int) map[uint64]vector.Stamp {
	c.t.Helper()
	all := map[uint64]vector.Stamp{}
	for _, l := range c.nodes[id].history {
		if rec, ok := l.Record.(proto.Committed); ok {
			for i, w := range rec.IDs {
				n := rec.First + uint64(i)
				old, twice := all[n]
				require.True(c.t, !twice || old == w, "server %d: number %d is of %s and of %s", id, n, old, w)
				all[n] = w
			}
		}
	}
	return all
}

// oneOrder demands that no number was given to two writes.
func (c *cluster) oneOrder(ids ...int) {
	c.t.Helper()
	all := map[uint64]vector.Stamp{}
	for _, id := range ids {
		for n, w := range c.numbers(id) {
			old, twice := all[n]
			require.True(c.t, !twice || old == w, "number %d is of %s and of %s", n, old, w)
			all[n] = w
		}
	}
}

func TestAHandoverEndsTheOldPrimarysNumbersAndBeginsTheNewOnes(t *testing.T) {
	c := group(t, 3)
	c.do(1, kv.Transfer{To: 2})
	require.False(t, c.report(1).Primary)
	last := c.report(1).Commit
	require.False(t, c.do(1, kv.Put{Key: "a", Value: []byte("1")}).Stable)
	require.Equal(t, last, c.report(1).Commit)
	require.False(t, c.report(2).Primary, "it does not know it yet")
	c.put(2, "b", "2")
	require.Equal(t, 1, c.report(2).Tentative)
	c.tell(1, 2)
	require.True(t, c.report(2).Primary)
	require.Equal(t, last+2, c.report(2).Commit)
	require.True(t, c.do(2, kv.Put{Key: "c", Value: []byte("3")}).Stable)
	c.meet(1, 2, 3)
	c.agree(1, 2, 3)
	c.oneOrder(1, 2, 3)
	require.Equal(t, "a=1 b=2 c=3", c.stable(3))
	require.Equal(t, kv.ReplicaID(2), c.do(3, kv.Members{}).Result.(kv.Group).Leader)
}

func TestTheOfficeCanComeBackToTheFounder(t *testing.T) {
	c := group(t, 2)
	c.do(1, kv.Transfer{To: 2})
	c.meet(1, 2)
	c.do(2, kv.Transfer{To: 1})
	c.meet(1, 2)
	require.True(t, c.report(1).Primary)
	require.True(t, c.do(1, kv.Put{Key: "a"}).Stable)
	c.oneOrder(1, 2)
}

func TestOnlyThePrimaryHandsItsOfficeOverAndOnlyToAMember(t *testing.T) {
	c := group(t, 3)
	resp := c.ask(2, kv.Transfer{To: 3})
	require.Equal(t, kv.Unavailable, resp.Status)
	require.Equal(t, addr(1), resp.Try)
	require.Equal(t, kv.Invalid, c.ask(1, kv.Transfer{To: 9}).Status)
	before := c.report(1)
	c.do(1, kv.Transfer{To: 1})
	require.Equal(t, before, c.report(1), "it has it already")
}

func TestAHandoverByOneThatIsNotThePrimaryChangesNothing(t *testing.T) {
	c := group(t, 3)
	r := c.report(2)
	forged := proto.Write{ID: vector.Stamp{Time: 50, Server: r.Name}, Kind: proto.Handover, Heir: r.Name}
	c.hear(1, 2, proto.Batch{Database: r.Database, Life: c.life(1, 2), Items: []proto.Item{{ID: forged.ID, Write: &forged}}})
	require.Contains(t, c.report(1).Committed, vector.Entry{Server: r.Name, Time: 50})
	require.True(t, c.report(1).Primary)
	c.meet(1, 2)
	require.False(t, c.report(2).Primary)
}

// life is what a server says it lives, when it asks.
func (c *cluster) life(id, asked int) uint64 {
	c.t.Helper()
	c.now += second
	r := c.report(id)
	r.Full.Raise(vector.Stamp{Time: 1 << 60, Server: vector.Root})
	want := of[proto.Want](c.hear(id, asked, proto.Offer{Database: r.Database, Reach: proto.Reach{Known: r.Full}}))
	require.Len(c.t, want, 1)
	return want[0].Life
}

// Whatever is durable of a hand-over when both crash: no number is given twice.
func TestNoNumberIsGivenTwiceWhereverACrashFallsInAHandover(t *testing.T) {
	play := func() (c *cluster, before [3]int) {
		c = group(t, 2)
		c.put(2, "a", "1")
		before = [3]int{0, int(c.nodes[1].seq), int(c.nodes[2].seq)}
		c.put(1, "b", "2")
		c.do(1, kv.Transfer{To: 2})
		c.put(1, "c", "3")
		return c, before
	}
	c, before := play()
	tried := 0
	for k := before[1]; k <= int(c.nodes[1].seq); k++ {
		full, _ := play()
		full.onDisk(full.nodes[1], k)
		full.tell(1, 2)
		full.put(2, "d", "4")
		full.put(1, "e", "5")
		for j := before[2]; j <= int(full.nodes[2].seq); j++ {
			c, _ := play()
			c.onDisk(c.nodes[1], k)
			c.tell(1, 2)
			c.put(2, "d", "4")
			c.put(1, "e", "5")
			c.onDisk(c.nodes[2], min(j, int(c.nodes[2].seq)))
			c.put(2, "f", "6")
			c.meet(1, 2)
			c.oneOrder(1, 2)
			require.NotEqual(t, c.report(1).Primary, c.report(2).Primary)
			require.Zero(t, c.report(1).Tentative+c.report(2).Tentative, "%d records of 1, %d of 2", k, j)
			c.agree(1, 2)
			tried++
		}
	}
	require.Greater(t, tried, 20)
}

// The numbers may come from elsewhere, as from a log that others agree on.

// sequenced is a group whose numbers the test gives.
func sequenced(t testing.TB, n int) *cluster {
	return group(t, n, func(cfg *bayou.Config) { cfg.Order = "sequencer" })
}

func (c *cluster) ordered(id int, first uint64, ids ...vector.Stamp) {
	c.t.Helper()
	c.step(c.nodes[id], machine.Recv{
		From: machine.Addr{Node: machine.Node(id), Role: "sequencer"}, Msg: proto.Ordered{First: first, IDs: ids},
	})
}

// proposed is what a server has asked for last.
func (c *cluster) proposed(id int) (last proto.Propose) {
	c.now += tick
	for {
		i := -1
		for k, l := range c.mail {
			if l.from == at(id) && (l.to.Role == "sequencer" || l.to == l.from && l.due <= c.now) {
				i = k
				break
			}
		}
		if i < 0 {
			return last
		}
		l := c.mail[i]
		c.mail = append(c.mail[:i:i], c.mail[i+1:]...)
		if p, ok := l.msg.(proto.Propose); ok {
			last = p
		} else {
			c.step(c.nodes[id], machine.Recv{From: l.from, Msg: l.msg})
		}
	}
}

func births(n int) (ids []vector.Stamp) {
	for i := 1; i <= n; i++ {
		ids = append(ids, vector.Stamp{Time: uint64(i), Server: vector.Root})
	}
	return ids
}

func TestWithAnOrderFromElsewhereNobodyIsPrimary(t *testing.T) {
	c := sequenced(t, 2)
	require.False(t, c.report(1).Primary)
	require.Zero(t, c.report(1).Commit)
	require.Equal(t, kv.Unsupported, c.ask(1, kv.Transfer{To: 2}).Status)
	require.Equal(t, proto.Propose{From: 1, IDs: births(2)}, c.proposed(1))
	c.ordered(1, 1, births(2)...)
	require.Equal(t, uint64(2), c.report(1).Commit)
	require.Equal(t, proto.Propose{From: 3, IDs: []vector.Stamp{}}, c.proposed(1), "it asks for what others have proposed")
}

func TestANumberWaitsForThoseBeforeItAndForItsWrite(t *testing.T) {
	c := sequenced(t, 2)
	c.put(2, "a", "1")
	write := vector.Stamp{Time: 3, Server: c.report(2).Name}
	c.ordered(1, 2, births(2)[1], write)
	require.Zero(t, c.report(1).Commit, "number 1 is not known")
	c.ordered(1, 1, births(2)[0])
	require.Equal(t, uint64(2), c.report(1).Commit, "the write of number 3 is not known")
	c.ordered(1, 1, births(2)...)
	require.Equal(t, uint64(2), c.report(1).Commit, "what is said again counts once")
	c.tell(2, 1)
	require.Equal(t, uint64(3), c.report(1).Commit)
	require.Equal(t, "a=1", c.stable(1))
	c.tell(1, 2)
	require.Equal(t, "a=1", c.stable(2), "numbers travel with the writes")
	c.restart(c.nodes[1])
	require.Equal(t, "a=1", c.stable(1))
}

func TestNumbersThatCameWithWritesAreNotTakenForThoseAhead(t *testing.T) {
	c := sequenced(t, 3)
	for i := range 4 {
		c.put(2, "a", fmt.Sprint(i))
	}
	var ids []vector.Stamp
	for i := range 4 {
		ids = append(ids, vector.Stamp{Time: uint64(4 + i), Server: c.report(2).Name})
	}
	c.ordered(1, 7, ids[3]) // far ahead of 1, who knows none of them
	c.ordered(2, 1, births(3)...)
	c.ordered(2, 4, ids[:3]...)
	c.tell(2, 1)
	require.Equal(t, uint64(7), c.report(1).Commit)
	require.Equal(t, "a=3", c.stable(1))
	c.ordered(2, 7, ids[3])
	c.agree(1, 2)
	c.oneOrder(1, 2)
}

func TestNumbersFarAheadAreAskedForAgainNotKept(t *testing.T) {
	c := sequenced(t, 1)
	ids := births(301)
	for range ids[1:] {
		c.put(1, "a", "1")
	}
	c.ordered(1, 301, ids[300])
	c.ordered(1, 1, ids[:200]...)
	c.ordered(1, 201, ids[200:300]...)
	require.Equal(t, uint64(300), c.report(1).Commit, "number 301 was told when 256 and more were missing before it")
	before := c.report(1)
	for _, first := range []uint64{1 << 20, 1 << 61} {
		c.ordered(1, first, ids[300])
	}
	require.Equal(t, before, c.report(1))
	c.ordered(1, 301, ids[300])
	require.Equal(t, uint64(301), c.report(1).Commit)
}

func TestAProposalIsBounded(t *testing.T) {
	c := sequenced(t, 1)
	for range 600 {
		c.put(1, "a", "1")
	}
	p := c.proposed(1)
	require.Equal(t, uint64(1), p.From)
	require.Len(t, p.IDs, 256)
	require.Equal(t, births(256), p.IDs, "the first ones first")
}

func TestAnOrderFromAnyoneElseIsNotHeard(t *testing.T) {
	for what, from := range map[string]machine.Addr{
		"another node": {Node: 2, Role: "sequencer"}, "another role": {Node: 1, Role: "other"}, "a server": at(2), "itself": at(1),
	} {
		c := sequenced(t, 2)
		c.step(c.nodes[1], machine.Recv{From: from, Msg: proto.Ordered{First: 1, IDs: births(2)}})
		require.Zero(t, c.report(1).Commit, what)
	}
	c := group(t, 1) // it has a primary
	c.step(c.nodes[1], machine.Recv{From: machine.Addr{Node: 1}, Msg: proto.Ordered{First: 2, IDs: births(1)}})
	require.Equal(t, uint64(1), c.report(1).Commit)
}

func TestServersThatAreToldTheSameOrderAgreeInWhateverOrderTheyHear(t *testing.T) {
	c := sequenced(t, 3)
	for _, id := range []int{3, 2, 1} {
		c.do(id, guarded("a", fmt.Sprint(id), "b="+fmt.Sprint(id)))
	}
	c.meet(1, 2, 3)
	require.Contains(t, c.all(1), "a=1")
	ids := births(3)
	for _, id := range []int{3, 1, 2} {
		ids = append(ids, vector.Stamp{Time: 4, Server: c.report(id).Name})
	}
	for i := range ids {
		c.ordered(1, uint64(i+1), ids[i])
		c.ordered(2, uint64(len(ids)-i), ids[len(ids)-i-1])
	}
	c.ordered(3, 1, ids...)
	require.Equal(t, "a=3 b=1", c.stable(1))
	c.agree(1, 2, 3)
	c.oneOrder(1, 2, 3)
}

func TestWithAnOrderFromElsewhereNobodyIsTheLeader(t *testing.T) {
	c := sequenced(t, 2)
	c.ordered(1, 1, births(2)...)
	g := c.do(1, kv.Members{}).Result.(kv.Group)
	require.Zero(t, g.Leader)
	require.Len(t, g.Members, 2)
	for _, m := range g.Members {
		require.Equal(t, kv.Follower, m.Role)
	}
	require.Zero(t, c.do(1, kv.Inspect{}).Result.(kv.Replica).Leader)
}
