package vector_test

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/cbor"
	"dss.example/p3-replication/vector"
)

type list = []any

// decode reads one value that fills b.
func decode[T any](b []byte, read func(*cbor.Reader) T) (T, error) {
	r := cbor.NewReader(b)
	v := read(&r)
	return v, r.Close()
}

func TestEncodingsAreTheseItemsInThisOrder(t *testing.T) {
	root, child := []byte(vector.Root), []byte(name(t, "0.5"))
	require.Equal(t, encoded(t, child), name(t, "0.5").AppendTo(nil))
	require.Equal(t, encoded(t, list{17, child}), at(t, 17, "0.5").AppendTo(nil))
	v := entries(t, "0", 12, "0.5", 300)
	require.Equal(t, encoded(t, list{list{root, 12}, list{child, 300}}), v.AppendTo(nil))
	require.Equal(t, encoded(t, list{}), vector.Vector(nil).AppendTo(nil))
	require.Equal(t, "before"+string(v.AppendTo(nil)), string(v.AppendTo([]byte("before"))))
}

func TestWhatIsWrittenIsReadAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, s := drawVector(t), drawStamp(t)
		got, err := decode(v.AppendTo(nil), vector.ReadVector)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(v, got))
		stamp, err := decode(s.AppendTo(nil), vector.ReadStamp)
		require.NoError(t, err)
		require.Equal(t, s, stamp)
		server, err := decode(s.Server.AppendTo(nil), vector.ReadServer)
		require.NoError(t, err)
		require.Equal(t, s.Server, server)
	})
}

func TestNothingIsReadFromBytesThatAreCutAnywhere(t *testing.T) {
	v := entries(t, "0", 12, "0.5", 300)
	b := v.AppendTo(nil)
	for n := range b {
		got, err := decode(b[:n], vector.ReadVector)
		require.ErrorIs(t, err, cbor.ErrMalformed, "cut at %d", n)
		require.Nil(t, got)
	}
	b = at(t, 17, "0.5").AppendTo(nil)
	for n := range b {
		got, err := decode(b[:n], vector.ReadStamp)
		require.ErrorIs(t, err, cbor.ErrMalformed, "cut at %d", n)
		require.Zero(t, got)
	}
}

func TestWhatIsReadSharesNoMemoryWithItsBytes(t *testing.T) {
	v := entries(t, "0", 12, "0.5", 300)
	b := v.AppendTo(nil)
	got, err := decode(b, vector.ReadVector)
	require.NoError(t, err)
	for i := range b {
		b[i] = 0xee
	}
	require.Empty(t, cmp.Diff(v, got))
}

// crowd is a vector of n servers as items.
func crowd(t require.TestingT, n int) list {
	all := list{}
	for when := range n {
		all = append(all, list{[]byte(child(t, uint64(when+1))), 0})
	}
	return all
}

func TestVectorsOutOfBoundsAreRefused(t *testing.T) {
	root, five := []byte(vector.Root), []byte(name(t, "0.5"))
	deep := slices.Concat([]byte(name(t, "0"+strings.Repeat(".7", vector.MaxDepth-1))))
	for name, item := range map[string]any{
		"no array":               root,
		"an entry of one":        list{list{root}},
		"an entry of three":      list{list{root, 1, 1}},
		"a name that is text":    list{list{"0", 1}},
		"nobody":                 list{list{[]byte{}, 1}},
		"a name cut":             list{list{root[:7], 1}},
		"a name of another root": list{list{[]byte("somebody"), 1}},
		"a child of time 0":      list{list{slices.Concat(root, root), 1}},
		"a child of all bits":    list{list{slices.Concat(root, []byte(strings.Repeat("\xff", 8))), 1}},
		"a name too deep":        list{list{slices.Concat(deep, five[8:]), 1}},
		"a time too high":        list{list{root, uint64(vector.MaxTime + 1)}},
		"a time of all bits":     list{list{root, uint64(math.MaxUint64)}},
		"a time below 0":         list{list{root, -1}},
		"a server twice":         list{list{root, 1}, list{root, 2}},
		"servers out of order":   list{list{five, 1}, list{root, 2}},
		"too many servers":       crowd(t, vector.MaxServers+1),
	} {
		got, err := decode(encoded(t, item), vector.ReadVector)
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
		require.Nil(t, got, name)
	}
	for name, item := range map[string]any{
		"a server that has accepted nothing": list{list{root, 0}},
		"the last time":                      list{list{root, uint64(vector.MaxTime)}},
		"the deepest name":                   list{list{deep, 1}},
		"as many servers as may be":          crowd(t, vector.MaxServers),
	} {
		_, err := decode(encoded(t, item), vector.ReadVector)
		require.NoError(t, err, name)
	}
}

