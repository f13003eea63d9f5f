package paxos_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Those who lag behind what is left of the log.

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
