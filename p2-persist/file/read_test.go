package file_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
)

// holey returns n random bytes with zeros in the middle third.
func holey(seed byte, n int) []byte {
	b := randomBytes(seed, n)
	clear(b[n/3 : 2*n/3])
	return b
}

func TestAFileIsAReaderASeekerAndAReaderAt(t *testing.T) {
	for _, n := range []int{0, 50, 5000} {
		s := newStore()
		data := holey(20, n)
		require.NoError(t, iotest.TestReader(open(t, s, write(t, s, data, fixed(64))), data))
	}
}

func TestAnyRangeIsReadAsItWasWritten(t *testing.T) {
	s := newStore()
	data := holey(21, 200_000)
	f := open(t, s, write(t, s, data, fixed(64)))
	rapid.Check(t, func(t *rapid.T) {
		off := rapid.IntRange(0, len(data)+100).Draw(t, "offset")
		p := bytes.Repeat([]byte{0xaa}, rapid.IntRange(0, 50_000).Draw(t, "length"))
		n, err := f.ReadAt(p, int64(off))
		want := data[min(off, len(data)):min(off+len(p), len(data))]
		require.True(t, bytes.Equal(want, p[:n]))
		if n < len(p) {
			require.Equal(t, io.EOF, err)
		} else {
			require.NoError(t, err)
		}
	})
}

func TestARangeReadGetsOnlyThePathAndItsChunks(t *testing.T) {
	s := newStore()
	data := randomBytes(22, 5_000_000)
	id := write(t, s, data, fixed(64)) // three levels of nodes
	f := open(t, s, id)
	require.Len(t, s.gets, 1, "Open reads the root")
	p := make([]byte, 10)
	_, err := f.ReadAt(p, 64*40_000)
	require.NoError(t, err)
	require.Len(t, s.gets, 1+2+1, "a node of each level below the root, and the chunk")
	_, err = f.ReadAt(p, 64*40_000+20)
	require.NoError(t, err)
	require.Len(t, s.gets, 4, "the last path is at hand")
	_, err = f.ReadAt(p, 64*40_001-5)
	require.NoError(t, err)
	require.Len(t, s.gets, 4+1, "across a cut: one chunk more, or a node too")
}

func TestReadingOnGetsEveryBlobOnce(t *testing.T) {
	s := newStore()
	data := randomBytes(23, 100_000)
	id := write(t, s, data, fixed(64))
	s.gets = nil
	got, err := io.ReadAll(iotest.OneByteReader(open(t, s, id)))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	require.Len(t, s.gets, len(walk(t, s.Store, id)))
}

func TestHolesAreReadWithoutTheStore(t *testing.T) {
	s := newStore()
	const huge = math.MaxInt64 - 10
	id := putNode(t, s, 1, file.Part{Size: huge}, file.Part{Size: 10, Link: putChunk(t, s, []byte("0123456789"))})
	f := open(t, s, id)
	require.EqualValues(t, math.MaxInt64, f.Size())
	p := bytes.Repeat([]byte{1}, 100)
	n, err := f.ReadAt(p, 1<<60)
	require.NoError(t, err)
	require.Equal(t, make([]byte, 100), p[:n])
	require.Len(t, s.gets, 1)
	n, err = f.ReadAt(p[:20], huge-5)
	require.Equal(t, io.EOF, err)
	require.Equal(t, "\x00\x00\x00\x00\x000123456789", string(p[:n]))
	_, err = f.ReadAt(p, math.MaxInt64)
	require.Equal(t, io.EOF, err)
}

func TestSpansTellHolesFromBytes(t *testing.T) {
	s := newStore()
	id := putNode(t, s, 1,
		file.Part{Size: 4, Link: putChunk(t, s, []byte("abcd"))},
		file.Part{Size: 1 << 50},
		file.Part{Size: 2, Link: putChunk(t, s, []byte("ef"))})
	spans := func(from int64) (all []file.Span) {
		for s, err := range open(t, s, id).Spans(from) {
			require.NoError(t, err)
			all = append(all, s)
		}
		return all
	}
	require.Empty(t, cmp.Diff([]file.Span{
		{Offset: 1, Size: 3, Data: []byte("bcd")},
		{Offset: 4, Size: 1 << 50},
		{Offset: 4 + 1<<50, Size: 2, Data: []byte("ef")},
	}, spans(1)))
	require.Empty(t, cmp.Diff([]file.Span{
		{Offset: 1 << 50, Size: 4},
		{Offset: 4 + 1<<50, Size: 2, Data: []byte("ef")},
	}, spans(1<<50)))
	require.Empty(t, spans(6+1<<50))
	for _, err := range open(t, s, id).Spans(-1) {
		require.ErrorIs(t, err, file.ErrOffset)
	}
}

