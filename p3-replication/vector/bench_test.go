package vector_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/p3-replication/vector"
)

// full returns a vector of as many servers as may be, and a stamp of one in the middle.
func full(tb testing.TB) (v vector.Vector, s vector.Stamp) {
	for when := range uint64(vector.MaxServers) {
		v.Raise(vector.Stamp{Time: 1000, Server: child(tb, when+1)})
	}
	return v, vector.Stamp{Time: 900, Server: child(tb, vector.MaxServers/2)}
}

func BenchmarkCovers(b *testing.B) {
	v, s := full(b)
	for b.Loop() {
		if !v.Covers(s) {
			b.Fatal("not covered")
		}
	}
}

func BenchmarkRaise(b *testing.B) {
	v, s := full(b)
	for b.Loop() {
		s.Time++
		v.Raise(s)
	}
}

func BenchmarkCompare(b *testing.B) {
	v, _ := full(b)
	w := v.Clone()
	for b.Loop() {
		if v.Compare(w) != vector.Equal {
			b.Fatal("not equal")
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	v, _ := full(b)
	w := v.Clone()
	for b.Loop() {
		v.Join(w)
	}
}

func BenchmarkAppendTo(b *testing.B) {
	v, _ := full(b)
	var buf []byte
	for b.Loop() {
		buf = v.AppendTo(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkReadVector(b *testing.B) {
	v, _ := full(b)
	buf := v.AppendTo(nil)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		r := cbor.NewReader(buf)
		vector.ReadVector(&r)
		require.NoError(b, r.Close())
	}
}
