package snapshot_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// state is a View: pairs in the order of their keys.
type state []app.Pair

func (s state) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, p := range s {
			if p.Key >= from && !yield(p.Key, p.Value) {
				return
			}
		}
	}
}

// stateOf has n pairs, each with a value of its own of so many bytes.
func stateOf(n, size int) (s state) {
	for i := range n {
		s = append(s, app.Pair{Key: fmt.Sprintf("key %03d", i), Value: bytes.Repeat([]byte{byte(i)}, size)})
	}
	return s
}

const slot = 77

// sameBytes compares large bodies at once.
var sameBytes = cmp.Comparer(bytes.Equal)

func head() snapshot.Head {
	h := snapshot.Head{Clock: -5, Reigns: proto.Reigns{{From: 70, Group: proto.Group{
		Version: 3, Quorum1: 1, Quorum2: 1, Alpha: 64, Members: []proto.Member{{Voter: proto.Voter{Node: 1, Disk: 11}, Addr: "a"}},
	}}}, Gone: snapshot.Gone{{Node: 3, Disk: 33}}}
	for _, seq := range []uint64{1, 2, 5, 5000} {
		h.Seen.First(proto.Origin{Voter: proto.Voter{Node: 1, Disk: 11}, Life: 2, Seq: seq})
		h.Seen.First(proto.Origin{Voter: proto.Voter{Node: 2, Disk: 22}, Life: 1, Seq: 3 * seq})
	}
	return h
}

// pieces are all of a state's.
func pieces(w *snapshot.Writer) (all []proto.Piece) {
	for len(all) == 0 || !all[len(all)-1].Last {
		all = append(all, w.Next())
	}
	return all
}

func write(s state) []proto.Piece { return pieces(snapshot.NewWriter(slot, head(), s)) }

// read adds pieces until one is refused or the last has come.
func read(all []proto.Piece) (a *snapshot.Arriving, whole bool) {
	a = snapshot.NewArriving(slot, 9)
	for _, p := range all {
		whole, ok := a.Add(p)
		if !ok || whole {
			return a, ok
		}
	}
	return a, false
}

func TestAStateComesBackFromItsPieces(t *testing.T) {
	for name, c := range map[string]struct {
		state  state
		pieces int // with the head and the sum
	}{
		"nothing":           {nil, 3},
		"an empty pair":     {state{{}}, 3},
		"a little":          {stateOf(10, 100), 3},
		"one large value":   {stateOf(1, 5<<20), 3},
		"many MiB":          {stateOf(20, 400<<10), 12},
		"a value per piece": {stateOf(5, 3<<20), 7},
	} {
		all := write(c.state)
		require.Len(t, all, c.pieces, name)
		for i, p := range all {
			require.Equal(t, uint64(slot), p.Slot)
			require.Equal(t, uint64(i), p.Index)
			require.Equal(t, i == len(all)-1, p.Last)
		}
		a, whole := read(all)
		require.True(t, whole, name)
		require.Equal(t, uint64(9), a.Record)
		require.Equal(t, uint64(len(all)), a.Index)
		require.Empty(t, cmp.Diff(append([]app.Pair{}, c.state...), append([]app.Pair{}, a.Pairs...), sameBytes), name)
		again := pieces(snapshot.NewWriter(slot, a.Head, state(a.Pairs)))
		require.Empty(t, cmp.Diff(all, again, sameBytes), "what was read is written alike")
	}
}

func TestTheHeadTellsTheTimeTheGroupsAndWhatWasExecuted(t *testing.T) {
	a, whole := read(write(nil))
	require.True(t, whole)
	want := head()
	require.Equal(t, want.Clock, a.Clock)
	require.Empty(t, cmp.Diff(want.Reigns, a.Reigns, cmpopts.EquateEmpty()))
	require.Empty(t, cmp.Diff(want.Gone, a.Gone))
	for seq := range uint64(20_000) {
		o := proto.Origin{Voter: proto.Voter{Node: 2, Disk: 22}, Life: 1, Seq: seq}
		require.Equal(t, want.Seen.Done(o), a.Seen.Done(o), "command %d", seq)
	}
}

func TestAWriterBegunAgainWritesTheSamePieces(t *testing.T) {
	w := snapshot.NewWriter(slot, head(), stateOf(20, 400<<10))
	all := pieces(w)
	for _, after := range []int{0, 1, 4, len(all)} {
		w.Restart()
		for range after {
			w.Next()
		}
		w.Restart()
		require.Empty(t, cmp.Diff(all, pieces(w), sameBytes), "after %d pieces", after)
	}
}

