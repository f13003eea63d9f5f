package dir_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/dir"
)

func TestAWalkGoesThroughAllInOrderWithDirectoriesBeforeWhatIsInThem(t *testing.T) {
	s := newStore()
	inner := save(t, s, fileEntry(t, s, "x", "1"), fileEntry(t, s, "y", "2"))
	root := save(t, s, dirEntry("b", inner), fileEntry(t, s, "a", "3"), dirEntry("c", save(t, s)), symlink("d", "b"))
	require.Equal(t, []string{"a", "b", "b/x", "b/y", "c", "d"}, paths(t, s, root))
}

func TestAWalkGoesOnBehindADirectoryThatCannotBeReadIfItsCallerDoes(t *testing.T) {
	s := newStore()
	bad := save(t, s, fileEntry(t, s, "x", "1"))
	root := save(t, s, dirEntry("bad", bad), fileEntry(t, s, "z", "3"))
	require.True(t, s.Damage(bad))
	got := []string{}
	for item, err := range dir.Walk(s, root) {
		if err != nil {
			require.ErrorIs(t, err, blob.ErrCorrupt)
			got = append(got, "error in "+item.Path)
			continue
		}
		got = append(got, item.Path)
	}
	require.Equal(t, []string{"bad", "error in bad", "z"}, got)
}

// deep returns a directory in a directory in a directory…, n of them.
func deep(t testing.TB, s blob.Store, n int, inside ...dir.Entry) blob.ID {
	id := save(t, s, inside...)
	for range n - 1 {
		id = save(t, s, dirEntry("d", id))
	}
	return id
}

func TestDepthIsBounded(t *testing.T) {
	s := newStore()
	f := fileEntry(t, s, "f", "text")
	good, bad := deep(t, s, dir.MaxDepth, f), deep(t, s, dir.MaxDepth+1, f)
	_, err := collect(dir.Walk(s, good))
	require.NoError(t, err)
	_, err = collect(dir.Walk(s, bad))
	require.ErrorIs(t, err, dir.ErrTooDeep)
	_, err = collect(dir.Diff(s, save(t, s), good))
	require.NoError(t, err)
	_, err = collect(dir.Diff(s, save(t, s), bad))
	require.ErrorIs(t, err, dir.ErrTooDeep)
}

// A walk through more entries than there are atoms costs what is taken of it.
func TestAWalkThatIsLeftEarlyReadsNoFurther(t *testing.T) {
	s := newStore()
	id := save(t, s, fileEntry(t, s, "f", "text"))
	for range 200 {
		id = save(t, s, dirEntry("a", id), dirEntry("b", id))
	}
	s.reset()
	for item := range dir.Walk(s, id) {
		if strings.HasSuffix(item.Path, "a/f") {
			break
		}
	}
	require.Len(t, s.gets, 201)
}

func TestFindReturnsTheEntryAtAPath(t *testing.T) {
	s := newStore()
	f := fileEntry(t, s, "f", "text")
	inner := save(t, s, f)
	root := save(t, s, dirEntry("d", inner), symlink("link", "d"))
	got, err := dir.Find(s, root, "d/f")
	require.NoError(t, err)
	require.Equal(t, f, got)
	got, err = dir.Find(s, root, "link")
	require.NoError(t, err)
	require.Equal(t, symlink("link", "d"), got)
	got, err = dir.Find(s, root, ".")
	require.NoError(t, err)
	require.Equal(t, root, got.Link)
	require.Equal(t, dir.Dir, got.Kind)
	for _, path := range []string{"x", "d/x", "d/f/x", "link/f"} {
		_, err = dir.Find(s, root, path)
		require.ErrorIs(t, err, fs.ErrNotExist, path)
	}
	for _, path := range []string{"", "/d", "d/", "d//f", "../d", "d/../d", "d/."} {
		_, err = dir.Find(s, root, path)
		require.ErrorIs(t, err, fs.ErrInvalid, path)
	}
}
