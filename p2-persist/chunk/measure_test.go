package chunk_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/p2-persist/chunk"
)

func fixed(t testing.TB, size int) chunk.Fixed {
	t.Helper()
	c, err := chunk.NewFixed(size)
	require.NoError(t, err)
	return c
}

func TestMeasureCountsEveryChunkAndTheNewOnesOnce(t *testing.T) {
	first := bytes.Repeat([]byte("aabb"), 2) // aa bb aa bb
	second := []byte("bbccccd")              // bb cc cc d
	got, err := chunk.Measure(fixed(t, 2), bytes.NewReader(first), bytes.NewReader(second), bytes.NewReader(nil))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]chunk.Figures{
		{Bytes: 8, New: 4, Chunks: 4, Smallest: 2, Largest: 2, Sizes: [23]int{1: 4}},
		{Bytes: 7, New: 3, Chunks: 4, Smallest: 1, Largest: 2, Sizes: [23]int{1, 3}},
		{},
	}, got))
	require.InDelta(t, 0.5, got[0].Ratio(), 1e-9)
	require.InDelta(t, 1.75, got[1].Average(), 1e-9)
	require.Zero(t, got[2].Ratio()+got[2].Average())
	require.Equal(t, "7 bytes in 4 chunks of 1 to 2, average 2; new 3 (42.9%)", got[1].String())
}

func TestTheLargestChunkHasItsPlaceInTheSizes(t *testing.T) {
	got, err := chunk.Measure(fixed(t, chunk.MaxSize), bytes.NewReader(make([]byte, chunk.MaxSize)))
	require.NoError(t, err)
	require.Equal(t, 1, got[0].Sizes[22])
}

func TestMeasureTellsWhichReaderFailed(t *testing.T) {
	broken := errors.New("cable cut")
	_, err := chunk.Measure(fixed(t, 2), bytes.NewReader(nil), iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "stream 1")
}

// counting delivers the numbers from 0 on, in 4 bytes each.
type counting struct{ next uint32 }

func (r *counting) Read(p []byte) (int, error) {
	n := 0
	for ; n+4 <= len(p); n += 4 {
		binary.BigEndian.PutUint32(p[n:], r.next)
		r.next++
	}
	return n, nil
}

func TestMeasureRemembersABoundedNumberOfChunks(t *testing.T) {
	_, err := chunk.Measure(fixed(t, 4), &counting{})
	require.ErrorIs(t, err, chunk.ErrTooMany)
	_, err = chunk.Measure(fixed(t, 4), io.LimitReader(&counting{}, 4*1000))
	require.NoError(t, err)
}

// What is sent again after one byte was inserted: everything, or one chunk.
func ExampleMeasure() {
	old := randomBytes(16, 1<<20)
	changed := append([]byte("!"), old...)
	for _, name := range []string{"fixed:4K", "rabin", "fastcdc:2K,8K,64K"} {
		c, err := chunk.Parse(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		figures, err := chunk.Measure(c, bytes.NewReader(old), bytes.NewReader(changed))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%-18s %7d bytes of %d\n", name, figures[1].New, figures[1].Bytes)
	}
	// Output:
	// fixed:4K           1048577 bytes of 1048577
	// rabin                14492 bytes of 1048577
	// fastcdc:2K,8K,64K     7153 bytes of 1048577
}
