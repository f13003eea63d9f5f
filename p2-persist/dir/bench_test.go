package dir_test

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"dss.example/common/blob"
	"dss.example/p2-persist/dir"
)

// smallFiles writes 4,096 files of 4 KiB into 64 directories.
func smallFiles(b *testing.B) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range 64 {
		files[fmt.Sprintf("d%02d", i)] = &fstest.MapFile{Mode: fs.ModeDir | 0o755, ModTime: testTime}
		for j := range 64 {
			data := make([]byte, 4<<10)
			copy(data, fmt.Sprint(i, j))
			files[fmt.Sprintf("d%02d/f%02d", i, j)] = &fstest.MapFile{Data: data, Mode: 0o644, ModTime: testTime}
		}
	}
	return files
}

// The first snapshot of 4,096 files of 4 KiB, from a real disk into memory.
func BenchmarkFirstScan(b *testing.B) {
	root := onDisk(b, smallFiles(b))
	b.SetBytes(4096 * 4 << 10)
	b.ReportAllocs()
	for b.Loop() {
		scan(b, blob.NewMemory(), root.FS(), dir.ScanOptions{})
	}
}

// The second one, where nothing has changed.
func BenchmarkSecondScan(b *testing.B) {
	root := onDisk(b, smallFiles(b))
	s := blob.NewMemory()
	first, _ := scan(b, s, root.FS(), dir.ScanOptions{})
	b.SetBytes(4096 * 4 << 10)
	b.ReportAllocs()
	for b.Loop() {
		scan(b, s, root.FS(), dir.ScanOptions{Previous: first})
	}
}

// A directory of 100,000 entries, written and read.
func BenchmarkLargeDirectory(b *testing.B) {
	s := blob.NewMemory()
	entries := many(b, s, 100_000)
	id := save(b, s, entries...)
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			save(b, s, entries...)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			d, err := dir.Load(s, id)
			if err != nil {
				b.Fatal(err)
			}
			if all, err := collect(d.Entries()); err != nil || len(all) != len(entries) {
				b.Fatal(len(all), err)
			}
		}
	})
}
