package chunk_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p2-persist/chunk"
)

// splitReader delivers data in pieces of the given sizes, again and again; a size of 0
// is a read that delivers nothing. io.EOF comes with the last byte if eager.
type splitReader struct {
	data    []byte
	pieces  []int
	turn    int
	eager   bool
	largest int // what was asked for at once, in bytes
	reads   int
}

func (r *splitReader) Read(p []byte) (int, error) {
	r.largest = max(r.largest, len(p))
	r.reads++
	piece := r.pieces[r.turn%len(r.pieces)]
	r.turn++
	n := copy(p[:min(piece, len(p))], r.data)
	r.data = r.data[n:]
	if len(r.data) == 0 && (r.eager || n == 0) {
		return n, io.EOF
	}
	return n, nil
}

func TestCutsDoNotDependOnHowTheReaderSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(cutters()[:3]).Draw(t, "cutter")
		data := randomBytes(9, rapid.IntRange(0, 300_000).Draw(t, "size"))
		pieces := append(rapid.SliceOfN(rapid.IntRange(0, 70_000), 0, 20).Draw(t, "pieces"), 1000)
		eager := rapid.Bool().Draw(t, "eager")
		want := cut(t, bytes.NewReader(data), c)
		got := cut(t, &splitReader{data: data, pieces: pieces, eager: eager}, c)
		requireSame(t, want, got)
	})
}

func TestByteByByteTheCutsAreTheSame(t *testing.T) {
	data := randomBytes(10, 100_000)
	for _, c := range cutters() {
		want := cut(t, bytes.NewReader(data), c)
		requireSame(t, want, cut(t, iotest.OneByteReader(bytes.NewReader(data)), c))
		requireSame(t, want, cut(t, iotest.DataErrReader(bytes.NewReader(data)), c))
	}
}

func TestMemoryIsAtMostTwiceTheLargestChunk(t *testing.T) {
	for _, c := range cutters() {
		r := &splitReader{data: randomBytes(11, 5<<20), pieces: []int{1 << 30}}
		cut(t, r, c)
		require.LessOrEqual(t, r.largest, 2*c.Max(), "%s", c)
		require.Less(t, r.reads, 10+8*(5<<20)/c.Max(), "%s reads large pieces", c)
	}
}

func TestAShortStreamTakesLittleMemory(t *testing.T) {
	r := &splitReader{data: make([]byte, 100), pieces: []int{100}}
	cut(t, r, chunk.Default())
	require.LessOrEqual(t, r.largest, 16<<10)
}

func TestCuttingAllocatesNothingForAChunk(t *testing.T) {
	data := randomBytes(12, 1<<20)
	for _, c := range cutters() {
		s := chunk.NewStream(nil, c)
		r := bytes.NewReader(data)
		pass := func() {
			r.Reset(data)
			s.Reset(r)
			for {
				if _, err := s.Next(); err != nil {
					require.Equal(t, io.EOF, err)
					return
				}
			}
		}
		require.Zero(t, testing.AllocsPerRun(3, pass), "%s", c)
	}
}

func TestAReadersErrorEndsTheStreamAndSticks(t *testing.T) {
	broken := errors.New("cable cut")
	for _, c := range cutters() {
		data := randomBytes(13, 2*c.Max())
		s := chunk.NewStream(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken)), c)
		var got []byte
		var err error
		for err == nil {
			var part chunk.Chunk
			part, err = s.Next()
			got = append(got, part.Data...)
		}
		require.ErrorIs(t, err, broken, "%s", c)
		require.NotEmpty(t, got, "%s: what was certain came before", c)
		require.True(t, bytes.HasPrefix(data, got))
		_, err = s.Next()
		require.ErrorIs(t, err, broken)

		s.Reset(bytes.NewReader([]byte("again")))
		part, err := s.Next()
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(chunk.Chunk{Data: []byte("again")}, part))
	}
}

func TestAnErrorIsTheLastThingInTheSequence(t *testing.T) {
	broken := errors.New("cable cut")
	var errs []error
	for part, err := range chunk.Chunks(iotest.ErrReader(broken), chunk.RabinKarp{}) {
		require.Empty(t, part.Data)
		errs = append(errs, err)
	}
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], broken)
}

func TestWhoLeavesTheLoopIsAskedNoMore(t *testing.T) {
	r := bytes.NewReader(randomBytes(14, 1<<20))
	for _, err := range chunk.Chunks(r, chunk.RabinKarp{}) {
		require.NoError(t, err)
		break
	}
	require.Greater(t, r.Len(), 1<<20-3*8192)
}

// countReader answers every read with the same count.
type countReader int

func (r countReader) Read([]byte) (int, error) { return int(r), nil }

func TestAReaderThatBreaksItsContractIsAnError(t *testing.T) {
	for count, want := range map[countReader]error{
		-1: chunk.ErrReader, 1 << 30: chunk.ErrReader, 0: io.ErrNoProgress,
	} {
		_, err := chunk.NewStream(count, chunk.RabinKarp{}).Next()
		require.ErrorIs(t, err, want)
	}
}

// brokenCutter returns the same length for everything.
type brokenCutter struct{ length, max int }

func (c brokenCutter) Cut([]byte, bool) int { return c.length }
func (c brokenCutter) Max() int             { return c.max }
func (c brokenCutter) String() string       { return "broken" }

func TestACutterThatBreaksItsContractIsAnError(t *testing.T) {
	for _, c := range []brokenCutter{{0, 100}, {-1, 100}, {101, 100}, {1000, 2000}, {0, 0}} {
		s := chunk.NewStream(bytes.NewReader(make([]byte, 300)), c)
		_, err := s.Next()
		require.ErrorIs(t, err, chunk.ErrCutter, "%v", c)
		_, err = s.Next()
		require.ErrorIs(t, err, chunk.ErrCutter, "%v", c)
	}
}
