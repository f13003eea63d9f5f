package tree_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/tree"
)

func TestProofShowsWhatGetFinds(t *testing.T) {
	s := newStore()
	m := model{}
	for i := 0; i < 1000; i += 2 {
		m[number(i)] = text(fmt.Sprint(i))
	}
	tr := build(t, s, 256, m)
	for i := range 1002 {
		proof, err := tr.Prove([]byte(number(i)))
		require.NoError(t, err)
		require.LessOrEqual(t, len(proof), tr.Height())
		v, found, err := proof.Check(tr.Root(), []byte(number(i)))
		require.NoError(t, err)
		require.Equal(t, i < 1000 && i%2 == 0, found)
		require.True(t, m[number(i)].Equal(v))
	}
}

func TestEmptyTreeProvesThatItHasNothing(t *testing.T) {
	tr := build(t, newStore(), 0, model{})
	proof, err := tr.Prove([]byte("a"))
	require.NoError(t, err)
	_, found, err := proof.Check(tr.Root(), []byte("a"))
	require.NoError(t, err)
	require.False(t, found)
}

func TestProofForOneKeyProvesNothingElsewhere(t *testing.T) {
	s := newStore()
	tr := build(t, s, 256, numbered(1000, 20))
	other := apply(t, s, tr, put(number(3), "other"))
	proof, err := tr.Prove([]byte(number(500)))
	require.NoError(t, err)

	_, _, err = proof.Check(tr.Root(), []byte(number(10)))
	require.ErrorIs(t, err, tree.ErrProof, "another key")
	_, _, err = proof.Check(other.Root(), []byte(number(500)))
	require.ErrorIs(t, err, tree.ErrProof, "another root")
	_, _, err = proof.Check(blob.ID{}, []byte(number(500)))
	require.ErrorIs(t, err, tree.ErrProof, "no root")
}

func TestEveryFlippedBitOfAProofIsSeen(t *testing.T) {
	tr := build(t, newStore(), 128, numbered(100, 10))
	proof, err := tr.Prove([]byte(number(50)))
	require.NoError(t, err)
	for i, b := range proof {
		for bit := range 8 * len(b) {
			forged := slices.Clone(proof)
			forged[i] = bytes.Clone(b)
			forged[i][bit/8] ^= 1 << (bit % 8)
			_, _, err := forged.Check(tr.Root(), []byte(number(50)))
			require.ErrorIs(t, err, tree.ErrProof)
		}
	}
}

func TestProofOfTheWrongLengthIsRefused(t *testing.T) {
	tr := build(t, newStore(), 128, numbered(100, 10))
	key := []byte(number(50))
	proof, err := tr.Prove(key)
	require.NoError(t, err)
	require.Greater(t, len(proof), 2)
	for n := range len(proof) {
		_, _, err := proof[:n].Check(tr.Root(), key)
		require.ErrorIs(t, err, tree.ErrProof, "%d nodes", n)
	}
	_, _, err = append(slices.Clone(proof), proof[0]).Check(tr.Root(), key)
	require.ErrorIs(t, err, tree.ErrProof, "a node too many")
	_, _, err = append(tree.Proof{proof[0]}, proof...).Check(tr.Root(), key)
	require.ErrorIs(t, err, tree.ErrProof, "the root twice")
}

// A liar who makes a whole tree of his own can prove anything about it, but not under
// the root that is asked for.
func TestForgedTreeProvesNothingUnderTheTrueRoot(t *testing.T) {
	s := newStore()
	tr := build(t, s, 256, numbered(1000, 20))
	forged := apply(t, s, tr, put(number(500), "forged"))
	lie, err := forged.Prove([]byte(number(500)))
	require.NoError(t, err)
	truth, err := tr.Prove([]byte(number(500)))
	require.NoError(t, err)
	for n := range lie {
		mixed := append(slices.Clone(truth[:n]), lie[n:]...)
		_, _, err = mixed.Check(tr.Root(), []byte(number(500)))
		require.ErrorIs(t, err, tree.ErrProof)
	}
}
