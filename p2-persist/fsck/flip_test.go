package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/fsck"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/wal"
)

// shelf is a small store with every sort of file, closed, and what is in it.
func shelf(t testing.TB) (*room, map[blob.ID][]byte) {
	r, blobs := newRoom(t), map[blob.ID][]byte{}
	r.with(func() {
		r.snapshot("main", fstest.MapFS{
			"a": {Data: text(1, 40), Mode: 0o644}, "b": {Data: text(2, 3000), Mode: 0o644}, "c": {Data: text(3, 900), Mode: 0o644},
		})
		head := r.put(text(4, 30))
		lost := r.put(text(5, 30))
		require.NoError(t, r.Blobs.Delete([]blob.ID{lost}))
		r.point("gone", head)
		require.NoError(t, r.Heads.Delete("gone", 1))
		infos, err := r.Blobs.List(blob.ID{}, blob.MaxBatch)
		require.NoError(t, err)
		for _, info := range infos {
			b, err := r.Blobs.Get(info.ID)
			require.NoError(t, err)
			blobs[info.ID] = b
		}
	})
	l, _, err := wal.Open(r.fs, "log", wal.Options{SegmentSize: 256})
	require.NoError(t, err)
	for n := range 6 {
		_, err := l.Append(text(n, 40))
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	return r, blobs
}

// contents returns the contents of all files of a disk.
func (r *room) contents() map[string][]byte {
	all := map[string][]byte{}
	for _, dir := range []string{"blobs", "heads", "log"} {
		names, err := r.fs.List(dir)
		require.NoError(r.t, err)
		for _, name := range names {
			b, err := r.fs.ReadFile(dir+"/"+name, 1<<27)
			require.NoError(r.t, err)
			all[dir+"/"+name] = b
		}
	}
	return all
}

// harm checks a spoilt disk: nothing wrong is ever read, and if nothing is found then
// everything reads as it was. It returns whether anything was found.
func harm(t testing.TB, m *disk.Memory, blobs map[blob.ID][]byte) bool {
	t.Helper()
	report, err := fsck.Check(context.Background(), m, fsck.Options{})
	require.NoError(t, err)
	isFound := false
	for _, f := range report.Findings {
		isFound = isFound || f.Kind != fsck.Unreachable
	}
	s, err := datadir.OpenStore(m, pack.Options{PackSize: pack.MinPackSize})
	if err != nil {
		require.True(t, isFound, "%v", err)
		return true
	}
	for id, want := range blobs {
		b, err := s.Blobs.Get(id)
		if err == nil {
			require.True(t, bytes.Equal(want, b), "wrong bytes")
			continue
		}
		require.True(t, errors.Is(err, blob.ErrCorrupt) || errors.Is(err, blob.ErrNotFound))
		require.True(t, isFound, "%v is lost, and nobody says so", id)
	}
	require.NoError(t, s.Close())
	return isFound
}

// Each bit of a byte has its turn. In the text of files, and behind what is used, bytes
// are alike, so only some of them have one.
func TestFlippedBitOfAnyByteIsFound(t *testing.T) {
	r, blobs := shelf(t)
	require.False(t, harm(t, r.disk.Image(disk.KeepAll), blobs))
	flips := 0
	for name, content := range r.contents() {
		used := len(bytes.TrimRight(content, "\x00"))
		for at := range content {
			isText := bytes.Contains(content[max(at-15, 0):min(at+15, len(content))], []byte("\ntext 000000"))
			if at >= used && at%97 != 0 || isText && at%5 != 0 {
				continue
			}
			m := r.disk.Image(disk.KeepAll)
			require.True(t, m.Flip(name, int64(at), uint(at)%8))
			require.True(t, harm(t, m, blobs), "bit %d of byte %d of %s", at%8, at, name)
			flips++
		}
	}
	t.Log(flips, "flips, each found")
}

func TestTruncationOfAnyFileIsFound(t *testing.T) {
	const apart = 7 // bytes, of the sizes tried
	r, blobs := shelf(t)
	cuts := 0
	for name, content := range r.contents() {
		for size := 0; size < len(content); size += apart {
			m := r.disk.Image(disk.KeepAll)
			f, err := disk.FS{Disk: m}.Open(name)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(int64(size)))
			require.True(t, harm(t, m, blobs), "%s cut to %d bytes", name, size)
			cuts++
		}
	}
	t.Log(cuts, "truncations, each found")
}
