package history_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// FuzzLoadTakesOnlyWhatSaveWrites reads anything as a snapshot.
func FuzzLoadTakesOnlyWhatSaveWrites(f *testing.F) {
	store := blob.NewMemory()
	root, parent := blob.Sum(blob.Raw, []byte("root")), blob.Sum(blob.DAGCBOR, []byte("parent"))
	for _, s := range []history.Snapshot{
		{Root: root},
		{Root: root, Time: -1, Author: "Ann", Message: "why\nand how", Parents: []blob.ID{parent}},
		{Root: root, Time: 1 << 60, Message: strings.Repeat("m", history.MaxMessage), Parents: []blob.ID{parent}},
	} {
		id, err := history.Save(store, s)
		require.NoError(f, err)
		b, err := store.Get(id)
		require.NoError(f, err)
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	for field, v := range map[string]any{"v": 2, "kind": "dir", "author": "two\nlines", "parents": []blob.ID{parent, parent}, "more": 1} {
		fields := map[string]any{"v": 1, "kind": "snapshot", "root": root, "time": 1, "author": "", "message": "", "parents": []blob.ID{}}
		fields[field] = v
		b, err := object.Encode(fields)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > blob.MaxSize {
			return
		}
		store := blob.NewMemory()
		id, err := store.Put(blob.DAGCBOR, b)
		require.NoError(t, err)
		s, err := history.Load(store, id)
		if err != nil {
			require.ErrorIs(t, err, history.ErrMalformed)
			return
		}
		require.NoError(t, s.Validate())
		again, err := history.Save(store, s)
		require.NoError(t, err)
		require.Equal(t, id, again)
	})
}
