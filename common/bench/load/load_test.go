package load_test

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/bench/load"
)

// counting is a store that counts what it is asked.
type counting struct {
	mu            sync.Mutex
	puts          map[string]int
	gets, batches int
}

func (c *counting) Put(key string, value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(value) == 100 {
		c.puts[key]++
	}
	return nil
}

func (c *counting) Get(string) ([]byte, error) { c.gets++; return nil, nil }

func (c *counting) GetAll(keys []string) ([][]byte, error) {
	if len(keys) == 16 {
		c.batches++
	}
	return nil, nil
}

func (c *counting) Close() error { return nil }

func mix() load.Mix { return load.Mix{Keys: 100, ValueBytes: 100, Reads: 50, Batch: 1, Seed: 1} }

func TestFillingPutsEveryKeyOnceHoweverManyShareTheWork(t *testing.T) {
	for callers, stores := range map[int]int{1: 1, 7: 1, 64: 64, 256: 2} {
		c := &counting{puts: map[string]int{}}
		require.NoError(t, mix().Fill(slices.Repeat([]load.Store{c}, stores), callers))
		want := map[string]int{}
		for _, name := range mix().Names() {
			want[name] = 1
		}
		require.Empty(t, cmp.Diff(want, c.puts))
	}
}

func TestTheMixIsKept(t *testing.T) {
	c := &counting{puts: map[string]int{}}
	op := mix().Caller(c, mix().Names(), 0)
	for range 10_000 {
		require.NoError(t, op())
	}
	puts := 0
	for n := range maps.Values(c.puts) {
		puts += n
	}
	require.Equal(t, 10_000, puts+c.gets)
	require.InDelta(t, 5_000, c.gets, 300, "six standard deviations")
	require.Len(t, c.puts, 100, "no key is left out")
}

func TestABatchIsOneRequest(t *testing.T) {
	c := &counting{puts: map[string]int{}}
	m := mix()
	m.Reads, m.Batch = 100, 16
	op := m.Caller(c, m.Names(), 0)
	for range 10 {
		require.NoError(t, op())
	}
	require.Equal(t, 10, c.batches)
	require.Zero(t, c.gets)
	var plain struct{ load.Store }
	require.ErrorIs(t, m.Caller(plain, m.Names(), 0)(), load.ErrNoBatch)
}

func TestALoopCountsOnlyWhatItMeasures(t *testing.T) {
	var calls atomic.Int64
	before := time.Now().UnixNano()
	r, err := load.Loop{Callers: 4, Warmup: 5 * time.Millisecond, For: 20 * time.Millisecond}.Run(func(int) func() error {
		return func() error { calls.Add(1); return nil }
	})
	require.NoError(t, err)
	require.Positive(t, r.Ops)
	require.Less(t, int64(r.Ops), calls.Load(), "the warm-up is not counted")
	took := r.Ended - r.Began
	require.InEpsilon(t, float64(r.Ops)/time.Duration(took).Seconds(), r.Rate, 0.01)
	require.GreaterOrEqual(t, took, int64(20*time.Millisecond))
	require.GreaterOrEqual(t, r.Began, before+int64(5*time.Millisecond))
	require.LessOrEqual(t, r.P50, r.P99)
	require.LessOrEqual(t, r.P99, r.Max)
}

func TestALoopEndsWithTheFirstErrorOfACaller(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	_, err := load.Loop{Callers: 1, Warmup: time.Minute}.Run(func(int) func() error {
		return func() error {
			if calls++; calls == 3 {
				return broken
			}
			return nil
		}
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 3, calls)
	_, err = load.Loop{Callers: 1, For: -1}.Run(func(int) func() error { return func() error { return nil } })
	require.ErrorIs(t, err, load.ErrNothing)
}
