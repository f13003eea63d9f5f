package dir_test

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/dir"
)

func TestASnapshotHasAllThatIsInTheDirectory(t *testing.T) {
	s := newStore()
	files := sample()
	id, stats := scan(t, s, files, dir.ScanOptions{})
	require.Equal(t, slices.Sorted(maps.Keys(files)), slices.Sorted(slices.Values(paths(t, s, id))))
	size := int64(0)
	for name, f := range files {
		e, err := dir.Find(s, id, name)
		require.NoError(t, err)
		if f.Mode&fs.ModeSymlink != 0 {
			require.Equal(t, string(f.Data), e.Target)
			continue
		}
		require.Equal(t, f.Mode.Perm(), e.Mode)
		require.Equal(t, f.ModTime.UnixNano(), e.Mtime)
		size += int64(len(f.Data))
	}
	want := dir.ScanStats{Files: 5, Dirs: 4, Symlinks: 3, Bytes: size, BytesRead: size}
	require.Empty(t, cmp.Diff(want, stats))
}

func TestASnapshotDoesNotDependOnTheNumberOfWorkers(t *testing.T) {
	files := sample()
	for i := range 600 {
		name := "many/" + strings.Repeat("x", i%7+1) + "/" + strings.Repeat("f", i/7+1)
		files[name] = &fstest.MapFile{Data: []byte(name), Mode: 0o644, ModTime: testTime}
	}
	want := blob.ID{}
	for _, workers := range []int{1, 2, 3, dir.MaxWorkers + 1} {
		id, _ := scan(t, newStore(), files, dir.ScanOptions{Workers: workers})
		require.True(t, want.IsZero() || want == id)
		want = id
	}
}

func TestASnapshotOfADirectoryThatHasNotChangedReadsAndPutsNothing(t *testing.T) {
	s := newStore()
	files := &noting{FS: sample()}
	first, stats := scan(t, s, files, dir.ScanOptions{})
	size := stats.Bytes
	s.reset()
	files.opened = nil
	second, stats := scan(t, s, files, dir.ScanOptions{Previous: first})
	require.Equal(t, first, second)
	require.Empty(t, s.puts)
	require.Empty(t, files.opened)
	require.Empty(t, cmp.Diff(dir.ScanStats{Files: 5, Dirs: 4, Symlinks: 3, Bytes: size, BytesReused: size}, stats))
}

func TestOneChangedFileWritesItselfAndTheDirectoriesOnItsPath(t *testing.T) {
	s := newStore()
	files := sample()
	first, _ := scan(t, s, files, dir.ScanOptions{})
	files["doc/deep/bin/run"].Data = []byte("#!/bin/bash\n")
	fsys := &noting{FS: files}
	s.reset()
	second, stats := scan(t, s, fsys, dir.ScanOptions{Previous: first})
	require.Equal(t, []string{"doc/deep/bin/run"}, fsys.opened)
	require.EqualValues(t, 12, stats.BytesRead)

	want := map[blob.ID]bool{second: true}
	for _, path := range []string{"doc", "doc/deep", "doc/deep/bin", "doc/deep/bin/run"} {
		e, err := dir.Find(s, second, path)
		require.NoError(t, err)
		want[e.Link] = true
	}
	require.Equal(t, want, s.puts)
	fresh, _ := scan(t, newStore(), files, dir.ScanOptions{})
	require.Equal(t, fresh, second)
}

func TestAFileIsReadAgainIfAnythingOfItLooksDifferent(t *testing.T) {
	s := newStore()
	first, _ := scan(t, s, sample(), dir.ScanOptions{})
	for name, change := range map[string]func(*fstest.MapFile){
		"size": func(f *fstest.MapFile) { f.Data = append(f.Data, '!') },
		"time": func(f *fstest.MapFile) { f.ModTime = f.ModTime.Add(1); f.Data = []byte("a g???e") },
		"mode": func(f *fstest.MapFile) { f.Mode = 0o600; f.Data = []byte("a g???e") },
	} {
		files := sample()
		change(files["doc/guide"])
		id, _ := scan(t, s, files, dir.ScanOptions{Previous: first})
		b, err := fs.ReadFile(dir.NewFS(s, id), "doc/guide")
		require.NoError(t, err)
		require.Equal(t, string(files["doc/guide"].Data), string(b), name)
	}
}

func TestAFileThatIsTooYoungIsReadAgainAlthoughItLooksTheSame(t *testing.T) {
	s := newStore()
	files := sample()
	first, _ := scan(t, s, files, dir.ScanOptions{})
	files["doc/guide"].Data = []byte("a g???e") // in the same nanosecond
	for since, want := range map[int64]string{
		0:                           "a guide",
		testTime.UnixNano() + 1:     "a guide",
		testTime.UnixNano():         "a g???e",
		testTime.UnixNano() - 1:     "a g???e",
		testTime.UnixNano() - 1<<50: "a g???e",
	} {
		id, _ := scan(t, s, files, dir.ScanOptions{Previous: first, Since: since})
		b, err := fs.ReadFile(dir.NewFS(s, id), "doc/guide")
		require.NoError(t, err)
		require.Equal(t, want, string(b), "since %d", since)
	}
}

