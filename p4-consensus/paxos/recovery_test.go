package paxos_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// What a disk brings back, and what it must not.

// piecesOf are the pieces of a snapshot of words, after a slot, in the trio.
func piecesOf(slot uint64, words ...string) (all []machine.Data) {
	state := page{{Key: "", Value: []byte("0 0")}}
	for i, w := range words {
		state = append(state, app.Pair{Key: fmt.Sprintf("%09d", i), Value: []byte(w)})
	}
	w := snapshot.NewWriter(slot, snapshot.Head{Reigns: proto.Reigns{{From: 1, Group: trio()}}}, state)
	for {
		p := w.Next()
		all = append(all, p)
		if p.Last {
			return all
		}
	}
}

func join(lists ...[]machine.Data) []machine.Data { return slices.Concat(lists...) }

// born is how a disk begins that knows its group.
var born = []machine.Data{proto.Born{Disk: 11, Life: 1, New: true}, proto.Formed{Group: trio()}}

func learned(from uint64, words ...string) (all []machine.Data) {
	for i, w := range words {
		all = append(all, proto.Learned{Slot: from + uint64(i), Value: value(w)})
	}
	return all
}

// A life of one replica, crashed behind each of its records: what it had said by then, it
// still stands by.
func TestWhereverACrashFallsWhatWasSaidIsKept(t *testing.T) {
	type word struct {
		records int // that were durable when it was said
		msg     machine.Data
	}
	var said []word
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 150, 1
	c, n := aloneWith(t, cfg)
	note := func(all []machine.Data) {
		for _, m := range all {
			said = append(said, word{int(n.seq), m})
		}
	}
	for round := uint64(2); round < 12; round++ {
		from := machine.Node(2 + round%2)
		c.now += election
		r := c.report(n)
		note(c.say(n, from, proto.Prepare{Ballot: ballot(2*round, from), From: r.Commit + 1}))
		for k := range uint64(3) {
			v := value(strings.Repeat("x", int(round)) + fmt.Sprint(k))
			note(c.say(n, from, proto.Accept{Ballot: ballot(2*round, from), Slot: r.Commit + 1 + k, Commit: r.Commit + k, Value: v}))
		}
		if round%3 == 0 {
			c.tick(n, 8*election) // a ballot of its own
		}
	}
	require.Greater(t, c.report(n).Snapshot, uint64(0))
	whole := append(slices.Clone(n.trimmed), n.disk...)
	require.Greater(t, len(of[proto.Accepted](msgs(said, func(w word) machine.Data { return w.msg }))), 20)

	for end := 2; end <= len(whole); end++ {
		w := emptyCluster(t)
		w.now = c.now
		m := &node{addr: addr(1), cfg: cfg, speed: 1000, answers: map[uint64]machine.Data{}, seq: uint64(end), disk: whole[:end:end]}
		w.nodes[1] = m
		w.restart(m)
		r := w.report(m)
		require.Equal(t, uint64(11), disk(m))
		votes := map[uint64]proto.Vote{}
		p := of[proto.Promise](w.say(m, 2, proto.Prepare{Ballot: ballot(1000, 2), From: r.Commit + 1}))
		require.Len(t, p, 1)
		for _, v := range p[0].Votes {
			votes[v.Slot] = v
		}
		for _, s := range said {
			if s.records > end {
				break
			}
			switch msg := s.msg.(type) {
			case proto.Promise:
				require.False(t, r.Ballot.Less(msg.Ballot), "%d records: the promise %v", end, msg.Ballot)
			case proto.Accepted:
				require.False(t, r.Ballot.Less(msg.Ballot), "%d records: the vote in %v", end, msg.Ballot)
				v, told := votes[msg.Slot]
				require.True(t, msg.Slot <= r.Commit || told && !v.Ballot.Less(msg.Ballot) || v.Chosen, "%d records: the vote for slot %d", end, msg.Slot)
			}
		}
	}
}

func msgs[T any](all []T, fn func(T) machine.Data) (out []machine.Data) {
	for _, x := range all {
		out = append(out, fn(x))
	}
	return out
}

