package pack_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/pack"
)

func compact(t *testing.T, r *room, o pack.CompactOptions) pack.CompactStats {
	t.Helper()
	st, err := r.Compact(context.Background(), o)
	require.NoError(t, err)
	return st
}

func TestCompactGivesBackTheSpaceOfDeletedBlobs(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 30)...)
	r.delete(t, seq(0, 29)...)
	r.put(t, 0) // whose first record is dead
	before := r.Stats()
	st := compact(t, r, pack.CompactOptions{Live: 0.6})
	require.Equal(t, st.Packs, st.Removed)
	require.EqualValues(t, 2*(1024+64), st.Copied)
	after := r.Stats()
	require.Less(t, after.Dead, before.Dead/4)
	require.Less(t, after.Packs, before.Packs/2)
	require.Less(t, len(r.files(t)), 8)
	r.has(t, 0, 29)
	r.crash(t)
	r.has(t, 0, 29)
}

func TestCompactLeavesPacksThatAreWorthKeeping(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 9)...)
	r.delete(t, 0, 3, 4)
	names := r.files(t)
	require.Equal(t, 1, compact(t, r, pack.CompactOptions{Live: 0.5}).Removed)
	for _, name := range []string{"pack-0000000001", "pack-0000000003"} {
		require.Contains(t, r.files(t), name)
	}
	require.Contains(t, names, "pack-0000000002")
	require.NotContains(t, r.files(t), "pack-0000000002")
}

func TestDeletedBlobStaysDeletedWhenThePackOfItsTombstoneGoes(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 6)...)
	r.delete(t, 0, 3, 4, 5)                       // the tombstones are in the second pack
	compact(t, r, pack.CompactOptions{Live: 0.6}) // which goes, and the first one stays
	require.Contains(t, r.files(t), "pack-0000000001")
	require.NotContains(t, r.files(t), "pack-0000000002")
	r.crash(t)
	r.has(t, 1, 2)
	r.delete(t, 1, 2)
	compact(t, r, pack.CompactOptions{Live: 0.6})
	compact(t, r, pack.CompactOptions{Live: 0.6})
	require.Zero(t, r.Stats().Dead, "with the last blob its tombstone goes")
}

func TestCompactKeepsADamagedBlobDamaged(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 6)...)
	r.delete(t, 0, 1)
	r.damage(t, 2)
	require.Equal(t, 1, compact(t, r, pack.CompactOptions{Live: 0.9}).Kept)
	for range 2 {
		_, err := r.Get(idOf(2))
		require.ErrorIs(t, err, blob.ErrCorrupt)
		r.reopen(t)
	}
}

func TestCompactDiscardsWhatCannotBeRecognisedOnlyWhenTold(t *testing.T) {
	m, ids := tiny(t)
	require.True(t, m.Flip(dir+"/pack-0000000002", 33, 0)) // the head of "c"
	r := &room{disk: m, options: small()}
	r.open(t)
	require.EqualValues(t, 1, r.Stats().Lost)
	_, err := r.Get(ids[3])
	require.ErrorIs(t, err, blob.ErrCorrupt)
	require.Equal(t, 1, compact(t, r, pack.CompactOptions{Live: 0.9}).Kept)
	require.EqualValues(t, 1, r.Stats().Lost)
	r.reopen(t)
	require.EqualValues(t, 1, r.Stats().Lost, "the index file knows")
	require.NotZero(t, compact(t, r, pack.CompactOptions{Live: 0.9, Discard: true}).Removed)
	r.reopen(t)
	require.Zero(t, r.Stats().Lost)
	_, err = r.Get(ids[3])
	require.ErrorIs(t, err, blob.ErrNotFound)
	_, err = r.Get(ids[4])
	require.NoError(t, err)
}

func TestGoodCopyIsPreferredToADamagedOne(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 3)...)
	r.delete(t, 0)
	r.disk.Inject(func(_ int, c disk.Call) disk.Fault { return disk.Fault{Crash: c.Op == disk.Remove} })
	_, err := r.Compact(context.Background(), pack.CompactOptions{Live: 1})
	require.ErrorIs(t, err, blob.ErrFailed)
	r.crash(t)
	r.put(t, 9) // proves that the copies were durable
	r.damage(t, 1)
	r.has(t, 1, 2, 9)
}

func TestGetFindsABlobThatIsMovedWhileItReads(t *testing.T) {
	d := &during{Memory: disk.NewMemory(), op: disk.Read}
	s, err := pack.Open(disk.FS{Disk: d}, dir, small())
	require.NoError(t, err)
	r := &room{Store: s, disk: d.Memory, options: small()}
	r.put(t, seq(0, 6)...)
	r.delete(t, 0)
	d.fn = func() { require.NotZero(t, compact(t, r, pack.CompactOptions{Live: 1}).Removed) }
	b, err := r.Get(idOf(1))
	require.NoError(t, err)
	require.Equal(t, bytesOf(1), b)
	require.Nil(t, d.fn)
}

