package proto_test

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

type decoder = func([]byte) (machine.Data, error)

// each calls fn for every sample with its decoder and the other one.
func each(fn func(s sample, own, other decoder)) {
	for _, s := range messages() {
		fn(s, proto.DecodeMessage, proto.DecodeRecord)
	}
	for _, s := range records() {
		fn(s, proto.DecodeRecord, proto.DecodeMessage)
	}
}

func TestEncodingsAreTheseItemsInThisOrder(t *testing.T) {
	kinds := map[string]bool{}
	each(func(s sample, own, _ decoder) {
		what := fmt.Sprintf("%T", s.data)
		kinds[what] = true
		b := s.data.AppendTo(nil)
		require.Equal(t, sequence(t, s.items...), b, what)
		got, err := own(b)
		require.NoError(t, err, what)
		require.Empty(t, cmp.Diff(s.data, got, cmpopts.EquateEmpty()))
		require.Equal(t, "before"+string(b), string(s.data.AppendTo([]byte("before"))))
	})
	require.Len(t, kinds, 16, "one of each kind")
}

func TestAMessageIsNoRecordAndARecordNoMessage(t *testing.T) {
	each(func(s sample, _, other decoder) {
		got, err := other(s.data.AppendTo(nil))
		require.ErrorIs(t, err, cbor.ErrMalformed, "%T", s.data)
		require.ErrorContains(t, err, "kind")
		require.Nil(t, got)
	})
}

func TestNothingIsReadFromAFrameThatIsCutAnywhere(t *testing.T) {
	tried := 0
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		for n := range b {
			got, err := own(b[:n])
			require.ErrorIs(t, err, cbor.ErrMalformed, "%T cut at %d of %d", s.data, n, len(b))
			require.Nil(t, got)
			tried++
		}
		_, err := own(append(b, 0))
		require.ErrorIs(t, err, cbor.ErrMalformed, "%T with a byte too many", s.data)
	})
	tally.Add(t, "badinputs", tried)
}

// canonical demands that what is read of b, if anything is, is what b was written from, and
// that little memory was taken either way.
func canonical(t *testing.T, decode decoder, b []byte) (ok bool) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := decode(b)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), "%x", b)
	if err != nil {
		require.ErrorIs(t, err, cbor.ErrMalformed)
		require.Nil(t, got)
		return false
	}
	require.Equal(t, b, got.AppendTo([]byte{}), "%#v", got)
	return true
}

func TestAFlippedBitIsRefusedOrMakesAnotherValueOfTheSameForm(t *testing.T) {
	refused, taken := 0, 0
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		for i := range 8 * len(b) {
			flipped := slices.Clone(b)
			flipped[i/8] ^= 1 << (i % 8)
			if canonical(t, own, flipped) {
				taken++
			} else {
				refused++
			}
		}
	})
	require.Greater(t, refused, 1000)
	require.Greater(t, taken, 500)
	tally.Add(t, "badinputs", refused+taken)
}

func TestALengthThatIsNotThereIsRefusedBeforeMemoryIsTakenForIt(t *testing.T) {
	tried := 0
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		for _, bomb := range [][]byte{
			{0x9b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
			{0x9a, 0x7f, 0xff, 0xff, 0xff},
			{0x5b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
			{0x5a, 0x7f, 0xff, 0xff, 0xff},
		} {
			for i := range b {
				require.False(t, canonical(t, own, slices.Concat(b[:i], bomb, b[i+1:])), "%T, bomb %x at %d", s.data, bomb, i)
				tried++
			}
		}
	})
	tally.Add(t, "badinputs", tried)
}

func TestManyTinyItemsTakeAFewTimesTheirBytes(t *testing.T) {
	const size = 64 << 10
	many := func(head []byte, item []byte) []byte {
		n := (size - len(head)) / len(item)
		return append(cbor.AppendArray(head, n), bytes.Repeat(item, n)...)
	}
	for what, b := range map[string][]byte{
		"numbers":       many(sequence(t, 3, 4, 8), sequence(t, list{1, false, stampItems(2, root)})),
		"empty writes":  many(sequence(t, 3, 4, 8), sequence(t, list{0, true, list{stampItems(2, root), 3, nil}})),
		"stamps":        many(sequence(t, 7, 3), sequence(t, stampItems(2, root))),
		"empty changes": many(append(sequence(t, 13), 0x83, 0x82, 2, 0x48, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x83), sequence(t, list{[]byte("k"), nil})),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = proto.DecodeMessage(b)
		_, _ = proto.DecodeRecord(b)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), what)
	}
}