func TestASnapshotTakesThePlaceOfTheLogBeforeIt(t *testing.T) {
	c, leader, b, d := led(t, func(cfg *paxos.Config) { cfg.Snapshot, cfg.Retain = 400, 3 })
	for i := range 60 {
		c.do(leader, fmt.Sprintf("add %d", i))
	}
	words := c.alike(leader, b, d)
	for _, n := range []*node{leader, b, d} {
		r := c.report(n)
		require.Greater(t, r.Snapshot, uint64(30))
		require.GreaterOrEqual(t, r.Snapshot, r.First)
		require.LessOrEqual(t, r.Snapshot-r.First, uint64(3))
		require.Empty(t, saved[proto.Formed](n), "its disk is trimmed")
		require.Less(t, len(n.disk), 100)
	}
	for _, n := range []*node{leader, b, d} {
		c.crash(n)
	}
	for _, n := range []*node{leader, b, d} {
		c.restart(n)
		require.NotEqual(t, "forming", c.report(n).Role)
	}
	leader, _ = c.elect()
	require.Equal(t, "61", c.do(leader, "add last"))
	require.Equal(t, words+" last", c.alike(leader, b, d))
}

func TestNothingIsTrimmedBeforeTheSnapshotIsDurable(t *testing.T) {
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 100, 1
	c, n := aloneWith(t, cfg)
	n.stalled = true
	c.say(n, 2, proto.Learn{From: 1, Commit: 5, Values: []proto.Value{value("a"), value("b"), value("c"), value("d"), value("e")}})
	for range 9 {
		c.say(n, 2, proto.Saved{Record: huge})
	}
	for _, out := range n.waiting {
		require.Zero(t, out.Trim)
	}
	require.Zero(t, c.report(n).Snapshot)
	for range 5 {
		c.sync(n)
		c.settle()
	}
	require.NotZero(t, c.report(n).Snapshot)
	require.IsType(t, proto.Piece{}, n.disk[0].Record, "now the snapshot is the beginning")
}

func TestATrimKeepsThePromiseAndTheVotesThatAreOpen(t *testing.T) {
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 100, 1
	c, n := aloneWith(t, cfg)
	var values []proto.Value
	for slot := uint64(1); slot <= 6; slot++ {
		values = append(values, value(fmt.Sprint(slot)))
		c.say(n, 2, proto.Accept{Ballot: ballot(7, 2), Slot: slot, Value: values[slot-1]})
	}
	c.now += election
	promised(t, c.say(n, 3, proto.Prepare{Ballot: ballot(8, 3), From: 1}))
	c.say(n, 3, proto.Learn{From: 1, Commit: 4, Values: values[:4]})
	require.IsType(t, proto.Piece{}, n.disk[0].Record)
	c.crash(n)
	c.restart(n)
	require.Equal(t, ballot(8, 3), c.report(n).Ballot)
	require.Equal(t, uint64(11), disk(n))
	require.Equal(t, "1 2 3 4", c.do(n, "peek"))
	p := promised(t, c.say(n, 3, proto.Prepare{Ballot: ballot(9, 3), From: 5}))
	require.Empty(t, cmp.Diff([]proto.Vote{
		{Slot: 5, Ballot: ballot(7, 2), Value: values[4]}, {Slot: 6, Ballot: ballot(7, 2), Value: values[5]},
	}, p.Votes, sameData))
}

func TestASnapshotThatACrashCutOffIsAsIfItHadNotBegun(t *testing.T) {
	log := join(born, []machine.Data{proto.Promised{Ballot: ballot(5, 2)}}, learned(1, "a", "b", "c"))
	pieces := piecesOf(3, "a", "b", "c")
	for cut := range pieces {
		c, n := loadedWith(t, configOf(3), join(log, pieces[:cut], []machine.Data{proto.Voted{Ballot: ballot(5, 2), Slot: 4, Commit: 3, Value: value("d")}})...)
		require.Equal(t, "a b c", c.do(n, "peek"), "%d pieces", cut)
		r := c.report(n)
		require.Zero(t, r.Snapshot)
		require.Equal(t, ballot(5, 2), r.Ballot)
	}
	c, n := loadedWith(t, configOf(3), join(log, pieces, learned(4, "d"))...)
	require.Equal(t, "a b c d", c.do(n, "peek"))
	require.Equal(t, uint64(3), c.report(n).Snapshot)
}

