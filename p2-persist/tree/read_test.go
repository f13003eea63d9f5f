package tree_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/tree"
)

// sparse is a tree of even numbers of three digits, of several levels.
func sparse(t *testing.T, s *store) (tree.Tree, []string) {
	m := model{}
	for i := 100; i < 900; i += 2 {
		m[fmt.Sprint(i)] = text(fmt.Sprint("value ", i))
	}
	tr := build(t, s, tree.MinTarget, m)
	require.Greater(t, tr.Height(), 3)
	return tr, m.keys()
}

func keysOf(t *testing.T, pairs func(func(tree.Pair, error) bool)) []string {
	keys := []string{}
	for p, err := range pairs {
		require.NoError(t, err)
		require.Equal(t, "value "+string(p.Key), string(p.Value.Bytes))
		keys = append(keys, string(p.Key))
	}
	return keys
}

func bounds(r interface{ IntN(int) int }) []byte {
	if r.IntN(8) == 0 {
		return nil
	}
	return []byte(fmt.Sprint(90 + r.IntN(830)))
}

func TestRangeYieldsTheKeysBetweenItsBounds(t *testing.T) {
	tr, keys := sparse(t, newStore())
	r := random(1)
	for range 400 {
		from, to := bounds(r), bounds(r)
		want := between(keys, from, to)
		require.Empty(t, cmp.Diff(want, keysOf(t, tr.Range(from, to))))
	}
}

func TestBackwardYieldsTheSameFromTheOtherEnd(t *testing.T) {
	tr, keys := sparse(t, newStore())
	r := random(2)
	for range 400 {
		from, to := bounds(r), bounds(r)
		want := between(keys, from, to)
		slices.Reverse(want)
		require.Empty(t, cmp.Diff(want, keysOf(t, tr.Backward(from, to))))
	}
}

func between(keys []string, from, to []byte) []string {
	want := []string{}
	for _, k := range keys {
		if k >= string(from) && (len(to) == 0 || k < string(to)) {
			want = append(want, k)
		}
	}
	return want
}

func TestIterationEndsWhenItsReaderHasEnough(t *testing.T) {
	s := newStore()
	tr, keys := sparse(t, s)
	for n := 1; n < 300; n += 7 {
		s.reset()
		var got []string
		for p, err := range tr.Range(nil, nil) {
			require.NoError(t, err)
			if got = append(got, string(p.Key)); len(got) == n {
				break
			}
		}
		require.Equal(t, keys[:n], got)
		require.LessOrEqual(t, s.gets, tr.Height()+n)
		for p, err := range tr.Backward(nil, nil) {
			require.NoError(t, err)
			require.Equal(t, keys[len(keys)-1], string(p.Key))
			break
		}
	}
}

func TestPositionsCountTheKeysBefore(t *testing.T) {
	s := newStore()
	tr, keys := sparse(t, s)
	for i, key := range keys {
		p, err := tr.At(uint64(i))
		require.NoError(t, err)
		require.Equal(t, key, string(p.Key))
		require.Equal(t, "value "+key, string(p.Value.Bytes))

		rank, err := tr.Rank([]byte(key))
		require.NoError(t, err)
		require.Equal(t, uint64(i), rank)
		rank, err = tr.Rank([]byte(key + "x"))
		require.NoError(t, err)
		require.Equal(t, uint64(i+1), rank, "a key that is not there, and after it")
	}
	s.reset()
	_, err := tr.Rank([]byte("500"))
	require.NoError(t, err)
	require.Equal(t, tr.Height()-1, s.gets)
}

func TestNoPairBehindTheLast(t *testing.T) {
	tr, keys := sparse(t, newStore())
	for _, position := range []uint64{uint64(len(keys)), 1 << 63, ^uint64(0)} {
		_, err := tr.At(position)
		require.ErrorIs(t, err, tree.ErrIndex)
	}
}

func TestEmptyTreeHasNothing(t *testing.T) {
	tr, err := tree.Empty(newStore())
	require.NoError(t, err)
	_, found := mustGet(t, tr, "a")
	require.False(t, found)
	require.Empty(t, contents(t, tr))
	require.Empty(t, keysOf(t, tr.Backward(nil, nil)))
	_, err = tr.At(0)
	require.ErrorIs(t, err, tree.ErrIndex)
	rank, err := tr.Rank([]byte("a"))
	require.NoError(t, err)
	require.Zero(t, rank)
	require.NoError(t, tr.Verify())
}

