package wire

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// highWater is how many bytes may wait in an outbox before whoever adds more has
// to write or wait.
const highWater = 64 << 10

// outbox collects frames that several goroutines owe the far side, so that many
// leave in one write. Whoever flushes writes for all: there is no goroutine.
type outbox struct {
	to writer

	mu      sync.Mutex // guards what follows
	written sync.Cond  // signalled when a write has ended
	buf     []byte     // frames that nobody writes yet
	spare   []byte     // the memory of the last write
	busy    bool       // someone is writing
	err     error      // of the first write that failed; final
}

func newOutbox(conn net.Conn, timeout time.Duration, count *atomic.Int64) *outbox {
	o := &outbox{to: writer{conn: conn, timeout: timeout, count: count}}
	o.written.L = &o.mu
	return o
}

// add is put of a frame that exists already.
func (o *outbox) add(frame []byte) {
	o.put(func(b []byte) []byte { return append(b, frame...) })
}

// put appends the frame that encode appends, which leaves with the next flush. Beyond
// highWater it writes, or waits for the one who does. When encode panics nothing was
// put.
func (o *outbox) put(encode func(b []byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.busy && len(o.buf) > highWater && o.err == nil {
		o.written.Wait()
	}
	if o.err != nil {
		return
	}
	o.buf = encode(o.buf)
	if !o.busy && len(o.buf) > highWater {
		o.write()
	}
}

// flush writes what is there, unless someone is writing already: that one will
// take it along.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.busy {
		o.write()
	}
}

// gather is a flush by one of many goroutines that may all be about to add: it
// lets those that are ready to run go first.
func (o *outbox) gather() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy || len(o.buf) == 0 {
		return
	}
	o.busy = true
	o.mu.Unlock()
	runtime.Gosched()
	o.mu.Lock()
	o.write()
}

// finish returns when everything has been written, or cannot be.
func (o *outbox) finish() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.busy {
		o.written.Wait()
	}
	o.write()
	return o.err
}

// write writes until buf is empty. mu is held, but not while the network takes
// its time. A connection whose write fails is closed.
func (o *outbox) write() {
	o.busy = true
	for len(o.buf) > 0 && o.err == nil {
		batch := o.buf
		o.buf, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		err := o.to.write(batch)
		o.mu.Lock()
		if cap(batch) <= 4*highWater {
			o.spare = batch
		}
		if o.err = err; err != nil {
			o.to.conn.Close()
		}
		o.written.Broadcast()
	}
	o.busy = false
	o.written.Broadcast()
}

// writer writes to a connection, each write within timeout. One goroutine uses it
// at a time.
type writer struct {
	conn    net.Conn
	timeout time.Duration
	count   *atomic.Int64 // bytes that went out
	armed   time.Time     // the write deadline that is set
}

// write writes all of b. Like a reader's, a deadline that is up to a quarter too
// early is left as it is.
func (w *writer) write(b []byte) error {
	want := time.Now().Add(w.timeout)
	if want.Sub(w.armed) > w.timeout/4 {
		w.armed = want
		w.conn.SetWriteDeadline(want)
	}
	n, err := w.conn.Write(b)
	w.count.Add(int64(n))
	return err
}
