package history_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/history"
)

func TestALogGoesFromTheNewestToTheFirst(t *testing.T) {
	w := newWorld(t)
	ids := w.line("main", 4)
	require.Equal(t, []string{"main 3", "main 2", "main 1", "main 0"}, w.log(ids[3]))
	require.Equal(t, []string{"main 1", "main 0"}, w.log(ids[1]))
}

func TestALogHasAMergedPastOnceAndInTheOrderOfTime(t *testing.T) {
	w := newWorld(t)
	base := w.commit("main", "base", 1)
	require.NoError(t, w.SetBranch("side", blob.ID{}, base))
	side := w.commit("side", "side at 3", 3, base)
	main := w.commit("main", "main at 2", 2, base)
	main = w.commit("main", "main at 4", 4, main)
	merge := w.commit("main", "merge", 5, main, side, base)
	require.Equal(t, []string{"merge", "main at 4", "side at 3", "main at 2", "base"}, w.log(merge))
}

// Whatever was merged with whatever: all is there once, and children come first.
func TestEveryLogIsCompleteWithoutRepetitionAndChildrenFirst(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store := blob.NewMemory()
		root, err := store.Put(blob.Raw, nil)
		require.NoError(r, err)
		var all []history.Entry
		for i := range rapid.IntRange(1, 30).Draw(r, "snapshots") {
			s := history.Snapshot{Root: root, Message: fmt.Sprint(i)}
			for _, p := range rapid.SliceOfNDistinct(rapid.IntRange(0, max(0, i-1)), 0, min(i, 4), rapid.ID[int]).Draw(r, "parents") {
				s.Parents = append(s.Parents, all[p].ID)
				s.Time = max(s.Time, all[p].Time+rapid.Int64Range(1, 3).Draw(r, "later"))
			}
			id, err := history.Save(store, s)
			require.NoError(r, err)
			all = append(all, history.Entry{ID: id, Snapshot: s})
		}
		last := all[len(all)-1].ID
		seen := map[blob.ID]bool{}
		for e, err := range history.Log(store, last) {
			require.NoError(r, err)
			require.False(r, seen[e.ID], "%s twice", e.Message)
			seen[e.ID] = true
			for _, p := range e.Parents {
				require.False(r, seen[p], "a parent of %s came before it", e.Message)
			}
		}
		for _, e := range slices.Backward(all) {
			if e.ID == last || slices.ContainsFunc(all, func(c history.Entry) bool { return seen[c.ID] && slices.Contains(c.Parents, e.ID) }) {
				require.True(r, seen[e.ID], "%s is missing", e.Message)
			}
		}
	})
}

func TestALogThatIsLeftEarlyReadsNoFurther(t *testing.T) {
	w := newWorld(t)
	ids := w.line("main", 3)
	require.True(t, w.blobs.Damage(ids[0]))
	for e := range history.Log(w.blobs, ids[2]) {
		if e.ID == ids[1] {
			break
		}
	}
	good, err := failure(history.Log(w.blobs, ids[2]))
	require.Equal(t, 2, good)
	require.ErrorIs(t, err, blob.ErrCorrupt)
}

func TestAParentThatIsNotOlderThanItsChildIsRefused(t *testing.T) {
	w := newWorld(t)
	parent := w.commit("main", "parent", 10)
	for _, time := range []int64{9, 10} {
		id, err := history.Save(w.blobs, w.snapshot("child", time, parent))
		require.NoError(t, err)
		good, err := failure(history.Log(w.blobs, id))
		require.Equal(t, 1, good)
		require.ErrorIs(t, err, history.ErrMalformed)
	}
}

func TestAHistoryThatIsTooWideIsRefused(t *testing.T) {
	w := newWorld(t)
	level := []blob.ID{}
	save := func(time int64, parents ...blob.ID) blob.ID {
		id, err := history.Save(w.blobs, history.Snapshot{
			Root: w.root("r"), Time: time, Parents: parents, Message: fmt.Sprint(len(level)),
		})
		require.NoError(t, err)
		return id
	}
	for range 2048 {
		level = append(level, save(1))
	}
	for time := int64(2); len(level) > 1; time++ {
		var next []blob.ID
		for group := range slices.Chunk(level, history.MaxParents) {
			next = append(next, save(time, group...))
		}
		level = next
	}
	_, err := failure(history.Log(w.blobs, level[0]))
	require.ErrorIs(t, err, history.ErrTooWide)
}