func TestLostPackIsForgottenWhenItsBlobsAreHealedOrDeletedAndItIsDiscarded(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 6)...)
	r.delete(t, 0)
	r.put(t, seq(6, 9)...)
	require.NoError(t, r.Close())
	require.NoError(t, disk.FS{Disk: r.disk}.Remove(dir+"/pack-0000000002")) // 3, 4, 5, the tombstone of 0
	r.open(t)
	discard := pack.CompactOptions{Live: 0.6, Discard: true}
	compact(t, r, discard)
	require.Contains(t, r.files(t), "idx-0000000002", "its blobs are damaged, not absent")
	r.put(t, 3, 4)
	r.delete(t, 5)
	compact(t, r, discard)
	require.NotContains(t, r.files(t), "idx-0000000002")
	for range 2 {
		r.has(t, 1, 2, 3, 4, 6, 7, 8)
		r.reopen(t)
	}
}

func TestStoppedCompactIsFinishedByTheNext(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 30)...)
	r.delete(t, seq(1, 29)...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	st, err := r.Compact(ctx, pack.CompactOptions{Live: 0.5, Progress: func(st pack.CompactStats) {
		if st.Packs == 3 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 3, st.Packs)
	r.has(t, 0, 29)
	require.NotZero(t, compact(t, r, pack.CompactOptions{Live: 0.5}).Removed)
	require.Zero(t, compact(t, r, pack.CompactOptions{Live: 0.5}).Packs)
	r.has(t, 0, 29)
}

// collect sweeps all but the live blobs, after a mark.
func collect(t *testing.T, r *room, o pack.SweepOptions, between func(), live ...int) pack.SweepStats {
	t.Helper()
	m, err := r.Mark()
	require.NoError(t, err)
	if between != nil {
		between()
	}
	st, err := r.Sweep(context.Background(), m, func(id blob.ID) bool {
		return slices.ContainsFunc(live, func(n int) bool { return id == idOf(n) })
	}, o)
	require.NoError(t, err)
	return st
}

func TestSweepDeletesWhatNobodyNeedsDurably(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 9)...)
	st := collect(t, r, pack.SweepOptions{}, nil, 2, 5)
	require.Empty(t, cmp.Diff(pack.SweepStats{Seen: 9, Swept: 7, Bytes: 7 << 10, Last: st.Last}, st))
	r.has(t, 2, 5)
	r.crash(t)
	r.has(t, 2, 5)
}

func TestSweepSparesWhatIsPutAfterTheMark(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 5)...)
	st := collect(t, r, pack.SweepOptions{}, func() {
		r.put(t, 1, 7) // one that was there, and a new one
		require.NoError(t, r.Touch([]blob.ID{idOf(2)}))
	})
	require.Equal(t, 3, st.Young)
	r.has(t, 1, 2, 7)
	require.ErrorIs(t, r.Touch([]blob.ID{idOf(0)}), blob.ErrNotFound)
}

func TestSweepSparesWhatIsPutAgainWhileItAsks(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 5)...)
	m, err := r.Mark()
	require.NoError(t, err)
	_, err = r.Sweep(context.Background(), m, func(id blob.ID) bool {
		if id == idOf(3) {
			r.put(t, 3) // just when it was found to be garbage
		}
		return false
	}, pack.SweepOptions{})
	require.NoError(t, err)
	r.has(t, 3)
	r.crash(t)
	r.has(t, 3)
}

func TestGraceSparesWhatWasPutSinceAnEarlierMark(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, 0)
	_, err := r.Mark()
	require.NoError(t, err)
	r.put(t, 1)
	require.Equal(t, 1, collect(t, r, pack.SweepOptions{Grace: 1}, nil).Swept)
	r.has(t, 1)
	require.Equal(t, 1, collect(t, r, pack.SweepOptions{Grace: 1}, nil).Swept)
	r.has(t)
	r.put(t, 2)
	r.reopen(t)
	require.Zero(t, collect(t, r, pack.SweepOptions{Grace: 1}, nil).Swept, "Open counts as a put")
}

func TestDryRunDeletesNothing(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 5)...)
	st := collect(t, r, pack.SweepOptions{DryRun: true}, nil, 1)
	require.Equal(t, 4, st.Swept)
	r.has(t, seq(0, 5)...)
}

func TestSweepGoesOnWhereItWasStopped(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 9)...)
	infos, err := r.List(blob.ID{}, 4)
	require.NoError(t, err)
	st := collect(t, r, pack.SweepOptions{After: infos[3].ID}, nil)
	require.Equal(t, 5, st.Seen)
	rest, err := r.List(blob.ID{}, 9)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(infos, rest))
}

func TestMarkOfAnotherStoreIsRefused(t *testing.T) {
	r := newRoom(t, small())
	m, err := r.Mark()
	require.NoError(t, err)
	r.reopen(t)
	none := func(blob.ID) bool { return true }
	for _, m := range []pack.Mark{m, {}} {
		_, err = r.Sweep(context.Background(), m, none, pack.SweepOptions{})
		require.ErrorIs(t, err, pack.ErrMark)
	}
}

func TestVerifyReadsNoFasterThanItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, small())
		r.put(t, seq(0, 10)...)
		start := time.Now()
		_, err := r.Verify(context.Background(), pack.VerifyOptions{Rate: 2 << 10})
		require.NoError(t, err)
		require.InDelta(t, 5, time.Since(start).Seconds(), 2.5)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err = r.Verify(ctx, pack.VerifyOptions{Rate: 1})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, r.Close())
	})
}
