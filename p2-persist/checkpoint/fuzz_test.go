package checkpoint_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/tree"
)

// FuzzNothingIsTakenForACheckpointThatIsNone reads anything as what a checkpoint's snapshot
// is of, with a tree that it may name.
func FuzzNothingIsTakenForACheckpointThatIsNone(f *testing.F) {
	empty, err := tree.Empty(blob.NewMemory())
	require.NoError(f, err)
	for _, wrong := range []map[string]any{{}, {"v": 2}, {"kind": "dir"}, {"state": blob.Sum(blob.Raw, nil)}, {"more": 1}} {
		fields := map[string]any{
			"v": 1, "kind": "checkpoint", "state": empty.Root(), "seq": 7, "now": -1, "number": 1, "oldest": 2, "present": 9,
		}
		maps.Copy(fields, wrong)
		b, err := object.Encode(fields)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > blob.MaxSize {
			return
		}
		store, heads := newStore(t)
		_, err := tree.Empty(store)
		require.NoError(t, err)
		root, err := store.Put(blob.DAGCBOR, b)
		require.NoError(t, err)
		id, err := history.New(store, heads).Commit(checkpoint.Branch, history.Snapshot{Root: root, Time: 1})
		require.NoError(t, err)
		k, err := checkpoint.Open(store, heads, 0)
		if err != nil {
			require.ErrorIs(t, err, checkpoint.ErrMalformed)
			return
		}
		var said map[string]any
		require.NoError(t, object.Decode(b, &said))
		require.EqualValues(t, 1, said["v"])
		require.Equal(t, "checkpoint", said["kind"])
		s, err := k.Load(id)
		if err != nil {
			return // its state is no tree, or not there
		}
		require.Equal(t, k.Kept()[0].Seq, s.Seq)
		for range s.Pairs { // ends, whatever it holds
		}
	})
}
