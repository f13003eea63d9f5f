package faultproxy

import (
	"bufio"
	"encoding/binary"
	"io"

	"dss.example/common/cbor"
)

const (
	// MaxFrame is the largest length in bytes that is taken for that of a frame.
	MaxFrame = 16 << 20
	// MaxHarmed is the size in bytes, with its length, of the longest frame that
	// any fault may befall. Longer ones pass in pieces.
	MaxHarmed = 64 << 10

	prefixSize = 4    // bytes of a frame's length
	maxHello   = 1024 // bytes of a first frame that is kept, to open further connections with
	queued     = 16   // pieces of a stream that wait to be written
)

// piece is a part of a stream: a whole frame of at most MaxHarmed bytes, a part of
// a longer one, or bytes that are no frame.
type piece struct {
	data  []byte
	first bool // a frame starts here
	last  bool // a frame ends here
	raw   bool // no frame
}

// whole reports whether the piece is a frame that may be harmed.
func (p *piece) whole() bool { return p.first && p.last && !p.raw }

// scanner cuts a stream into pieces; together they are the stream.
type scanner struct {
	in   *bufio.Reader
	raw  bool // no frames any more
	left int  // bytes of a long frame that are still to come
}

func newScanner(r io.Reader) *scanner { return &scanner{in: bufio.NewReaderSize(r, 16<<10)} }

// next returns the next piece. With an error there may still be a last piece, of
// the bytes that came before it.
func (s *scanner) next() (piece, error) {
	if s.raw {
		return s.rawPiece()
	}
	if s.left > 0 {
		return s.longPiece(false)
	}
	prefix, err := s.in.Peek(prefixSize)
	if err != nil {
		return s.rest(make([]byte, s.in.Buffered()), err)
	}
	switch n := binary.BigEndian.Uint32(prefix); {
	case n == 0 || n > MaxFrame:
		s.raw = true
		return s.rawPiece()
	case prefixSize+n > MaxHarmed:
		s.left = prefixSize + int(n)
		return s.longPiece(true)
	default:
		return s.frame(prefixSize + int(n))
	}
}

func (s *scanner) frame(size int) (piece, error) {
	b := make([]byte, size)
	if n, err := io.ReadFull(s.in, b); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = io.EOF // the stream did end in good order
		}
		return piece{data: b[:n], first: true, last: true, raw: true}, err
	}
	return piece{data: b, first: true, last: true}, nil
}

// rest returns what is left of a stream that ended inside a length.
func (s *scanner) rest(b []byte, err error) (piece, error) {
	n, _ := io.ReadFull(s.in, b)
	return piece{data: b[:n], first: true, last: true, raw: true}, err
}

func (s *scanner) longPiece(first bool) (piece, error) {
	b := make([]byte, min(s.left, MaxHarmed))
	n, err := s.in.Read(b)
	s.left -= n
	return piece{data: b[:n], first: first, last: s.left == 0}, err
}

func (s *scanner) rawPiece() (piece, error) {
	b := make([]byte, s.in.Size())
	n, err := s.in.Read(b)
	return piece{data: b[:n], first: true, last: true, raw: true}, err
}

// isCalls reports whether a first frame opens a connection of numbered requests.
func isCalls(frame []byte) bool {
	r := cbor.NewReader(frame[prefixSize:])
	r.Fixed(4)
	name, _, kind := r.Text(), r.Uint(), r.Uint()
	return r.Err() == nil && name == "dss" && kind == 1
}

// requestNumber returns a request's sequence number.
func requestNumber(frame []byte) (seq uint64, ok bool) {
	r := cbor.NewReader(frame[prefixSize:])
	r.Fixed(2)
	seq = r.Uint()
	return seq, r.Err() == nil
}

// answerHead returns the sequence number and code of a response or notice.
func answerHead(frame []byte) (seq, code uint64, ok bool) {
	r := cbor.NewReader(frame[prefixSize:])
	r.Fixed(3)
	seq, code = r.Uint(), r.Uint()
	return seq, code, r.Err() == nil
}
