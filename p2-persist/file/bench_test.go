package file_test

import (
	"bytes"
	"io"
	"testing"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
)

// nullStore hashes what is put and keeps nothing: what is left is the Writer's own cost.
type nullStore struct{ blob.Store }

func (nullStore) Put(codec blob.Codec, b []byte) (blob.ID, error) { return blob.Sum(codec, b), nil }

func BenchmarkWrite(b *testing.B) {
	data := randomBytes(30, 64<<20)
	for name, workers := range map[string]int{"0-workers": 0, "2-workers": 2} {
		b.Run(name, func(b *testing.B) {
			w := file.NewWriter(nullStore{}, chunk.Default(), workers)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, _, err := w.Put(bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWriteSmallFiles(b *testing.B) {
	data := randomBytes(31, 4<<10)
	w := file.NewWriter(nullStore{}, chunk.Default(), 2)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.Put(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	store := blob.NewMemory()
	data := randomBytes(32, 32<<20)
	id, _, err := file.Write(store, bytes.NewReader(data), chunk.Default())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		f, err := file.Open(store, id)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, f); err != nil {
			b.Fatal(err)
		}
	}
}
