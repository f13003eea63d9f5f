package head_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/pack"
)

// changes make a head, move it, make another, and delete the first.
var changes = []change{{"main", "a"}, {"main", "b"}, {"other", "c"}, {"main", ""}}

func scenario() crash.Scenario {
	return crash.Scenario{
		Run:   func(d disk.Disk, ack func(int)) error { return apply(d, ack, changes...) },
		Check: func(d disk.Disk, acked int) error { return holds(d, acked, changes...) },
	}
}

func TestCrashLeavesTheOldHeadOrTheNew(t *testing.T) {
	stats, err := crash.Explore(scenario(), crash.Options{Depth: 2})
	require.NoError(t, err)
	require.Zero(t, stats.Sampled)
	require.Greater(t, stats.Distinct, 20)
	t.Log(stats)
}

func TestFailedCallLosesNoHeadThatWasSet(t *testing.T) {
	stats, err := crash.FailEach(scenario(), crash.Options{Pairs: 300})
	require.NoError(t, err)
	t.Log(stats)
}

func TestHeadThatANewProcessHasReadOutlivesACrash(t *testing.T) {
	for stop := 1; ; stop++ {
		r := newRoomIn(t, ".")
		r.set(t, "main", head.None, "a")
		next := r.put(t, "b")
		r.disk.Inject(disk.CrashAt(r.disk.Stats().Calls + stop))
		_, err := r.Set("main", 1, next)
		r.disk = r.disk.Kill()
		r.open(t)
		seen, lost := r.Get("main")
		require.NoError(t, lost)
		r.crash(t)
		again, lost := r.Get("main")
		require.NoError(t, lost)
		require.Equal(t, seen, again, "stopped in call %d of Set", stop)
		if err == nil {
			require.Greater(t, stop, 5)
			return
		}
	}
}

func TestOpenRemovesWhatACrashHasLeft(t *testing.T) {
	r := newRoom(t)
	r.disk.Inject(func(_ int, c disk.Call) disk.Fault { return disk.Fault{Crash: c.Op == disk.Rename} })
	_, err := r.Set("main", head.None, r.put(t, "a"))
	require.Error(t, err)
	kill := r.disk.Crash(func(_ int, e disk.Effect) bool { return e.Kind != disk.Renamed })
	require.Contains(t, names(t, kill), "~")
	r.disk = kill
	r.open(t)
	require.NotContains(t, names(t, kill), "~")
}

func names(t *testing.T, d disk.Disk) string {
	t.Helper()
	names, err := disk.FS{Disk: d}.List(dir)
	require.NoError(t, err)
	return strings.Join(names, " ")
}

func TestEveryFlippedBitAndTruncationIsSeen(t *testing.T) {
	r := newRoom(t)
	r.set(t, "main", head.None, "a")
	size := r.sizeOf(t, "head-main")
	for at := range size {
		for bit := range uint(8) {
			m := r.disk.Image(disk.KeepAll)
			require.True(t, m.Flip(dir+"/head-main", at, bit))
			requireDamaged(t, m)
		}
		m := r.disk.Image(disk.KeepAll)
		f, err := disk.FS{Disk: m}.Open(dir + "/head-main")
		require.NoError(t, err)
		require.NoError(t, f.Truncate(at))
		requireDamaged(t, m)
	}
}

func (r *room) sizeOf(t *testing.T, file string) int64 {
	t.Helper()
	f, err := disk.FS{Disk: r.disk}.Open(dir + "/" + file)
	require.NoError(t, err)
	size, err := f.Size()
	require.NoError(t, err)
	return size
}

// requireDamaged demands that the head is neither there nor absent, and can be replaced
// by who knows that.
func requireDamaged(t *testing.T, m *disk.Memory) {
	t.Helper()
	r := &room{disk: m, blobs: blob.NewMemory(), dir: dir}
	r.open(t)
	_, err := r.Get("main")
	require.ErrorIs(t, err, head.ErrCorrupt)
	for _, old := range []uint64{head.None, 1} {
		_, err = r.Set("main", old, r.put(t, "b"))
		require.ErrorIs(t, err, head.ErrCorrupt)
	}
	r.set(t, "sound", head.None, "c")
	heads, err := r.List()
	require.ErrorIs(t, err, head.ErrCorrupt)
	require.Len(t, heads, 1)
	require.ErrorIs(t, r.Delete("main", 1), head.ErrCorrupt)
	require.NoError(t, r.Delete("main", head.Any))
	r.set(t, "main", head.None, "b")
	require.NoError(t, r.Close())
}

func TestDamagedFloorIsSeenAtOpen(t *testing.T) {
	r := newRoom(t)
	r.set(t, "main", head.None, "a")
	require.NoError(t, r.Delete("main", 1))
	for at := range r.sizeOf(t, "floor") {
		m := r.disk.Image(disk.KeepAll)
		require.True(t, m.Flip(dir+"/floor", at, 3))
		_, err := head.Open(disk.FS{Disk: m}, dir, r.blobs)
		require.ErrorIs(t, err, head.ErrCorrupt)
	}
}

func TestFileOfOneHeadIsNotTakenForAnother(t *testing.T) {
	r := newRoom(t)
	r.set(t, "main", head.None, "a")
	fs := disk.FS{Disk: r.disk}
	require.NoError(t, fs.Rename(dir+"/head-main", dir+"/head-other"))
	_, err := r.Get("other")
	require.ErrorIs(t, err, head.ErrCorrupt)
	require.NoError(t, fs.Rename(dir+"/head-other", dir+"/head-OTHER"))
	_, err = r.List()
	require.ErrorIs(t, err, head.ErrCorrupt)
}

// putAndPoint puts a root with a child for each name, and points a head at the root.
func putAndPoint(d disk.Disk, names ...string) error {
	return withBoth(d, func(s *head.Store, blobs blob.Store) error {
		for _, name := range names {
			var root blob.ID
			for _, text := range []string{"child of " + name, name} {
				var err error
				if root, err = blobs.Put(blob.Raw, []byte(text)); err != nil {
					return err
				}
			}
			if _, err := s.Set(name, head.None, root); err != nil {
				return err
			}
		}
		return nil
	})
}

// withBoth opens blobs and heads on one disk.
func withBoth(d disk.Disk, use func(*head.Store, blob.Store) error) error {
	fs := disk.FS{Disk: d}
	blobs, err := pack.Open(fs, "blobs", pack.Options{PackSize: pack.MinPackSize})
	if err != nil {
		return err
	}
	s, err := head.Open(fs, dir, blobs)
	if err == nil {
		err = errors.Join(use(s, blobs), s.Close())
	}
	return errors.Join(err, blobs.Close())
}

func TestNoHeadIsSeenWhoseBlobsAreNotDurable(t *testing.T) {
	s := crash.Scenario{
		Run: func(d disk.Disk, _ func(int)) error { return putAndPoint(d, "a", "b") },
		Check: func(d disk.Disk, _ int) error {
			return withBoth(d, func(s *head.Store, blobs blob.Store) error {
				heads, err := s.List()
				for _, h := range heads {
					_, missing := blobs.Get(h.ID)
					_, child := blobs.Get(idOf("child of " + h.Name))
					err = errors.Join(err, missing, child)
				}
				return err
			})
		},
	}
	stats, err := crash.Explore(s, crash.Options{})
	require.NoError(t, err)
	require.Greater(t, stats.Distinct, 15)
	_, err = crash.FailEach(s, crash.Options{PerCall: 8, Pairs: 40})
	require.NoError(t, err)
}
