package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	prefixSize = 4        // bytes of a frame's length
	readBuffer = 16 << 10 // bytes read ahead; a shorter frame is used where it lies
	firstPiece = 64 << 10 // bytes allocated for a longer frame before any has come
)

// Reasons why a frameReader stops, besides those that the far side is told.
var (
	errIdle    = errors.New("no frame for too long")
	errSlow    = errors.New("frame not complete in time")
	errStopped = errors.New("stopped")
)

// beginFrame appends room for a frame's length; endFrame fills it in.
func beginFrame(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func endFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-prefixSize))
	return b
}

// budget bounds the bytes of long frames that a server holds at a time.
type budget struct {
	left atomic.Int64
}

func (b *budget) take(n int) bool {
	if b == nil || b.left.Add(-int64(n)) >= 0 {
		return true
	}
	b.left.Add(int64(n))
	return false
}

func (b *budget) give(n int) {
	if b != nil {
		b.left.Add(int64(n))
	}
}

// frameReader reads the frames of a connection. Only stop may be called by other
// goroutines.
type frameReader struct {
	conn    net.Conn
	buf     *bufio.Reader
	max     int           // bytes of a frame
	idle    time.Duration // 0 waits for ever
	whole   time.Duration
	before  func() // called when reading is about to wait for the network
	budget  *budget
	count   *atomic.Int64 // bytes that came in
	stopped atomic.Bool

	began time.Time // of the frame being read, as soon as it is waited for; zero between frames
	armed time.Time // the read deadline that is set
	skip  int       // bytes of the last frame that still lie in buf
	held  int       // bytes taken from budget for the last frame
	keep  int       // at most so many bytes of a long frame's memory are used again
	spare []byte    // that memory
}

func newFrameReader(conn net.Conn, max int, b Bounds, count *atomic.Int64) *frameReader {
	r := &frameReader{conn: conn, max: max, idle: b.Idle, whole: b.Frame, count: count}
	r.buf = bufio.NewReaderSize((*source)(r), readBuffer)
	return r
}

// stop makes the present and every later next end soon with errStopped.
func (r *frameReader) stop() {
	r.stopped.Store(true)
	r.conn.SetReadDeadline(time.Unix(1, 0))
}

// next returns the next frame; its bytes are the caller's until the next call. It
// returns io.EOF when the stream ends between frames, and after errIdle it may be
// called again.
func (r *frameReader) next() ([]byte, error) {
	r.release()
	r.began = time.Time{}
	prefix, err := r.buf.Peek(prefixSize)
	if err != nil {
		return nil, r.explain(err)
	}
	switch n := binary.BigEndian.Uint32(prefix); {
	case n == 0:
		return nil, fmt.Errorf("%w: empty frame", ErrMalformed)
	case uint64(n) > uint64(r.max):
		return nil, fmt.Errorf("%w: frame of %d bytes: at most %d", ErrTooLarge, n, r.max)
	case int(n) <= readBuffer-prefixSize:
		return r.short(int(n))
	default:
		return r.long(int(n))
	}
}

// ready reports whether another frame is there already.
func (r *frameReader) ready() bool {
	n := r.buf.Buffered() - r.skip
	if n < prefixSize {
		return false
	}
	b, _ := r.buf.Peek(r.skip + prefixSize)
	return uint32(n-prefixSize) >= binary.BigEndian.Uint32(b[r.skip:])
}

// release gives up the last frame.
func (r *frameReader) release() {
	r.buf.Discard(r.skip)
	r.budget.give(r.held)
	r.skip, r.held = 0, 0
}

func (r *frameReader) short(n int) ([]byte, error) {
	b, err := r.buf.Peek(prefixSize + n)
	if err != nil {
		return nil, r.explain(err)
	}
	r.skip = len(b)
	return b[prefixSize:], nil
}

// long reads a frame into memory of its own, which at most doubles with what has
// already come: a claimed length costs nothing.
func (r *frameReader) long(n int) ([]byte, error) {
	r.begin()
	r.buf.Discard(prefixSize)
	b := r.spare[:0]
	for len(b) < n {
		size := cap(b)
		if len(b) == size {
			size = min(n, max(firstPiece, 2*size))
		}
		if !r.hold(size) {
			return nil, fmt.Errorf("%w: too many bytes in flight", ErrOverloaded)
		}
		if size > cap(b) {
			b = append(make([]byte, 0, size), b...)
		}
		got, err := r.buf.Read(b[len(b):min(n, size)])
		if b = b[:len(b)+got]; err != nil && len(b) < n {
			return nil, r.explain(err)
		}
	}
	if r.spare = nil; cap(b) <= r.keep {
		r.spare = b
	}
	return b, nil
}

// hold takes from the budget what the frame being read needs, so many bytes in all.
func (r *frameReader) hold(size int) bool {
	if size > r.held && !r.budget.take(size-r.held) {
		return false
	}
	r.held = max(r.held, size)
	return true
}

// begin notes that a frame has begun, if it has. Most frames are there with their
// first read, and the time is never asked for.
func (r *frameReader) begin() {
	if r.began.IsZero() && r.buf.Buffered() > 0 {
		r.began = time.Now()
	}
}

// own returns the last frame as memory that outlives the next call of next, and
// what is to be given back to the budget when it is done with.
func (r *frameReader) own(frame []byte, into []byte) (b []byte, held int) {
	if r.skip > 0 {
		return append(into, frame...), 0
	}
	held, r.held, r.spare = r.held, 0, nil
	return frame, held
}

// explain turns an error of the connection into what it means for the reader.
func (r *frameReader) explain(err error) error {
	between := r.began.IsZero() && r.buf.Buffered() == 0
	switch {
	case r.stopped.Load():
		return errStopped
	case errors.Is(err, os.ErrDeadlineExceeded) && between:
		return errIdle
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	case errors.Is(err, io.EOF) && !between:
		return io.ErrUnexpectedEOF
	}
	return err
}

// source is what a frameReader's buffer reads from: the connection, with a
// deadline set before each read.
type source frameReader

// arm sets the read deadline. Setting one costs as much as a small call, so that
// an idle deadline which is up to a quarter too early is left as it is.
func (r *source) arm() {
	(*frameReader)(r).begin()
	var want time.Time
	switch {
	case !r.began.IsZero():
		want = r.began.Add(r.whole) // no later for a byte that trickles in
	case r.idle > 0:
		want = time.Now().Add(r.idle)
		if early := want.Sub(r.armed); early >= 0 && early < r.idle/4 {
			return
		}
	}
	if !want.Equal(r.armed) {
		r.armed = want
		r.conn.SetReadDeadline(want)
	}
}

func (r *source) Read(p []byte) (int, error) {
	if r.before != nil {
		r.before()
	}
	r.arm()
	if r.stopped.Load() { // looked at after setting the deadline: stop does it the other way round
		return 0, errStopped
	}
	n, err := r.conn.Read(p)
	r.count.Add(int64(n))
	return n, err
}
