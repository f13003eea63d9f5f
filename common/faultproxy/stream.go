package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// stream is one direction of a link: a goroutine that reads and draws fates, and
// one that writes and does the harm, so that a frame's delay counts from when it
// came.
type stream struct {
	link *link
	dir  direction
	in   *scanner
	to   net.Conn

	queue chan parcel      // closed by the reader, after it has set err
	err   error            // why reading has ended
	aside chan chan parcel // to the client: answers that came over other connections

	// of the writer
	from   chan parcel   // the source in the middle of a frame; nil between two
	passed atomic.Uint64 // frames that have gone on or vanished; the first is the handshake
	later  []held        // what is held back, in order
}

// parcel is a piece on its way through a stream.
type parcel struct {
	piece

	fate fate
	due  time.Time // zero for at once
}

// held is a frame that waits for others to pass.
type held struct {
	data []byte
	kind Fault     // Reorder or Duplicate
	due  time.Time // it goes on at the latest
	pass int       // or when as many frames have passed; for Reorder only
	over bool      // one has
}

// maxHeld bounds the frames that a stream holds back.
const maxHeld = 8

func newStream(l *link, d direction, from, to net.Conn) *stream {
	return &stream{
		link: l, dir: d, in: newScanner(from), to: to,
		queue: make(chan parcel, queued), aside: make(chan chan parcel),
	}
}

// read queues what comes, each frame with its fate, until the stream ends.
func (s *stream) read() {
	defer close(s.queue)
	p, count := s.link.proxy, &s.link.proxy.count
	for frame, f := uint64(0), (fate{}); ; {
		next, err := s.in.next()
		if len(next.data) > 0 {
			out := parcel{piece: next}
			if next.first {
				f = p.cfg.draw(s.link.number, s.dir, frame)
				out.due = s.lateness(f)
				count.frames.Add(1)
				frame++
			}
			out.fate = f
			count.bytes.Add(int64(len(next.data)))
			select {
			case s.queue <- out:
			case <-s.link.done:
				return
			}
		}
		if err != nil {
			s.err = err
			return
		}
	}
}

// lateness returns when a frame that comes now is due.
func (s *stream) lateness(f fate) (due time.Time) {
	if f.delay > 0 {
		s.link.proxy.unlessHealed(Delay, func() { due = time.Now().Add(f.delay) })
	}
	return due
}

// write delivers what is queued until it ends, or the link is cut.
func (s *stream) write() {
	for {
		out, more, ok := s.next()
		switch {
		case !ok:
			return
		case !more:
			s.finish()
			return
		case !s.carry(out):
			s.link.cut()
			return
		}
	}
}

// next returns the next parcel; more is false when there is none, ok is false
// when the link is cut. Between two frames it also lets go on what was held back.
func (s *stream) next() (out parcel, more, ok bool) {
	aside := s.aside
	if s.passed.Load() == 0 {
		aside = nil // nothing comes before the welcome
	}
	for s.from == nil {
		due, healing := s.nextHeld()
		select {
		case out, more = <-s.queue:
			s.enter(s.queue, out)
			return out, more, true
		case s.from = <-aside:
		case <-due:
			if !s.release(false) {
				s.link.cut()
				return out, false, false
			}
		case <-healing:
			if !s.release(true) {
				s.link.cut()
				return out, false, false
			}
		case <-s.link.done:
			return out, false, false
		}
	}
	select {
	case out, more = <-s.from:
		s.enter(s.from, out)
		return out, more, true
	case <-s.link.done:
		return out, false, false
	}
}

// enter remembers in the middle of which frame the stream is.
func (s *stream) enter(source chan parcel, out parcel) {
	if s.from = source; out.last {
		s.from = nil
	}
}

// carry does to a parcel what is its fate. It returns false when the link is over.
func (s *stream) carry(out parcel) bool {
	p := s.link.proxy
	if !p.wait(out.due, s.link.done) || !p.pass(s.link.done) {
		return false
	}
	handshake := s.passed.Load() == 0
	if handshake && out.whole() && s.dir == toServer {
		s.link.opened(out.data)
	}
	numbered := s.link.helloOfCalls() != nil
	if s.dir == toClient && numbered && !handshake && out.whole() {
		if isNotice(out.data) {
			if !s.release(true) {
				return false
			}
			out.fate.harm = onlyCut(out.fate.harm)
		}
		if s.link.lies(out.data) {
			s.link.countCut()
			return false
		}
	}
	if s.link.swallows(s.dir) {
		s.gone(out)
		return true
	}
	if harm := s.allowed(out, handshake); harm != none && !p.isHealed() {
		return s.strike(harm, out, numbered)
	}
	return s.deliver(out)
}

// allowed returns the harm of a parcel's fate if it may befall that parcel.
func (s *stream) allowed(out parcel, handshake bool) Fault {
	switch harm := out.fate.harm; {
	case !out.first:
		return none
	case handshake || out.raw:
		return onlyCut(harm)
	case out.whole() || harm == HalfOpen || harm == Partition:
		return harm
	default:
		return onlyCut(harm)
	}
}

func onlyCut(harm Fault) Fault {
	if harm == Cut {
		return Cut
	}
	return none
}

// deliver writes a parcel and lets go on what waited for it to pass.
func (s *stream) deliver(out parcel) bool {
	if _, err := s.to.Write(out.data); err != nil {
		return false
	}
	s.gone(out)
	return !out.last || s.overtake()
}

// gone counts a frame that has left the stream, delivered or not.
func (s *stream) gone(out parcel) {
	if out.last {
		s.passed.Add(1)
	}
}

// finish ends the far side's stream as this one has ended.
func (s *stream) finish() {
	if !s.link.proxy.pass(s.link.done) || s.link.swallows(s.dir) {
		return
	}
	if !s.release(true) || !errors.Is(s.err, io.EOF) {
		s.link.cut()
		return
	}
	if w, ok := s.to.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
		return
	}
	s.to.Close()
}