func TestGetReadsOneNodeOfEachLevel(t *testing.T) {
	s := newStore()
	tr, _ := sparse(t, s)
	for _, key := range []string{"100", "500", "501", "898"} {
		s.reset()
		mustGet(t, tr, key)
		require.Equal(t, tr.Height()-1, s.gets, key)
	}
}

func TestEmptyValueIsNotAMissingKey(t *testing.T) {
	s := newStore()
	tr := build(t, s, 0, model{"empty": {}})
	v, found := mustGet(t, tr, "empty")
	require.True(t, found)
	require.True(t, v.Equal(tree.Value{Bytes: []byte{}}))
	_, found = mustGet(t, tr, "emptz")
	require.False(t, found)
}

func TestWalkVisitsEveryNodeOnce(t *testing.T) {
	s := newStore()
	tr, _ := sparse(t, s)
	s.reset()
	seen := map[blob.ID]bool{}
	leaves := 0
	require.NoError(t, tr.Walk(func(id blob.ID, level int) (bool, error) {
		require.False(t, seen[id])
		seen[id] = true
		if level == 0 {
			leaves++
		}
		return true, nil
	}))
	require.Len(t, seen, len(s.blobs))
	require.Equal(t, len(s.blobs)-leaves-1, s.gets, "leaves are not read")
}

func TestWalkPassesWhatItsVisitorHasSeen(t *testing.T) {
	s := newStore()
	old := build(t, s, 256, numbered(2000, 30))
	seen := map[blob.ID]bool{}
	mark := func(id blob.ID, _ int) (bool, error) {
		if seen[id] {
			return false, nil
		}
		seen[id] = true
		return true, nil
	}
	require.NoError(t, old.Walk(mark))
	changed := apply(t, s, old, del(number(1000)))
	before := len(seen)
	s.reset()
	require.NoError(t, changed.Walk(mark))
	require.LessOrEqual(t, s.gets, 2*changed.Height())
	require.LessOrEqual(t, len(seen)-before, 2*changed.Height())
	for id := range s.blobs {
		require.True(t, seen[id])
	}
}

func TestWalkEndsWithTheErrorOfItsVisitor(t *testing.T) {
	tr, _ := sparse(t, newStore())
	enough := errors.New("enough")
	for stop := range 40 {
		n := 0
		err := tr.Walk(func(blob.ID, int) (bool, error) {
			if n++; n > stop {
				return false, enough
			}
			return true, nil
		})
		require.ErrorIs(t, err, enough)
		require.Equal(t, stop+1, n)
	}
}

func TestMissingNodesAreErrorsOfEveryReader(t *testing.T) {
	s := newStore()
	tr, _ := sparse(t, s)
	path, err := tr.Prove([]byte("500"))
	require.NoError(t, err)
	for level, b := range path[1:] {
		id := blob.Sum(blob.DAGCBOR, b)
		delete(s.blobs, id)
		for name, err := range everyReader(tr, "500", 200) {
			if name == "walk" && level == len(path)-2 {
				continue // it does not read leaves
			}
			require.ErrorIs(t, err, blob.ErrNotFound, name)
		}
		s.blobs[id] = b
	}
	for name, err := range everyReader(tr, "500", 200) {
		require.NoError(t, err, name)
	}
}

// everyReader runs all that reads the nodes on the way to a key, which stands at the
// given position, and returns their errors.
func everyReader(tr tree.Tree, key string, position uint64) map[string]error {
	errs := map[string]error{}
	_, _, errs["get"] = tr.Get([]byte(key))
	_, errs["rank"] = tr.Rank([]byte(key))
	_, errs["at"] = tr.At(position)
	_, errs["prove"] = tr.Prove([]byte(key))
	errs["verify"] = tr.Verify()
	errs["walk"] = tr.Walk(func(blob.ID, int) (bool, error) { return true, nil })
	errs["range"], errs["backward"] = nil, nil
	for _, err := range tr.Range(nil, nil) {
		errs["range"] = err
	}
	for _, err := range tr.Backward(nil, nil) {
		errs["backward"] = err
	}
	empty, err := tree.Empty(newStore())
	errs["diff"] = err
	for _, err := range tree.Diff(empty, tr) {
		errs["diff"] = err
	}
	return errs
}
