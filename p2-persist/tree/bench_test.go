package tree_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p2-persist/tree"
)

// million builds the tree that most benchmarks read.
func million(b *testing.B) (*store, tree.Tree) {
	s := newStore()
	tr, err := tree.Build(s, tree.Params{}, ascending(1_000_000))
	require.NoError(b, err)
	s.reset()
	b.ReportAllocs()
	b.ResetTimer()
	return s, tr
}

// ascending yields n pairs of 16-byte keys and 40-byte values.
func ascending(n int) func(func(tree.Pair, error) bool) {
	value := tree.Value{Bytes: make([]byte, 40)}
	return func(yield func(tree.Pair, error) bool) {
		for i := range n {
			if !yield(tree.Pair{Key: []byte(number(i)), Value: value}, nil) {
				return
			}
		}
	}
}

func BenchmarkBuildMillion(b *testing.B) {
	for range b.N {
		s := newStore()
		tr, err := tree.Build(s, tree.Params{}, ascending(1_000_000))
		require.NoError(b, err)
		b.ReportMetric(float64(len(s.blobs)), "nodes")
		b.ReportMetric(float64(tr.Height()), "levels")
	}
}

func BenchmarkGet(b *testing.B) {
	_, tr := million(b)
	r := random(1)
	for range b.N {
		_, found := mustGet(b, tr, number(r.IntN(1_000_000)))
		require.True(b, found)
	}
}

func BenchmarkApplyOne(b *testing.B) {
	s, tr := million(b)
	r := random(1)
	for range b.N {
		_, err := tr.Apply(s, []tree.Change{put(number(r.IntN(1_000_000)), "a new value of forty bytes, more or less")})
		require.NoError(b, err)
	}
	b.ReportMetric(float64(s.puts)/float64(b.N), "puts/op")
}

func BenchmarkApplyThousand(b *testing.B) {
	s, tr := million(b)
	r := random(1)
	for range b.N {
		changes := make([]tree.Change, 1000)
		for i := range changes {
			changes[i] = put(number(i*1000+r.IntN(1000)), "a new value of forty bytes, more or less")
		}
		_, err := tr.Apply(s, changes)
		require.NoError(b, err)
	}
}

func BenchmarkRangeMillion(b *testing.B) {
	_, tr := million(b)
	for range b.N {
		n := 0
		for _, err := range tr.Range(nil, nil) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		require.Equal(b, 1_000_000, n)
	}
}

func BenchmarkVerifyMillion(b *testing.B) {
	_, tr := million(b)
	for range b.N {
		require.NoError(b, tr.Verify())
	}
}

func BenchmarkDiffOneChange(b *testing.B) {
	s, tr := million(b)
	changed, err := tr.Apply(s, []tree.Change{put(number(500_000), "x")})
	require.NoError(b, err)
	b.ResetTimer()
	for range b.N {
		n := 0
		for _, err := range tree.Diff(tr, changed) {
			require.NoError(b, err)
			n++
		}
		require.Equal(b, 1, n)
	}
}
