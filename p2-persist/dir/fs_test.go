package dir_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/dir"
)

func TestAnFSIsWhatGoProgramsExpect(t *testing.T) {
	s := newStore()
	files := sample()
	delete(files, "doc/deep/bin/broken") // TestFS opens all that there is
	id, _ := scan(t, s, files, dir.ScanOptions{})
	require.NoError(t, fstest.TestFS(dir.NewFS(s, id), "doc/deep/note", "empty", "doc/deep/bin/run"))
	large := save(t, s, many(t, s, 300)...)
	require.NoError(t, fstest.TestFS(dir.NewFS(s, large), "file 000299"))
	require.NoError(t, fstest.TestFS(dir.NewFS(s, save(t, s))))
}

func TestAnFSHasModesTimesAndContents(t *testing.T) {
	s := newStore()
	id, _ := scan(t, s, sample(), dir.ScanOptions{})
	f := dir.NewFS(s, id)
	for name, want := range sample() {
		got, err := f.Lstat(name)
		require.NoError(t, err)
		if want.Mode&fs.ModeSymlink != 0 {
			target, err := f.ReadLink(name)
			require.NoError(t, err)
			require.Equal(t, string(want.Data), target)
			continue
		}
		require.Equal(t, want.Mode, got.Mode(), name)
		require.True(t, want.ModTime.Equal(got.ModTime()), name)
		if !got.IsDir() {
			b, err := fs.ReadFile(f, name)
			require.NoError(t, err)
			require.Equal(t, string(want.Data), string(b))
		}
	}
}

func TestAFileOfAnFSCanBeReadFromAnywhere(t *testing.T) {
	s := newStore()
	text := strings.Repeat("0123456789", 300_000)
	opened, err := dir.NewFS(s, save(t, s, fileEntry(t, s, "f", text))).Open("f")
	require.NoError(t, err)
	f := opened.(io.ReadSeeker)
	_, err = f.Seek(1_234_567, io.SeekStart)
	require.NoError(t, err)
	b := make([]byte, 5)
	_, err = io.ReadFull(f, b)
	require.NoError(t, err)
	require.Equal(t, "78901", string(b))
}

func TestAnFSFollowsSymbolicLinksAndNoneOut(t *testing.T) {
	s := newStore()
	inner := save(t, s, fileEntry(t, s, "f", "found"), symlink("up", ".."), symlink("self", "self"), symlink("out", "../.."))
	root := save(t, s,
		dirEntry("d", inner), symlink("to d", "./d/"), symlink("to f", "to d/up/d/f"), symlink("absolute", "/d"),
		symlink("out", "../d"), symlink("broken", "x"), symlink("a", "b"), symlink("b", "a"))
	f := dir.NewFS(s, root)
	for _, name := range []string{"d/f", "to d/f", "to f", "d/up/to d/f", "d/up/d/up/to f"} {
		b, err := fs.ReadFile(f, name)
		require.NoError(t, err, name)
		require.Equal(t, "found", string(b), name)
	}
	for _, name := range []string{"absolute/f", "out", "out/f", "d/out", "d/up/out", "broken", "a", "d/self", "to f/x"} {
		_, err := f.Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		var e *fs.PathError
		require.True(t, errors.As(err, &e), name)
	}
	_, err := f.ReadLink("d")
	require.ErrorIs(t, err, fs.ErrInvalid)
	info, err := f.Stat("to d")
	require.NoError(t, err)
	require.True(t, info.IsDir())
	require.Equal(t, "to d", info.Name())
}

func TestAFileThatIsNotWhatItsEntrySaysIsRefused(t *testing.T) {
	s := newStore()
	e := fileEntry(t, s, "f", "text")
	e.Size = 5
	_, err := dir.NewFS(s, save(t, s, e)).Open("f")
	require.ErrorIs(t, err, dir.ErrMalformed)
	e.Link = save(t, s)
	_, err = dir.NewFS(s, save(t, s, e)).Open("f")
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)
}

func TestADirectoryThatCannotBeReadIsNotAnEmptyOne(t *testing.T) {
	s := newStore()
	inner := save(t, s, fileEntry(t, s, "f", "text"))
	f := dir.NewFS(s, save(t, s, dirEntry("d", inner)))
	require.True(t, s.Damage(inner))
	_, err := fs.ReadDir(f, "d")
	require.ErrorIs(t, err, blob.ErrCorrupt)
	_, err = f.Open("d/f")
	require.ErrorIs(t, err, blob.ErrCorrupt)
	require.NotErrorIs(t, err, fs.ErrNotExist)
}
