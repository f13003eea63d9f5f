package logs_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/loglet"

	"dss.example/p4-consensus/logs"
)

func pairs(v app.View, from string) (all []app.Pair) {
	for k, b := range v.Pairs(from) {
		all = append(all, app.Pair{Key: k, Value: b})
	}
	return all
}

func each(all []app.Pair) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, p := range all {
			if !yield(p.Key, p.Value) {
				return
			}
		}
	}
}

// busy is a table with some of everything, trimmed within a batch.
func busy(t *testing.T) *service {
	s := start(t)
	rng := rand.New(rand.NewPCG(7, 7))
	for k := range 20 {
		s.wants(logs.OK, logs.Append{Streams: numbered(k % 4), Bodies: bytesOf(texts(k, 1+rng.IntN(4))...)})
	}
	s.append("a", "b", "c")
	before := s.do(logs.Tail{}).Bounds.Tail - 1
	for k := range 10 {
		s.append(texts(20+k, 3)...)
	}
	s.wants(logs.OK, logs.Trim{Before: before})
	return s
}

func texts(k, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("append %d.%d", k, i))
	}
	return all
}

func TestAViewStaysWhatItWas(t *testing.T) {
	s := busy(t)
	v := s.table.View()
	before := pairs(v, "")
	s.append("more")
	s.wants(logs.OK, logs.Trim{Before: s.do(logs.Tail{}).Bounds.Tail})
	s.append("and more")
	s.wants(logs.OK, logs.Seal{})
	require.Empty(t, cmp.Diff(before, pairs(v, "")))
	require.NotEmpty(t, cmp.Diff(before, pairs(s.table.View(), "")))
}

func TestAViewIsIteratedFromAnyKey(t *testing.T) {
	v := busy(t).table.View()
	all := pairs(v, "")
	require.Len(t, all, 12, "the batch that is trimmed in part, those after it, and the rest")
	require.True(t, slices.IsSortedFunc(all, func(a, b app.Pair) int { return strings.Compare(a.Key, b.Key) }))
	for i, p := range all {
		require.Empty(t, cmp.Diff(all[i:], pairs(v, p.Key)), "from %q", p.Key)
		require.Empty(t, cmp.Diff(all[i+1:], pairs(v, p.Key+"\x00"), cmpopts.EquateEmpty()), "after %q", p.Key)
	}
	for _, from := range []string{"a", "b", "b\x00\x00"} {
		require.Empty(t, cmp.Diff(all, pairs(v, from)), "from %q", from)
	}
	require.Empty(t, cmp.Diff(all[11:], pairs(v, "c")))
	require.Empty(t, pairs(v, "n"))
	for range v.Pairs("") {
		break // who has enough is not called again
	}
}

func TestAnEmptyOrSealedTableIsLoadedFromItsView(t *testing.T) {
	s := start(t)
	s.table = reload(t, s.table)
	require.Equal(t, loglet.Bounds{Head: 1, Tail: 1}, s.do(logs.Tail{}).Bounds)
	s.append("a", "b")
	s.wants(logs.OK, logs.Trim{Before: 3})
	s.wants(logs.OK, logs.Seal{})
	s.table = reload(t, s.table)
	require.Equal(t, loglet.Bounds{Head: 3, Tail: 3, Sealed: true}, s.do(logs.Tail{}).Bounds)
	s.wants(logs.Sealed, logs.Append{Bodies: bytesOf("late")})
}

func TestATableKeepsNothingOfThePairsThatItWasLoadedFrom(t *testing.T) {
	s := busy(t)
	all := pairs(s.table.View(), "")
	before := app.Hash(s.table.View())
	require.NoError(t, s.table.Load(each(all)))
	for _, p := range all {
		clear(p.Value)
	}
	require.Equal(t, before, app.Hash(s.table.View()))
}

func TestWhatIsNoViewIsRefusedAndChangesNothing(t *testing.T) {
	s := busy(t)
	all := pairs(s.table.View(), "")
	refused := func(why string, bad []app.Pair) {
		t.Helper()
		before := app.Hash(s.table.View())
		require.Error(t, s.table.Load(each(bad)), why)
		require.Equal(t, before, app.Hash(s.table.View()), why)
	}
	refused("nothing", nil)
	refused("no meta", all[:11])
	refused("a pair twice", append(slices.Clone(all), all[11]))
	for i := range all[:11] {
		refused("a batch is missing", slices.Delete(slices.Clone(all), i, i+1))
	}
	for i := range all {
		for cut := range len(all[i].Value) {
			bad := slices.Clone(all)
			bad[i].Value = bad[i].Value[:cut]
			refused("a pair cut short", bad)
		}
		bad := slices.Clone(all)
		bad[i].Value = append(slices.Clone(bad[i].Value), 0)
		refused("a pair with more", bad)
	}
}

