package pending_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/machine/pending"
)

// TestTableIsAMap drives a Table and a map alike, with numbers that ascend, that come
// again and that share a place.
func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table pending.Table[int]
		model := map[uint64]int{}
		last := rapid.SampledFrom([]uint64{0, 1 << 40, 1<<64 - 20}).Draw(t, "first")
		number := rapid.OneOf(
			rapid.Map(rapid.Uint64Range(0, 3), func(back uint64) uint64 { return last - back }),
			rapid.Map(rapid.Uint64Range(0, 300), func(back uint64) uint64 { return last - back }),
			rapid.Map(rapid.Uint64Range(0, 40), func(far uint64) uint64 { return far << 6 }),
		)
		t.Repeat(map[string]func(*rapid.T){
			"next": func(t *rapid.T) {
				last++
				v := rapid.Int().Draw(t, "value")
				table.Put(last, v)
				model[last] = v
			},
			"put": func(t *rapid.T) {
				n, v := number.Draw(t, "number"), rapid.Int().Draw(t, "value")
				table.Put(n, v)
				model[n] = v
			},
			"get": func(t *rapid.T) {
				n := number.Draw(t, "number")
				got, ok := table.Get(n)
				want, there := model[n]
				require.Equal(t, there, ok)
				require.Equal(t, want, got)
			},
			"take": func(t *rapid.T) {
				n := number.Draw(t, "number")
				got, ok := table.Take(n)
				want, there := model[n]
				delete(model, n)
				require.Equal(t, there, ok)
				require.Equal(t, want, got)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), table.Len())
				require.Equal(t, slices.Sorted(maps.Keys(model)), table.Numbers())
			},
		})
	})
}

func TestOneThatOutstaysAllOthersCostsThemNoMemory(t *testing.T) {
	var table pending.Table[string]
	table.Put(1, "a long poll")
	number := uint64(1)
	pass := func() {
		number++
		table.Put(number, "quick")
		_, ok := table.Take(number)
		require.True(t, ok)
	}
	for range 100 {
		pass()
	}
	require.Zero(t, testing.AllocsPerRun(10_000, pass))
	v, ok := table.Take(1)
	require.True(t, ok)
	require.Equal(t, "a long poll", v)
	require.Zero(t, table.Len())
}

func BenchmarkPutAndTake(b *testing.B) {
	var table pending.Table[*int]
	v := new(int)
	for n := range uint64(256) {
		table.Put(n, v)
	}
	number := uint64(256)
	for b.Loop() {
		table.Put(number, v)
		table.Take(number - 256)
		number++
	}
}
