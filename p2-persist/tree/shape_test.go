package tree_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/p2-persist/tree"
)

func TestSamePairsHaveTheSameRootInAnyOrderOfChanges(t *testing.T) {
	for seed := range uint64(10_000) {
		r := random(seed)
		s := newStore()
		target := tree.MinTarget + r.IntN(200)
		want := model{}
		tr := build(t, s, target, want)
		for range 1 + r.IntN(5) {
			changes := randomChanges(r, 24, 40)
			want.apply(changes)
			tr = apply(t, s, tr, changes...)
		}
		require.Equal(t, build(t, s, target, want).Root(), tr.Root(), "seed %d", seed)
	}
}

func TestOneByOneInAnyOrderIsTheSameAsInBulk(t *testing.T) {
	s := newStore()
	m := numbered(300, 20)
	want := build(t, s, 200, m)
	for seed := range uint64(5) {
		r := random(seed)
		tr := build(t, s, 200, model{number(7): text("soon gone"), "x": text("soon gone")})
		for _, i := range r.Perm(len(m)) {
			tr = apply(t, s, tr, tree.Change{Key: []byte(number(i)), Value: m[number(i)]})
		}
		tr = apply(t, s, tr, del("x"))
		require.Equal(t, want.Root(), tr.Root())
	}
}

func TestDeletingAllLeavesTheEmptyTree(t *testing.T) {
	s := newStore()
	empty, err := tree.Empty(s)
	require.NoError(t, err)
	m := numbered(2000, 30)
	tr := build(t, s, 0, m)
	for _, i := range random(1).Perm(len(m)) {
		tr = apply(t, s, tr, del(number(i)))
	}
	require.Equal(t, empty.Root(), tr.Root())
	require.Zero(t, tr.Len())
	require.Equal(t, 1, tr.Height())
}

// What is left of a high tree when all but its last pairs go must not keep the nodes of
// one child that led to them.
func TestTreeBecomesAsLowAsItsPairsAllow(t *testing.T) {
	s := newStore()
	m := numbered(3000, 10)
	tr := build(t, s, 128, m)
	high := tr.Height()
	for left := 1; left < 40; left += 3 {
		var changes []tree.Change
		rest := model{}
		for i := range 3000 {
			if i < 3000-left {
				changes = append(changes, del(number(i)))
			} else {
				rest[number(i)] = m[number(i)]
			}
		}
		low := apply(t, s, tr, changes...)
		require.Equal(t, build(t, s, 128, rest).Root(), low.Root())
		require.Less(t, low.Height(), high)
	}
}

func TestNewValueOfTheSameLengthMovesNoCut(t *testing.T) {
	s := newStore()
	tr := build(t, s, 256, numbered(2000, 20))
	before := nodes(t, tr)
	for i := range 50 {
		key := number(i * 40)
		changed := apply(t, s, tr, tree.Change{Key: []byte(key), Value: tree.Value{Bytes: bytes.Repeat([]byte("z"), 20)}})
		after := nodes(t, changed)
		require.Len(t, after, len(before))
		for level := range after {
			require.Len(t, after[level], len(before[level]))
			require.Equal(t, 1, differing(before[level], after[level]), "nodes that changed in level %d", level)
		}
	}
}