func TestPatternsLeaveFilesAndDirectoriesOut(t *testing.T) {
	s := newStore()
	for _, c := range []struct {
		patterns []string
		excluded int64
		without  string
	}{
		{nil, 0, "?"},
		{[]string{"empty"}, 1, "empty"},
		{[]string{"doc"}, 1, "doc"},
		{[]string{"doc/deep"}, 1, "doc/deep"},
		{[]string{"doc/deep/*"}, 3, "doc/deep/"},
		{[]string{"n*"}, 2, "n"}, // the note and the name, in different directories
		{[]string{"deep/note", "/doc", "x"}, 0, "?"},
	} {
		id, stats := scan(t, s, sample(), dir.ScanOptions{Exclude: c.patterns})
		require.Equal(t, c.excluded, stats.Excluded, "%v", c.patterns)
		for _, path := range paths(t, s, id) {
			if c.without == "n" {
				require.NotEqual(t, byte('n'), path[strings.LastIndexByte(path, '/')+1])
			} else {
				require.False(t, strings.HasPrefix(path, c.without), "%v: %s", c.patterns, path)
			}
		}
	}
	_, _, err := dir.Scan(context.Background(), sample(), s, dir.ScanOptions{Exclude: []string{"a", "["}})
	require.ErrorIs(t, err, dir.ErrPattern)
}

// noting is a file system that notes what is opened to be read, and fails where it is told to.
type noting struct {
	fs.FS
	mu     sync.Mutex // guards opened
	opened []string
	fails  map[string]error
	cancel func()
}

func (n *noting) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := n.fails[name]; err != nil {
		return nil, err
	}
	return fs.ReadDir(n.FS, name)
}

func (n *noting) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(n.FS, name) }
func (n *noting) ReadLink(name string) (string, error) {
	if err := n.fails[name]; err != nil {
		return "", err
	}
	return fs.ReadLink(n.FS, name)
}

func (n *noting) Open(name string) (fs.File, error) {
	n.mu.Lock()
	n.opened = append(n.opened, name)
	n.mu.Unlock()
	if n.cancel != nil {
		n.cancel()
	}
	f, err := n.FS.Open(name)
	if err != nil || n.fails[name] == nil {
		return f, err
	}
	return &failing{f, n.fails[name]}, nil
}

// failing is a file that fails behind its first bytes.
type failing struct {
	fs.File
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.File.Read(b[:min(3, len(b))])
	if n == 0 || err != nil {
		return n, f.err
	}
	return n, f.err
}

func TestWhatCannotBeReadIsListedAndFailsAtTheEndUnlessToldOtherwise(t *testing.T) {
	s := newStore()
	bad := []string{"doc/deep/bin", "doc/guide", "doc/latest"}
	fsys := &noting{FS: sample(), fails: map[string]error{}}
	for _, path := range bad {
		fsys.fails[path] = errDisk
	}
	id, stats, err := dir.Scan(context.Background(), fsys, s, dir.ScanOptions{})
	require.ErrorIs(t, err, dir.ErrIncomplete)
	require.ErrorIs(t, err, errDisk)
	require.ErrorContains(t, err, "3 problems")
	require.True(t, id.IsZero())
	listed := []string{}
	for _, p := range stats.Problems.List {
		require.ErrorIs(t, p.Err, errDisk)
		listed = append(listed, p.Path)
	}
	require.Equal(t, bad, listed)
	require.EqualValues(t, 3, stats.Files, "it goes on behind a problem")

	id, stats = scan(t, s, fsys, dir.ScanOptions{KeepGoing: true})
	require.EqualValues(t, 3, stats.Problems.Count)
	files := sample()
	maps.DeleteFunc(files, func(name string, _ *fstest.MapFile) bool {
		return slices.ContainsFunc(bad, func(b string) bool { return name == b || strings.HasPrefix(name, b+"/") })
	})
	require.Equal(t, slices.Sorted(maps.Keys(files)), slices.Sorted(slices.Values(paths(t, s, id))))
}

func TestADirectoryThatCannotBeReadAtAllMakesNoSnapshot(t *testing.T) {
	fsys := &noting{FS: sample(), fails: map[string]error{".": errDisk}}
	id, _, err := dir.Scan(context.Background(), fsys, newStore(), dir.ScanOptions{KeepGoing: true})
	require.ErrorIs(t, err, errDisk)
	require.True(t, id.IsZero())
}

func TestTheListOfProblemsIsBoundedAndTheirCountIsNot(t *testing.T) {
	files, fails := fstest.MapFS{}, map[string]error{}
	for i := range dir.MaxListed + 100 {
		name := strings.Repeat("f", i%100+1) + strings.Repeat("g", i/100)
		files[name], fails[name] = &fstest.MapFile{Data: []byte("x")}, errDisk
	}
	_, stats, err := dir.Scan(context.Background(), &noting{FS: files, fails: fails}, newStore(), dir.ScanOptions{})
	require.ErrorIs(t, err, dir.ErrIncomplete)
	require.EqualValues(t, dir.MaxListed+100, stats.Problems.Count)
	require.Len(t, stats.Problems.List, dir.MaxListed)
}

