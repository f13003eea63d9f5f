package tree_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/tree"
)

// differences reads all of a Diff and checks that its keys ascend.
func differences(t require.TestingT, a, b tree.Tree) []tree.Difference {
	var list []tree.Difference
	last := ""
	for d, err := range tree.Diff(a, b) {
		require.NoError(t, err)
		require.Less(t, last, string(d.Key))
		last = string(d.Key)
		list = append(list, d)
	}
	return list
}

// modelDiff is what a Diff must yield.
func modelDiff(a, b model) []tree.Difference {
	all := model{}
	for k := range a {
		all[k] = tree.Value{}
	}
	for k := range b {
		all[k] = tree.Value{}
	}
	var list []tree.Difference
	for _, k := range all.keys() {
		before, had := a[k]
		after, has := b[k]
		if had != has || !before.Equal(after) {
			list = append(list, tree.Difference{Key: []byte(k), Before: before, After: after, Added: !had, Removed: !has})
		}
	}
	return list
}

func TestDiffIsWhatTheMapsDifferIn(t *testing.T) {
	for seed := range uint64(150) {
		r := random(seed)
		s := newStore()
		target := tree.MinTarget + r.IntN(200)
		before := model{}
		before.apply(randomChanges(r, 200, 250))
		after := model{}
		for k, v := range before {
			after[k] = v
		}
		if r.IntN(5) == 0 {
			after = model{}
		}
		after.apply(randomChanges(r, 1+r.IntN(100), 250))
		a, b := build(t, s, target, before), build(t, s, target, after)
		require.Empty(t, cmp.Diff(modelDiff(before, after), differences(t, a, b)), "seed %d", seed)
		require.Empty(t, cmp.Diff(modelDiff(after, before), differences(t, b, a)), "seed %d", seed)
	}
}

func TestDiffSeesALinkThatChanged(t *testing.T) {
	s := newStore()
	one, two := blob.Sum(blob.Raw, []byte("1")), blob.Sum(blob.Raw, []byte("2"))
	a := build(t, s, 0, model{"a": text("same"), "b": {Bytes: []byte("same"), Link: one}})
	b := build(t, s, 0, model{"a": text("same"), "b": {Bytes: []byte("same"), Link: two}})
	require.Empty(t, cmp.Diff([]tree.Difference{{
		Key: []byte("b"), Before: tree.Value{Bytes: []byte("same"), Link: one}, After: tree.Value{Bytes: []byte("same"), Link: two},
	}}, differences(t, a, b)))
}

func TestDiffWithTheEmptyTreeIsAll(t *testing.T) {
	s := newStore()
	m := numbered(500, 20)
	empty, full := build(t, s, 256, model{}), build(t, s, 256, m)
	require.Empty(t, cmp.Diff(modelDiff(nil, m), differences(t, empty, full)))
	require.Empty(t, cmp.Diff(modelDiff(m, nil), differences(t, full, empty)))
	require.Empty(t, differences(t, empty, empty))
}

func TestEqualTreesAreNotRead(t *testing.T) {
	s := newStore()
	a := build(t, s, 0, numbered(5000, 20))
	b, err := tree.Open(s, a.Root())
	require.NoError(t, err)
	s.reset()
	require.Empty(t, differences(t, a, b))
	require.Zero(t, s.gets)
}

func TestDiffReadsWhatDiffersOnly(t *testing.T) {
	s := newStore()
	a := build(t, s, 0, numbered(100_000, 40))
	depth := a.Height()
	r := random(1)
	for _, changes := range []int{1, 4, 16, 64} {
		var list []tree.Change
		for i := range changes {
			at := i*100_000/changes + r.IntN(1000)
			switch i % 3 {
			case 0:
				list = append(list, put(number(at), "changed"))
			case 1:
				list = append(list, put(number(at)+"+", padding))
			default:
				list = append(list, del(number(at)))
			}
		}
		b := apply(t, s, a, list...)
		s.reset()
		require.Len(t, differences(t, a, b), changes)
		t.Logf("%d changes in 100,000 pairs: %d gets", changes, s.gets)
		require.LessOrEqual(t, s.gets, 2*changes*(depth+2))
	}
}

func TestDiffOfTreesOfDifferentShapeIsRightAllTheSame(t *testing.T) {
	s := newStore()
	m := numbered(500, 20)
	a := build(t, s, 128, m)
	m[number(77)] = text("changed")
	b := build(t, s, 4096, m)
	require.Len(t, differences(t, a, b), 1)
}

func TestDiffGoesDownFromARootThatBecameAChild(t *testing.T) {
	s := newStore()
	small := numbered(40, 20)
	large := numbered(4000, 20)
	a, b := build(t, s, 256, small), build(t, s, 256, large)
	require.Less(t, a.Height(), b.Height())
	require.Len(t, differences(t, a, b), 3960)
	require.Len(t, differences(t, b, a), 3960)
}

func TestDiffEndsWhenItsReaderHasEnough(t *testing.T) {
	s := newStore()
	a, b := build(t, s, 256, model{}), build(t, s, 256, numbered(5000, 20))
	s.reset()
	n := 0
	for d, err := range tree.Diff(a, b) {
		require.NoError(t, err)
		require.Equal(t, number(n), string(d.Key))
		if n++; n == 10 {
			break
		}
	}
	require.LessOrEqual(t, s.gets, b.Height()+10)
}

func TestMissingNodesAreErrorsOfADiff(t *testing.T) {
	s := newStore()
	a := build(t, s, 256, numbered(1000, 20))
	b := apply(t, s, a, put(number(500), "changed"))
	proof, err := b.Prove([]byte(number(500)))
	require.NoError(t, err)
	for i := 1; i < len(proof); i++ {
		id := blob.Sum(blob.DAGCBOR, proof[i])
		delete(s.blobs, id)
		var last error
		for _, last = range tree.Diff(a, b) {
			continue
		}
		require.ErrorIs(t, last, blob.ErrNotFound, fmt.Sprint("level ", len(proof)-1-i))
		s.blobs[id] = proof[i]
	}
}
