package faultproxy

import (
	"context"
	"errors"
	"net"
	"time"
)

// strayLife bounds how long a request on a connection of the proxy's own waits for
// its answer.
const strayLife = 10 * time.Second

// maxStrays bounds the requests on connections of the proxy's own.
const maxStrays = 64

var errUnwelcome = errors.New("faultproxy: hello not answered by a welcome")

// haunt sends a copy of a numbered request after a while. The copy is the proxy's,
// not the link's: it may arrive when the link has long ended.
func (l *link) haunt(frame []byte, late time.Duration) {
	p := l.proxy
	if !p.takeStray() {
		return
	}
	if !l.copies(frame) {
		<-p.strays
		return
	}
	hello, due := l.helloOfCalls(), time.Now().Add(late)
	p.running.Go(func() {
		defer func() { <-p.strays }()
		if !p.wait(due, p.ctx.Done()) || !p.pass(p.ctx.Done()) || p.isHealed() {
			return
		}
		p.send(hello, frame, func(in *scanner) {
			p.count.faults[Duplicate].Add(1)
			for next, err := in.next(); err == nil && !next.last; next, err = in.next() {
			}
		})
	})
}

// detour sends a numbered request over another connection, so that others may
// overtake it, and its answer back through the link. It returns false if too many
// are on their way.
func (l *link) detour(frame []byte, wait time.Duration) bool {
	p := l.proxy
	if !p.takeStray() {
		return false
	}
	l.tear()
	hello, due, before := l.helloOfCalls(), time.Now().Add(wait), l.request.passed.Load()
	p.running.Go(func() {
		defer func() { <-p.strays }()
		if !p.wait(due, p.ctx.Done()) || !p.pass(p.ctx.Done()) {
			return
		}
		p.send(hello, frame, func(in *scanner) {
			if l.request.passed.Load() > before {
				p.count.faults[Reorder].Add(1)
			}
			l.bringBack(in)
		})
	})
	return true
}

// bringBack puts the answer of a detour among those of the link.
func (l *link) bringBack(in *scanner) {
	answer := make(chan parcel)
	for begun := false; ; begun = true {
		next, err := in.next()
		switch {
		case err != nil && begun:
			l.cut() // the answer will never end
			return
		case err != nil || next.raw || next.whole() && isNotice(next.data):
			return // the request is lost, and nobody is told otherwise
		}
		if !begun {
			select {
			case l.answer.aside <- answer:
			case <-l.done:
				return
			}
		}
		select {
		case answer <- parcel{piece: next, fate: fate{harm: none}}:
		case <-l.done:
			return
		}
		if next.last {
			return
		}
	}
}

func (p *Proxy) takeStray() bool {
	select {
	case p.strays <- struct{}{}:
		return true
	default:
		return false
	}
}

// send sends one request over a connection of its own, and has its answer read, if
// it could be sent.
func (p *Proxy) send(hello, frame []byte, read func(*scanner)) {
	ctx, cancel := context.WithTimeout(p.ctx, strayLife)
	defer cancel()
	conn, err := p.cfg.Dial(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	if !p.own(conn) {
		return
	}
	defer p.disown(conn)
	conn.SetDeadline(time.Now().Add(strayLife))
	in := newScanner(conn)
	if greet(conn, in, hello) != nil {
		return
	}
	if _, err := conn.Write(frame); err == nil {
		read(in)
	}
}

func greet(conn net.Conn, in *scanner, hello []byte) error {
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	welcome, err := in.next()
	if err != nil {
		return err
	}
	if !welcome.whole() {
		return errUnwelcome
	}
	if seq, code, ok := answerHead(welcome.data); !ok || seq != 0 || code != 0 {
		return errUnwelcome
	}
	return nil
}

// own has Close close conn. It returns false if that is over.
func (p *Proxy) own(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.conns[conn] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) disown(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}
