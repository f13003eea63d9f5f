package gossip_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
)

// hidden lets site 3 miss a deletion for so many periods: the item is at all three, and is deleted
// while the third is deaf. Then it hears again, and all talk for a while.
func hidden(t *testing.T, c gossip.Config, periods int) *yard {
	y := newYard(t, 1, alike(3, c)...)
	y.put(1, "x", "v")
	y.all(6)
	y.agree()
	y.deaf[3] = true
	y.delete(1, "x")
	y.all(periods)
	require.Equal(t, "-", y.get(2, "x"))
	require.Equal(t, "v", y.get(3, "x"))
	y.deaf[3] = false
	y.all(8)
	y.agree()
	return y
}

func TestADeletionReachesASiteThatWasCutOffForLessThanCertificatesAreKept(t *testing.T) {
	for _, compare := range compares {
		y := hidden(t, gossip.Config{Entropy: gossip.PushPull, Compare: compare, Retain: 100 * period}, 60)
		require.Equal(t, "-", y.get(3, "x"), "compare %d", compare)
		require.Equal(t, 1, y.look(3).Deaths)
	}
}

func TestADeletedItemReturnsIfItHidesForLongerThanCertificatesAreKept(t *testing.T) {
	y := hidden(t, gossip.Config{Entropy: gossip.PushPull, Retain: 20 * period}, 60)
	for site := 1; site <= 3; site++ {
		require.Equal(t, "v", y.get(site, "x"), "a wager that was lost")
	}
}

func TestADormantCertificateWakesAndKillsWhatReturns(t *testing.T) {
	for _, c := range []gossip.Config{
		{Entropy: gossip.PushPull},
		{Entropy: gossip.PushPull, Compare: gossip.Peel},
		{Entropy: gossip.Push},
		{Entropy: gossip.Pull},
		{Entropy: gossip.PushPull, Rumours: gossip.PushPull, Fade: gossip.Fade{K: 2}},
	} {
		c.Retain, c.Dormant, c.Keepers = 20*period, 1000*period, 2
		y := hidden(t, c, 60)
		for site := 1; site <= 3; site++ {
			require.Equal(t, "-", y.get(site, "x"), "site %d", site)
			require.Equal(t, 1, y.look(site).Deaths, "awake once more, everywhere")
		}
		y.all(40)
		require.Equal(t, 2, y.look(1).Dormant+y.look(2).Dormant+y.look(3).Dormant, "and dormant again, at its keepers")
		require.Zero(t, y.look(1).Deaths+y.look(2).Deaths+y.look(3).Deaths)
	}
}

func TestWhoTellsOfADeletedItemIsToldOfItsWokenCertificateAtOnce(t *testing.T) {
	c := gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{K: 1}, Retain: 2 * period, Dormant: 100 * period, Keepers: 2}
	y := newYard(t, 1, alike(2, c)...)
	y.put(1, "x", "v")
	old := y.ask(1, gossip.Get{Key: "x"}).(gossip.Found)
	y.delete(1, "x")
	y.deaf[2] = true
	y.all(4)
	require.Equal(t, 1, y.look(1).Dormant)
	said := y.say(2, 1, gossip.Rumours{Items: []gossip.Item{{Key: "x", Stamp: old.Stamp, Value: old.Value}}, Begins: true})
	require.Len(t, said, 1)
	certificate := said[0].(gossip.Rumours).Items[0].Death
	require.NotNil(t, certificate)
	require.Zero(t, certificate.Age)
	require.Equal(t, 1, y.look(1).Deaths)
}

func TestADormantCertificateEndsToo(t *testing.T) {
	y := newYard(t, 1, alike(3, gossip.Config{Entropy: gossip.PushPull, Retain: 10 * period, Dormant: 20 * period, Keepers: 2})...)
	y.put(1, "x", "v")
	y.delete(1, "x")
	dormant := func() int { return y.look(1).Dormant + y.look(2).Dormant + y.look(3).Dormant }
	y.all(8)
	require.Equal(t, gossip.Outline{Sum: y.look(2).Sum, Deaths: 1}, y.look(1))
	y.all(10)
	require.Equal(t, 2, dormant())
	y.all(20)
	require.Zero(t, dormant())
}

func TestAWokenCertificateKillsNothingThatWasWrittenAfterIt(t *testing.T) {
	c := gossip.Config{Entropy: gossip.PushPull, Retain: 5 * period, Dormant: 1000 * period, Keepers: 3}
	y := newYard(t, 1, alike(3, c)...)
	y.put(1, "x", "old")
	old := y.ask(1, gossip.Get{Key: "x"}).(gossip.Found)
	y.delete(1, "x")
	y.all(12)
	y.put(2, "x", "new") // site 2 has the dormant certificate, and writes after it
	require.Equal(t, "new", y.get(2, "x"))
	y.say(2, 1, gossip.Mail{Item: gossip.Item{Key: "x", Stamp: old.Stamp, Value: old.Value}})
	require.Equal(t, 1, y.look(1).Deaths, "the old item has woken site 1's")
	y.all(6)
	y.agree()
	for site := 1; site <= 3; site++ {
		require.Equal(t, "new", y.get(site, "x"))
	}
}

func TestTheAgeOfACertificateTravelsWithIt(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Entropy: gossip.PushPull, Retain: 20 * period})...)
	y.put(1, "x", "v")
	y.deaf[2] = true
	y.delete(1, "x")
	y.all(15)
	y.deaf[2] = false
	y.all(1)
	require.Equal(t, 1, y.look(2).Deaths, "learnt late")
	y.all(6)
	require.Zero(t, y.look(1).Deaths+y.look(2).Deaths, "and dropped with the first")
	for range 30 {
		y.all(1)
		require.Zero(t, y.look(1).Deaths+y.look(2).Deaths, "nobody brings it back")
	}
}

func TestOfTwoAgesOfACertificateTheYoungerCounts(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Retain: 20 * period})...)
	dead := func(age machine.Time) gossip.Item {
		return gossip.Item{Key: "x", Stamp: stamp(5), Death: &gossip.Death{Awake: stamp(5), Age: age}}
	}
	y.say(2, 1, gossip.Mail{Item: dead(15 * period)})
	y.say(2, 1, gossip.Mail{Item: dead(2 * period)})
	y.say(2, 1, gossip.Mail{Item: dead(10 * period)})
	y.all(10)
	require.Equal(t, 1, y.look(1).Deaths)
	y.all(10)
	require.Zero(t, y.look(1).Deaths)
}

func TestACertificateThatOthersAreAboutToDropIsNotTakenInForNothing(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Retain: 20 * period})...)
	dead := gossip.Item{Key: "x", Stamp: stamp(5), Death: &gossip.Death{Awake: stamp(5), Age: 20 * period}}
	y.say(2, 1, gossip.Mail{Item: dead})
	require.Zero(t, y.look(1).Deaths)
	y.say(2, 1, gossip.Mail{Item: gossip.Item{Key: "x", Stamp: stamp(4), Value: []byte("v")}})
	y.say(2, 1, gossip.Mail{Item: dead})
	require.Equal(t, "-", y.get(1, "x"), "but for what it kills")
}

func TestOnlyWhatASiteHasCanBeDeleted(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Mail: true})...)
	require.Equal(t, gossip.Missing{}, y.ask(1, gossip.Delete{Key: "x"}))
	y.put(1, "x", "v")
	y.delete(1, "x")
	require.Equal(t, gossip.Missing{}, y.ask(1, gossip.Delete{Key: "x"}))
	require.Equal(t, gossip.Missing{}, y.ask(1, gossip.Get{Key: "x"}))
}
