package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// BufferSize is how many bytes each direction of a connection holds: a Write
// waits while they are there, until its deadline passes or either end closes.
const BufferSize = 1 << 20

// Pipe returns the two ends of a connection.
func Pipe() (a, b net.Conn) { return pipe("pipe") }

func pipe(name string) (a, b *Conn) {
	there, back := newStream(), newStream()
	return &Conn{name: name, in: back, out: there}, &Conn{name: name, in: there, out: back}
}

// Conn is one end of a connection.
type Conn struct {
	name    string
	in, out *stream
}

// Read reads what is there, or waits for it.
func (c *Conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write writes all of p, or fails.
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close closes both directions. The far end reads what was written before, then
// io.EOF; its writes fail.
func (c *Conn) Close() error {
	c.out.closeWrite()
	c.in.closeRead()
	return nil
}

// CloseWrite ends what the far end can read and goes on reading.
func (c *Conn) CloseWrite() error {
	c.out.closeWrite()
	return nil
}

// LocalAddr returns the name of the listener, or "pipe".
func (c *Conn) LocalAddr() net.Addr { return addr(c.name) }

// RemoteAddr returns the name of the listener, or "pipe".
func (c *Conn) RemoteAddr() net.Addr { return addr(c.name) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

// SetReadDeadline makes reads fail from t on; zero is never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	return nil
}

// SetWriteDeadline makes writes fail from t on; zero is never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

type addr string

func (addr) Network() string  { return "memory" }
func (a addr) String() string { return string(a) }

// stream is one direction of a connection.
type stream struct {
	mu      sync.Mutex // guards what follows
	change  sync.Cond  // anything below has changed, or a deadline has passed
	buf     []byte
	ended   bool // no more writes
	dropped bool // no more reads
	readBy  deadline
	writeBy deadline
}

type deadline struct {
	at    time.Time
	timer *time.Timer // wakes who waits; nil if at is zero
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newStream() *stream {
	s := new(stream)
	s.change.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.dropped:
			return 0, net.ErrClosed
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(s.buf) > 0 || len(p) == 0:
			n := copy(p, s.buf)
			if s.buf = s.buf[n:]; len(s.buf) == 0 {
				s.buf = nil
			}
			s.change.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.change.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.ended:
			return n, net.ErrClosed
		case s.dropped:
			return n, syscall.EPIPE
		case s.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		case len(s.buf) < BufferSize:
			k := min(len(p), BufferSize-len(s.buf))
			s.buf = append(s.buf, p[:k]...)
			n, p = n+k, p[k:]
			s.change.Broadcast()
		default:
			s.change.Wait()
		}
	}
}

func (s *stream) closeWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.settle()
}

func (s *stream) closeRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped, s.buf = true, nil
	s.settle()
}

// settle wakes everybody, and stops the timers of a stream that is over.
func (s *stream) settle() {
	s.change.Broadcast()
	if s.ended && s.dropped {
		s.readBy.stop()
		s.writeBy.stop()
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	if d.at = t; t.IsZero() || s.ended && s.dropped {
		return
	}
	if d.passed() {
		s.change.Broadcast()
		return
	}
	d.timer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.change.Broadcast()
	})
}