func differing(a, b []blob.ID) int {
	n := 0
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func TestNodesAreAboutAsLargeAsTheTarget(t *testing.T) {
	for _, size := range []struct{ target, value int }{{0, 40}, {0, 400}, {1 << 10, 30}, {16 << 10, 100}} {
		s := newStore()
		m := numbered(60_000*40/(40+size.value), size.value)
		tr := build(t, s, size.target, m)
		target := tr.Params().Target
		for level, ids := range nodes(t, tr) {
			if len(ids) < 100 {
				continue
			}
			sum := 0
			for i, id := range ids {
				sum += len(s.blobs[id])
				require.Less(t, len(s.blobs[id]), 4*target+500)
				if i < len(ids)-1 {
					require.GreaterOrEqual(t, len(s.blobs[id]), target/4)
				}
			}
			mean := float64(sum) / float64(len(ids))
			t.Logf("target %d, values of %d bytes, level %d: %d nodes, mean %.0f bytes", target, size.value, level, len(ids), mean)
			require.InDelta(t, target, mean, 0.2*float64(target))
		}
	}
}

func TestLargeValuesEndTheirNodes(t *testing.T) {
	s := newStore()
	m := numbered(100, tree.MaxValue)
	tr := build(t, s, 0, m)
	require.NoError(t, tr.Verify())
	for _, id := range nodes(t, tr)[0] {
		require.Less(t, len(s.blobs[id]), tree.MaxValue+100)
	}
	require.Empty(t, cmp.Diff(m, contents(t, tr)))

	changed := apply(t, s, tr, put(number(50), "small"))
	require.NoError(t, changed.Verify())
	m[number(50)] = text("small")
	require.Equal(t, build(t, s, 0, m).Root(), changed.Root())
}

func TestLongestKeysMakeAValidTree(t *testing.T) {
	s := newStore()
	m := model{}
	for i := range 500 {
		m[string(bytes.Repeat([]byte{byte(i / 250), byte(i)}, tree.MaxKey/2))] = text("v")
	}
	for _, target := range []int{tree.MinTarget, tree.DefaultTarget} {
		tr := build(t, s, target, m)
		require.NoError(t, tr.Verify())
		require.LessOrEqual(t, tr.Height(), 11, "500 leaves, at least two children a node")
		require.Empty(t, cmp.Diff(m, contents(t, tr)))
	}
}

// Whoever chooses keys by their hashes may make nodes as small or as large as the rule
// allows, and no more.
func TestChosenKeysStayWithinTheBounds(t *testing.T) {
	chosen := func(wantSmall bool) model {
		m := model{}
		for i := 0; len(m) < 4000; i++ {
			key := number(i)
			hash := sha256.Sum256(append([]byte{0}, key...))
			if small := binary.BigEndian.Uint16(hash[:]) < 1<<9; small == wantSmall {
				m[key] = text("0123456789")
			}
		}
		return m
	}
	for _, small := range []bool{true, false} {
		s := newStore()
		m := chosen(small)
		tr := build(t, s, 0, m)
		require.NoError(t, tr.Verify())
		require.LessOrEqual(t, tr.Height(), 3)
		for _, id := range nodes(t, tr)[0] {
			require.Less(t, len(s.blobs[id]), 4*tree.DefaultTarget+100)
		}
		key := m.keys()[100]
		changed := apply(t, s, tr, del(key))
		delete(m, key)
		require.Equal(t, build(t, s, 0, m).Root(), changed.Root())
	}
}

// The bytes are a contract: roots are kept for years.
func TestBytesOfNodesStay(t *testing.T) {
	s := newStore()
	link := blob.Sum(blob.Raw, []byte("elsewhere"))
	leaf := build(t, s, 4096, model{"a": text("1"), "b": {Link: link}, "c": {Bytes: []byte("3"), Link: link}, "d": {}})
	want := []byte("\x84\x64tree\x19\x10\x00\x00\x88" + "\x41a\x411" + "\x41b\x82\x40")
	want = append(blob.AppendLink(want, link), "\x41c\x82\x413"...)
	want = append(blob.AppendLink(want, link), "\x41d\x40"...)
	require.Equal(t, blob.Sum(blob.DAGCBOR, want), leaf.Root())

	large := tree.Value{Bytes: bytes.Repeat([]byte("x"), 500)}
	inner := build(t, s, 128, model{"a": large, "b": large})
	want = []byte("\x84\x64tree\x18\x80\x01\x86")
	for i, id := range nodes(t, inner)[0] {
		want = blob.AppendLink(append(want, '\x41', "ab"[i], 1), id)
	}
	require.Equal(t, blob.Sum(blob.DAGCBOR, want), inner.Root())

	for _, b := range s.blobs {
		require.NoError(t, cbor.Scan(b, cbor.Limits{}, 42))
	}
}

// So are the places where nodes end.
func TestRootOfAThousandPairsStays(t *testing.T) {
	tr := build(t, newStore(), 0, numbered(1000, 40))
	require.Equal(t, "bafyreihtgcde7faxxirg7dor6uvg7nrojmzb3iew6icl7dp3cmgdrvnoca", tr.Root().String())
}

func TestEveryTreeThatWasBuiltOrChangedIsVerified(t *testing.T) {
	for seed := range uint64(300) {
		r := random(seed)
		s := newStore()
		tr := build(t, s, tree.MinTarget+r.IntN(200), model{})
		for range 3 {
			tr = apply(t, s, tr, randomChanges(r, 200, 300)...)
			require.NoError(t, tr.Verify())
		}
	}
}

func TestBuildPutsNothingButTheNodesOfItsTree(t *testing.T) {
	for n := range 300 {
		s := newStore()
		tr := build(t, s, 128, numbered(n, 10))
		ids := slices.Concat(nodes(t, tr)...)
		require.Len(t, ids, len(s.blobs), "%d pairs", n)
		require.Equal(t, len(ids), s.puts)
	}
}

func TestParamsOutOfRangeAreRefused(t *testing.T) {
	for _, target := range []int{-1, tree.MinTarget - 1, tree.MaxTarget + 1} {
		_, err := tree.Build(newStore(), tree.Params{Target: target}, model{}.pairs())
		require.ErrorIs(t, err, tree.ErrTarget)
	}
}

func TestTreesOfOneStoreShareWhatTheyHaveInCommon(t *testing.T) {
	s := newStore()
	m := numbered(5000, 40)
	tr := build(t, s, 0, m)
	once := len(s.blobs)
	r := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		tr = apply(t, s, tr, put(number(r.IntN(5000)), fmt.Sprint(r.Uint64())))
	}
	require.Less(t, len(s.blobs), 2*once)
}