// batchPair is a batch of n entries in a View, metaPair the rest.
func batchPair(first uint64, n int) app.Pair {
	b := cbor.AppendArray(cbor.AppendArray(nil, 0), n)
	for range n {
		b = cbor.AppendBytes(b, []byte("x"))
	}
	return app.Pair{Key: string(binary.BigEndian.AppendUint64([]byte("b"), first)), Value: b}
}

func metaPair(trimmed, last uint64) app.Pair {
	b := cbor.AppendUint(cbor.AppendUint(nil, trimmed), last)
	return app.Pair{Key: "m", Value: cbor.AppendBool(b, false)}
}

func TestAStateThatCannotBeIsRefused(t *testing.T) {
	require.NoError(t, (&logs.Table{}).Load(each([]app.Pair{batchPair(3, 4), batchPair(7, 1), metaPair(5, 7)})))
	full := make([]app.Pair, 0, 64)
	large := cbor.AppendBytes(cbor.AppendArray(cbor.AppendArray(nil, 0), 1), make([]byte, loglet.MaxBytes))
	for n := range uint64(logs.MaxHeld/loglet.MaxBytes) + 1 {
		full = append(full, app.Pair{Key: batchPair(n+1, 0).Key, Value: large})
	}
	for text, bad := range map[string][]app.Pair{
		"1 positions of which 2 are trimmed":                      {metaPair(2, 1)},
		"positions of which 0 are trimmed":                        {metaPair(0, 1<<62+1)},
		"entries before 1, the tail is 3":                         {metaPair(0, 2)},
		"entries before 2, the tail is 3":                         {batchPair(1, 1), metaPair(0, 2)},
		"entries before 3, the tail is 2":                         {batchPair(1, 2), metaPair(0, 1)},
		"1 entries from 2 on, where 1 is next":                    {batchPair(2, 1), metaPair(0, 2)},
		"1 entries from 0 on, where 1 is next":                    {batchPair(0, 1), metaPair(0, 0)},
		"3 entries from 0 on, where 2 is next":                    {batchPair(0, 3), metaPair(1, 2)},
		"2 entries from 2 on, where 3 is next":                    {batchPair(1, 2), batchPair(2, 2), metaPair(0, 3)},
		"1 entries from 1 on, where 2 is next":                    {batchPair(1, 1), batchPair(2, 1), metaPair(1, 2)},
		"1 entries from 3 on, where 2 is next":                    {batchPair(1, 1), batchPair(3, 1), metaPair(0, 3)},
		"1 entries from 2 on, where 3 is next":                    {batchPair(1, 2), batchPair(2, 1), metaPair(0, 2)},
		"bytes, at most":                                          append(full, metaPair(0, uint64(len(full)))),
		"no such key":                                             {{Key: "b1", Value: batchPair(1, 1).Value}, metaPair(0, 1)},
		"0 entries, want 1":                                       {batchPair(1, 0), metaPair(0, 0)},
		"key \"b\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\" after": {batchPair(2, 1), batchPair(1, 1), metaPair(0, 2)},
	} {
		err := (&logs.Table{}).Load(each(bad))
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, err, "no state of a log")
	}
}

func FuzzLoad(f *testing.F) {
	batch, meta := batchPair(3, 4), metaPair(4, 6)
	f.Add(batch.Key, batch.Value, meta.Value)
	f.Add("b", []byte{}, metaPair(0, 0).Value)
	f.Fuzz(func(t *testing.T, key string, value, meta []byte) {
		s := start(t)
		if s.table.Load(each([]app.Pair{{Key: key, Value: value}, {Key: "m", Value: meta}})) != nil {
			return
		}
		s.table = reload(t, s.table)
		b := s.do(logs.Tail{}).Bounds
		for next := b.Head; next < b.Tail; {
			next = s.wants(logs.OK, logs.Read{From: next, To: b.Tail}).Page.Next
		}
		s.wants(logs.OK, logs.Trim{Before: b.Tail})
	})
}
