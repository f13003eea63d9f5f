package tree_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/tree"
)

// FuzzNoProofShowsWhatTheTreeDoesNotHold lets a liar put anything in the place of a node
// of a proof.
func FuzzNoProofShowsWhatTheTreeDoesNotHold(f *testing.F) {
	build := func(value byte) tree.Tree {
		tr, err := tree.Build(blob.NewMemory(), tree.Params{Target: tree.MinTarget}, func(yield func(tree.Pair, error) bool) {
			for c := byte('a'); c <= 'z'; c++ {
				if !yield(tree.Pair{Key: []byte{c}, Value: tree.Value{Bytes: bytes.Repeat([]byte{value}, 40)}}, nil) {
					return
				}
			}
		})
		require.NoError(f, err)
		return tr
	}
	tr, forged := build(1), build(2)
	for _, key := range []string{"a", "m", "zz"} {
		for _, from := range []tree.Tree{tr, forged} {
			p, err := from.Prove([]byte(key))
			require.NoError(f, err)
			for i := range p {
				f.Add(p[i], uint8(i), []byte(key))
				f.Add(p[i], uint8(i+1), []byte(key))
			}
		}
	}
	f.Fuzz(func(t *testing.T, node []byte, level uint8, key []byte) {
		p, err := tr.Prove(key)
		if err != nil {
			require.ErrorIs(t, err, tree.ErrKey)
			return
		}
		p[int(level)%len(p)] = node
		got, found, err := p.Check(tr.Root(), key)
		if err != nil {
			require.ErrorIs(t, err, tree.ErrProof)
			return
		}
		want, there, err := tr.Get(key)
		require.NoError(t, err)
		require.Equal(t, there, found)
		require.True(t, got.Equal(want))
	})
}
