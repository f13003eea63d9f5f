package dir_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/file"
)

func TestWhatIsRestoredIsWhatWasScanned(t *testing.T) {
	s := newStore()
	from, to := onDisk(t, sample()), emptyDir(t)
	id, scanned := scan(t, s, from.FS(), dir.ScanOptions{})
	stats := restore(t, s, id, to, dir.RestoreOptions{})
	want := dir.RestoreStats{
		Files: scanned.Files, Dirs: scanned.Dirs, Symlinks: scanned.Symlinks,
		Bytes: scanned.Bytes, BytesWritten: scanned.Bytes,
	}
	require.Empty(t, cmp.Diff(want, stats))
	again, _ := scan(t, newStore(), to.FS(), dir.ScanOptions{})
	require.Equal(t, id, again, "names, modes, times, contents and links have one ID")

	for name, f := range sample() {
		found, err := to.Lstat(name)
		require.NoError(t, err)
		if f.Mode&fs.ModeSymlink != 0 {
			target, err := to.Readlink(name)
			require.NoError(t, err)
			require.Equal(t, string(f.Data), target)
			continue
		}
		require.Equal(t, f.Mode, found.Mode(), name)
		require.True(t, f.ModTime.Equal(found.ModTime()), name)
	}
}

func TestRestoringAgainWritesNothing(t *testing.T) {
	s := newStore()
	to := emptyDir(t)
	id, _ := scan(t, s, sample(), dir.ScanOptions{})
	restore(t, s, id, to, dir.RestoreOptions{})
	before, err := to.Lstat("doc/guide")
	require.NoError(t, err)
	stats := restore(t, s, id, to, dir.RestoreOptions{})
	require.Zero(t, stats.BytesWritten)
	require.EqualValues(t, 5, stats.Files)
	after, err := to.Lstat("doc/guide")
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
}

func TestARestoreThatWasInterruptedAnywhereIsFinishedByAnother(t *testing.T) {
	s := newStore()
	id, _ := scan(t, s, sample(), dir.ScanOptions{})
	for stopAt := 1; stopAt <= 12; stopAt++ {
		to := emptyDir(t)
		ctx, cancel := context.WithCancel(context.Background())
		steps := 0
		_, err := dir.Restore(ctx, s, id, to, dir.RestoreOptions{Progress: func(dir.RestoreStats) {
			if steps++; steps == stopAt {
				cancel()
			}
		}})
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		// What a killed process would have left:
		require.NoError(t, to.WriteFile(".restore.tmp", []byte("half a fi"), 0o600))
		require.NoError(t, to.Chtimes(".restore.tmp", testTime, testTime))

		restore(t, s, id, to, dir.RestoreOptions{})
		require.NoError(t, to.RemoveAll(".restore.tmp"))
		again, _ := scan(t, newStore(), to.FS(), dir.ScanOptions{})
		require.Equal(t, id, again, "stopped after %d", stopAt)
	}
}

func TestAFileThatLooksCompleteButIsNotIsWrittenAgain(t *testing.T) {
	s := newStore()
	id, _ := scan(t, s, sample(), dir.ScanOptions{})
	to := emptyDir(t)
	require.NoError(t, to.WriteFile("name with ünicode\n", []byte{0}, 0o600)) // as a crash leaves it
	require.NoError(t, to.Chtimes("name with ünicode\n", testTime, testTime))
	_, err := dir.Restore(context.Background(), s, id, to, dir.RestoreOptions{})
	require.ErrorIs(t, err, dir.ErrExists)
	restore(t, s, id, to, dir.RestoreOptions{Existing: dir.Replace})
	b, err := to.ReadFile("name with ünicode\n")
	require.NoError(t, err)
	require.Equal(t, "x", string(b))
}

