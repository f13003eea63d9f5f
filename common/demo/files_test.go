//go:build unix

package demo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/demo"
	"dss.example/common/kv"
)

func write(t *testing.T, path, text string) {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
}

func TestATreeListsWhatFitsIntoAStoreAndTellsWhatDoesNot(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dir := filepath.Join(root, "dir")
	write(t, filepath.Join(dir, "b", "two"), "22")
	write(t, filepath.Join(dir, "a"), "")
	write(t, filepath.Join(dir, "largest"), "")
	require.NoError(t, os.Truncate(filepath.Join(dir, "largest"), kv.MaxValue))
	write(t, filepath.Join(dir, "too large"), "")
	require.NoError(t, os.Truncate(filepath.Join(dir, "too large"), kv.MaxValue+1))
	deep := strings.Repeat(strings.Repeat("d", 199)+"/", 5) // 1,000 bytes
	write(t, filepath.Join(dir, deep, strings.Repeat("k", kv.MaxKey-len(deep))), "")
	tooLong := filepath.Join(dir, deep, strings.Repeat("k", kv.MaxKey-len(deep)+1))
	write(t, tooLong, "")
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink(dir, filepath.Join(root, "root link")))

	for _, start := range []string{dir, filepath.Join(root, "root link")} {
		got, err := demo.ListFiles(start)
		require.NoError(t, err)
		key := deep + strings.Repeat("k", kv.MaxKey-len(deep))
		want := demo.Tree{
			Files: []demo.File{
				{"a", filepath.Join(dir, "a"), 0},
				{"b/two", filepath.Join(dir, "b", "two"), 2},
				{key, filepath.Join(dir, key), 0},
				{"largest", filepath.Join(dir, "largest"), kv.MaxValue},
			},
			LeftOut: []demo.LeftOut{
				{tooLong, demo.ErrKeyTooLong},
				{filepath.Join(dir, "link"), demo.ErrNotRegular},
				{filepath.Join(dir, "too large"), demo.ErrTooLarge},
			},
			Bytes: kv.MaxValue + 2,
		}
		require.Empty(t, cmp.Diff(want, got, cmpopts.EquateErrors()))
		b, err := got.Files[1].Read()
		require.NoError(t, err)
		require.Equal(t, "22", string(b))
	}
}

func TestAFileThatHasGrownTooLargeIsNotRead(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "small")
	tree, err := demo.ListFiles(dir)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(tree.Files[0].Path, 10*kv.MaxValue))
	_, err = tree.Files[0].Read()
	require.ErrorIs(t, err, demo.ErrTooLarge)
	require.NoError(t, os.Remove(tree.Files[0].Path))
	_, err = tree.Files[0].Read()
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestATreeNeedsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	for _, root := range []string{file, file + "x"} {
		_, err := demo.ListFiles(root)
		require.Error(t, err)
	}
}

func TestTheGoTreeFitsIntoAStore(t *testing.T) {
	root, err := demo.GoRoot(t.Context())
	require.NoError(t, err)
	tree, err := demo.ListFiles(filepath.Join(root, "src", "net"))
	require.NoError(t, err)
	require.Greater(t, len(tree.Files), 100)
}
