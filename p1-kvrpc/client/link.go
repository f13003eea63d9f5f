package client

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/server"
)

// link is the connection to one server, dialled again whenever it breaks.
type link struct {
	at    machine.Addr
	addr  string
	wire  wire.ClientOptions
	owner atomic.Pointer[run.Lock]
	conn  atomic.Pointer[wire.Client]
	err   atomic.Pointer[error] // of the last attempt to connect

	// refused are Calls that could not be sent: the session machine must not be told
	// while it sends. When the queue is full they are lost, and time out.
	refused chan uint64
}

const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
	maxRefused = 4096
)

func newLink(n machine.Node, addr string, o wire.ClientOptions) *link {
	return &link{at: machine.Addr{Node: n, Role: role}, addr: addr, wire: o, refused: make(chan uint64, maxRefused)}
}

func (l *link) failed(err error) { l.err.Store(&err) }

// run keeps the connection up until ctx ends.
func (l *link) run(ctx context.Context, owner *run.Lock) {
	l.owner.Store(owner)
	backoff := minBackoff
	for ctx.Err() == nil {
		conn, err := wire.Dial(ctx, l.addr, l.wire)
		if err != nil {
			l.failed(err)
			l.pause(ctx, time.Duration(rand.Int64N(int64(backoff))))
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		backoff = minBackoff
		l.conn.Store(conn)
		owner.Link(l.at.Node, true)
		l.serve(ctx, conn)
		l.conn.Store(nil)
		_ = conn.Close() // it is dead already, or we end
		owner.Link(l.at.Node, false)
	}
}

// serve waits until the connection is dead, and refuses what cannot be sent.
func (l *link) serve(ctx context.Context, conn *wire.Client) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-conn.Done():
			return
		case id := <-l.refused:
			l.refuse(id)
		}
	}
}

// pause waits before the next attempt to connect, and refuses what comes meanwhile.
func (l *link) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case id := <-l.refused:
			l.refuse(id)
		}
	}
}

// refuse tells the session machine that a Call was definitely not executed.
func (l *link) refuse(id uint64) {
	l.answer(id, kv.Refuse(kv.Unavailable, "no connection to %s", l.addr).AppendTo(nil))
}

func (l *link) answer(id uint64, body []byte) {
	frame := make([]byte, 0, len(body)+12)
	frame = machine.AppendReturn(frame, id, body)
	l.owner.Load().Recv(l.at, frame)
}

// send starts a request. The frame is a machine.Call as it travels.
func (l *link) send(frame []byte) {
	id, body, ok := machine.SplitCall(frame)
	if !ok {
		return
	}
	conn := l.conn.Load()
	if conn != nil {
		method := server.MethodDo
		if waits(body) {
			method = server.MethodWait
		}
		if conn.Start(method, body, func(reply []byte, err error) { l.done(id, reply, err) }) == nil {
			return
		}
	}
	select {
	case l.refused <- id:
	default:
	}
}

// done hands the reply to a Call to the session machine. Without one it says only
// what is certain; what is not, the machine's time-out and Link will tell.
func (l *link) done(id uint64, reply []byte, err error) {
	switch {
	case err == nil:
		l.answer(id, reply)
	case wire.Definite(err):
		l.answer(id, kv.Refuse(kv.Unavailable, "%s: %v", l.addr, err).AppendTo(nil))
	default:
		l.answer(id, kv.Refuse(kv.Maybe, "%s: %v", l.addr, err).AppendTo(nil))
	}
}

// waits reports whether an encoded kv.Request may wait: its seventh field is not 0.
func waits(body []byte) bool {
	r := cbor.NewReader(body)
	r.Fixed(8)
	for range 4 { // session, seq, acked, level
		r.Uint()
	}
	r.Fixed(2) // at
	r.Uint()
	r.Uint()
	r.Bytes() // token
	return r.Int() > 0
}