func TestWhatIsDecodedSharesNoMemoryWithItsBytes(t *testing.T) {
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		got, err := own(b)
		require.NoError(t, err)
		for i := range b {
			b[i] = 0xee
		}
		require.Empty(t, cmp.Diff(s.data, got, cmpopts.EquateEmpty()))
	})
}

// learnedItems is a record of an update of those changes.
func learnedItems(changes ...any) []any {
	return seq(13, list{stampItems(9, root), 1, list{slices.Concat(list{}, changes), []byte{}, []byte{}}})
}

func TestFieldsOutOfBoundsAreRefused(t *testing.T) {
	b := func(n int) []byte { return make([]byte, n) }
	change := func(key, value any) any { return list{key, value} }
	keptItems := func(commit uint64, from string, pairs list, next string) []any {
		return seq(15, commit, []byte(from), reachItems[0], pairs, []byte(next), 0)
	}
	pair := func(key string) any { return list{[]byte(key), []byte{}} }
	for what, items := range map[string][]any{
		"no kind":                          seq(),
		"kind 0":                           seq(0),
		"kind 17":                          seq(17),
		"kind beyond all":                  seq(uint64(math.MaxUint64)),
		"a write of kind 0":                seq(13, list{stampItems(9, root), 0, nil}),
		"a write of kind 5":                seq(13, list{stampItems(9, root), 5, nil}),
		"a write of kind 256 more":         seq(13, list{stampItems(9, root), 259, nil}),
		"a write at time 0":                seq(13, list{stampItems(0, root), 3, nil}),
		"a write beyond all times":         seq(13, list{stampItems(vector.MaxTime+1, root), 3, nil}),
		"a write of nobody":                seq(13, list{stampItems(9, []byte{}), 3, nil}),
		"a write of three levels and some": seq(13, list{stampItems(9, b(20)), 3, nil}),
		"a retirement with a word":         seq(13, list{stampItems(9, root), 3, 0}),
		"a hand-over to nobody":            seq(13, list{stampItems(9, root), 4, []byte{}}),
		"a birth at no node":               seq(13, list{stampItems(9, root), 2, list{0, 9, []byte{}, []byte{}}}),
		"a change of no key":               learnedItems(change([]byte{}, b(1))),
		"a key too long":                   learnedItems(change(b(kv.MaxKey+1), b(1))),
		"a value too long":                 learnedItems(change(b(1), b(kv.MaxValue+1))),
		"a text for a key":                 learnedItems(change("k", b(1))),
		"a deletion with a value":          learnedItems(list{b(1), nil, b(1)}),
		"changes too many":                 learnedItems(slices.Repeat(list{change(b(1), nil)}, proto.MaxChanges+1)...),
		"a write too large":                learnedItems(change(b(1), b(kv.MaxValue)), change(b(1), b(kv.MaxValue))),
		"a check too long":                 seq(13, list{stampItems(9, root), 1, list{list{}, b(proto.MaxProgram + 1), []byte{}}}),
		"a procedure too long":             seq(13, list{stampItems(9, root), 1, list{list{}, []byte{}, b(proto.MaxProgram + 1)}}),
		"an address too long":              seq(12, 4, root, list{3, 9, b(proto.MaxAddr + 1), []byte{}}),
		"a zone too long":                  seq(12, 4, root, list{3, 9, []byte{}, b(proto.MaxAddr + 1)}),
		"a name of nobody":                 seq(12, 4, []byte{}, placeItems),
		"commit number 0":                  seq(14, 0, list{}),
		"a commit number beyond all":       seq(14, 1<<62+1, list{}),
		"pairs out of order":               keptItems(7, "", list{pair("kb"), pair("ka")}, ""),
		"a pair twice":                     keptItems(7, "", list{pair("kb"), pair("kb")}, ""),
		"a pair before the first":          keptItems(7, "kb", list{pair("ka")}, ""),
		"a next one that was there":        keptItems(7, "", list{pair("ka"), pair("kb")}, "kb"),
		"a next one that is this one":      keptItems(7, "kb", list{}, "kb"),
		"a key of the state too long":      keptItems(7, "", list{pair(strings.Repeat("k", kv.MaxKey+2))}, ""),
		"a cursor too long":                keptItems(7, strings.Repeat("k", kv.MaxKey+2), list{}, ""),
		"a state that nobody made":         seq(15, 7, []byte{}, list{}, list{}, []byte{}, 0),
		"a clock beyond all":               seq(15, 0, []byte{}, list{}, list{}, []byte{}, vector.MaxTime+1),
	} {
		got, err := proto.DecodeRecord(sequence(t, items...))
		require.ErrorIs(t, err, cbor.ErrMalformed, what)
		require.Nil(t, got, what)
	}
	for what, items := range map[string][]any{
		"a commit beyond all":          seq(1, 4, list{}, 1<<62+1),
		"servers out of order":         seq(1, 4, list{list{[]byte(child), 0}, list{root, 0}}, 7),
		"a number without a number":    seq(3, 4, 8, list{list{0, false, stampItems(2, root)}}, false, list{}, 0),
		"a number from beyond all":     seq(7, 1<<62+1, list{}),
		"numbers from 0 on":            seq(8, 0, list{}),
		"a bool that is a number":      seq(3, 4, 8, list{}, 1, list{}, 0),
		"a place of three items":       seq(5, list{3, 9, []byte{}}),
		"a name for nobody":            seq(6, 4, 9, []byte{}),
		"a piece of a clock too late":  join(seq(4, 4, 8), partItems, seq(vector.MaxTime+1), reachItems),
		"too many items":               seq(3, 4, 8, slices.Repeat(list{list{1, false, stampItems(2, root)}}, proto.MaxItems+1), false, list{}, 0),
		"a negative number":            seq(11, -1),
		"more than there is to a tick": seq(9, 0),
	} {
		got, err := proto.DecodeMessage(sequence(t, items...))
		require.ErrorIs(t, err, cbor.ErrMalformed, what)
		require.Nil(t, got, what)
	}
}

