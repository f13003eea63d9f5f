package chunk_test

import (
	"bytes"
	"testing"

	"dss.example/p2-persist/chunk"
)

func BenchmarkChunks(b *testing.B) {
	data := randomBytes(1, 64<<20)
	for _, c := range cutters() {
		b.Run(c.String(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range chunk.Chunks(bytes.NewReader(data), c) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