func TestWhatIsThereIsRefusedKeptOrReplacedAsTold(t *testing.T) {
	s := newStore()
	id := save(t, s, fileEntry(t, s, "f", "ours"), symlink("l", "f"), dirEntry("d", save(t, s, fileEntry(t, s, "g", "in d"))))
	mine := func() *os.Root {
		to := emptyDir(t)
		require.NoError(t, to.WriteFile("f", []byte("mine"), 0o600))
		require.NoError(t, to.WriteFile("l", []byte("mine"), 0o600))
		require.NoError(t, to.WriteFile("d", []byte("mine"), 0o600))
		require.NoError(t, to.WriteFile("other", []byte("mine"), 0o600))
		return to
	}
	read := func(to *os.Root, name string) string {
		b, err := to.ReadFile(name)
		require.NoError(t, err)
		return string(b)
	}
	to := mine()
	stats, err := dir.Restore(context.Background(), s, id, to, dir.RestoreOptions{})
	require.ErrorIs(t, err, dir.ErrIncomplete)
	require.ErrorIs(t, err, dir.ErrExists)
	require.EqualValues(t, 3, stats.Problems.Count)
	require.Equal(t, "mine mine mine", read(to, "f")+" "+read(to, "l")+" "+read(to, "d"))

	to = mine()
	stats = restore(t, s, id, to, dir.RestoreOptions{Existing: dir.Keep})
	require.EqualValues(t, 3, stats.Kept)
	require.Equal(t, "mine mine mine", read(to, "f")+" "+read(to, "l")+" "+read(to, "d"))

	to = mine()
	stats = restore(t, s, id, to, dir.RestoreOptions{Existing: dir.Replace})
	require.EqualValues(t, 2, stats.Files)
	require.Equal(t, "ours ours in d", read(to, "f")+" "+read(to, "l")+" "+read(to, "d/g"))
	require.Equal(t, "mine", read(to, "other"))
}

func TestADirectoryIsNeverReplacedByAFile(t *testing.T) {
	s := newStore()
	to := emptyDir(t)
	require.NoError(t, to.MkdirAll("f/precious", 0o755))
	require.NoError(t, to.MkdirAll("l", 0o755))
	id := save(t, s, fileEntry(t, s, "f", "text"), symlink("l", "f"))
	_, err := dir.Restore(context.Background(), s, id, to, dir.RestoreOptions{Existing: dir.Replace})
	require.ErrorIs(t, err, dir.ErrExists)
	for _, name := range []string{"f/precious", "l"} {
		found, err := to.Lstat(name)
		require.NoError(t, err)
		require.True(t, found.IsDir())
	}
}

func TestSymbolicLinksThatCouldLeadOutAreNotMadeUnlessToldSo(t *testing.T) {
	s := newStore()
	good := []string{"x", "a/b", "../x", "../../x", "./..//../x", "..", "../..", "a/./b/"}
	bad := []string{
		"/", "/etc/passwd", "../../..", "../../../x", "a/../../../x", "x/..", "../x/../y", ".././../../", "./../../../x",
	}
	all := append(append([]string{}, good...), bad...)
	entries := []dir.Entry{}
	for i, target := range all {
		entries = append(entries, symlink(string(rune('A'+i)), target))
	}
	id := save(t, s, dirEntry("d", save(t, s, dirEntry("e", save(t, s, entries...)))))
	to := emptyDir(t)
	stats, err := dir.Restore(context.Background(), s, id, to, dir.RestoreOptions{})
	require.ErrorIs(t, err, dir.ErrLeadsOut)
	require.EqualValues(t, len(bad), stats.Problems.Count)
	require.EqualValues(t, len(good), stats.Symlinks)
	for i, target := range all {
		_, err := to.Lstat("d/e/" + string(rune('A'+i)))
		if i < len(good) {
			require.NoError(t, err, target)
		} else {
			require.ErrorIs(t, err, fs.ErrNotExist, target)
		}
	}
	stats = restore(t, s, id, to, dir.RestoreOptions{AnySymlink: true})
	require.EqualValues(t, len(all), stats.Symlinks)
	tally.Add(t, "badinputs", len(bad))
}

// A stranger cannot write through a link that is there already, or that he sends first.
func TestNothingIsWrittenThroughASymbolicLinkThatLeadsOut(t *testing.T) {
	s := newStore()
	outside := t.TempDir()
	precious := filepath.Join(outside, "f")
	require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))
	inner := save(t, s, fileEntry(t, s, "f", "hostile"))
	id := save(t, s, dirEntry("d", inner), fileEntry(t, s, "f", "hostile"))
	for _, existing := range []dir.Existing{dir.Refuse, dir.Keep, dir.Replace} {
		to := emptyDir(t)
		require.NoError(t, to.Symlink(outside, "d"))
		require.NoError(t, to.Symlink(precious, "f"))
		require.NoError(t, to.Symlink(precious, ".restore.tmp"))
		_, err := dir.Restore(context.Background(), s, id, to, dir.RestoreOptions{Existing: existing})
		require.Equal(t, existing == dir.Refuse, err != nil)
		b, err := os.ReadFile(precious)
		require.NoError(t, err)
		require.Equal(t, "precious", string(b))
		found, err := os.Stat(precious)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), found.Mode())
	}
}