func TestWriteToWritesFromThePositionToTheEnd(t *testing.T) {
	s := newStore()
	data := holey(24, 300_000) // the hole is longer than what is written at once
	f := open(t, s, write(t, s, data, fixed(64)))
	_, err := f.Seek(1000, io.SeekStart)
	require.NoError(t, err)
	var to bytes.Buffer
	n, err := f.WriteTo(&to)
	require.NoError(t, err)
	require.EqualValues(t, len(data)-1000, n)
	require.True(t, bytes.Equal(data[1000:], to.Bytes()))
	n, err = f.WriteTo(&to)
	require.NoError(t, err)
	require.Zero(t, n, "the position is the end")
}

// fullWriter takes so many bytes, then returns err and takes what fits.
type fullWriter struct {
	room int
	err  error
}

func (w *fullWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.room -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

func TestWriteToReturnsTheWritersError(t *testing.T) {
	full := errors.New("no room")
	s := newStore()
	id := write(t, s, holey(25, 3000), fixed(64))
	for want, returned := range map[error]error{full: full, io.ErrShortWrite: nil} {
		for _, room := range []int{0, 100, 1500, 2999} {
			n, err := open(t, s, id).WriteTo(&fullWriter{room, returned})
			require.ErrorIs(t, err, want)
			require.EqualValues(t, room, n)
		}
	}
}

func TestPositionsOutOfRangeAreRefused(t *testing.T) {
	s := newStore()
	f := open(t, s, write(t, s, make([]byte, 100), fixed(10)))
	for _, seek := range []struct {
		offset int64
		whence int
	}{{-1, io.SeekStart}, {-101, io.SeekEnd}, {math.MaxInt64, io.SeekEnd}, {math.MinInt64, io.SeekCurrent}, {0, 3}} {
		_, err := f.Seek(seek.offset, seek.whence)
		require.ErrorIs(t, err, file.ErrOffset, "%v", seek)
	}
	_, err := f.ReadAt(nil, -1)
	require.ErrorIs(t, err, file.ErrOffset)
	at, err := f.Seek(50, io.SeekEnd)
	require.NoError(t, err)
	require.EqualValues(t, 150, at)
	_, err = f.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

func TestManyReadAtOnce(t *testing.T) {
	s := newStore()
	data := randomBytes(26, 500_000)
	f := open(t, s, write(t, s, data, chunk.Small()))
	var readers sync.WaitGroup
	for k := range 8 {
		readers.Go(func() {
			p := make([]byte, 1000)
			for off := k * 1000; off+len(p) <= len(data); off += 8000 {
				_, err := f.ReadAt(p, int64(off))
				if err != nil || !bytes.Equal(p, data[off:off+len(p)]) {
					t.Errorf("offset %d: %v", off, err)
				}
			}
		})
	}
	readers.Wait()
}

func TestWhatIsReadIsTheCallersOwn(t *testing.T) {
	s := newStore()
	f := open(t, s, write(t, s, []byte("abcdefgh"), fixed(4)))
	p := make([]byte, 8)
	for range 2 {
		_, err := f.ReadAt(p, 0)
		require.NoError(t, err)
		require.Equal(t, "abcdefgh", string(p))
		clear(p)
	}
}

func TestEveryFailedGetIsReturned(t *testing.T) {
	s := newStore()
	data := randomBytes(27, 64*150)
	id := write(t, s, data, fixed(64))
	all := len(walk(t, s.Store, id))
	for failAt := 1; failAt <= all; failAt++ {
		s.calls, s.failAt = 0, failAt
		f, err := file.Open(s, id)
		var got []byte
		if err == nil {
			got, err = io.ReadAll(f)
		}
		require.ErrorIs(t, err, errDisk, "call %d", failAt)
		require.True(t, bytes.HasPrefix(data, got), "what was read before is right")
	}
}

func TestEveryDamagedOrMissingBlobIsReported(t *testing.T) {
	data := randomBytes(28, 64*150)
	for want, spoil := range map[error]func(*blob.Memory, blob.ID){
		blob.ErrCorrupt:  func(m *blob.Memory, id blob.ID) { m.Damage(id) },
		blob.ErrNotFound: func(m *blob.Memory, id blob.ID) { _ = m.Delete([]blob.ID{id}) },
	} {
		memory := blob.NewMemory()
		for i := range walk(t, memory, write(t, memory, data, fixed(64))) {
			m := blob.NewMemory()
			id := write(t, m, data, fixed(64))
			spoil(m, walk(t, m, id)[i])
			f, err := file.Open(m, id)
			if err == nil {
				_, err = io.Copy(io.Discard, f)
			}
			require.ErrorIs(t, err, want, "blob %d", i)
		}
	}
}
