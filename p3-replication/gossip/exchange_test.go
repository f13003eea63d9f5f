package gossip_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
)

var compares = []gossip.Compare{gossip.Whole, gossip.Checksum, gossip.Recent, gossip.Peel}

func TestAfterAnExchangeBothHaveTheNewestOfEachKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := gossip.Config{
			Entropy: gossip.PushPull,
			Compare: rapid.SampledFrom(compares).Draw(t, "compare"),
			Page:    rapid.IntRange(1, 5).Draw(t, "page"),
			Recent:  rapid.IntRange(1, 6).Draw(t, "recent"),
		}
		y := newYard(t, rapid.Uint64().Draw(t, "seed"), alike(2, c)...)
		newest := map[string]string{}
		for n := range rapid.IntRange(0, 25).Draw(t, "writes") {
			// stamps grow from write to write, whoever has which
			k, value := key(rapid.IntRange(0, 12).Draw(t, "key")), fmt.Sprint(n)
			i := gossip.Item{Key: k, Stamp: stamp(uint64(n + 1)), Value: []byte(value)}
			if rapid.IntRange(0, 3).Draw(t, "dead") == 0 {
				i.Value, i.Death, value = nil, &gossip.Death{Awake: i.Stamp}, "-"
			}
			newest[k] = value
			whose := rapid.IntRange(1, 3).Draw(t, "whose")
			for site := 1; site <= 2; site++ {
				if whose&site != 0 {
					y.say(3, site, gossip.Mail{Item: i})
				}
			}
		}
		y.tick(1)
		for site := 1; site <= 2; site++ {
			for k, value := range newest {
				require.Equal(t, value, y.get(site, k), "%s at site %d", k, site)
			}
		}
		require.Equal(t, y.look(1), y.look(2))
	})
}

// stocked returns two sites with so many items in common, and what each has besides.
func stocked(t require.TestingT, c gossip.Config, common, first, second int) *yard {
	y := newYard(t, 1, alike(2, c)...)
	for n := range common + first + second {
		i := gossip.Item{Key: key(n), Stamp: stamp(uint64(n + 1))}
		if n < common+first {
			y.say(3, 1, gossip.Mail{Item: i})
		}
		if n < common || n >= common+first {
			y.say(3, 2, gossip.Mail{Item: i})
		}
	}
	return y
}

// cost returns the pages, digests and items of an exchange that site 1 begins.
func cost(y *yard) (pages, digests, items int) {
	y.heard = nil
	y.tick(1)
	for _, p := range said[gossip.Page](y) {
		pages++
		digests += len(p.Digests)
		items += len(p.Give)
	}
	for _, d := range said[gossip.Diff](y) {
		items += len(d.Items)
	}
	return pages, digests, items
}

func TestAnExchangeOfEqualSitesCostsWhatItsCompareSays(t *testing.T) {
	for compare, want := range map[gossip.Compare][3]int{
		gossip.Whole:    {10, 100, 0},
		gossip.Checksum: {1, 0, 0},
		gossip.Recent:   {1, 10, 0},
		gossip.Peel:     {1, 10, 0},
	} {
		pages, digests, items := cost(stocked(t, gossip.Config{Entropy: gossip.PushPull, Compare: compare, Page: 10, Recent: 20}, 100, 0, 0))
		require.Equal(t, want, [3]int{pages, digests, items}, "compare %d", compare)
	}
}

func TestAnExchangeOfAFewNewItemsCostsWhatItsCompareSays(t *testing.T) {
	for compare, want := range map[gossip.Compare][3]int{
		gossip.Whole:    {11, 100, 3}, // the last page only gives
		gossip.Checksum: {12, 100, 3},
		gossip.Recent:   {3, 30, 3}, // two of recent ones, and one that finds that all agrees
		gossip.Peel:     {2, 20, 3},
	} {
		y := stocked(t, gossip.Config{Entropy: gossip.PushPull, Compare: compare, Page: 10, Recent: 20}, 97, 3, 0)
		pages, digests, items := cost(y)
		if compare == gossip.Whole || compare == gossip.Checksum {
			pages++ // counted alike whether or not what was wanted came with the last
		}
		y.agree()
		require.Equal(t, want, [3]int{pages, digests, items}, "compare %d", compare)
	}
}

func TestARecentListThatIsTooShortIsFollowedByAllTheRest(t *testing.T) {
	y := stocked(t, gossip.Config{Entropy: gossip.PushPull, Compare: gossip.Recent, Page: 10, Recent: 10}, 0, 30, 30)
	cost(y)
	y.agree()
	require.Equal(t, 60, y.look(1).Values)
}

func TestPushTellsAndPullAsks(t *testing.T) {
	for _, compare := range compares {
		y := stocked(t, gossip.Config{Entropy: gossip.Push, Compare: compare, Page: 7}, 20, 10, 10)
		cost(y)
		require.Equal(t, [2]int{30, 40}, [2]int{y.look(1).Values, y.look(2).Values}, "push, compare %d", compare)
		y = stocked(t, gossip.Config{Entropy: gossip.Pull, Compare: compare, Page: 7}, 20, 10, 10)
		cost(y)
		require.Equal(t, [2]int{40, 30}, [2]int{y.look(1).Values, y.look(2).Values}, "pull, compare %d", compare)
	}
}

