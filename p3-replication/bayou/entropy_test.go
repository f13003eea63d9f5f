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

// Anti-entropy ('97, 2 to 3.2).

// wanted is what a server asks another for that is ahead.
func (c *cluster) wanted(id, of_ int) proto.Want {
	c.t.Helper()
	c.now += second
	said := of[proto.Want](c.hear(id, of_, c.offer(of_)))
	require.Len(c.t, said, 1)
	return said[0]
}

// noGap demands that what a server knows of each other is all up to some stamp: its vector says
// what its records hold.
func (c *cluster) noGap(id int, all map[vector.Stamp]bool) {
	c.t.Helper()
	known := c.report(id).Full
	for w := range all {
		if known.Knows(w) {
			require.True(c.t, c.holds(id, w), "server %d thinks that it knows %s", id, w)
		}
	}
}

func (c *cluster) holds(id int, w vector.Stamp) bool {
	for _, rec := range saved[proto.Learned](c.nodes[id]) {
		if rec.Write.ID == w {
			return true
		}
	}
	return false
}

func TestASessionThatIsCutAnywhereLeavesNoGapAndIsGoneOnWith(t *testing.T) {
	for limit := 1; limit <= 12; limit++ {
		c := group(t, 3, func(cfg *bayou.Config) { cfg.Batch = 1 }) // a write at a time
		all := map[vector.Stamp]bool{}
		for i := range 4 {
			c.put(2, "a", fmt.Sprint(i))
			c.put(1, "b", fmt.Sprint(i))
			c.tell(1, 2)
		}
		for _, rec := range saved[proto.Learned](c.nodes[2]) {
			all[rec.Write.ID] = true
		}
		arrived := 0
		some := between(2, 3)
		c.now += second
		c.step(c.nodes[3], machine.Recv{From: at(2), Msg: c.offer(2)})
		c.passIf(func(l letter) bool {
			if some(l) {
				arrived++
			}
			return some(l) && arrived <= limit
		})
		c.noGap(3, all)
		require.LessOrEqual(t, len(c.report(3).Full), 3)
		c.restart(c.nodes[3])
		c.noGap(3, all)
		c.tell(2, 3)
		c.agree(2, 3)
		require.Equal(t, c.all(2), c.all(3))
	}
}

func TestABatchIsAsLongAsASettingAllowsButOneWriteAtLeast(t *testing.T) {
	for limit, want := range map[int]int{1: 1, 500: 2, 5000: 10} {
		c := group(t, 2, func(cfg *bayou.Config) { cfg.Batch = limit })
		for range 10 {
			c.put(2, "a", "0123456789012345678901234567890123456789012345678901234567890123456789")
		}
		said := of[proto.Batch](c.hear(2, 1, c.wanted(1, 2)))
		require.Len(t, said, 1)
		require.Equal(t, want, len(said[0].Items), "%d bytes", limit)
		require.Equal(t, want < 10, said[0].More)
	}
}

func TestAWriteThatIsAsLargeAsTheyComeTravels(t *testing.T) {
	c := group(t, 2)
	for range 12 {
		c.put(2, "a", string(make([]byte, 20_000)))
	}
	op := kv.Guarded{Then: []kv.Op{kv.Put{Key: "b", Value: make([]byte, kv.MaxValue)}, kv.Put{Key: "c", Value: make([]byte, 1<<20-5000)}}}
	require.Equal(t, kv.OK, c.ask(2, op).Status)
	said := of[proto.Batch](c.hear(2, 1, c.wanted(1, 2)))
	for said[0].More {
		require.LessOrEqual(t, len(said[0].AppendTo(nil)), kv.MaxMessage)
		c.hear(1, 2, said[0])
		said = of[proto.Batch](c.hear(2, 1, c.wanted(1, 2)))
	}
	require.LessOrEqual(t, len(said[0].AppendTo(nil)), kv.MaxMessage, "a frame between servers")
	c.tell(2, 1)
	c.tell(1, 2)
	c.agree(1, 2)
}

func TestAnAnswerToAnotherLifeIsNotHeard(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	batch := of[proto.Batch](c.hear(2, 1, c.wanted(1, 2)))[0]
	before := c.report(1).Full
	c.restart(c.nodes[1])
	c.hear(1, 2, batch)
	require.Equal(t, before, c.report(1).Full)
	for _, life := range []uint64{0, batch.Life + 2} {
		batch.Life = life
		c.hear(1, 2, batch)
		require.Equal(t, before, c.report(1).Full)
	}
}

