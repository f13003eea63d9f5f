package wal_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/stable"
	"dss.example/p2-persist/wal"
)

const benchRecord = 100 // bytes

func benchDir(b *testing.B) disk.FS {
	b.Helper()
	d, err := disk.OpenDir(b.TempDir())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, d.Close()) })
	return disk.FS{Disk: d}
}

func benchLog(b *testing.B) *wal.Log {
	b.Helper()
	l, _, err := wal.Open(benchDir(b), dir, wal.Options{})
	require.NoError(b, err)
	return l
}

// BenchmarkBare is what the others are measured by: one write and one sync of a file that
// has its size.
func BenchmarkBare(b *testing.B) {
	f, err := benchDir(b).Create("bare")
	require.NoError(b, err)
	require.NoError(b, f.Preallocate(wal.DefaultSegment))
	require.NoError(b, f.Sync())
	data := make([]byte, benchRecord+24)
	var at int64
	for b.Loop() {
		if at += int64(len(data)); at > wal.DefaultSegment-1000 {
			at = 0
		}
		_, err := f.WriteAt(data, at)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
	}
}

func BenchmarkAppendSync(b *testing.B) {
	l := benchLog(b)
	record := make([]byte, benchRecord)
	b.ReportAllocs()
	for b.Loop() {
		_, err := l.Append(record)
		require.NoError(b, err)
		require.NoError(b, l.Sync())
	}
}

// BenchmarkGroupCommit is 64 callers that each wait for their own record to be durable.
func BenchmarkGroupCommit(b *testing.B) {
	const callers = 64
	l := benchLog(b)
	asks := make(chan chan error, callers)
	var loop sync.WaitGroup
	loop.Go(func() { commit(l, asks) })
	b.SetParallelism(callers / 2)
	b.RunParallel(func(pb *testing.PB) {
		done := make(chan error, 1)
		for pb.Next() {
			asks <- done
			if err := <-done; err != nil {
				b.Error(err)
			}
		}
	})
	close(asks)
	loop.Wait()
}

// commit appends a record for each that asks, and syncs once for all that have.
func commit(l stable.Log, asks <-chan chan error) {
	record := make([]byte, benchRecord)
	var waiting []chan error
	for first := range asks {
		waiting = append(waiting[:0], first)
		for more := true; more; {
			select {
			case done, ok := <-asks:
				if more = ok; ok {
					waiting = append(waiting, done)
				}
			default:
				more = false
			}
		}
		for range waiting {
			_, _ = l.Append(record) // Sync tells of its error
		}
		err := l.Sync()
		for _, done := range waiting {
			done <- err
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	l := benchLog(b)
	const records = 100_000
	for range records {
		_, err := l.Append(make([]byte, benchRecord))
		require.NoError(b, err)
	}
	require.NoError(b, l.Sync())
	b.SetBytes(records * benchRecord)
	for b.Loop() {
		n := 0
		require.NoError(b, l.Replay(func(uint64, []byte, bool) error { n++; return nil }))
		require.Equal(b, records, n)
	}
}
