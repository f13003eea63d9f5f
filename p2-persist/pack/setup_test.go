package pack_test

import (
	"bytes"
	"cmp"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/pack"
)

const dir = "blobs"

// small makes packs in which a handful of blobs has room.
func small() pack.Options { return pack.Options{PackSize: pack.MinPackSize} }

// room is a store on a pretended disk.
type room struct {
	*pack.Store
	disk    *disk.Memory
	options pack.Options
	dir     string // "" is dir
}

func newRoom(t testing.TB, o pack.Options) *room {
	t.Helper()
	r := &room{disk: disk.NewMemory(), options: o}
	r.open(t)
	return r
}

func (r *room) open(t testing.TB) {
	t.Helper()
	var err error
	r.Store, err = pack.Open(disk.FS{Disk: r.disk}, cmp.Or(r.dir, dir), r.options)
	require.NoError(t, err)
}

func (r *room) reopen(t testing.TB) {
	t.Helper()
	require.NoError(t, r.Close())
	r.open(t)
}

// crash ends the machine and starts it again with nothing but what is durable.
func (r *room) crash(t testing.TB) {
	t.Helper()
	r.disk = r.disk.Crash(disk.KeepNone)
	r.open(t)
}

// put stores blobs of 1 KiB, named by numbers, and syncs.
func (r *room) put(t testing.TB, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		_, err := r.Put(blob.Raw, bytesOf(n))
		require.NoError(t, err)
	}
	require.NoError(t, r.Sync())
}

func (r *room) delete(t testing.TB, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		require.NoError(t, r.Delete([]blob.ID{idOf(n)}))
	}
	require.NoError(t, r.Sync())
}

// has demands that exactly these blobs are there.
func (r *room) has(t testing.TB, numbers ...int) {
	t.Helper()
	infos, err := r.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	require.Len(t, infos, len(numbers))
	for _, n := range numbers {
		b, err := r.Get(idOf(n))
		require.NoError(t, err, "blob %d", n)
		require.Equal(t, bytesOf(n), b)
	}
}

// files returns the names in the store's directory.
func (r *room) files(t testing.TB) []string {
	t.Helper()
	names, err := disk.FS{Disk: r.disk}.List(dir)
	require.NoError(t, err)
	return names
}

func bytesOf(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "blob %05d;;;;;;", n), 64) }

func idOf(n int) blob.ID { return blob.Sum(blob.Raw, bytesOf(n)) }

func seq(from, to int) []int {
	var s []int
	for n := from; n < to; n++ {
		s = append(s, n)
	}
	return s
}
