package pack_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/pack"
)

func TestTwoStoresNeverHaveOneDirectory(t *testing.T) {
	r := newRoom(t, small())
	_, err := pack.Open(disk.FS{Disk: r.disk}, dir, small())
	require.ErrorIs(t, err, disk.Locked)
	r.reopen(t)
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []pack.Options{{PackSize: -1}, {PackSize: 1}, {PackSize: 2 << 30}, {FlushEvery: -1}} {
		_, err := pack.Open(disk.FS{Disk: disk.NewMemory()}, dir, o)
		require.ErrorIs(t, err, pack.ErrOptions, "%+v", o)
	}
}

func TestOpenRemovesWhatACrashHasLeft(t *testing.T) {
	r := newRoom(t, small())
	r.disk.Inject(func(_ int, c disk.Call) disk.Fault { return disk.Fault{Crash: c.Op == disk.Rename} })
	for _, n := range seq(0, 9) {
		if _, err := r.Put(blob.Raw, bytesOf(n)); err != nil || r.Sync() != nil {
			break
		}
	}
	r.disk = r.disk.Crash(func(_ int, e disk.Effect) bool { return e.Kind != disk.Renamed })
	require.Contains(t, strings.Join(r.files(t), " "), "~")
	r.open(t)
	require.NotContains(t, strings.Join(r.files(t), " "), "~")
}

func TestEqualBlobsAreStoredOnceAlsoWhenTheyComeTogether(t *testing.T) {
	r := newRoom(t, pack.Options{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, n := range seq(0, 50) {
				_, _ = r.Put(blob.Raw, bytesOf(n))
			}
			_ = r.Sync()
		})
	}
	group.Wait()
	st := r.Stats()
	require.EqualValues(t, 50, st.Puts)
	require.EqualValues(t, 350, st.Dedups)
	require.Equal(t, 50<<10, int(st.PutBytes))
	require.Less(t, st.Written, int64(50*1100))
	r.has(t, seq(0, 50)...)
}

// slow is a disk whose syncs take a millisecond of the bubble's time.
type slow struct{ *disk.Memory }

func (d slow) Do(c disk.Call) disk.Result {
	if c.Op == disk.Sync {
		<-time.After(time.Millisecond)
	}
	return d.Memory.Do(c)
}

func TestCallersOfSyncShareOneSyncAndEachWaitsForItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := slow{disk.NewMemory()}
		s, err := pack.Open(disk.FS{Disk: d}, dir, pack.Options{PackSize: 256 << 10})
		require.NoError(t, err)
		before := s.Stats().Syncs
		var group sync.WaitGroup
		var durable [64]*disk.Memory // when its Sync returned
		for i := range durable {
			group.Go(func() {
				_, err := s.Put(blob.Raw, bytesOf(i))
				if err == nil {
					err = s.Sync()
				}
				if err != nil {
					t.Error(err)
				}
				durable[i] = d.Image(disk.KeepNone)
			})
		}
		group.Wait()
		require.LessOrEqual(t, s.Stats().Syncs-before, int64(3))
		for i, image := range durable {
			after := &room{disk: image}
			after.open(t)
			_, err := after.Get(idOf(i))
			require.NoError(t, err)
			require.NoError(t, after.Close())
		}
		require.NoError(t, s.Sync())
		require.NoError(t, s.Close())
	})
}

func TestSyncReturnsOnlyWhenWhatWasPutBeforeIsDurable(t *testing.T) {
	r := newRoom(t, small())
	var group sync.WaitGroup
	var mu sync.Mutex
	var synced []int
	for i := range 8 {
		group.Go(func() {
			for n := i * 100; ; n++ {
				if _, err := r.Put(blob.Raw, bytesOf(n)); err != nil || r.Sync() != nil {
					return
				}
				mu.Lock()
				synced = append(synced, n)
				mu.Unlock()
			}
		})
	}
	r.disk.Inject(disk.CrashAt(r.disk.Stats().Calls + 400))
	group.Wait()
	require.Greater(t, len(synced), 20)
	r.crash(t)
	for _, n := range synced {
		_, err := r.Get(idOf(n))
		require.NoError(t, err)
	}
}

// during is a disk that does something else in the middle of the next call of an operation.
type during struct {
	*disk.Memory
	op disk.Op
	fn func()
}

func (d *during) Do(c disk.Call) disk.Result {
	if fn := d.fn; c.Op == d.op && fn != nil {
		d.fn = nil
		fn()
	}
	return d.Memory.Do(c)
}

func TestSyncDoesNotCountWhatIsPutWhileItIsAtWork(t *testing.T) {
	d := &during{Memory: disk.NewMemory(), op: disk.Sync}
	s, err := pack.Open(disk.FS{Disk: d}, dir, pack.Options{})
	require.NoError(t, err)
	put := func(b []byte) {
		_, err := s.Put(blob.Raw, b)
		require.NoError(t, err)
	}
	put(bytesOf(1))
	d.fn = func() { put(bytesOf(2)) }
	require.NoError(t, s.Sync())
	_, err = s.Compact(context.Background(), pack.CompactOptions{}) // writes, and does not sync
	require.NoError(t, err)
	require.NoError(t, s.Sync())
	r := &room{disk: d.Crash(disk.KeepNone)}
	r.open(t)
	_, err = r.Get(idOf(2))
	require.NoError(t, err)
}

