package gossip_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
)

// news is a rumour's item of a test.
func news(key string, time uint64) gossip.Item {
	return gossip.Item{Key: key, Stamp: stamp(time), Value: []byte("v")}
}

// tellings lets periods go by at site 1, whose rumours are answered by a verdict each time, and
// returns in how many of them it told something.
func tellings(y *yard, periods int, needed func(period int) bool) (told int) {
	for i := range periods {
		y.now += period
		y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
		for _, l := range y.queue {
			if m, ok := l.msg.(gossip.Rumours); ok && len(m.Items) > 0 {
				told++
				item := m.Items[0]
				y.step(1, machine.Recv{From: addr(l.to), Msg: gossip.Rumours{
					Verdicts: []gossip.Verdict{{Key: item.Key, Stamp: item.Stamp, Needed: needed(i)}},
				}})
			}
		}
		y.queue = nil
	}
	return told
}

func TestARumourEndsAfterSoManyPeriodsInARowInWhichNobodyNeededIt(t *testing.T) {
	for k := 1; k <= 4; k++ {
		y := newYard(t, 1, alike(2, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: k}})...)
		y.put(1, "x", "v")
		require.Equal(t, k, tellings(y, 20, func(int) bool { return false }))
		require.Zero(t, y.look(1).Hot)

		y = newYard(t, 1, alike(2, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: k}})...)
		y.put(1, "x", "v")
		needed := k - 1 // the last before the end
		require.Equal(t, k+k, tellings(y, 20, func(i int) bool { return i == needed }), "the count began anew")
	}
}

func TestABlindSiteAsksForNoVerdictAndCountsEachPeriodInWhichItTold(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{Blind: true, K: 3}})...)
	y.put(1, "x", "v")
	require.Equal(t, 3, tellings(y, 20, func(int) bool { return true }), "who needed it does not matter")

	y.put(1, "y", "v")
	y.heard = nil
	y.all(1)
	require.Len(t, said[gossip.Rumours](y), 1, "no answer")
}

func TestACoinEndsARumourWithItsChance(t *testing.T) {
	for _, blind := range []bool{true, false} {
		const k, sites = 4, 2000
		total := 0
		for seed := range uint64(sites) {
			y := newYard(t, seed, alike(2, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{Blind: blind, Coin: true, K: k}})...)
			y.put(1, "x", "v")
			total += tellings(y, 200, func(int) bool { return false })
		}
		require.InDelta(t, k, float64(total)/sites, 0.3, "a mean of %d tellings", k)
	}
}

func TestARumourThatSeveralTellInOnePeriodWasNeededFromEach(t *testing.T) {
	y := newYard(t, 1, alike(4, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: 1}})...)
	tell := gossip.Rumours{Items: []gossip.Item{news("x", 5)}, Begins: true}
	verdict := func(from int) bool {
		said := y.say(from, 1, tell)
		require.Len(t, said, 1)
		return said[0].(gossip.Rumours).Verdicts[0].Needed
	}
	require.True(t, verdict(2))
	require.True(t, verdict(3))
	y.now += period
	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	y.queue = nil
	require.False(t, verdict(4), "a period later it is old")
}

func TestWhatASiteLearnsInAPeriodItTellsFromTheNextOn(t *testing.T) {
	y := newYard(t, 1, alike(3, gossip.Config{Rumours: gossip.Pull, Fade: gossip.Fade{K: 1}})...)
	y.say(2, 1, gossip.Rumours{Items: []gossip.Item{news("x", 5)}, Blind: true})
	pull := gossip.Rumours{Begins: true, Pull: true}
	require.Empty(t, y.say(3, 1, pull))
	y.now += period
	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	y.queue = nil
	said := y.say(3, 1, pull)
	require.Len(t, said, 1)
	require.Equal(t, "x", said[0].(gossip.Rumours).Items[0].Key)
}

func TestWhoTellsARumourIsNotToldItInReturnAndCountsAsOneWhoDidNotNeedIt(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Rumours: gossip.PushPull, Fade: gossip.Fade{K: 1}})...)
	y.put(1, "other", "w")
	y.say(2, 1, gossip.Mail{Item: news("x", 5)})
	beat := func() {
		y.now += period
		y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
		y.queue = nil
	}
	beat()
	require.Equal(t, 2, y.look(1).Hot)
	said := y.say(2, 1, gossip.Rumours{Items: []gossip.Item{news("x", 5)}, Begins: true, Pull: true})
	require.Len(t, said, 1)
	answer := said[0].(gossip.Rumours)
	require.Len(t, answer.Items, 1)
	require.Equal(t, "other", answer.Items[0].Key)
	beat()
	require.Equal(t, 1, y.look(1).Hot)
}

func TestAVerdictOnAnOlderItemSaysNothingOfTheNewerOne(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: 1}})...)
	old := y.put(1, "x", "v")
	y.put(1, "x", "w")
	y.say(2, 1, gossip.Rumours{Verdicts: []gossip.Verdict{{Key: "x", Stamp: old}}})
	y.now += period
	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	require.Equal(t, 1, y.look(1).Hot)
}

