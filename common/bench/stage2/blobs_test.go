package stage2

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/blob"
)

var stores = map[string]func(string, int) (blobs, error){"pack": openPack, "bbolt": openBolt, "pebble": openPebble}

// TestStoresKeepWhatTheyAreGiven looks inside: drivers throw blobs away, and a peer that
// keeps none would be unfairly fast.
func TestStoresKeepWhatTheyAreGiven(t *testing.T) {
	for name, open := range stores {
		for _, callers := range []int{1, 16} {
			dir := filepath.Join(t.TempDir(), name)
			s, err := open(dir, callers)
			require.NoError(t, err)
			want := map[blob.ID][]byte{}
			for i := range 3 {
				b := bytes.Repeat([]byte{byte(i)}, blobBytes)
				id, err := s.Put(b)
				require.NoError(t, err)
				want[id] = b
			}
			require.NoError(t, s.Close())
			s, err = open(dir, callers)
			require.NoError(t, err)
			for id, b := range want {
				got, err := s.Get(id)
				require.NoError(t, err)
				require.Equal(t, b, got)
			}
			_, err = s.Get(blob.Sum(blob.Raw, []byte("nobody put this")))
			require.Error(t, err, name)
			require.NoError(t, s.Close())
		}
	}
}

// TestPeersCheckWhatTheyGet puts something else under a name: a peer that does not hash
// would be unfairly fast too.
func TestPeersCheckWhatTheyGet(t *testing.T) {
	id := blob.Sum(blob.Raw, []byte("right"))
	bolt, err := openBolt(t.TempDir(), 1)
	require.NoError(t, err)
	require.NoError(t, bolt.(boltBlobs).put(id, []byte("wrong")))
	peb, err := openPebble(t.TempDir(), 1)
	require.NoError(t, err)
	require.NoError(t, peb.(pebbleBlobs).put(id, []byte("wrong")))
	for _, s := range []blobs{bolt, peb} {
		_, err = s.Get(id)
		require.ErrorIs(t, err, blob.ErrCorrupt)
		require.NoError(t, s.Close())
	}
}

func TestPutsAndGetsAreMeasuredAndLeaveNothing(t *testing.T) {
	for _, p := range peers()[:len(stores)] {
		require.Contains(t, stores, p.Kind)
		for _, name := range []string{put, get} {
			dir := t.TempDir()
			r, err := p.Drive(dir, harness.Turn{Load: name, Callers: 4, Warmup: time.Millisecond, For: 20 * time.Millisecond, Scale: 0.01})
			require.NoError(t, err)
			require.Positive(t, r.Ops)
			if name == put {
				require.Greater(t, r.Space, 1.0, "the bytes, their names and sums")
			} else {
				require.Zero(t, r.Space)
			}
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		}
	}
}

func TestNoTwoCallersPutTheSame(t *testing.T) {
	s, err := openPack(t.TempDir(), 1)
	require.NoError(t, err)
	w := &work{blobs: s}
	for range 3 {
		caller := w.putter()
		require.NoError(t, caller())
		require.NoError(t, caller())
	}
	require.EqualValues(t, 6, w.kept.Load())
	stats := s.(packBlobs).Stats()
	require.EqualValues(t, 6, stats.Puts)
	require.Zero(t, stats.Dedups)
	require.NoError(t, s.Close())
}

func TestAProfileIsKeptWhereItIsAskedFor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "put.prof")
	_, err := driveBlobs(openPack)(t.TempDir(), harness.Turn{Load: put, Callers: 1, For: 20 * time.Millisecond, Scale: 1, Profile: name})
	require.NoError(t, err)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Positive(t, info.Size())
}

func TestSpaceIsWholeBlocksThatHoldAnything(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) { require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600)) }
	write("one byte", []byte{1})
	write("reserved", make([]byte, 100*diskBlock))
	write("half", append(make([]byte, 70*diskBlock), bytes.Repeat([]byte{1}, diskBlock+1)...))
	write("empty", nil)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o700))
	write("d/more", bytes.Repeat([]byte{1}, diskBlock))
	got, err := spaceOf(dir, 2*diskBlock)
	require.NoError(t, err)
	require.Equal(t, 2.0, got, "1 and 2 and 1 blocks")
	_, err = spaceOf(filepath.Join(dir, "missing"), 1)
	require.ErrorIs(t, err, os.ErrNotExist)
}
