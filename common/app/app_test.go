package app_test

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/app"
)

// pairs is the plainest View.
type pairs map[string][]byte

func (p pairs) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, k := range slices.Sorted(maps.Keys(p)) {
			if k >= from && !yield(k, p[k]) {
				return
			}
		}
	}
}

// pieces cuts the whole of v.
func pieces(t require.TestingT, v app.View) (all [][]app.Pair) {
	from, more := "", true
	for more {
		var piece []app.Pair
		piece, next, goOn := app.Piece(v, from)
		if goOn {
			require.NotEmpty(t, piece)
			require.Greater(t, next, piece[len(piece)-1].Key)
		}
		all = append(all, piece)
		from, more = next, goOn
	}
	return all
}

func sizeOf(piece []app.Pair) (size int) {
	for _, p := range piece {
		size += len(p.Key) + len(p.Value)
	}
	return size
}

func TestPiecesJoinToTheWholeStateWithinTheirBound(t *testing.T) {
	values := make([]byte, 3*app.MaxPiece)
	rapid.Check(t, func(t *rapid.T) {
		state := pairs{}
		for i := range rapid.IntRange(0, 9).Draw(t, "pairs") {
			size := rapid.OneOf(
				rapid.IntRange(0, 100),
				rapid.IntRange(0, app.MaxPiece/3),
				rapid.IntRange(app.MaxPiece-10, app.MaxPiece+10),
				rapid.Just(len(values)),
			).Draw(t, "size")
			state[fmt.Sprintf("%03d", i)] = values[:size]
		}
		joined := pairs{}
		all := pieces(t, state)
		for i, piece := range all {
			require.True(t, len(piece) <= 1 || sizeOf(piece) <= app.MaxPiece)
			if i > 0 {
				require.Greater(t, sizeOf(all[i-1])+sizeOf(piece[:1]), app.MaxPiece, "a piece is filled before the next")
			}
			for _, p := range piece {
				require.NotContains(t, joined, p.Key)
				joined[p.Key] = p.Value
			}
		}
		require.Equal(t, len(state), len(joined))
		require.Equal(t, app.Hash(state), app.Hash(joined))
	})
}

func TestAPieceMayBeExactlyFull(t *testing.T) {
	half := make([]byte, app.MaxPiece/2-1)
	piece, next, more := app.Piece(pairs{"a": half, "b": half, "c": nil}, "")
	require.Len(t, piece, 2)
	require.True(t, more)
	require.Equal(t, "c", next)
}

func TestAnEmptyStateIsOneEmptyPiece(t *testing.T) {
	piece, next, more := app.Piece(pairs{}, "")
	require.Empty(t, piece)
	require.Empty(t, next)
	require.False(t, more)
}

func TestPieceStartsAtTheKeyAskedFor(t *testing.T) {
	piece, _, more := app.Piece(pairs{"a": []byte("1"), "b": []byte("2"), "c": []byte("3")}, "b")
	require.False(t, more)
	require.Empty(t, cmp.Diff([]app.Pair{{Key: "b", Value: []byte("2")}, {Key: "c", Value: []byte("3")}}, piece))
}

// The hash is a promise between versions: replicas compare it.
func TestHashIsTheOneOfLengthsKeysAndValues(t *testing.T) {
	require.Equal(t, sha256.Sum256(nil), app.Hash(pairs{}))
	written := strings.Join([]string{
		"\x00\x00\x00\x00\x00\x00\x00\x01", "a", "\x00\x00\x00\x00\x00\x00\x00\x02", "xy",
		"\x00\x00\x00\x00\x00\x00\x00\x02", "bc", "\x00\x00\x00\x00\x00\x00\x00\x00", "",
	}, "")
	require.Equal(t, sha256.Sum256([]byte(written)), app.Hash(pairs{"a": []byte("xy"), "bc": nil}))
}

func TestHashTellsDifferentStatesApart(t *testing.T) {
	seen := map[[sha256.Size]byte]string{}
	for name, state := range map[string]pairs{
		"nothing":                  {},
		"empty key":                {"": nil},
		"key and value":            {"a": []byte("bc")},
		"longer key":               {"ab": []byte("c")},
		"key only":                 {"abc": nil},
		"two keys":                 {"a": []byte("b"), "c": nil},
		"value that looks like it": {"a": []byte("b\x00\x00\x00\x00\x00\x00\x00\x01c\x00\x00\x00\x00\x00\x00\x00\x00")},
		"swapped":                  {"c": []byte("b"), "a": nil},
	} {
		h := app.Hash(state)
		require.NotContains(t, seen, h, "%s hashes as %s", name, seen[h])
		seen[h] = name
	}
}