func TestAPieceOutOfTurnIsRefusedAndChangesNothing(t *testing.T) {
	all := write(stateOf(8, 600<<10))
	a := snapshot.NewArriving(slot, 1)
	for i, next := range all {
		for j, other := range all {
			if j != i {
				_, ok := a.Add(other)
				require.False(t, ok, "piece %d in place of %d", j, i)
			}
		}
		next.Slot++
		_, ok := a.Add(next)
		require.False(t, ok, "a piece of another snapshot")
		whole, ok := a.Add(all[i])
		require.True(t, ok, "piece %d", i)
		require.Equal(t, i == len(all)-1, whole)
	}
	require.Len(t, a.Pairs, 8)
}

func TestASnapshotThatWasAlteredAnywhereIsRefused(t *testing.T) {
	all := write(stateOf(4, 700<<10))
	for i, p := range all {
		for at := 0; at < len(p.Body); at += max(1, len(p.Body)/20) {
			altered := slices.Clone(all)
			altered[i].Body = slices.Clone(p.Body)
			altered[i].Body[at] ^= 0x10
			_, whole := read(altered)
			require.False(t, whole, "piece %d altered at %d", i, at)
		}
		cut := slices.Clone(all)
		cut[i].Body = p.Body[:len(p.Body)-1]
		_, whole := read(cut)
		require.False(t, whole, "piece %d cut", i)
	}
}

func TestASnapshotWithoutOneOfItsPiecesIsRefused(t *testing.T) {
	all := write(stateOf(4, 700<<10))
	for i := range all[:len(all)-1] {
		less := slices.Delete(slices.Clone(all), i, i+1)
		for k := range less {
			less[k].Index = uint64(k) // the numbers close up: only the sum can tell
		}
		_, whole := read(less)
		require.False(t, whole, "without piece %d", i)
	}
}

// summed puts the right sum behind bodies.
func summed(bodies ...[]byte) (all []proto.Piece) {
	h := sha256.New()
	for i, b := range bodies {
		h.Write(b)
		all = append(all, proto.Piece{Slot: slot, Index: uint64(i), Body: b})
	}
	return append(all, proto.Piece{Slot: slot, Index: uint64(len(bodies)), Last: true, Body: h.Sum(nil)})
}

// headOf is a head with so many names that have left.
func headOf(gone int) []byte {
	h := head()
	h.Gone = make(snapshot.Gone, gone)
	return snapshot.NewWriter(slot, h, state(nil)).Next().Body
}

func TestBodiesThatNoWriterMakesAreRefusedThoughTheirSumIsRight(t *testing.T) {
	first, none := write(nil)[0].Body, cbor.AppendArray(nil, 0)
	pair := cbor.AppendBytes(cbor.AppendKey(nil, "k"), []byte("v"))
	for _, head := range [][]byte{first, headOf(snapshot.MaxGone)} {
		_, whole := read(summed(head, none))
		require.True(t, whole)
	}
	for name, bodies := range map[string][][]byte{
		"an empty head":              {{}, none},
		"a head of nobody's group":   {{0, 0x80, 0x80}, none},
		"a head with a byte more":    {append(slices.Clone(first), 0), none},
		"a head of half a window":    {{0, 0x81, 0x82, 0, 0, 0x80}, none},
		"too many who have left":     {headOf(snapshot.MaxGone + 1), none},
		"a bomb for a head":          {{0, 0x9a, 0x7f, 0xff, 0xff, 0xff}, none},
		"empty pairs":                {first, {}},
		"a bomb for pairs":           {first, {0x9a, 0x7f, 0xff, 0xff, 0xff}},
		"pairs with a byte more":     {first, {0x80, 0}},
		"a key without a value":      {first, cbor.AppendKey(cbor.AppendArray(nil, 2), "k")},
		"a pair that counts for one": {first, append(cbor.AppendArray(nil, 1), pair...)},
	} {
		_, whole := read(summed(bodies...))
		require.False(t, whole, name)
	}
}

func TestTheLastPieceIsTheSumAndNothingElse(t *testing.T) {
	all := write(stateOf(3, 10))
	for name, body := range map[string][]byte{"nothing": {}, "a longer sum": append(slices.Clone(all[2].Body), 0), "zeros": make([]byte, 32)} {
		a, _ := read(all[:2])
		whole, ok := a.Add(proto.Piece{Slot: slot, Index: 2, Last: true, Body: body})
		require.True(t, whole, name)
		require.False(t, ok, name)
	}
	whole, ok := snapshot.NewArriving(slot, 1).Add(proto.Piece{Slot: slot, Last: true, Body: sha256.New().Sum(nil)})
	require.False(t, whole && ok, "the sum of nothing is no snapshot")
}
