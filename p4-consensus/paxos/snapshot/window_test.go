package snapshot_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// memory is what Windows promise, in the plainest way: of each voter the latest life, all
// that was executed in it, and the highest of that.
type memory map[proto.Voter]*life

type life struct {
	number, highest uint64
	executed        map[uint64]bool
}

func (m memory) first(o proto.Origin) bool {
	l := m[o.Voter]
	if l == nil {
		l = &life{executed: map[uint64]bool{}}
		m[o.Voter] = l
	}
	if o.Life > l.number {
		*l = life{number: o.Life, executed: map[uint64]bool{}}
	}
	if m.done(o) {
		return false
	}
	l.executed[o.Seq] = true
	l.highest = max(l.highest, o.Seq)
	return true
}

// done tells whether a command was executed, or stands before the window or life.
func (m memory) done(o proto.Origin) bool {
	l := m[o.Voter]
	switch {
	case l == nil:
		return false
	case o.Life != l.number:
		return o.Life < l.number
	}
	return l.executed[o.Seq] || o.Seq == 0 || o.Seq+snapshot.WindowSize <= l.highest
}

func voter(i int) proto.Voter { return proto.Voter{Node: 1, Disk: uint64(i)} }

// drawSeq draws near what was executed last, near the ends of its window, or far ahead.
func drawSeq(t *rapid.T, highest uint64) uint64 {
	near := rapid.IntRange(-3, 3).Draw(t, "near")
	far := rapid.SampledFrom([]int{
		0, 0, 0, 1, -100, -snapshot.WindowSize, snapshot.WindowSize, 2 * snapshot.WindowSize, 3 * snapshot.WindowSize, 1 << 40,
	}).Draw(t, "far")
	return uint64(max(0, int(highest)+near+far))
}

func TestWindowsRememberWhatAMapOfEverythingRemembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ws snapshot.Windows
		m := memory{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			o := proto.Origin{Voter: voter(rapid.IntRange(1, 2).Draw(t, "voter")), Life: 1}
			if l := m[o.Voter]; l != nil {
				o.Life = l.number + rapid.SampledFrom([]uint64{0, 0, 0, 0, 0, 0, 1}).Draw(t, "lives ahead") -
					rapid.SampledFrom([]uint64{0, 0, 0, 0, 0, 0, 1}).Draw(t, "lives behind")
				o.Seq = drawSeq(t, l.highest)
			} else {
				o.Seq = drawSeq(t, 0)
			}
			require.Equal(t, m.done(o), ws.Done(o), "done %+v", o)
			require.Equal(t, m.first(o), ws.First(o), "first %+v", o)
			require.Equal(t, m.done(o), ws.Done(o), "done afterwards %+v", o)
			if rapid.IntRange(0, 50).Draw(t, "forget") == 0 {
				ws.Keep(func(v proto.Voter) bool { return v != o.Voter })
				delete(m, o.Voter)
			}
		}
	})
}

func TestEveryCommandIsExecutedOnceInAnyOrderWithinAWindow(t *testing.T) {
	var ws snapshot.Windows
	const rounds = 5
	for round := range uint64(rounds) {
		for k := range uint64(snapshot.WindowSize) {
			o := proto.Origin{Voter: voter(1), Life: 1, Seq: round*snapshot.WindowSize + (k*1021)%snapshot.WindowSize + 1}
			require.True(t, ws.First(o), "%+v", o)
			require.False(t, ws.First(o), "%+v again", o)
		}
	}
	for seq := range uint64(rounds*snapshot.WindowSize + 1) {
		require.True(t, ws.Done(proto.Origin{Voter: voter(1), Life: 1, Seq: seq}))
	}
	require.False(t, ws.Done(proto.Origin{Voter: voter(1), Life: 1, Seq: rounds*snapshot.WindowSize + 1}))
}

func TestALaterLifeEndsTheEarlierOne(t *testing.T) {
	var ws snapshot.Windows
	require.True(t, ws.First(proto.Origin{Voter: voter(1), Life: 1, Seq: 9}))
	require.True(t, ws.First(proto.Origin{Voter: voter(1), Life: 3, Seq: 1}))
	require.False(t, ws.First(proto.Origin{Voter: voter(1), Life: 2, Seq: 2}), "a life between was never seen: too late now")
	require.False(t, ws.First(proto.Origin{Voter: voter(1), Life: 1, Seq: 10}))
	require.True(t, ws.Done(proto.Origin{Voter: voter(1), Life: 1, Seq: 10}), "it never will be")
	require.True(t, ws.First(proto.Origin{Voter: voter(1), Life: 3, Seq: 9}), "numbers begin again")
}

func TestDisksOfOneNodeAreDifferentVoters(t *testing.T) {
	var ws snapshot.Windows
	require.True(t, ws.First(proto.Origin{Voter: voter(1), Life: 5, Seq: 1}))
	require.True(t, ws.First(proto.Origin{Voter: voter(2), Life: 1, Seq: 1}))
	ws.Keep(func(v proto.Voter) bool { return v == voter(2) })
	require.Len(t, ws, 1)
	require.False(t, ws.First(proto.Origin{Voter: voter(2), Life: 1, Seq: 1}), "who is kept is remembered")
}

func TestNumbersAtTheEndOfAllNumbersDoNoHarm(t *testing.T) {
	var ws snapshot.Windows
	for _, seq := range []uint64{
		math.MaxUint64, math.MaxUint64, math.MaxUint64 - 1, math.MaxUint64 - snapshot.WindowSize, math.MaxUint64 - snapshot.WindowSize + 1, 0, 1, 1 << 63,
	} {
		ws.First(proto.Origin{Voter: voter(1), Life: math.MaxUint64, Seq: seq})
		ws.Done(proto.Origin{Voter: voter(1), Life: math.MaxUint64, Seq: seq})
	}
	require.True(t, ws.First(proto.Origin{Voter: voter(2), Life: 1, Seq: 1}), "nobody else is harmed")
}