func TestNothingOfAHostileDirectoryIsRestored(t *testing.T) {
	s := newStore()
	parent := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(parent, "target"), 0o755))
	to, err := os.OpenRoot(filepath.Join(parent, "target"))
	require.NoError(t, err)
	defer to.Close()
	link := contents(t, s, "text")
	for _, name := range []string{"../x", "..", "/x", "a/../../x", "x\x00"} {
		bad := putEntries(t, s, fields{"name": name, "kind": "file", "mode": 0o644, "size": 4, "mtime": 1, "link": link})
		id := save(t, s, dirEntry("d", bad), fileEntry(t, s, "good", "text"))
		stats, err := dir.Restore(context.Background(), s, id, to, dir.RestoreOptions{})
		require.ErrorIs(t, err, dir.ErrMalformed)
		require.EqualValues(t, 1, stats.Files)
	}
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestWhatCannotBeReadFromTheStoreIsListedAndTheRestIsThere(t *testing.T) {
	s := newStore()
	bad := fileEntry(t, s, "bad", "damaged text")
	lie := fileEntry(t, s, "lie", "text")
	lie.Size++
	id := save(t, s, bad, lie, fileEntry(t, s, "good", "text"), dirEntry("gone", blob.Sum(blob.DAGCBOR, nil)))
	require.True(t, s.Damage(bad.Link))
	to := emptyDir(t)
	stats, err := dir.Restore(context.Background(), s, id, to, dir.RestoreOptions{})
	require.ErrorIs(t, err, dir.ErrIncomplete)
	got := []string{}
	for _, p := range stats.Problems.List {
		got = append(got, p.Path)
	}
	require.Equal(t, []string{"bad", "gone", "lie"}, got)
	require.ErrorIs(t, stats.Problems.List[0].Err, blob.ErrCorrupt)
	require.ErrorIs(t, stats.Problems.List[1].Err, blob.ErrNotFound)
	require.ErrorIs(t, stats.Problems.List[2].Err, dir.ErrMalformed)
	list, err := fs.ReadDir(to.FS(), ".")
	require.NoError(t, err)
	require.Len(t, list, 2) // good, and gone without what was in it
}

func TestAFileThatFailsHalfWayLeavesNothingBehind(t *testing.T) {
	s := newStore()
	text := strings.Repeat("many chunks ", 500_000)
	e := fileEntry(t, s, "f", text)
	f, err := file.Open(s, e.Link)
	require.NoError(t, err)
	last := blob.ID{}
	for span, err := range f.Spans(0) {
		require.NoError(t, err)
		last = blob.Sum(blob.Raw, span.Data)
	}
	require.True(t, s.Damage(last))
	to := emptyDir(t)
	_, err = dir.Restore(context.Background(), s, save(t, s, e), to, dir.RestoreOptions{})
	require.ErrorIs(t, err, blob.ErrCorrupt)
	list, err := fs.ReadDir(to.FS(), ".")
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestAFileOfTheTemporaryNameIsRestoredToo(t *testing.T) {
	s := newStore()
	id := save(t, s, fileEntry(t, s, ".restore.tmp", "a"), fileEntry(t, s, ".restore.tmp~", "b"), fileEntry(t, s, "f", "c"))
	to := emptyDir(t)
	restore(t, s, id, to, dir.RestoreOptions{})
	again, _ := scan(t, s, to.FS(), dir.ScanOptions{})
	require.Equal(t, id, again)
}

func TestHolesCostNothing(t *testing.T) {
	s := newStore()
	const size = 1 << 40
	hole := file.Node{Level: 1, Parts: []file.Part{{Size: size}}}
	link, err := s.Put(blob.DAGCBOR, hole.Append(nil))
	require.NoError(t, err)
	e := dir.Entry{Name: "sparse", Kind: dir.File, Mode: 0o600, Size: size, Mtime: 1, Link: link}
	to := emptyDir(t)
	restore(t, s, save(t, s, e), to, dir.RestoreOptions{})
	found, err := to.Lstat("sparse")
	require.NoError(t, err)
	require.EqualValues(t, size, found.Size())
}

func TestADepthThatIsRefusedOnReadingIsRefusedOnRestoring(t *testing.T) {
	s := newStore()
	_, err := dir.Restore(context.Background(), s, deep(t, s, dir.MaxDepth+1), emptyDir(t), dir.RestoreOptions{})
	require.ErrorIs(t, err, dir.ErrTooDeep)
}

func TestACancelledRestoreEndsWithTheErrorOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newStore()
	to := emptyDir(t)
	_, err := dir.Restore(ctx, s, save(t, s, fileEntry(t, s, "f", "x")), to, dir.RestoreOptions{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = to.Lstat("f")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