func TestTheLaterOfTwoSnapshotsCountsAndAHalfOneDoesNot(t *testing.T) {
	old, fresh := piecesOf(2, "a", "b"), piecesOf(4, "a", "b", "c", "d")
	for name, c := range map[string]struct {
		records  []machine.Data
		words    string
		snapshot uint64
	}{
		"two":                       {join(born, old, learned(3, "c", "d"), fresh, learned(5, "e")), "a b c d e", 4},
		"trimmed to the second":     {join(fresh, born[:1], learned(5, "e")), "a b c d e", 4},
		"half a second":             {join(born, old, learned(3, "c", "d"), fresh[:2]), "a b c d", 2},
		"the second begun again":    {join(born, old, learned(3, "c", "d"), fresh[:1], fresh), "a b c d", 4},
		"a half, and then an older": {join(born, fresh[:1], old), "a b", 2},
		"an older one behind":       {join(born, fresh, old), "a b c d", 4},
		"one of a gap":              {join(born, old[:1], old[2:], learned(1, "a")), "a", 0},
	} {
		w, n := loadedWith(t, configOf(3), c.records...)
		require.Equal(t, c.words, w.do(n, "peek"), name)
		require.Equal(t, c.snapshot, w.report(n).Snapshot, name)
	}
}

func TestATrimThatACrashUndidBringsBackNothingOld(t *testing.T) {
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 100, 1
	c, n := aloneWith(t, cfg)
	for slot := uint64(1); slot <= 12; slot++ {
		b := ballot(slot, 2)
		c.say(n, 2, proto.Accept{Ballot: b, Slot: slot, Commit: slot - 1, Value: value(fmt.Sprint(slot))})
		c.say(n, 2, proto.Beat{Ballot: b, Round: 1, Commit: slot})
		c.settle()
	}
	require.NotEmpty(t, n.trimmed)
	want, before := c.do(n, "peek"), c.report(n)
	all := append(slices.Clone(n.trimmed), n.disk...)
	for from := range len(n.trimmed) + 1 {
		c.crash(n)
		n.disk = slices.Clone(all[from:])
		n.seq = all[len(all)-1].Seq
		c.restart(n)
		require.GreaterOrEqual(t, c.report(n).Commit, before.Commit-1, "the last commit is the leader's to tell")
		c.say(n, 2, proto.Beat{Ballot: ballot(12, 2), Round: 1, Commit: 12})
		require.Equal(t, want, c.do(n, "peek"), "from record %d", from)
		require.Equal(t, before.Ballot, c.report(n).Ballot)
		require.Equal(t, uint64(11), disk(n))
	}
}

func TestADamagedRecordMakesAnotherVoterOfTheDisk(t *testing.T) {
	log := join(born, []machine.Data{proto.Promised{Ballot: ballot(5, 2)}}, learned(1, "a"), []machine.Data{
		proto.Voted{Ballot: ballot(5, 2), Slot: 2, Commit: 1, Value: value("b")},
	})
	for i := range log {
		records := slices.Clone(log)
		records[i] = nil
		c, n := loadedWith(t, configOf(3), records...)
		require.NotEqual(t, uint64(11), disk(n), "record %d", i)
		r := c.report(n)
		require.Equal(t, "joining", r.Role, "record %d", i)
		require.Equal(t, "1 records are damaged: the group has to take this disk up again", r.Waiting)
		require.Len(t, of[proto.Prepare](c.tick(n, 8*election)), 0, "it does not seek to lead")
		for _, m := range c.say(n, 2, proto.Accept{Ballot: ballot(9, 2), Slot: 3, Value: value("c")}) {
			if a, ok := m.(proto.Accepted); ok {
				require.Equal(t, disk(n), a.Disk, "a vote under its new name counts for nothing yet")
			}
		}
		c.crash(n)
		c.restart(n)
		require.NotEqual(t, uint64(11), disk(n), "nor in its next life")
		require.NotEqual(t, "forming", c.report(n).Role)
	}
}

func TestADamagedReplicaIsRepairedFromItsPeers(t *testing.T) {
	for name, snapshot := range map[string]int{"by values": 1 << 20, "by a snapshot": 300} {
		for _, again := range []bool{false, true} {
			c, leader, b, d := led(t, func(cfg *paxos.Config) { cfg.Snapshot, cfg.Retain = snapshot, 2 })
			for i := range 30 {
				c.do(leader, fmt.Sprintf("add %d", i))
			}
			old := disk(d)
			c.crash(d)
			harmed := len(d.disk) / 2 // a vote
			if name == "by a snapshot" {
				harmed = 1 // of the one on its disk
			}
			d.damage(d.disk[harmed].Seq)
			c.lost = isolate(d)
			c.restart(d)
			if again { // once more, before anybody could help
				c.run(election)
				c.crash(d)
				c.restart(d)
			}
			c.run(election)
			require.Equal(t, "joining", c.report(d).Role, name)
			c.lost = nil
			c.until(name, func() bool { return c.report(d).Role == "follower" })
			fresh := disk(d)
			require.NotEqual(t, old, fresh)
			for i := range 3 { // so that its disk, too, tells that it is a member
				c.do(leader, fmt.Sprintf("add %d", i))
			}
			c.alike(leader, d)
			c.crash(d)
			c.restart(d)
			c.elect()
			require.Equal(t, fresh, disk(d), "the damage is that of its old name")
			c.crash(b)
			c.elect()
			require.Equal(t, "34", c.do(d, "add last"), "it votes again")
			c.alike(leader, d)
		}
	}
}

