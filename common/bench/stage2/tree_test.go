package stage2

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// file is what a test knows of one.
type file struct {
	Hash [32]byte
	Time time.Time
}

// look returns all files of a tree, and how many bytes in blocks of 4 KiB differ.
func look(t *testing.T, dir string, blocks map[[32]byte]bool) map[string]file {
	t.Helper()
	files := map[string]file{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		files[name] = file{sha256.Sum256(b), info.ModTime().UTC()}
		for ; len(b) > 0; b = b[diskBlock:] {
			blocks[sha256.Sum256(b[:diskBlock])] = true
		}
		return nil
	}))
	return files
}

func TestTheTreeChangesByOneInAHundredAndBack(t *testing.T) {
	tr := tree{filepath.Join(t.TempDir(), "tree"), 0.01}
	blocks := map[[32]byte]bool{}
	require.NoError(t, tr.lay(0))
	before := look(t, tr.dir, blocks)
	require.Len(t, before, 655+largeFiles)
	require.EqualValues(t, tr.kept(0), len(blocks)*diskBlock, "all bytes differ")

	require.NoError(t, tr.lay(1))
	after := look(t, tr.dir, blocks)
	require.Len(t, after, len(before))
	changed := 0
	for name, was := range before {
		is := after[name]
		require.Equal(t, was.Hash != is.Hash, was.Time != is.Time, "%s: who changes looks changed, and nobody else", name)
		if was.Hash != is.Hash {
			changed++
		}
	}
	require.Equal(t, 7+1, changed)
	require.InDelta(t, tr.kept(1), len(blocks)*diskBlock, 2*diskBlock, "a change in a large file begins and ends in a block")

	require.NoError(t, tr.lay(0))
	require.Empty(t, cmp.Diff(before, look(t, tr.dir, blocks)))
}

func TestATreeOfAnotherScaleIsLaidAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	for _, scale := range []float64{0.01, 0.001, 0.000001} {
		tr := tree{dir, scale}
		require.NoError(t, tr.lay(1))
		files := look(t, dir, map[[32]byte]bool{})
		require.Len(t, files, tr.small()+largeFiles)
	}
}

func TestTheTreeOfScale1IsTheOneThatIsPromised(t *testing.T) {
	tr := tree{scale: 1}
	require.EqualValues(t, 65_536*4<<10+12*64<<20, tr.bytes())
	require.EqualValues(t, 656*4<<10+64<<20/100, tr.changed())
}