func TestALateOrRepeatedBatchDoesNoHarm(t *testing.T) {
	c := group(t, 3)
	c.put(3, "c", "tentative")
	late := of[proto.Batch](c.hear(3, 2, c.wanted(2, 3)))[0]
	c.tell(3, 1)
	c.tell(3, 2)
	for i := range 3 {
		c.put(1, "b", fmt.Sprint(i))
	}
	c.tell(1, 2)
	before := c.report(2)
	c.hear(2, 3, late)
	c.hear(2, 3, late)
	after := c.report(2)
	require.Equal(t, before.Full, after.Full)
	require.Equal(t, before.Commit, after.Commit)
	require.Equal(t, before.Cost, after.Cost)
	c.agree(1, 2)
}

func TestABatchThatBeginsBeyondWhatIsKnownIsNotTaken(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	c.put(2, "a", "2")
	c.tell(2, 1)
	batch := of[proto.Batch](c.hear(1, 2, c.wanted(2, 1)))[0]
	batch.Items = batch.Items[1:] // a number is missing
	before := c.report(2)
	c.hear(2, 1, batch)
	require.Equal(t, before.Full, c.report(2).Full)
	require.Equal(t, before.Commit, c.report(2).Commit)
}

func TestTwoServersThatAskEachOtherAtOnceBothLearn(t *testing.T) {
	c := group(t, 2)
	c.put(1, "a", "1")
	c.put(2, "b", "2")
	c.now += second
	one, two := c.offer(1), c.offer(2)
	c.step(c.nodes[2], machine.Recv{From: at(1), Msg: one})
	c.step(c.nodes[1], machine.Recv{From: at(2), Msg: two})
	c.pass()
	require.Equal(t, c.report(1).Full, c.report(2).Full)
	require.Equal(t, "a=1 b=2", c.all(2))
}

func TestOneSessionAtATimeAndOneThatDoesNotAnswerIsGivenUp(t *testing.T) {
	c := group(t, 3)
	c.put(1, "a", "1")
	c.tell(1, 3)
	c.now += second
	require.Len(t, of[proto.Want](c.hear(2, 1, c.offer(1))), 1)
	require.Empty(t, c.hear(2, 3, c.offer(3)), "it asks 1 at present")
	require.Empty(t, c.hear(2, 1, c.offer(1)), "it was asked")
	asked := map[machine.Node]bool{}
	for range 5 {
		c.now += tick
		c.passIf(func(l letter) bool {
			if _, ok := l.msg.(proto.Want); ok {
				asked[l.to.Node] = true
			}
			return between(3, 2)(l)
		})
	}
	require.True(t, asked[3], "3 has told of more, and 1 does not answer")
	require.Equal(t, "a=1", c.all(2))
}

func TestAnOfferOfNothingNewIsNotFollowed(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "1")
	require.Empty(t, of[proto.Want](c.hear(2, 1, c.offer(1))))
	require.Empty(t, of[proto.Want](c.hear(2, 1, proto.Offer{Database: c.report(2).Database})))
	c.tell(2, 1)
	require.Len(t, of[proto.Want](c.hear(2, 1, c.offer(1))), 1, "a number is news")
}

func TestWhoLagsIsToldSoWhenItSpeaks(t *testing.T) {
	c := group(t, 2)
	require.Empty(t, c.hear(2, 1, c.offer(1)), "it does not lag")
	c.put(2, "a", "1")
	require.Equal(t, []proto.Offer{c.offer(2)}, of[proto.Offer](c.hear(2, 1, c.offer(1))))
}

func TestNewsAreToldAtOnceToAsManyPeersAsASettingSays(t *testing.T) {
	for eager, want := range map[int]int{-1: 0, 1: 1, 2: 2, 9: 3} {
		c := group(t, 4, func(cfg *bayou.Config) {
			if cfg.Addr == addr(4) {
				cfg.Eager = eager
			}
		})
		told := map[machine.Node]int{}
		c.loud = true
		c.put(4, "a", "1")
		c.put(4, "a", "2")
		c.passIf(func(l letter) bool {
			if l.from == at(4) { // an offer, or a question, which tells as much
				told[l.to.Node]++
			}
			return false
		})
		require.Len(t, told, want, "%d", eager)
		for _, n := range told {
			require.Equal(t, 1, n, "two writes of one time are one piece of news")
		}
	}
}

