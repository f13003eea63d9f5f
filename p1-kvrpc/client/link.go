package client

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

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

	done wire.Finish    // finish, as a value that costs nothing to hand out
	came []machine.Data // Returns that the session machine has not seen; the connection's
}

const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
	maxRefused = 4096
)

func newLink(n machine.Node, addr string, o Options) *link {
	l := &link{at: machine.Addr{Node: n, Role: role}, addr: addr, wire: o.Wire, refused: make(chan uint64, maxRefused)}
	l.done, l.wire.Told = l.finish, l.told
	return l
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
	resp := kv.Refuse(kv.Unavailable, "no connection to %s", l.addr)
	l.owner.Load().RecvData(l.at, []machine.Data{machine.Return{ID: id, Data: resp}})
}

// send starts a request.
func (l *link) send(call machine.Call) {
	conn := l.conn.Load()
	req, ok := call.Cmd.(*kv.Request)
	if conn != nil && ok {
		method := server.MethodDo
		if req.Waits() {
			method = server.MethodWait
		}
		if conn.Start(method, req, call.ID, l.done) == nil {
			return
		}
	}
	select {
	case l.refused <- call.ID:
	default:
	}
}

// finish takes the reply to a Call. Without one it says only what is certain; what is
// not, the machine's time-out and Link will tell. A reply that does not decode is lost.
func (l *link) finish(id uint64, reply []byte, err error) {
	resp := new(kv.Response)
	switch {
	case err == nil:
		if resp.DecodeFrom(reply) != nil {
			return
		}
	case wire.Definite(err):
		resp = kv.Refuse(kv.Unavailable, "%s: %v", l.addr, err)
	default:
		resp = kv.Refuse(kv.Maybe, "%s: %v", l.addr, err)
	}
	l.came = append(l.came, machine.Return{ID: id, Data: resp})
}

// told hands the replies that came together to the session machine.
func (l *link) told() {
	if len(l.came) > 0 {
		l.owner.Load().RecvData(l.at, l.came)
		clear(l.came)
		l.came = l.came[:0]
	}
}