func TestStampsOutOfBoundsAreRefused(t *testing.T) {
	root := []byte(vector.Root)
	for name, item := range map[string]any{
		"time 0":             list{0, root},
		"a time too high":    list{uint64(vector.MaxTime + 1), root},
		"a time of all bits": list{uint64(math.MaxUint64), root},
		"nobody's":           list{1, []byte{}},
		"no server":          list{1},
		"three items":        list{1, root, 0},
	} {
		got, err := decode(encoded(t, item), vector.ReadStamp)
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
		require.Zero(t, got, name)
	}
	_, err := decode(encoded(t, list{uint64(vector.MaxTime), root}), vector.ReadStamp)
	require.NoError(t, err)
}

func TestALengthThatIsNotThereIsRefusedBeforeMemoryIsTakenForIt(t *testing.T) {
	b := entries(t, "0", 12, "0.5", 300).AppendTo(nil)
	for _, bomb := range [][]byte{
		{0x9b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
		{0x9a, 0x7f, 0xff, 0xff, 0xff},
		{0x5b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
		{0x5a, 0x7f, 0xff, 0xff, 0xff},
	} {
		for i := range b {
			bombed := slices.Concat(b[:i], bomb, b[i+1:])
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := decode(bombed, vector.ReadVector)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), "bomb %x at %d", bomb, i)
			if err == nil { // it fell into a name
				require.Equal(t, bombed, got.AppendTo(nil))
			}
		}
	}
}

func FuzzVector(f *testing.F) {
	f.Add(vector.Vector(nil).AppendTo(nil))
	f.Add(entries(f, "0", 12, "0.5", 300).AppendTo(nil))
	f.Add(encoded(f, crowd(f, vector.MaxServers)))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b, vector.ReadVector)
		if err != nil {
			require.ErrorIs(t, err, cbor.ErrMalformed)
			return
		}
		require.Equal(t, b, v.AppendTo(nil))
		sortedOnce(t, v)
		require.LessOrEqual(t, len(v), vector.MaxServers)
		for _, e := range v {
			require.True(t, e.Server.Valid())
			require.LessOrEqual(t, e.Time, uint64(vector.MaxTime))
		}
	})
}

func FuzzStamp(f *testing.F) {
	f.Add(at(f, 17, "0.5").AppendTo(nil))
	f.Add(at(f, vector.MaxTime, "0.5.9").AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b, vector.ReadStamp)
		if err != nil {
			require.ErrorIs(t, err, cbor.ErrMalformed)
			return
		}
		require.Equal(t, b, s.AppendTo(nil))
		again, err := vector.ParseStamp(s.String())
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

func TestANameThatWasLikelyIsReadAsAnyOther(t *testing.T) {
	child, _ := vector.Root.Child(7)
	for _, is := range []vector.Server{vector.Root, child} {
		want := vector.Stamp{Time: 5, Server: is}
		for _, likely := range []vector.Server{"", vector.Root, child} {
			r := cbor.NewReader(want.AppendTo(nil))
			require.Equal(t, want, vector.ReadStampLike(&r, likely))
			require.NoError(t, r.Close())
		}
	}
	r := cbor.NewReader(cbor.AppendKey(nil, "no name"))
	require.Empty(t, vector.ReadServerLike(&r, vector.Root))
	require.ErrorIs(t, r.Err(), cbor.ErrMalformed)
}