func TestFieldsAtTheirBoundsAreTaken(t *testing.T) {
	b := func(n int) []byte { return make([]byte, n) }
	for what, items := range map[string][]any{
		"the longest key":       learnedItems(list{b(kv.MaxKey), b(1)}),
		"the longest value":     learnedItems(list{b(1), b(kv.MaxValue)}),
		"as many changes":       learnedItems(slices.Repeat(list{list{b(1), nil}}, proto.MaxChanges)...),
		"the longest programs":  seq(13, list{stampItems(9, root), 1, list{list{}, b(proto.MaxProgram), b(proto.MaxProgram)}}),
		"the last time":         seq(13, list{stampItems(vector.MaxTime, root), 3, nil}),
		"the last number":       seq(14, 1<<62, list{}),
		"the longest address":   seq(12, 4, root, list{3, 9, b(proto.MaxAddr), b(proto.MaxAddr)}),
		"nothing of the state":  seq(15, 0, []byte{}, list{}, list{}, []byte{}, 0),
		"the middle of a state": seq(15, 7, []byte("kb"), list{}, list{}, []byte("kc"), 0),
	} {
		got, err := proto.DecodeRecord(sequence(t, items...))
		require.NoError(t, err, what)
		require.Equal(t, sequence(t, items...), got.AppendTo(nil), what)
	}
}

func TestAWriteIsAsLargeAsItSaysOrSmaller(t *testing.T) {
	for _, w := range []proto.Write{update, birth, retirement, handover} {
		b := proto.Learned{Write: w}.AppendTo(nil)
		require.LessOrEqual(t, len(b), w.Size())
		require.Less(t, w.Size(), len(b)+100)
	}
}

func TestTheFirstWriteMakesRootAndEachOtherBirthAChildOfWhoAcceptsIt(t *testing.T) {
	first := proto.Write{ID: stamp(1), Kind: proto.Birth}
	got, err := first.Child()
	require.NoError(t, err)
	require.Equal(t, vector.Root, got)
	got, err = birth.Child()
	require.NoError(t, err)
	require.Equal(t, child, got)
	deep := vector.Root
	for range vector.MaxDepth - 1 {
		deep, err = deep.Child(1)
		require.NoError(t, err)
	}
	_, err = (&proto.Write{ID: vector.Stamp{Time: 1, Server: deep}, Kind: proto.Birth}).Child()
	require.ErrorIs(t, err, vector.ErrServer)
}

func drawServer(t *rapid.T) vector.Server {
	s := vector.Root
	for _, time := range rapid.SliceOfN(rapid.Uint64Range(1, vector.MaxTime), 0, vector.MaxDepth-1).Draw(t, "levels") {
		s, _ = s.Child(time)
	}
	return s
}

func drawStamp(t *rapid.T) vector.Stamp {
	return vector.Stamp{Time: rapid.Uint64Range(1, vector.MaxTime).Draw(t, "time"), Server: drawServer(t)}
}

func drawReach(t *rapid.T) (r proto.Reach) {
	for range rapid.IntRange(0, 4).Draw(t, "servers") {
		r.Known.Raise(drawStamp(t))
	}
	r.Commit = rapid.Uint64Range(0, 1<<62).Draw(t, "commit")
	return r
}