func TestRumoursReachEverySiteWhenAllGoesWell(t *testing.T) {
	for _, way := range []gossip.Way{gossip.Push, gossip.Pull, gossip.PushPull} {
		y := newYard(t, 3, alike(8, gossip.Config{Rumours: way, Fade: gossip.Fade{K: 6}})...)
		y.put(1, "x", "v")
		y.put(5, "y", "w")
		y.all(25)
		y.agree()
		require.Equal(t, "w", y.get(1, "y"))
	}
}

func TestASiteThatTakesOneConversationIsBusyForTheSecond(t *testing.T) {
	y := newYard(t, 1, alike(4, gossip.Config{Rumours: gossip.Push, Entropy: gossip.PushPull, Fade: gossip.Fade{K: 1}, Limit: 1})...)
	tell := gossip.Rumours{Items: []gossip.Item{news("x", 5)}, Begins: true}
	require.IsType(t, gossip.Rumours{}, y.say(2, 1, tell)[0])
	require.Equal(t, []machine.Data{gossip.Busy{}}, y.say(3, 1, gossip.Rumours{Items: []gossip.Item{news("y", 6)}, Begins: true}))
	require.Equal(t, []machine.Data{gossip.Busy{Exchange: true}}, y.say(4, 1, gossip.Page{ID: 1, Begins: true}))
	require.Equal(t, "-", y.get(1, "y"), "what was refused was not taken in")
	y.now += period
	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	y.queue = nil
	require.IsType(t, gossip.Rumours{}, y.say(3, 1, tell)[0], "another period")
}

func TestWhoIsTurnedAwayHuntsSoManyTimes(t *testing.T) {
	for _, hunt := range []int{0, 3} {
		y := newYard(t, 1, alike(9, gossip.Config{Rumours: gossip.Push, Entropy: gossip.PushPull, Fade: gossip.Fade{Blind: true, K: 1}, Hunt: hunt})...)
		y.put(1, "x", "v")
		y.now += period
		y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
		rumours, pages := 0, 0
		for len(y.queue) > 0 {
			l := y.queue[0]
			y.queue = y.queue[1:]
			_, page := l.msg.(gossip.Page)
			if page {
				pages++
			} else {
				rumours++
			}
			y.step(1, machine.Recv{From: addr(l.to), Msg: gossip.Busy{Exchange: page}})
		}
		require.Equal(t, 1+hunt, rumours)
		require.Equal(t, 1+hunt, pages)
		require.Equal(t, 1, y.look(1).Hot)
		y.tick(1)
		require.Equal(t, 1, y.look(1).Hot, "what was refused was not told, so a blind site has not done with it")
	}
}

func TestOneRumourTooManyEndsTheOldest(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Rumours: gossip.Pull, Page: gossip.MaxPage, Fade: gossip.Fade{Blind: true, K: 1}})...)
	for n := range gossip.MaxHot + 1 {
		y.put(1, key(n), "v")
	}
	require.Equal(t, gossip.MaxHot, y.look(1).Hot)
	for range 10 {
		y.tick(1, 2)
	}
	require.Equal(t, "-", y.get(2, key(0)))
	require.Equal(t, "v", y.get(2, key(1)))
}

func TestMailGoesToEveryPeerOnce(t *testing.T) {
	y := newYard(t, 1, alike(5, gossip.Config{Mail: true})...)
	y.put(2, "x", "v")
	y.talk()
	require.Len(t, said[gossip.Mail](y), 4)
	y.agree()
	y.delete(4, "x")
	y.talk()
	y.agree()
	require.Equal(t, "-", y.get(1, "x"))
	y.heard = nil
	y.all(3)
	require.Empty(t, y.heard)
}

func TestPartnersAreChosenByTheirWeights(t *testing.T) {
	c := gossip.Config{Rumours: gossip.Pull, Fade: gossip.Fade{K: 1}, Weights: []uint32{7, 0, 1, 3}}
	y := newYard(t, 1, c, c, c, c)
	y.deaf = map[int]bool{2: true, 3: true, 4: true}
	for range 4000 {
		y.tick(1)
	}
	chosen := map[int]int{}
	for _, l := range y.heard {
		chosen[l.to]++
	}
	require.Zero(t, chosen[1], "nobody talks with itself, whatever the weight")
	require.Zero(t, chosen[2])
	require.InDelta(t, 1000, chosen[3], 100)
	require.InDelta(t, 3000, chosen[4], 100)

	y = newYard(t, 1, alike(4, gossip.Config{Rumours: gossip.Pull, Fade: gossip.Fade{K: 1}})...)
	for range 3000 {
		y.tick(2)
	}
	chosen = map[int]int{}
	for _, l := range y.heard {
		chosen[l.to]++
	}
	for _, site := range []int{1, 3, 4} {
		require.InDelta(t, 1000, chosen[site], 100, "without weights all alike")
	}
}

func TestASiteWithoutPeersIsSilent(t *testing.T) {
	y := newYard(t, 1, gossip.Config{Rumours: gossip.PushPull, Entropy: gossip.PushPull, Fade: gossip.Fade{K: 1}, Mail: true})
	y.put(1, "x", "v")
	y.all(5)
	require.Empty(t, y.heard)
	require.Equal(t, "v", y.get(1, "x"))
}