func TestWhatWasLostIsToldAgainToWhomAPartnerFunctionChooses(t *testing.T) {
	var offered []machine.Node
	c := group(t, 3, func(cfg *bayou.Config) {
		cfg.Interval = 100 * ms
		cfg.Partner = func(_ uint64, peers []machine.Node) machine.Node {
			offered = peers
			return 2
		}
	})
	c.put(3, "a", "1")
	c.loud = true
	for range 100 {
		c.now += 10 * ms
		c.passIf(func(l letter) bool {
			if o, ok := l.msg.(proto.Offer); ok && l.from == at(3) {
				require.Equal(t, at(2), l.to)
				require.Equal(t, c.report(3).Full, o.Reach.Known)
			}
			return l.from == at(3) && l.to == at(2) || l.from == at(2) && l.to == at(3)
		})
	}
	require.Len(t, offered, 2)
	require.Equal(t, "a=1", c.all(2))
	require.Equal(t, "", c.all(1))
}

func TestALinkThatComesUpIsUsedAtOnce(t *testing.T) {
	c := group(t, 2)
	c.run(second)
	c.loud = true
	c.put(2, "a", "1")
	c.run(100 * ms)
	require.Equal(t, "", c.all(1), "nothing is due")
	c.step(c.nodes[2], machine.Link{Peer: 1, Up: true})
	c.run(100 * ms)
	require.Equal(t, "a=1", c.all(1))
}

func TestServersLeftAloneComeToAgree(t *testing.T) {
	c := group(t, 4, func(cfg *bayou.Config) { cfg.Interval, cfg.Eager = 100*ms, 0 })
	c.loud = true
	for i := range 8 {
		c.do(1+i%4, guarded("a", fmt.Sprint(i), fmt.Sprintf("b=%d;c=%d", i, i)))
		c.run(5 * ms)
	}
	c.run(2 * second)
	c.agree(1, 2, 3, 4)
	for id := 1; id <= 4; id++ {
		require.Zero(t, c.report(id).Tentative)
		require.Equal(t, c.report(1).Full, c.report(id).Full)
	}
}

func TestPeersAreThoseOfTheConfigAndThoseThatWereBorn(t *testing.T) {
	c := group(t, 3)
	require.Equal(t, []bayou.Peer{{Node: 2, Addr: addr(2)}, {Node: 3, Addr: addr(3)}}, c.nodes[1].server.Peers())
	require.Equal(t, []bayou.Peer{{Node: 1, Addr: addr(1)}, {Node: 3, Addr: addr(3)}}, c.nodes[2].server.Peers())
	c.do(3, kv.Change{Remove: 3})
	c.tell(3, 1)
	require.Equal(t, []bayou.Peer{{Node: 2, Addr: addr(2)}}, c.nodes[1].server.Peers())
}

// asks offers something new to 2 at each tick, of 1, whose answers are lost, and returns how many
// ticks lie between the questions.
func (c *cluster) asks(ticks int) (gaps []int) {
	c.t.Helper()
	c.put(1, "a", "news")
	last := -1
	for now := range ticks {
		c.now += tick
		c.passIf(nobody)
		if len(of[proto.Want](c.hear(2, 1, c.offer(1)))) > 0 {
			gaps = append(gaps, now-last)
			last = now
		}
	}
	return gaps
}

func TestAnAnswerIsWaitedForLongerAfterEachThatDidNotComeInTime(t *testing.T) {
	c := group(t, 2)
	gaps := c.asks(500)
	require.IsNonDecreasing(t, gaps[1:])
	require.LessOrEqual(t, gaps[1], 3)
	require.Equal(t, 50, gaps[len(gaps)-1], "it has its bound")
	c.tell(1, 2)
	require.LessOrEqual(t, c.asks(20)[1], 3, "one has come in time")
}

func TestAnAnswerOfASlowServerIsWaitedForAsLongAsTheLastOneTook(t *testing.T) {
	c := group(t, 2)
	c.asks(200) // until there is patience
	c.now += second
	want := of[proto.Want](c.hear(2, 1, c.offer(1)))[0]
	c.now += 10 * tick
	c.hear(2, 1, of[proto.Batch](c.hear(1, 2, want))[0])
	require.Contains(t, c.all(2), "a=news")
	require.InDelta(t, 30, c.asks(100)[1], 1, "ticks")
}
