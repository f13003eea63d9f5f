package paxos_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Those who lag behind what is left of the log.

func TestWhoLagsIsToldFromTheSlotThatItMisses(t *testing.T) {
	c, n := alone(t)
	c.teach(n, value("a"), value("b"), value("c"))
	want := []machine.Data{proto.Learn{From: 2, Commit: 3, Values: []proto.Value{value("b"), value("c")}}}
	require.Empty(t, cmp.Diff(want, c.say(n, 3, proto.Want{From: 2}), sameData))
	require.Empty(t, c.say(n, 3, proto.Want{From: 4}), "more is not known")
}

func TestASnapshotTakesThePlaceOfAllThatWasHeldOfItsSlots(t *testing.T) {
	c, n := loadedWith(t, configOf(3), join(born, learned(1, "a"), []machine.Data{
		proto.Voted{Ballot: ballot(5, 2), Slot: 2, Value: value("stale")},
	}, piecesOf(3, "a", "b", "c"), born[:1], learned(4, "d"))...)
	require.Equal(t, "a b c d", c.do(n, "peek"))
	for slot := uint64(1); slot <= 3; slot++ {
		said := c.say(n, 3, proto.Want{From: slot})
		require.Len(t, of[proto.Install](said), 1, "slot %d: its values are not there any more", slot)
		require.Len(t, said, 1)
	}
	require.Len(t, of[proto.Learn](c.say(n, 3, proto.Want{From: 4})), 1)
}

func TestWhatASnapshotHasExecutedIsNotExecutedAgain(t *testing.T) {
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 1, 1
	c, n := aloneWith(t, cfg)
	c.teach(n, of3(1, "x"), of3(2, "y"), value("z"))
	c.settle()
	require.NotZero(t, c.report(n).Snapshot)
	c.crash(n)
	c.restart(n)
	end := c.report(n).Commit
	c.say(n, 2, proto.Learn{From: end + 1, Commit: end + 1, Values: []proto.Value{of3(1, "x")}})
	require.Equal(t, end+1, c.report(n).Commit)
	require.Equal(t, "x y z", c.do(n, "peek"))
}

func TestASnapshotThatCameHalfIsForgottenWhenValuesComeInstead(t *testing.T) {
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 100, 1
	c, n := aloneWith(t, cfg)
	c.say(n, 2, proto.Install(piecesOf(3, "a", "b", "c")[0].(proto.Piece)))
	for slot := uint64(1); slot <= 9; slot++ {
		c.say(n, 2, proto.Learn{From: slot, Commit: 9, Values: []proto.Value{value(fmt.Sprint(slot))}})
	}
	require.Equal(t, uint64(9), c.report(n).Commit)
	require.NotZero(t, c.report(n).Snapshot, "its own snapshots go on")
}

func TestASnapshotThatOneSenderBeganIsGoneOnWithByAnother(t *testing.T) {
	large := strings.Repeat("x", 700<<10)
	source := piecesOf(5, large, large, large, large)
	require.Greater(t, len(source), 4)
	c, lagging := aloneWith(t, configOf(3))
	for i, p := range source[:3] {
		said := c.say(lagging, 2, proto.Install(p.(proto.Piece)))
		require.Equal(t, []machine.Data{proto.Installed{Slot: 5, Index: uint64(i + 1)}}, said)
	}
	w, sender := loadedWith(t, configOf(3), join(source, []machine.Data{proto.Born{Disk: 33, Life: 1}})...)
	msg := machine.Data(proto.Want{From: 0})
	for range 20 {
		all := of[proto.Install](w.say(sender, 9, msg))
		if len(all) == 0 {
			break
		}
		all2 := of[proto.Installed](c.say(lagging, 3, all[0]))
		require.Len(t, all2, 1)
		msg = all2[0]
	}
	require.Equal(t, uint64(5), c.report(lagging).Commit)
	require.Equal(t, w.do(sender, "peek"), c.do(lagging, "peek"))
}

func TestOneWhoLagsBehindTheLogGetsASnapshotThoughPiecesAreLost(t *testing.T) {
	c, leader, b, d := led(t, func(cfg *paxos.Config) { cfg.Snapshot, cfg.Retain = 400, 2 })
	c.lost = isolate(d)
	for i := range 40 {
		c.do(leader, fmt.Sprintf("add %d", i))
	}
	c.lost = func(l letter) bool {
		switch l.msg.(type) {
		case proto.Install, proto.Installed:
			return c.draw()%3 != 0
		}
		return false
	}
	words := c.alike(leader, b, d)
	require.Contains(t, d.notes, machine.Fact{Name: "installs", Text: "a snapshot"})
	c.lost = nil
	c.crash(d)
	c.restart(d)
	require.Equal(t, words, c.do(d, "peek"), "it is on its disk")
	c.crash(b)
	c.elect()
	require.Equal(t, "41", c.do(d, "add last"))
}
