package pack_test

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/pack"
)

// onDisk returns a store in a directory of the system.
func onDisk(b *testing.B) (*pack.Store, string) {
	b.Helper()
	path := b.TempDir()
	d, err := disk.OpenDir(path)
	require.NoError(b, err)
	s, err := pack.Open(disk.FS{Disk: d}, dir, pack.Options{})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, s.Close())
		require.NoError(b, d.Close())
	})
	return s, path
}

// each lets callers share b.N calls of do, which is given a number and 4 KiB.
func each(b *testing.B, callers int, do func(n uint64, page []byte) error) {
	b.Helper()
	var next atomic.Uint64
	var group sync.WaitGroup
	b.SetBytes(4 << 10)
	b.ResetTimer()
	for range callers {
		group.Go(func() {
			page := make([]byte, 4<<10)
			for n := next.Add(1); n <= uint64(b.N); n = next.Add(1) {
				if err := do(n, page); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
}

func BenchmarkDurablePut4KiB(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s, path := onDisk(b)
			each(b, writers, func(n uint64, page []byte) error {
				binary.LittleEndian.PutUint64(page, n)
				if _, err := s.Put(blob.Raw, page); err != nil {
					return err
				}
				return s.Sync()
			})
			st := s.Stats()
			b.ReportMetric(float64(st.Puts)/float64(max(st.Syncs, 1)), "blobs/sync")
			b.ReportMetric(float64(st.Written)/float64(st.PutBytes), "written/put")
			b.ReportMetric(float64(sizeOf(b, path))/float64(st.Bytes), "space/put")
		})
	}
}

func sizeOf(b *testing.B, path string) (size int64) {
	b.Helper()
	err := filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := os.Stat(filepath.Join(path, dir, e.Name()))
		if err == nil {
			size += info.Size()
		}
		return err
	})
	require.NoError(b, err)
	return size
}

func BenchmarkGet4KiB(b *testing.B) {
	const blobs = 20_000
	s, _ := onDisk(b)
	ids := make([]blob.ID, blobs)
	page := make([]byte, 4<<10)
	for n := range ids {
		binary.LittleEndian.PutUint64(page, uint64(n))
		var err error
		ids[n], err = s.Put(blob.Raw, page)
		require.NoError(b, err)
	}
	require.NoError(b, s.Sync())
	for _, readers := range []int{1, 16} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			each(b, readers, func(n uint64, _ []byte) error {
				_, err := s.Get(ids[n*7919%blobs])
				return err
			})
		})
	}
}
