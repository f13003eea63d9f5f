package gossip_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
	"dss.example/p3-replication/vector"
)

func TestASiteThatRestartsHasWhatItHad(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Entropy: gossip.PushPull, Retain: 50 * period})...)
	for n := range 20 {
		y.put(n%2+1, key(n%7), key(n))
	}
	y.delete(1, key(3))
	y.all(3)
	before := y.look(1)
	y.start(1)
	require.Equal(t, before, y.look(1))
	y.agree()
	for n := range 7 {
		require.Equal(t, y.get(2, key(n)), y.get(1, key(n)))
	}
}

func TestStampsGoOnWhereTheyWereAfterARestart(t *testing.T) {
	y := newYard(t, 1, gossip.Config{})
	last := y.put(1, "x", "v")
	y.start(1)
	next := y.put(1, "x", "w")
	require.Equal(t, last.Server, next.Server)
	require.Greater(t, next.Time, last.Time)
}

func TestASiteThatDoesNotKnowItsStampsAnyMoreTakesANewName(t *testing.T) {
	y := newYard(t, 1, gossip.Config{})
	first := y.put(1, "x", "v")
	y.disks[0] = nil
	y.start(1)
	fresh := y.put(1, "x", "w")
	require.NotEqual(t, first.Server, fresh.Server, "its disk is empty")

	m, err := gossip.New(addr(1), y.configs[0])
	require.NoError(t, err)
	var out machine.Out
	step := func(e machine.Event) { m.Step(machine.In{Rand: 77, Event: e}, &out) }
	step(machine.Load{Seq: 1, Record: gossip.Born{Name: first.Server, Time: 4}})
	step(machine.Load{Seq: 2, Damaged: true})
	step(machine.Ready{})
	born := out.Save[0].(gossip.Born)
	require.NotEqual(t, first.Server, born.Name, "a record is damaged, which may have held its last stamp")
	step(machine.Ask{ID: 1, Cmd: gossip.Put{Key: "x"}})
	require.Equal(t, vector.Stamp{Time: 5, Server: born.Name}, out.Reply[0].Data.(gossip.Written).Stamp)
}

func TestNamesOfDisksDifferFromSiteToSite(t *testing.T) {
	y := newYard(t, 1, alike(3, gossip.Config{Mail: true})...)
	names := map[vector.Server]bool{}
	for site := 1; site <= 3; site++ {
		s := y.put(site, "x", "v")
		require.True(t, s.Server.Valid())
		names[s.Server] = true
	}
	require.Len(t, names, 3)
}

func TestADiskKeepsToAFewTimesWhatTheSiteHas(t *testing.T) {
	y := newYard(t, 1, gossip.Config{Entropy: gossip.PushPull, Retain: 2 * period, Dormant: 1000 * period, Keepers: 1})
	for n := range 3000 {
		y.put(1, key(n%10), key(n))
		if n%100 == 99 {
			y.delete(1, key(n%10))
		}
		if n%20 == 0 {
			y.all(1)
		}
		require.Less(t, len(y.disks[0]), 400)
	}
	require.Positive(t, y.trimmed[0])
	y.all(4)
	before := y.look(1)
	require.Equal(t, 1, before.Dormant)
	y.start(1)
	require.Empty(t, cmp.Diff(before, y.look(1)), "dormant ones are still dormant")
}

func TestWhatIsWrittenAnewHasNameClockAndDormantCertificates(t *testing.T) {
	y := newYard(t, 1, gossip.Config{Retain: 2 * period, Dormant: 1000 * period, Keepers: 1})
	y.put(1, "x", "v")
	y.delete(1, "x")
	y.all(4)
	var last vector.Stamp
	for range 600 {
		last = y.put(1, "y", "w")
	}
	written := y.disks[0][0]
	y.all(1)
	require.NotEqual(t, written, y.disks[0][0], "anew")
	y.start(1)
	require.Equal(t, 1, y.look(1).Dormant)
	y.delete(1, "y")
	y.all(4)
	y.start(1)
	next := y.put(1, "z", "u")
	require.Equal(t, last.Server, next.Server)
	require.Greater(t, next.Time, last.Time)
}

func TestACertificateThatWasDroppedStaysDroppedAfterARestart(t *testing.T) {
	y := newYard(t, 1, gossip.Config{Retain: 3 * period})
	y.put(1, "x", "v")
	y.delete(1, "x")
	y.all(5)
	require.Zero(t, y.look(1).Deaths)
	y.start(1)
	require.Equal(t, gossip.Outline{}, y.look(1))
}

func TestCommandsThatCannotBeDoneAreRefused(t *testing.T) {
	y := newYard(t, 1, gossip.Config{})
	for _, put := range []gossip.Put{
		{}, {Key: strings.Repeat("k", gossip.MaxKey+1)}, {Key: "x", Value: make([]byte, gossip.MaxValue+1)},
	} {
		require.Equal(t, gossip.Refused{Why: gossip.TooLarge}, y.ask(1, put))
	}
	y.put(1, strings.Repeat("k", gossip.MaxKey), strings.Repeat("v", gossip.MaxValue))
	require.Equal(t, gossip.Missing{}, y.ask(1, gossip.Get{Key: strings.Repeat("k", 1000)}))

	y.say(2, 1, gossip.Mail{Item: gossip.Item{Key: "x", Stamp: stamp(vector.MaxTime)}})
	require.Equal(t, gossip.Refused{Why: gossip.Ended}, y.ask(1, gossip.Put{Key: "x"}))
	require.Equal(t, gossip.Refused{Why: gossip.Ended}, y.ask(1, gossip.Delete{Key: "x"}))
	require.Equal(t, "refused", gossip.Refusal(9).String())
	for _, why := range []gossip.Refusal{gossip.TooLarge, gossip.Full, gossip.Ended} {
		require.NotEqual(t, "refused", why.String())
	}
}

func TestASiteThatIsFullTakesNoNewKeys(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{})...)
	for n := range gossip.MaxItems {
		y.sites[0].Step(machine.In{Event: machine.Recv{From: addr(2), Msg: gossip.Mail{
			Item: gossip.Item{Key: key(n), Stamp: stamp(uint64(n + 1))},
		}}}, &machine.Out{})
	}
	require.Equal(t, gossip.Refused{Why: gossip.Full}, y.ask(1, gossip.Put{Key: "one more"}))
	y.say(2, 1, gossip.Mail{Item: news("one more", math.MaxUint32)})
	require.Equal(t, gossip.MaxItems, y.look(1).Values)
	y.put(1, key(5), "again")
	require.Equal(t, "again", y.get(1, key(5)), "what is there may be written")
}

func TestStrangersAndOtherRolesAreNotHeard(t *testing.T) {
	y := newYard(t, 1, alike(2, gossip.Config{Entropy: gossip.PushPull})...)
	for _, from := range []machine.Addr{{Node: 2, Role: "other"}, {Node: 2}, addr(1)} {
		y.step(1, machine.Recv{From: from, Msg: gossip.Mail{Item: news("x", 5)}})
	}
	require.Equal(t, "-", y.get(1, "x"))
	y.step(1, machine.Recv{From: addr(2), Msg: gossip.Tick{}})
	require.Empty(t, y.queue, "a tick is only one's own")
	require.Empty(t, y.out.Send)
}
