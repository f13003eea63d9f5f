package dir_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/file"
)

// watched is a store that notes what is read and put, and fails when it is told to.
type watched struct {
	*blob.Memory
	mu     sync.Mutex // guards all below
	puts   map[blob.ID]bool
	gets   []blob.ID
	failAt int // the call that fails, counted from 1; 0: none
	calls  int
}

var errDisk = errors.New("disk is on fire")

func newStore() *watched { return &watched{Memory: blob.NewMemory(), puts: map[blob.ID]bool{}} }

func (s *watched) fail() bool {
	s.calls++
	return s.calls == s.failAt
}

func (s *watched) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail() {
		return blob.ID{}, errDisk
	}
	id, err := s.Memory.Put(codec, b)
	s.puts[id] = true
	return id, err
}

func (s *watched) Get(id blob.ID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail() {
		return nil, errDisk
	}
	s.gets = append(s.gets, id)
	return s.Memory.Get(id)
}

// reset forgets what was noted.
func (s *watched) reset() { s.puts, s.gets, s.calls, s.failAt = map[blob.ID]bool{}, nil, 0, 0 }

// contents stores a file.
func contents(t testing.TB, s blob.Store, text string) blob.ID {
	t.Helper()
	id, _, err := file.Write(s, strings.NewReader(text), chunk.Default())
	require.NoError(t, err)
	return id
}

// fileEntry returns an entry of a file that is in the store.
func fileEntry(t testing.TB, s blob.Store, name, text string) dir.Entry {
	return dir.Entry{
		Name: name, Kind: dir.File, Mode: 0o644, Size: int64(len(text)),
		Mtime: 1_000_000_007, Link: contents(t, s, text),
	}
}

func dirEntry(name string, id blob.ID) dir.Entry {
	return dir.Entry{Name: name, Kind: dir.Dir, Mode: 0o755, Mtime: 2_000_000_007, Link: id}
}

func symlink(name, target string) dir.Entry {
	return dir.Entry{Name: name, Kind: dir.Symlink, Target: target}
}

func save(t testing.TB, s blob.Store, entries ...dir.Entry) blob.ID {
	t.Helper()
	id, err := dir.Save(s, entries)
	require.NoError(t, err)
	return id
}

// many returns n entries of files, sorted.
func many(t testing.TB, s blob.Store, n int) (entries []dir.Entry) {
	e := fileEntry(t, s, "", "same contents")
	for i := range n {
		e.Name = fmt.Sprintf("file %06d", i)
		entries = append(entries, e)
	}
	return entries
}

// collect returns what a sequence yields before its error.
func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// paths returns the paths of a Walk.
func paths(t testing.TB, s blob.Store, root blob.ID) (all []string) {
	t.Helper()
	for item, err := range dir.Walk(s, root) {
		require.NoError(t, err)
		all = append(all, item.Path)
	}
	return all
}

// testTime is when all files of tests were written.
var testTime = time.Date(2020, 2, 3, 4, 5, 6, 789_000_001, time.UTC)

// sample is a directory with one of everything.
func sample() fstest.MapFS {
	f := func(text string, mode fs.FileMode) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(text), Mode: mode, ModTime: testTime}
	}
	return fstest.MapFS{
		"empty":               f("", 0o600),
		"doc/guide":           f("a guide", 0o644),
		"doc/deep/note":       f(strings.Repeat("a long note. ", 100_000), 0o640),
		"doc/deep/bin/run":    f("#!/bin/sh\n", 0o755),
		"doc":                 {Mode: fs.ModeDir | 0o750, ModTime: testTime},
		"doc/deep":            {Mode: fs.ModeDir | 0o755, ModTime: testTime},
		"doc/deep/bin":        {Mode: fs.ModeDir | 0o711, ModTime: testTime},
		"void":                {Mode: fs.ModeDir | 0o700, ModTime: testTime},
		"doc/latest":          f("deep/note", fs.ModeSymlink),
		"doc/deep/up":         f("../../doc/guide", fs.ModeSymlink),
		"doc/deep/bin/broken": f("nowhere/at all", fs.ModeSymlink),
		"name with ünicode\n": f("x", 0o444),
	}
}

// onDisk writes files to a directory of the disk.
func onDisk(t testing.TB, files fstest.MapFS) *os.Root {
	t.Helper()
	root := emptyDir(t)
	for _, isDir := range []bool{true, false} {
		for name, f := range files {
			switch {
			case isDir != f.Mode.IsDir():
			case isDir:
				require.NoError(t, root.MkdirAll(name, 0o755))
			case f.Mode&fs.ModeSymlink != 0:
				require.NoError(t, root.Symlink(string(f.Data), name))
			default:
				require.NoError(t, root.WriteFile(name, f.Data, 0o600))
			}
		}
	}
	for name, f := range files {
		if f.Mode&fs.ModeSymlink == 0 {
			require.NoError(t, root.Chmod(name, f.Mode.Perm()))
			require.NoError(t, root.Chtimes(name, f.ModTime, f.ModTime))
		}
	}
	return root
}

func emptyDir(t testing.TB) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	return root
}

func scan(t testing.TB, s blob.Store, fsys fs.FS, o dir.ScanOptions) (blob.ID, dir.ScanStats) {
	t.Helper()
	id, stats, err := dir.Scan(context.Background(), fsys, s, o)
	require.NoError(t, err)
	return id, stats
}

func restore(t testing.TB, s blob.Store, id blob.ID, to *os.Root, o dir.RestoreOptions) dir.RestoreStats {
	t.Helper()
	stats, err := dir.Restore(context.Background(), s, id, to, o)
	require.NoError(t, err)
	return stats
}
