package head_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/head"
)

func TestGetReturnsWhatWasSetLast(t *testing.T) {
	r := newRoom(t)
	_, err := r.Get("main")
	require.ErrorIs(t, err, head.ErrNotFound)
	r.set(t, "main", head.None, "a")
	h := r.set(t, "main", 1, "b")
	require.Empty(t, cmp.Diff(head.Head{Name: "main", ID: idOf("b"), Generation: 2}, h))
	got, err := r.Get("main")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(h, got))
}

func TestSetOnTopOfAGenerationThatIsPastIsAConflict(t *testing.T) {
	r := newRoom(t)
	for _, old := range []uint64{1, head.Any} {
		_, err := r.Set("main", old, r.put(t, "a"))
		require.ErrorIs(t, err, head.ErrConflict, "it is not there")
	}
	r.set(t, "main", head.None, "a")
	r.set(t, "main", 1, "b")
	for _, old := range []uint64{head.None, 1, 3, head.Any} {
		_, err := r.Set("main", old, r.put(t, "c"))
		require.ErrorIs(t, err, head.ErrConflict, "%d", old)
		if old != head.Any {
			require.ErrorIs(t, r.Delete("main", old), head.ErrConflict, "%d", old)
		}
	}
	h, err := r.Get("main")
	require.NoError(t, err)
	require.Equal(t, idOf("b"), h.ID)
}

// yielding is a disk that lets others go first in every call.
type yielding struct{ disk.Disk }

func (d yielding) Do(c disk.Call) disk.Result {
	for range 50 {
		runtime.Gosched()
	}
	return d.Disk.Do(c)
}

func TestOfManyWhoSetAtOnceOneWinsEachGeneration(t *testing.T) {
	blobs := blob.NewMemory()
	s, err := head.Open(disk.FS{Disk: yielding{disk.NewMemory()}}, dir, blobs)
	require.NoError(t, err)
	const callers, rounds = 8, 10
	for old := range uint64(rounds) {
		var won atomic.Int32
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				id, _ := blobs.Put(blob.Raw, fmt.Append(nil, old, i))
				if _, err := s.Set("main", old, id); err == nil {
					won.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, won.Load())
	}
}

func TestGenerationGrowsOverADelete(t *testing.T) {
	r := newRoom(t)
	r.set(t, "main", head.None, "a")
	r.set(t, "main", 1, "b")
	require.NoError(t, r.Delete("main", 2))
	_, err := r.Get("main")
	require.ErrorIs(t, err, head.ErrNotFound)
	require.ErrorIs(t, r.Delete("main", head.Any), head.ErrNotFound)
	r.crash(t)
	require.Greater(t, r.set(t, "main", head.None, "c").Generation, uint64(2))
}

func TestListReturnsEveryHeadInOrder(t *testing.T) {
	r := newRoom(t)
	for _, name := range []string{"b", "B", "a/b", "a", "ä"} {
		r.set(t, name, head.None, name)
	}
	require.NoError(t, r.Delete("a", 1))
	r.crash(t)
	heads, err := r.List()
	require.NoError(t, err)
	want := []head.Head{}
	for _, name := range []string{"B", "a/b", "b", "ä"} {
		want = append(want, head.Head{Name: name, ID: idOf(name), Generation: 1})
	}
	require.Empty(t, cmp.Diff(want, heads))
}

func TestHeadIsDurableWithItsBlobsWhenSetReturns(t *testing.T) {
	r := newRoom(t)
	r.put(t, "child")
	r.set(t, "main", head.None, "root")
	r.crash(t)
	h, err := r.Get("main")
	require.NoError(t, err)
	for _, id := range []blob.ID{h.ID, idOf("child")} {
		_, err = r.blobs.Get(id)
		require.NoError(t, err)
	}
}

func TestHeadDoesNotMoveIfItsBlobIsNotThereOrNotDurable(t *testing.T) {
	r := newRoom(t)
	r.set(t, "main", head.None, "a")
	_, err := r.Set("main", 1, idOf("never put"))
	require.ErrorIs(t, err, head.ErrNoBlob)
	_, err = r.Set("main", 1, blob.ID{})
	require.ErrorIs(t, err, blob.ErrBadID)
	id := r.put(t, "b")
	r.blobs.FailSync()
	_, err = r.Set("main", 1, id)
	require.ErrorIs(t, err, blob.ErrFailed)
	h, err := r.Get("main")
	require.NoError(t, err)
	require.Equal(t, idOf("a"), h.ID)
}