func TestAnErrorOfTheStoreEndsTheScan(t *testing.T) {
	files := sample()
	clean := newStore()
	scan(t, clean, files, dir.ScanOptions{Workers: 1})
	for call := 1; call <= clean.calls; call++ {
		s := newStore()
		s.failAt = call
		id, stats, err := dir.Scan(context.Background(), files, s, dir.ScanOptions{KeepGoing: true})
		require.ErrorIs(t, err, errDisk, "call %d", call)
		require.True(t, id.IsZero())
		require.Zero(t, stats.Problems.Count)
	}
}

func TestAPreviousSnapshotThatCannotBeReadIsAnError(t *testing.T) {
	s := newStore()
	first, _ := scan(t, s, sample(), dir.ScanOptions{})
	e, err := dir.Find(s, first, "doc/deep")
	require.NoError(t, err)
	require.True(t, s.Damage(e.Link))
	_, _, err = dir.Scan(context.Background(), sample(), s, dir.ScanOptions{Previous: first, KeepGoing: true})
	require.ErrorIs(t, err, blob.ErrCorrupt)
	require.ErrorContains(t, err, "doc/deep")
}

func TestACancelledScanEndsWithTheErrorOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	fsys := &noting{FS: sample(), cancel: cancel}
	id, stats, err := dir.Scan(ctx, fsys, newStore(), dir.ScanOptions{Workers: 1, KeepGoing: true})
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, id.IsZero())
	require.Len(t, fsys.opened, 1)
	require.Zero(t, stats.Problems.Count)
}

func TestProgressIsToldAfterEachFile(t *testing.T) {
	s := newStore()
	calls, last := int64(0), dir.ScanStats{}
	_, stats := scan(t, s, sample(), dir.ScanOptions{Progress: func(p dir.ScanStats) {
		calls++
		require.Equal(t, calls, p.Files)
		last = p
	}})
	require.Equal(t, stats.Files, calls)
	require.Equal(t, stats.Bytes, last.Bytes)
}

func TestWhatIsNeitherFileNorDirectoryIsSkippedWithAReason(t *testing.T) {
	root := onDisk(t, sample())
	l, err := net.Listen("unix", filepath.Join(root.Name(), "socket"))
	require.NoError(t, err)
	defer l.Close()
	s := newStore()
	id, stats := scan(t, s, root.FS(), dir.ScanOptions{})
	require.EqualValues(t, 1, stats.Skipped.Count)
	require.Equal(t, "socket", stats.Skipped.List[0].Path)
	require.ErrorIs(t, stats.Skipped.List[0].Err, dir.ErrSpecial)
	require.ErrorContains(t, stats.Skipped.List[0].Err, "S")
	require.NotContains(t, paths(t, s, id), "socket")
}

func TestNamesThatNoDirectoryCanHaveAreProblems(t *testing.T) {
	root := onDisk(t, sample())
	require.NoError(t, root.WriteFile("bad\xffname", nil, 0o600))
	s := newStore()
	_, stats, err := dir.Scan(context.Background(), root.FS(), s, dir.ScanOptions{})
	require.ErrorIs(t, err, dir.ErrEntry)
	require.EqualValues(t, 1, stats.Problems.Count)
	id, _ := scan(t, s, root.FS(), dir.ScanOptions{KeepGoing: true})
	require.Len(t, paths(t, s, id), len(sample()))
}

func TestADirectoryThatIsTooDeepIsAProblem(t *testing.T) {
	name := strings.Repeat("d/", dir.MaxDepth-1) + "f"
	_, _, err := dir.Scan(context.Background(), fstest.MapFS{name: {}}, newStore(), dir.ScanOptions{})
	require.NoError(t, err)
	_, _, err = dir.Scan(context.Background(), fstest.MapFS{"d/" + name: {}}, newStore(), dir.ScanOptions{})
	require.ErrorIs(t, err, dir.ErrTooDeep)
}

func TestALargeFileAndALargeDirectoryAreReadAsTheyAre(t *testing.T) {
	large := make([]byte, 17<<20)
	for i := range large {
		large[i] = byte(i >> 12 * 7)
	}
	files := fstest.MapFS{"large": {Data: large, Mode: 0o644, ModTime: time.Unix(1, 1)}}
	for i := range 1000 {
		files["d/"+strings.Repeat("x", i%200+1)+strings.Repeat("y", i/200)] = &fstest.MapFile{Data: []byte{byte(i)}}
	}
	cutter, err := chunk.NewFixed(1 << 20)
	require.NoError(t, err)
	s := newStore()
	id, _ := scan(t, s, files, dir.ScanOptions{Cutter: cutter})
	require.Len(t, paths(t, s, id), 1002)
	f, err := dir.NewFS(s, id).Open("large")
	require.NoError(t, err)
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.True(t, string(large) == string(got))
}
