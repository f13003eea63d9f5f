package chunk

import (
	"fmt"
	"io"
	"iter"
)

// Chunks cuts what r delivers. An error of r, but for io.EOF, or of the cutter, is the
// last thing in the sequence, with an empty Chunk; chunks that were complete before it
// may be missing then.
//
// A chunk's Data is the consumer's until the loop goes on. The sequence needs at most
// twice the cutter's Max bytes of memory. It reads r and can be run once.
func Chunks(r io.Reader, c Cutter) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		s := NewStream(r, c)
		for {
			chunk, err := s.Next()
			if err == io.EOF {
				return
			}
			if !yield(chunk, err) || err != nil {
				return
			}
		}
	}
}

// Stream cuts what a reader delivers, chunk by chunk. One goroutine uses it at a time.
type Stream struct {
	cutter Cutter
	max    int
	reader io.Reader
	offset int64 // of the next chunk in the stream
	buffer []byte
	start  int // buffer[start:end] was read and not yet returned
	end    int
	err    error // of the reader, or io.EOF; sticks
}

// firstBuffer is how many bytes a Stream starts with: most files are small.
const firstBuffer = 16 << 10

// NewStream returns a Stream over r. It needs at most twice the cutter's Max bytes of
// memory, and less if r is shorter.
func NewStream(r io.Reader, c Cutter) *Stream {
	return &Stream{cutter: c, max: c.Max(), reader: r}
}

// Reset makes s cut another reader, in the memory that it has.
func (s *Stream) Reset(r io.Reader) {
	s.reader, s.offset, s.start, s.end, s.err = r, 0, 0, 0, nil
}

// Next returns the next chunk. Its Data is the caller's until the next call. At the end
// the error is io.EOF. Other errors: what the reader returned, ErrReader, ErrCutter,
// io.ErrNoProgress; they stick, and what was read and not cut is lost.
//
// The cutter is asked only about as many bytes as it can ever want, or about all that
// is left: so its answer does not depend on how much a read delivers.
//
//ds:todo p2.2
func (s *Stream) Next() (Chunk, error) {
	s.fill()
	if s.err != nil && s.err != io.EOF {
		return Chunk{}, s.err
	}
	b := s.buffer[s.start:s.end]
	if len(b) == 0 && s.err == io.EOF {
		return Chunk{}, io.EOF
	}
	n := s.cutter.Cut(b, s.err == io.EOF)
	if n < 1 || n > len(b) || n > s.max {
		s.err = fmt.Errorf("%w: %s cut %d of %d bytes", ErrCutter, s.cutter, n, len(b))
		return Chunk{}, s.err
	}
	chunk := Chunk{Offset: s.offset, Data: b[:n:n]}
	s.start += n
	s.offset += int64(n)
	return chunk, nil
}

// fill reads until the buffer holds the largest chunk, or the reader has ended or failed.
//
//ds:todo p2.2
func (s *Stream) fill() {
	for s.err == nil && s.end-s.start < s.max {
		s.makeRoom()
		s.read()
	}
}

// makeRoom sees to it that there is room behind end, for as long as less than the largest
// chunk is in the buffer. It moves what is there to the front, into a buffer of twice the
// size if need be: firstBuffer at first, never more than twice the largest chunk. At
// least half of the buffer is free then, so that each byte is moved about once.
//
//ds:todo p2.2
func (s *Stream) makeRoom() {
	if s.end < len(s.buffer) {
		return
	}
	from := s.buffer[s.start:s.end]
	if s.start < len(s.buffer)/2 || s.buffer == nil {
		s.buffer = make([]byte, min(max(firstBuffer, 2*len(s.buffer)), 2*s.max))
	}
	s.start, s.end = 0, copy(s.buffer, from)
}

// maxEmptyReads is how many reads in a row may deliver neither bytes nor an error.
const maxEmptyReads = 100

// read reads at least one byte into the room behind end, or sets err.
func (s *Stream) read() {
	for range maxEmptyReads {
		n, err := s.reader.Read(s.buffer[s.end:])
		if n < 0 || n > len(s.buffer)-s.end {
			s.err = fmt.Errorf("%w: it read %d bytes into %d", ErrReader, n, len(s.buffer)-s.end)
			return
		}
		s.end += n
		s.err = err
		if n > 0 || err != nil {
			return
		}
	}
	s.err = io.ErrNoProgress
}