// A slot got votes in two ballots. When the record of the second is lost, the first must
// not be taken for chosen.
func TestAVoteBeforeTheDamageIsNotTakenForChosen(t *testing.T) {
	c, n := loadedWith(t, configOf(3), join(born, []machine.Data{
		proto.Voted{Ballot: ballot(1, 2), Slot: 1, Value: value("stale")},
		nil, // proto.Voted{Ballot: ballot(2, 3), Slot: 1, Value: value("chosen")}
		proto.Voted{Ballot: ballot(2, 3), Slot: 2, Commit: 1, Value: value("next")},
	})...)
	for range 2 {
		require.Empty(t, c.do(n, "peek"))
		c.crash(n)
		c.restart(n)
	}
	c.say(n, 3, proto.Learn{From: 1, Commit: 2, Values: []proto.Value{value("chosen"), value("next")}})
	require.Equal(t, "chosen next", c.do(n, "peek"))
}

// A snapshot is whole, and what had to be saved again with it: or it does not stand for the
// damage before it.
func TestASnapshotThatStandsForDamageHasWhatWasPromisedBefore(t *testing.T) {
	cfg := configOf(3)
	cfg.Snapshot, cfg.Retain = 100, 1
	c, n := aloneWith(t, cfg)
	b := ballot(7, 2)
	for slot := uint64(1); slot <= 4; slot++ {
		c.say(n, 2, proto.Accept{Ballot: b, Slot: slot, Commit: slot - 1, Value: value(fmt.Sprint(slot))})
	}
	all := append(slices.Clone(n.trimmed), n.disk...)
	first := slices.IndexFunc(all, func(l machine.Load) bool { _, ok := l.Record.(proto.Piece); return ok })
	require.Positive(t, first)
	for end := first; end <= len(all); end++ {
		m := &node{addr: addr(1), cfg: cfg, speed: 1000, answers: map[uint64]machine.Data{}, seq: uint64(end), disk: slices.Clone(all[:end])}
		for i := range first {
			m.disk[i] = machine.Load{Seq: m.disk[i].Seq, Damaged: true}
		}
		w := emptyCluster(t)
		w.nodes[1] = m
		w.now = c.now + machine.Second
		w.restart(m)
		if disk(m) == 11 {
			require.Equal(t, b, w.report(m).Ballot, "%d records", end)
		}
	}
}

func TestALostSnapshotOfAFarSlotTakesNoMemoryForWhatItHeld(t *testing.T) {
	const far = 1 << 21
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, n := loadedWith(t, configOf(3), nil, proto.Born{Disk: 11, Life: 3}, proto.Promised{Ballot: ballot(5, 2)},
		proto.Voted{Ballot: ballot(5, 2), Slot: far, Commit: far - 1, Value: value("x")})
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	r := c.report(n)
	require.Zero(t, r.Commit)
	require.Equal(t, "joining", r.Role)
	require.Len(t, of[proto.Want](c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1, Commit: far})), 1)
	for _, p := range piecesOf(far, "x") {
		c.say(n, 2, proto.Install(p.(proto.Piece)))
	}
	require.Equal(t, "x", c.do(n, "peek"))
	require.Equal(t, uint64(far), c.report(n).Commit)
}

func TestADiskThatIsNotInItsGroupAnyMoreComesBackUnderANewName(t *testing.T) {
	g := trio()
	g.Version, g.Members[0].Disk = 2, 99
	regroup := proto.Value{Entries: []proto.Entry{{Kind: proto.EntryGroup, Body: proto.AppendGroup(nil, &g)}}}
	var log []machine.Data
	for slot, v := range []proto.Value{regroup, {}, {}, {}, {}} {
		log = append(log, proto.Learned{Slot: uint64(slot + 1), Value: v})
	}
	c, n := alone(t, log...)
	require.NotEqual(t, uint64(11), disk(n))
	require.Equal(t, "joining", c.report(n).Role)
	require.Empty(t, cmp.Diff([]proto.Join{{Disk: disk(n), Addr: "here", Commit: 5}, {Disk: disk(n), Addr: "here", Commit: 5}}, of[proto.Join](c.tick(n, heartbeat))))
}