func TestFlushEveryMakesDurableWhatNobodySyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, pack.Options{PackSize: pack.MinPackSize, FlushEvery: 5 * time.Second})
		_, err := r.Put(blob.Raw, bytesOf(1))
		require.NoError(t, err)
		<-time.After(4 * time.Second)
		early := r.disk.Image(disk.KeepNone)
		<-time.After(2 * time.Second)
		late := r.disk.Image(disk.KeepNone)
		require.NoError(t, r.Close())
		after := &room{disk: early, options: small()}
		after.open(t)
		after.has(t)
		after = &room{disk: late, options: small()}
		after.open(t)
		after.has(t, 1)
	})
}

func TestCloseSyncs(t *testing.T) {
	r := newRoom(t, small())
	_, err := r.Put(blob.Raw, bytesOf(1))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	r.crash(t)
	r.has(t, 1)
}

func TestPutsBeyondWhatMayWaitAreWritten(t *testing.T) {
	r := newRoom(t, pack.Options{PackSize: 1 << 20})
	big := make([]byte, 1<<20)
	for i := range 8 {
		big[0] = byte(i)
		_, err := r.Put(blob.Raw, big)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, r.Stats().Written, int64(4<<20))
	require.Greater(t, r.Stats().Packs, 4, "a blob larger than a pack gets one of its own")
}

func TestFullDiskFailsTheStoreAndLosesNothingThatWasSynced(t *testing.T) {
	r := newRoom(t, small())
	r.disk.SetCapacity(20 << 10)
	var synced []int
	for n := 0; ; n++ {
		_, err := r.Put(blob.Raw, bytesOf(n))
		if err == nil {
			err = r.Sync()
		}
		if err != nil {
			require.ErrorIs(t, err, blob.ErrFailed)
			require.ErrorIs(t, err, disk.NoSpace)
			break
		}
		synced = append(synced, n)
	}
	require.Greater(t, len(synced), 3)
	r.disk.SetCapacity(disk.DefaultCapacity)
	require.NoError(t, r.Close())
	r.crash(t)
	for _, n := range synced {
		_, err := r.Get(idOf(n))
		require.NoError(t, err)
	}
}

func TestStatsTellWhatIsThereAlsoAfterAnOpen(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 9)...)
	r.delete(t, 0, 1)
	for range 2 {
		st := r.Stats()
		require.Equal(t, 7, st.Blobs)
		require.EqualValues(t, 7<<10, st.Bytes)
		require.Equal(t, 3, st.Packs)
		require.EqualValues(t, 7*(1024+64), st.Live)
		require.EqualValues(t, 2*(1024+64)+2*64, st.Dead)
		r.reopen(t)
	}
}

func TestOnlyTheLastOfManyChangesInOneBatchLives(t *testing.T) {
	r := newRoom(t, pack.Options{})
	for range 3 {
		_, err := r.Put(blob.Raw, bytesOf(1))
		require.NoError(t, err)
		require.NoError(t, r.Delete([]blob.ID{idOf(1)}))
	}
	r.put(t, 1)
	require.EqualValues(t, 1024+64, r.Stats().Live)
	require.EqualValues(t, 3*(1024+64)+3*64, r.Stats().Dead)
	r.has(t, 1)
}

// The index is tried against a map, through the store.
func TestListIsInOrderForAnyNumberOfBlobsOfBothCodecs(t *testing.T) {
	r := newRoom(t, pack.Options{})
	rnd := rand.New(rand.NewPCG(1, 2))
	want := map[blob.ID]int64{}
	for range 6000 {
		b := fmt.Append(nil, rnd.IntN(3000))
		codec := []blob.Codec{blob.Raw, blob.DAGCBOR}[rnd.IntN(2)]
		id := blob.Sum(codec, b)
		if rnd.IntN(4) == 0 {
			require.NoError(t, r.Delete([]blob.ID{id}))
			delete(want, id)
			continue
		}
		_, err := r.Put(codec, b)
		require.NoError(t, err)
		want[id] = int64(len(b))
	}
	for _, max := range []int{7, 1000} {
		var got []blob.Info
		for after := (blob.ID{}); ; after = got[len(got)-1].ID {
			page, err := r.List(after, max)
			require.NoError(t, err)
			if got = append(got, page...); len(page) == 0 {
				break
			}
		}
		require.Len(t, got, len(want))
		require.True(t, slices.IsSortedFunc(got, func(a, b blob.Info) int { return a.ID.Compare(b.ID) }))
		for _, info := range got {
			require.Equal(t, want[info.ID], info.Size)
		}
	}
	before, err := r.List(blob.ID{0xff}, 10)
	require.NoError(t, err)
	require.Empty(t, before)
}

func TestManyCallersAndACompactionAtOnceSeeOneStore(t *testing.T) {
	r := newRoom(t, pack.Options{PackSize: 32 << 10})
	stay := seq(0, 60)
	r.put(t, stay...)
	var group, cleaner sync.WaitGroup
	var done atomic.Bool
	cleaner.Go(func() {
		for !done.Load() {
			if _, err := r.Compact(context.Background(), pack.CompactOptions{Live: 0.95}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 4 {
		group.Go(func() {
			for n := range 60 {
				if _, err := r.Get(idOf(n)); err != nil {
					t.Error(err)
				}
				passing := 1000*(i+1) + n
				_, err := r.Put(blob.Raw, bytesOf(passing))
				if err == nil && n%2 == 0 {
					err = r.Delete([]blob.ID{idOf(passing)})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	done.Store(true)
	cleaner.Wait()
	for i := range 4 {
		for n := 1; n < 60; n += 2 {
			stay = append(stay, 1000*(i+1)+n)
		}
	}
	r.has(t, stay...)
	r.reopen(t)
	r.has(t, stay...)
}
