package fsck_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/fsck"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/wal"
)

// room is a store on a pretended disk. It is closed unless a test has opened it.
type room struct {
	*datadir.Store
	t    testing.TB
	disk *disk.Memory
	fs   disk.FS
}

func newRoom(t testing.TB) *room {
	m := disk.NewMemory()
	return &room{t: t, disk: m, fs: disk.FS{Disk: m}}
}

// with opens the store for a while.
func (r *room) with(do func()) {
	r.t.Helper()
	var err error
	r.Store, err = datadir.OpenStore(r.disk, pack.Options{PackSize: pack.MinPackSize})
	require.NoError(r.t, err)
	do()
	require.NoError(r.t, r.Close())
}

// put stores raw bytes.
func (r *room) put(b []byte) blob.ID {
	id, err := r.Blobs.Put(blob.Raw, b)
	require.NoError(r.t, err)
	return id
}

// object stores bytes that are said to be an object.
func (r *room) object(b []byte) blob.ID {
	id, err := r.Blobs.Put(blob.DAGCBOR, b)
	require.NoError(r.t, err)
	return id
}

// point points a head to a blob, whatever it points to now.
func (r *room) point(name string, id blob.ID) {
	now, _ := r.Heads.Get(name)
	_, err := r.Heads.Set(name, now.Generation, id)
	require.NoError(r.t, err)
}

// snapshot scans files and commits them.
func (r *room) snapshot(branch string, files fstest.MapFS) blob.ID {
	cutter, err := chunk.NewFixed(1 << 10)
	require.NoError(r.t, err)
	root, _, err := dir.Scan(context.Background(), files, r.Blobs, dir.ScanOptions{Cutter: cutter})
	require.NoError(r.t, err)
	return r.commit(branch, root)
}

// commit adds a snapshot of a root to a branch.
func (r *room) commit(branch string, root blob.ID) blob.ID {
	s := history.Snapshot{Root: root, Time: 1, Author: "a", Message: "m"}
	if now, err := r.Heads.Get("branch/" + branch); err == nil {
		s.Parents = []blob.ID{now.ID}
	}
	id, err := r.History().Commit(branch, s)
	require.NoError(r.t, err)
	return id
}

// text returns bytes that are not those of another number.
func text(n, size int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("text %010d\n", n), size/16+1)[:size])
}

// files are what the snapshots of most tests are of: in several packs.
func files() fstest.MapFS {
	return fstest.MapFS{
		"a.txt":     {Data: text(1, 600), Mode: 0o644},
		"doc/b.txt": {Data: text(2, 700), Mode: 0o644},
		"doc/large": {Data: append(text(3, 3000), text(4, 3000)...), Mode: 0o644},
	}
}

// library is a store with two snapshots and a tag.
func library(t testing.TB) *room {
	r := newRoom(t)
	r.with(func() {
		more := files()
		first := r.snapshot("main", more)
		require.NoError(t, r.History().Tag("v1", first))
		more["doc/new"] = &fstest.MapFile{Data: text(5, 500), Mode: 0o644}
		r.snapshot("main", more)
	})
	return r
}

// flip flips a bit in the middle of where b stands in a pack, and says where that is.
func (r *room) flip(b []byte) string {
	r.t.Helper()
	names, err := r.fs.List("blobs")
	require.NoError(r.t, err)
	for _, name := range names {
		content, err := r.fs.ReadFile("blobs/"+name, 1<<27)
		require.NoError(r.t, err)
		if at := bytes.Index(content, b); at >= 0 && strings.HasPrefix(name, "pack-") {
			require.True(r.t, r.disk.Flip("blobs/"+name, int64(at+len(b)/2), 3))
			return "blobs/" + name
		}
	}
	require.FailNow(r.t, "no pack has these bytes")
	return ""
}

// last returns the name of the last file in a directory, behind that of the lock.
func (r *room) last(dir string) string {
	names, err := r.fs.List(dir)
	require.NoError(r.t, err)
	return names[len(names)-1]
}

func (r *room) truncate(file string, size int64) {
	f, err := r.fs.Open(file)
	require.NoError(r.t, err)
	require.NoError(r.t, f.Truncate(size))
	require.NoError(r.t, f.Close())
}

// log makes a log of a few records.
func (r *room) log() {
	l, _, err := wal.Open(r.fs, "log", wal.Options{SegmentSize: 512})
	require.NoError(r.t, err)
	for n := range 20 {
		_, err := l.Append(text(n, 60))
		require.NoError(r.t, err)
		require.NoError(r.t, l.Sync())
	}
	require.NoError(r.t, l.Close())
}

// check checks without mending, which must change nothing.
func (r *room) check() fsck.Report {
	r.t.Helper()
	before := r.disk.Sum()
	report, err := fsck.Check(context.Background(), r.disk, fsck.Options{})
	require.NoError(r.t, err)
	require.Equal(r.t, before, r.disk.Sum(), "a check changes nothing")
	return report
}

func (r *room) mend() fsck.Report {
	r.t.Helper()
	report, err := fsck.Check(context.Background(), r.disk, fsck.Options{Mend: true})
	require.NoError(r.t, err)
	return report
}

// found are findings in short: kind, where, and whether there is an ID and a way to mend.
func found(findings []fsck.Finding) []string {
	short := []string{}
	for _, f := range findings {
		s := fmt.Sprintf("%s|%s", f.Kind, f.Where)
		if f.Mend != "" {
			s += "|mend"
		}
		short = append(short, s)
	}
	return short
}

func requireFound(t testing.TB, report fsck.Report, want ...string) {
	t.Helper()
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	require.Empty(t, cmp.Diff(want, found(report.Findings), sorted, cmpopts.EquateEmpty()), "%+v", report.Findings)
}
