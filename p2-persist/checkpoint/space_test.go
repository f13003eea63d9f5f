package checkpoint_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/collect"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/pack"
)

// many checkpoints are so many.
const many = 64

// grow takes many checkpoints of a state of 64 KiB, of which half changes from one to the
// next, and returns how many bytes the files of the blobs have after each.
func grow(t *testing.T, collector bool) (sizes []int64) {
	fs := disk.FS{Disk: disk.NewMemory()}
	blobs, err := pack.Open(fs, "blobs", pack.Options{PackSize: 128 << 10})
	require.NoError(t, err)
	heads, err := head.Open(fs, "heads", blobs)
	require.NoError(t, err)
	k, err := checkpoint.Open(blobs, heads, 3)
	require.NoError(t, err)
	opts := checkpoint.Options{CollectEvery: 4}
	if collector {
		opts.Collect = func(ctx context.Context) error {
			_, err := collect.Run(ctx, blobs, heads, collect.Options{})
			return err
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	now := state{}
	o := newOwner(t)
	var happens []func()
	for i := range uint64(many) {
		happens = append(happens, func() {
			sizes = append(sizes, filesOf(t, fs, "blobs"))
			for j := range 128 {
				if i == 0 || rnd.IntN(2) == 0 {
					now[fmt.Sprint("key ", j)] = fmt.Sprintf("%0512x", rnd.Uint64())
				}
			}
			o.is((i+1)*1000, now)
		})
	}
	require.Empty(t, serve(t, o, k, opts, happens...))
	kept := k.Kept()
	require.EqualValues(t, many, kept[len(kept)-1].Number)
	require.Equal(t, now, present(t, k))
	for _, c := range kept {
		s, err := k.State(c)
		require.NoError(t, err)
		require.Len(t, read(t, s), 128)
	}
	require.NoError(t, heads.Close())
	require.NoError(t, blobs.Close())
	return sizes
}

// filesOf returns how many bytes the files of a directory have.
func filesOf(t *testing.T, fs disk.FS, dir string) (sum int64) {
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		f, err := fs.Open(dir + "/" + name)
		require.NoError(t, err)
		size, err := f.Size()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		sum += size
	}
	return sum
}

func TestADirectoryOfManyCheckpointsStopsGrowing(t *testing.T) {
	most := func(sizes []int64) (m int64) {
		for _, s := range sizes {
			m = max(m, s)
		}
		return m
	}
	sizes := grow(t, true)
	early, late := most(sizes[:many/4]), most(sizes[many/4:])
	require.LessOrEqual(t, late, early+128<<10, "but for one pack")
	require.Greater(t, most(grow(t, false)), 3*late, "nobody collects, and it grows")
}