func TestExchangesBeginEverySoManyPeriods(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Entropy: gossip.PushPull, Compare: gossip.Checksum, Every: 3})...)
	for range 9 {
		y.tick(1)
	}
	require.Len(t, said[gossip.Page](y), 3)
}

func TestAnExchangeWhoseAnswerIsLostGivesWayAfterAWhile(t *testing.T) {
	y := stocked(t, gossip.Config{Entropy: gossip.PushPull}, 0, 1, 1)
	y.deaf[2] = true
	for range 3 {
		y.tick(1)
	}
	require.Len(t, said[gossip.Page](y), 1, "it waits")
	y.deaf[2] = false
	y.tick(1)
	y.agree()
}

func TestAnAnswerThatBelongsToNoExchangeIsIgnored(t *testing.T) {
	y := newYard(t, 1, alike(3, gossip.Config{Entropy: gossip.PushPull})...)
	stray := gossip.Diff{Items: []gossip.Item{news("x", 5)}, Done: true}
	require.Empty(t, y.say(2, 1, stray))
	require.Equal(t, "-", y.get(1, "x"))

	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	begun := y.queue[0]
	y.queue = nil
	stray.ID = begun.msg.(gossip.Page).ID
	other := 5 - begun.to // 2 or 3
	y.say(other, 1, stray)
	require.Equal(t, "-", y.get(1, "x"), "of another peer")
	y.say(begun.to, 1, stray)
	require.Equal(t, "v", y.get(1, "x"))
}

func TestAPeerThatNeverComesToTheEndIsLeft(t *testing.T) {
	y := stocked(t, gossip.Config{Entropy: gossip.PushPull, Page: 5}, 0, 40, 0)
	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	first := y.queue[0].msg.(gossip.Page)
	y.queue = nil
	next := y.say(2, 1, gossip.Diff{ID: first.ID, Lower: first.Lower})
	require.Len(t, next, 1)
	for range 3 {
		require.Empty(t, y.say(2, 1, gossip.Diff{ID: first.ID, Lower: first.Lower}), "it has been there")
		require.Empty(t, y.say(2, 1, gossip.Diff{ID: first.ID}))
		y.now += period
		y.queue = nil
		y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	}
	require.NotEqual(t, first.ID, y.queue[0].msg.(gossip.Page).ID, "another exchange begins")
}

func TestAnExchangeThatIsAnsweredSlowlyGoesOn(t *testing.T) {
	y := stocked(t, gossip.Config{Entropy: gossip.PushPull, Page: 2}, 0, 20, 0)
	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	page := y.queue[0].msg.(gossip.Page)
	for y.queue = nil; !page.Lower.IsZero(); {
		y.now += 2 * period
		for range 2 {
			y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
			require.Empty(t, y.queue, "it waits for the answer")
		}
		answer := y.say(1, 2, page)
		require.Len(t, answer, 1)
		next := y.say(2, 1, answer[0])
		require.Len(t, next, 1)
		require.Equal(t, page.ID, next[0].(gossip.Page).ID)
		page = next[0].(gossip.Page)
	}
}

func TestTheLastPageOnlyGives(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Entropy: gossip.PushPull})...)
	require.Empty(t, y.say(2, 1, gossip.Page{ID: 1, Give: []gossip.Item{news("x", 5)}, Last: true}))
	require.Equal(t, "v", y.get(1, "x"))
}

func TestAnAnswerThatComesTwiceDoesNotEndAnExchange(t *testing.T) {
	y := stocked(t, gossip.Config{Entropy: gossip.PushPull, Page: 5}, 0, 40, 0)
	y.step(1, machine.Recv{From: addr(1), Msg: gossip.Tick{}})
	first := y.queue[0].msg.(gossip.Page)
	y.queue = nil
	y.step(2, machine.Recv{From: addr(1), Msg: first})
	y.queue = append(y.queue, y.queue...)
	y.talk()
	y.agree()
}

func TestWhatIsToldInAMessageIsBounded(t *testing.T) {
	y := stocked(t, gossip.Config{Entropy: gossip.PushPull, Page: 4, Rumours: gossip.PushPull, Fade: gossip.Fade{K: 2}}, 0, 33, 50)
	y.all(6)
	y.agree()
	for _, l := range y.heard {
		switch m := l.msg.(type) {
		case gossip.Page:
			require.LessOrEqual(t, max(len(m.Digests), len(m.Give)), 4)
		case gossip.Diff:
			require.LessOrEqual(t, max(len(m.Items), len(m.Wants)), 4)
		case gossip.Rumours:
			require.LessOrEqual(t, len(m.Items), 4)
		}
	}
}

func TestOfTwoWritesOfAKeyTheOneWithTheHigherStampStays(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Entropy: gossip.PushPull})...)
	y.say(2, 1, gossip.Mail{Item: gossip.Item{Key: "x", Stamp: stamp(9), Value: []byte("late")}})
	y.say(2, 1, gossip.Mail{Item: gossip.Item{Key: "x", Stamp: stamp(3), Value: []byte("early")}})
	require.Equal(t, "late", y.get(1, "x"))
	written := y.put(1, "x", "mine")
	require.Greater(t, written.Time, uint64(9), "what is written after a write was seen is later")
	require.Empty(t, cmp.Diff(gossip.Found{Value: []byte("mine"), Stamp: written}, y.ask(1, gossip.Get{Key: "x"})))
}
