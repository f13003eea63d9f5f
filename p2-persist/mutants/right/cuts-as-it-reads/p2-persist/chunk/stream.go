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
	offset int64  // of the next chunk in the stream
	given  int    // how much of held was returned by the last Next
	held   []byte // was read
	asked  int    // how many bytes the cutter has seen without an answer
	err    error  // of the reader, or io.EOF; sticks
}

// firstBuffer is how many bytes a Stream starts with: most files are small.
const firstBuffer = 16 << 10

// NewStream returns a Stream over r. It needs at most the cutter's Max bytes of memory,
// and less if r is shorter.
func NewStream(r io.Reader, c Cutter) *Stream {
	return &Stream{cutter: c, max: c.Max(), reader: r}
}

// Reset makes s cut another reader, in the memory that it has.
func (s *Stream) Reset(r io.Reader) {
	*s = Stream{cutter: s.cutter, max: s.max, reader: r, held: s.held[:0]}
}

// Next returns the next chunk. Its Data is the caller's until the next call. At the end
// the error is io.EOF. Other errors: what the reader returned, ErrReader, ErrCutter,
// io.ErrNoProgress; they stick, and what was read and not cut is lost.
func (s *Stream) Next() (Chunk, error) {
	s.held = s.held[:copy(s.held, s.held[s.given:])]
	s.given, s.asked = 0, 0
	for {
		ended := s.err == io.EOF
		switch {
		case s.err != nil && !ended:
			return Chunk{}, s.err
		case ended && len(s.held) == 0:
			return Chunk{}, io.EOF
		case ended || len(s.held) == s.max || len(s.held) > 2*s.asked:
			if done, err := s.ask(ended); done || err != nil {
				return s.give(err)
			}
		}
		s.read()
	}
}

// ask asks the cutter, whose answer may be that it cannot know yet.
func (s *Stream) ask(ended bool) (done bool, err error) {
	n := s.cutter.Cut(s.held, ended)
	s.asked = len(s.held)
	if n < 0 || n > len(s.held) || n == 0 && (ended || len(s.held) == s.max) {
		s.err = fmt.Errorf("%w: %s cut %d of %d bytes", ErrCutter, s.cutter, n, len(s.held))
		return false, s.err
	}
	s.given = n
	return n > 0, nil
}

func (s *Stream) give(err error) (Chunk, error) {
	if err != nil {
		return Chunk{}, err
	}
	chunk := Chunk{Offset: s.offset, Data: s.held[:s.given:s.given]}
	s.offset += int64(s.given)
	return chunk, nil
}

// maxEmptyReads is how many reads in a row may deliver neither bytes nor an error.
const maxEmptyReads = 100

// read reads at least one byte behind those that are held, fewer than the largest chunk
// has, or sets err.
func (s *Stream) read() {
	if len(s.held) == cap(s.held) {
		grown := make([]byte, len(s.held), min(max(firstBuffer, 2*cap(s.held)), s.max))
		copy(grown, s.held)
		s.held = grown
	}
	room := s.held[len(s.held):min(cap(s.held), s.max)]
	for range maxEmptyReads {
		n, err := s.reader.Read(room)
		if n < 0 || n > len(room) {
			s.err = fmt.Errorf("%w: it read %d bytes into %d", ErrReader, n, len(room))
			return
		}
		s.held, s.err = s.held[:len(s.held)+n], err
		if n > 0 || err != nil {
			return
		}
	}
	s.err = io.ErrNoProgress
}