// syncOrder stops the disk at the first Sync of the blobs.
type syncOrder struct {
	*blob.Memory
	then func()
}

func (s syncOrder) Sync() error {
	s.then()
	return s.Memory.Sync()
}

func TestNoFileIsTouchedBeforeTheBlobsAreSynced(t *testing.T) {
	m, blobs := disk.NewMemory(), blob.NewMemory()
	id, err := blobs.Put(blob.Raw, []byte("a"))
	require.NoError(t, err)
	calls := -1
	order := syncOrder{blobs, func() { calls = m.Stats().Calls }}
	s, err := head.Open(disk.FS{Disk: m}, dir, order)
	require.NoError(t, err)
	before := m.Stats().Calls
	_, err = s.Set("main", head.None, id)
	require.NoError(t, err)
	require.Equal(t, before, calls)
	require.Greater(t, m.Stats().Calls, calls)
}

func TestTwoStoresNeverHaveOneDirectory(t *testing.T) {
	r := newRoom(t)
	_, err := head.Open(disk.FS{Disk: r.disk}, dir, r.blobs)
	require.ErrorIs(t, err, disk.Locked)
	require.NoError(t, r.Close())
	r.open(t)
}

func TestClosedStoreAnswersErrClosed(t *testing.T) {
	r := newRoom(t)
	r.set(t, "main", head.None, "a")
	require.NoError(t, r.Close())
	require.ErrorIs(t, r.Close(), head.ErrClosed)
	_, err := r.Get("main")
	require.ErrorIs(t, err, head.ErrClosed)
	_, err = r.Set("main", 1, idOf("a"))
	require.ErrorIs(t, err, head.ErrClosed)
	require.ErrorIs(t, r.Delete("main", 1), head.ErrClosed)
	_, err = r.List()
	require.ErrorIs(t, err, head.ErrClosed)
}

func TestHeadsAreBounded(t *testing.T) {
	r := newRoom(t)
	id := r.put(t, "a")
	for i := range head.MaxHeads {
		_, err := r.Set(fmt.Sprint("h", i), head.None, id)
		require.NoError(t, err)
	}
	require.NoError(t, r.Close())
	r.open(t)
	_, err := r.Set("one more", head.None, id)
	require.ErrorIs(t, err, head.ErrTooMany)
	r.set(t, "h0", 1, "b") // what is there can move
	require.NoError(t, r.Delete("h0", 2))
	r.set(t, "one more", head.None, "a")
}

func TestFullDiskChangesNothingAndIsOutlived(t *testing.T) {
	r := newRoom(t)
	h := r.set(t, "main", head.None, "a")
	r.disk.SetCapacity(0)
	_, err := r.Set("main", 1, r.put(t, "b"))
	require.ErrorIs(t, err, disk.NoSpace)
	got, err := r.Get("main")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(h, got))
	r.disk.SetCapacity(disk.DefaultCapacity)
	r.set(t, "main", 1, "b")
}

func TestFailedSyncKillsTheStore(t *testing.T) {
	for _, op := range []disk.Op{disk.Sync, disk.Rename, disk.SyncDir} {
		r := newRoom(t)
		r.set(t, "main", head.None, "a")
		r.disk.Inject(func(_ int, c disk.Call) disk.Fault {
			if c.Op == op {
				return disk.Fault{Code: disk.IO}
			}
			return disk.Fault{}
		})
		_, err := r.Set("main", 1, r.put(t, "b"))
		require.ErrorIs(t, err, head.ErrFailed, "%v", op)
		r.disk.Inject(nil)
		_, err = r.Get("main")
		require.ErrorIs(t, err, head.ErrFailed, "%v", op)
		_, err = r.List()
		require.ErrorIs(t, err, head.ErrFailed, "%v", op)
		require.True(t, errors.Is(r.Delete("main", 1), head.ErrFailed), "%v", op)
	}
}
