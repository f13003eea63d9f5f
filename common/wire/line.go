package wire

import "net"

// line is the connection to a peer, for who writes to it without waiting. Frames that are
// few enough for the connection's buffer need no other goroutine then: to wake one costs as
// much as the write, and where processors are busy it comes late.
type line struct {
	direct *direct     // nil: this connection cannot be written to so
	rest   chan []byte // of capacity 1: what it did not take, for the goroutine that waits
}

// directBytes is how many bytes are written so at most: the time for more is better spent
// by the goroutine that has nothing else to do.
const directBytes = 64 << 10

// connected begins to use a connection. What was queued while there was none leaves by the
// goroutine that sends, and so does what comes from rest.
func (q *peer) connected(conn net.Conn) (rest <-chan []byte) {
	l := &line{direct: newDirect(conn), rest: make(chan []byte, 1)}
	q.queue.Lock()
	q.line, q.queue.awake = l, true
	q.queue.Unlock()
	q.queue.nudge()
	return l.rest
}

// disconnected ends the use of a connection. What it has not taken is lost with it: half a
// frame must not be the first on the next one.
func (q *peer) disconnected() {
	q.queue.Lock()
	defer q.queue.Unlock()
	q.line = nil
}

// took is called, with queue's mutex held, when all that is queued is taken.
func (q *peer) took() { q.frames = 0 }

// Flush lets the frames leave that were queued. What a connection takes at once the calling
// goroutine writes itself; it never waits.
func (p *Peers) Flush() {
	p.mu.Lock()
	all := p.all
	p.mu.Unlock()
	for _, q := range all {
		q.flush()
	}
}

func (q *peer) flush() {
	q.queue.Lock()
	switch {
	case len(q.queue.buf) == 0 || q.queue.awake: // who is awake takes along what is there
		q.queue.Unlock()
	case q.line == nil || q.line.direct == nil || len(q.queue.buf) > directBytes:
		q.queue.unlockAndWake()
	default:
		q.writeDirectly()
		q.queue.Unlock()
	}
}

// writeDirectly writes what is queued, as far as the connection takes it, and hands over
// the rest. queue's mutex is held: a write that does not wait is short.
func (q *peer) writeDirectly() {
	batch := q.queue.takeLocked(q.took)
	n := q.line.direct.write(batch)
	q.owner.stats.out.Add(int64(n))
	if n == len(batch) {
		q.queue.recycle(batch)
		return
	}
	q.queue.awake = true
	q.line.rest <- batch[n:] // there is room: whoever was awake before has taken what was in it
}
