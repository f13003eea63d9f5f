package chunk_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p2-persist/chunk"
)

// cutters are all kinds, with the parameters that the tests use.
func cutters() []chunk.Cutter {
	fixed, err := chunk.NewFixed(4 << 10)
	if err != nil {
		panic(err)
	}
	return []chunk.Cutter{fixed, chunk.RabinKarp{}, chunk.Small(), chunk.Default()}
}

// least is the smallest chunk of each cutter in bytes, but for the last of a stream.
func least(c chunk.Cutter) int {
	return map[string]int{
		"fixed:4K": 4 << 10, "rabin": 2 << 10, "fastcdc:2K,8K,64K": 2 << 10, "fastcdc:64K,256K,1M": 64 << 10,
	}[c.String()]
}

// randomBytes returns n bytes that are the same for the same seed.
func randomBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// wordBytes returns n bytes of a counting text: unlike random bytes, it has few
// different ones.
func wordBytes(n int) []byte {
	var b []byte
	for i := uint64(0); len(b) < n; i++ {
		b = append(b, "line "...)
		b = binary.AppendUvarint(b, i*i)
	}
	return b[:n]
}

// cut returns the chunks of b, copied.
func cut(t require.TestingT, r io.Reader, c chunk.Cutter) [][]byte {
	var all [][]byte
	var offset int64
	for part, err := range chunk.Chunks(r, c) {
		require.NoError(t, err)
		require.Equal(t, offset, part.Offset)
		offset += int64(len(part.Data))
		all = append(all, bytes.Clone(part.Data))
	}
	return all
}

// sizes returns the lengths of the chunks of b, as the cutter alone sees them.
func sizes(t testing.TB, b []byte, c chunk.Cutter) []int {
	t.Helper()
	var all []int
	for len(b) > 0 {
		n := c.Cut(b, true)
		require.True(t, 1 <= n && n <= len(b), "%s cut %d of %d bytes", c, n, len(b))
		all, b = append(all, n), b[n:]
	}
	return all
}

// requireSame compares chunks without printing them.
func requireSame(t require.TestingT, want, got [][]byte) {
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i]), "chunk %d", i)
	}
}

// windowFor returns n random bytes that are chosen: what a cutter looks for.
func windowFor(n int, chosen func(window []byte) bool) []byte {
	source := rand.NewChaCha8([32]byte{17})
	for {
		window := make([]byte, n)
		source.Read(window)
		if chosen(window) {
			return window
		}
	}
}

// zerosWith returns as many zeros as the largest chunk of c has, with a window that ends
// at a length.
func zerosWith(c chunk.Cutter, window []byte, end int) []byte {
	b := make([]byte, c.Max())
	copy(b[end-len(window):], window)
	return b
}
