package history_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// put stores an object of a kind that history knows nothing of.
func put(t *testing.T, s blob.Store, links ...blob.ID) blob.ID {
	id, err := object.Save(s, map[string]any{"deep": map[string]any{"links": links}, "n": len(links)})
	require.NoError(t, err)
	return id
}

func TestMarkFindsAllThatIsReachableAndNothingElse(t *testing.T) {
	w := newWorld(t)
	leaf := w.root("leaf")
	shared := put(t, w.blobs, leaf, w.root("leaf 2"))
	s := w.snapshot("m", 1)
	s.Root = put(t, w.blobs, shared, shared, put(t, w.blobs, shared))
	first, err := w.Commit("main", s)
	require.NoError(t, err)
	w.commit("main", "second", 2, first)
	require.NoError(t, w.SetBranch("old", blob.ID{}, first))
	_, err = w.heads.Set("a tree of somebody", head.None, put(t, w.blobs, w.root("theirs")))
	require.NoError(t, err)
	all, err := w.blobs.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	put(t, w.blobs, leaf, w.root("garbage"))

	marked := map[blob.ID]bool{}
	for id, err := range w.Mark() {
		require.NoError(t, err)
		require.False(t, marked[id], "%v twice", id)
		marked[id] = true
	}
	want := map[blob.ID]bool{}
	for _, info := range all {
		if b, err := w.blobs.Get(info.ID); err == nil && string(b) != "m" { // the root that s does not have
			want[info.ID] = true
		}
	}
	require.Equal(t, want, marked)
}

func TestMarkNamesWhatCannotBeReadAndGoesOnIfItsCallerDoes(t *testing.T) {
	w := newWorld(t)
	missing := blob.Sum(blob.DAGCBOR, []byte("missing"))
	bad, err := w.blobs.Put(blob.DAGCBOR, []byte("no object"))
	require.NoError(t, err)
	damaged := put(t, w.blobs)
	require.True(t, w.blobs.Damage(damaged))
	good := put(t, w.blobs, w.root("leaf"))
	want := map[blob.ID]error{missing: blob.ErrNotFound, bad: object.ErrInvalid, damaged: blob.ErrCorrupt}
	count := 0
	for id, err := range history.Mark(w.blobs, put(t, w.blobs, missing, bad, good, damaged)) {
		require.ErrorIs(t, err, want[id])
		count++
	}
	require.Equal(t, 6, count)
}

func TestMarkWithADamagedHeadIsAnErrorAlone(t *testing.T) {
	w := newWorld(t)
	w.commit("main", "first", 1)
	w.commit("other", "first", 1)
	require.True(t, w.disk.Flip("heads/head-branch%2fother", 3, 0))
	good, err := failure(w.Mark())
	require.ErrorIs(t, err, head.ErrCorrupt)
	require.Zero(t, good)
}

func TestMarkSurvivesADepthThatNoStackWould(t *testing.T) {
	w := newWorld(t)
	id := w.root("bottom")
	const depth = 20_000
	for range depth {
		id = put(t, w.blobs, id)
	}
	good, err := failure(history.Mark(w.blobs, id))
	require.NoError(t, err)
	require.Equal(t, depth+1, good)
}

func ExampleMark() {
	store := blob.NewMemory()
	leaf, _ := store.Put(blob.Raw, []byte("leaf"))
	root, _ := object.Save(store, []blob.ID{leaf, leaf})
	for id, err := range history.Mark(store, root) {
		fmt.Println(id.Codec(), err)
	}
	// Output:
	// dag-cbor <nil>
	// raw <nil>
}