func drawText(t *rapid.T, least, most int) string {
	return string(rapid.SliceOfN(rapid.Byte(), least, most).Draw(t, "text"))
}

func drawWrite(t *rapid.T) proto.Write {
	w := proto.Write{ID: drawStamp(t), Kind: proto.Kind(rapid.IntRange(1, 4).Draw(t, "kind"))}
	switch w.Kind {
	case proto.Update:
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			c := proto.Change{Key: drawText(t, 1, 20), Delete: rapid.Bool().Draw(t, "delete")}
			if !c.Delete {
				c.Value = []byte(drawText(t, 0, 50))
			}
			w.Update = append(w.Update, c)
		}
		w.Check, w.Merge = drawText(t, 0, 30), drawText(t, 0, 30)
	case proto.Birth:
		w.Place = proto.Place{Node: machine.Node(rapid.Uint64Min(1).Draw(t, "node")), Life: rapid.Uint64().Draw(t, "life"), Addr: drawText(t, 0, 20), Zone: drawText(t, 0, 20)}
	case proto.Handover:
		w.Heir = drawServer(t)
	}
	return w
}

func drawPart(t *rapid.T) proto.Part {
	p := proto.Part{At: proto.Cursor{Commit: rapid.Uint64Range(1, 1<<62).Draw(t, "commit")}, Sure: drawReach(t).Known}
	p.Sure.Raise(vector.Stamp{Server: vector.Root})
	keys := rapid.SliceOfNDistinct(rapid.StringN(1, 5, 20), 0, 5, rapid.ID[string]).Draw(t, "keys")
	slices.Sort(keys)
	for _, key := range keys {
		p.Pairs = append(p.Pairs, proto.Pair{Key: key, Value: []byte(drawText(t, 0, 20))})
		p.Next = key + "x"
	}
	if len(keys) == 0 || rapid.Bool().Draw(t, "last") {
		p.Next = ""
	}
	return p
}

func TestWhatIsSaidAndSavedDecodesAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func() uint64 { return rapid.Uint64().Draw(t, "number") }
		w := drawWrite(t)
		ids := []vector.Stamp{drawStamp(t), drawStamp(t)}
		for _, m := range []machine.Data{
			proto.Offer{Database: n(), Reach: drawReach(t)},
			proto.Want{Database: n(), Life: n(), Reach: drawReach(t), State: proto.Cursor{Commit: 5, From: drawText(t, 0, 20)}},
			proto.Batch{Database: n(), Life: n(), Items: []proto.Item{{Commit: 3, ID: drawStamp(t)}, {ID: w.ID, Write: &w}}, Reach: drawReach(t)},
			proto.Piece{Database: n(), Life: n(), Part: drawPart(t), Clock: n() >> 3, Reach: drawReach(t)},
			proto.Propose{From: 1 + n()>>3, IDs: ids},
			proto.Ordered{First: 1 + n()>>3, IDs: ids},
		} {
			got, err := proto.DecodeMessage(m.AppendTo(nil))
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(m, got, cmpopts.EquateEmpty()))
		}
		for _, r := range []machine.Data{proto.Learned{Write: w}, proto.Committed{First: 1 + n()>>3, IDs: ids}, proto.Kept{Part: drawPart(t), Clock: n() >> 3}} {
			got, err := proto.DecodeRecord(r.AppendTo(nil))
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(r, got, cmpopts.EquateEmpty()))
		}
	})
}

func TestTheWritesOfABatchHaveNothingOfEachOther(t *testing.T) {
	var want proto.Batch
	for i := range uint64(100) {
		w := &proto.Write{ID: vector.Stamp{Time: i + 1, Server: vector.Root}, Kind: proto.Update}
		for k := range 1 + i%3 {
			value := bytes.Repeat([]byte{byte(i)}, int(i*20+k))
			w.Update = append(w.Update, proto.Change{Key: fmt.Sprint(i, k), Value: value, Delete: len(value) == 0})
		}
		want.Items = append(want.Items, proto.Item{ID: w.ID, Write: w})
	}
	msg, err := proto.DecodeMessage(want.AppendTo(nil))
	require.NoError(t, err)
	got := msg.(proto.Batch)
	for _, it := range got.Items { // who appends to what he was given does not reach into what is beside it
		for i := range it.Write.Update {
			_ = append(it.Write.Update[i].Value, "beyond"...)
		}
		_ = append(it.Write.Update, proto.Change{Key: "beyond"})
	}
	require.Empty(t, cmp.Diff(want, got, cmpopts.EquateEmpty()))
}
