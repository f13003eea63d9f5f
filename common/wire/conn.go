package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"dss.example/common/machine"
)

// pingMethod is a request that a Server answers by itself. Any server answers it
// with something, which is all that a client wants to know.
const pingMethod = "wire.Ping"

// conn is one connection of a Server: a reading loop that serves what cannot wait,
// and a goroutine for each other request.
type conn struct {
	srv    *Server
	base   net.Conn // what was accepted
	raw    net.Conn // the same, or TLS over it
	in     *frameReader
	out    *outbox
	span   span
	cancel context.CancelFunc // of span.ctx
	unwait context.CancelFunc // of span.wait
	calls  sync.WaitGroup     // requests that goroutines serve
	flight atomic.Int64       // their number

	// of the reading loop
	last   uint64 // sequence number
	method string // the last one, so that the next of the same name is not allocated
	inline bool   // Inline(method), or it is quick
	quick  quick  // nil if net/rpc serves method
	submit submit // nil if the method has no handler that answers later
	here   call   // the request that the loop itself serves

	debts debts
}

func newConn(s *Server, raw net.Conn) *conn {
	c := &conn{srv: s, base: raw, raw: raw}
	if s.opts.TLS != nil {
		c.raw = tls.Server(raw, s.opts.TLS)
	}
	c.span.ctx, c.cancel = context.WithCancel(context.Background())
	c.span.wait, c.unwait = context.WithCancel(c.span.ctx)
	c.in = newFrameReader(c.raw, s.opts.Message+maxHead, s.opts.Bounds, &s.stats.in)
	c.out = newOutbox(c.raw, s.opts.Write, &s.stats.out)
	c.in.before, c.in.budget = c.out.flush, s.budget
	return c
}

// drain ends reading and what only waits; the rest goes on.
func (c *conn) drain() {
	c.unwait()
	c.in.stop()
}

// kill ends everything. It closes what lies under TLS, whose own Close may wait.
func (c *conn) kill() {
	c.cancel()
	c.in.stop()
	c.base.Close()
}

func (c *conn) serve() {
	defer c.calls.Wait()
	defer c.cancel()
	defer c.raw.Close()
	h, err := c.greet()
	switch {
	case err != nil:
		c.srv.stats.refused.Add(1)
	case h.kind == kindPeer:
		err = c.receive(h.node)
	default:
		if err = c.loop(); blames(err) {
			c.srv.stats.malformed.Add(1)
		}
	}
	c.end(err)
}

// receive serves a peer. A panic of its handler costs the connection: what the frame
// has done by then nobody knows, and to go on would be to leave it out.
func (c *conn) receive(from machine.Node) (err error) {
	returned := false
	defer func() {
		if !returned {
			c.srv.panicked("peer", from, recover())
			err = fmt.Errorf("%w: in the handler of frames", ErrPanic)
		}
	}()
	err = c.srv.opts.Peers.receive(from, c.raw, c.in)
	returned = true
	return err
}

// greet shakes hands, reads the hello and answers it.
func (c *conn) greet() (hello, error) {
	names, err := c.shakeHands()
	if err != nil {
		return hello{}, err
	}
	h, err := acceptHello(c.in, c.srv.opts.Bounds)
	if err == nil && h.kind == kindPeer {
		err = c.srv.opts.Peers.accepts(h.node, c.srv.opts.TLS != nil, names)
	}
	if err != nil {
		return hello{}, err
	}
	c.out.add(appendError(nil, 0, CodeDone, ""))
	c.out.flush()
	return h, nil
}

// shakeHands does TLS, if it is on, and returns the DNS names of the client's
// certificate, if it has one.
func (c *conn) shakeHands() (names []string, err error) {
	t, ok := c.raw.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(c.span.wait, c.srv.opts.Handshake)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if certs := t.ConnectionState().PeerCertificates; len(certs) > 0 {
		names = certs[0].DNSNames
	}
	return names, nil
}

// loop reads requests until reading ends, and returns why.
func (c *conn) loop() error {
	for {
		frame, err := c.in.next()
		if errors.Is(err, errIdle) && c.flight.Load() > 0 {
			continue
		}
		if err != nil {
			return err
		}
		q, err := parseRequest(frame, c.last)
		if err != nil {
			return err
		}
		c.last = q.seq
		c.dispatch(q)
	}
}

func (c *conn) dispatch(q request) {
	if string(q.method) != c.method {
		c.method = string(q.method)
		c.quick = nil
		if q, ok := c.srv.quick[c.method]; ok {
			c.quick = q()
		}
		c.submit = c.srv.later[c.method]
		c.inline = c.quick != nil || c.submit == nil && c.srv.opts.Inline(c.method)
	}
	switch {
	case c.method == pingMethod:
		c.out.add(endFrame(beginResponse(nil, q.seq), 0))
		return
	case c.inline:
		c.here = call{conn: c, req: q, method: c.method, quick: c.quick}
		c.here.serve()
		c.here = call{} // a long body is not held on to
		return
	}
	if !c.takeSlot() {
		c.srv.stats.requests.Add(1)
		c.srv.stats.overloaded.Add(1)
		c.out.add(appendError(nil, q.seq, codeOverloaded, ErrOverloaded.Error()))
		return
	}
	c.calls.Add(1)
	isLong := c.in.held > 0 // then its bytes are bounded while somebody holds them
	if c.submit != nil && !isLong && (&call{conn: c, req: q, method: c.method}).begin(c.submit) {
		return
	}
	k := calls.Get().(*call)
	*k = call{conn: c, req: q, method: c.method}
	k.own()
	go k.run()
}

// takeSlot counts a request in flight, unless a limit is reached.
func (c *conn) takeSlot() bool {
	if c.flight.Add(1) <= int64(c.srv.opts.InFlight) {
		if c.srv.flight.Add(1) <= int64(c.srv.opts.TotalFlight) {
			return true
		}
		c.srv.flight.Add(-1)
	}
	c.flight.Add(-1)
	return false
}

func (c *conn) freeSlot() {
	c.flight.Add(-1)
	c.srv.flight.Add(-1)
	c.calls.Done()
}

// end lets the requests in flight finish, says farewell and waits a moment for
// the far side to have read it.
func (c *conn) end(err error) {
	c.in.release()
	bye := farewell(err)
	if bye == nil || blames(bye) {
		c.cancel() // nobody is there, or nobody for whom handlers should wait
	}
	c.calls.Wait()
	if bye != nil {
		c.srv.opts.Log.Debug("connection closed", "remote", c.raw.RemoteAddr(), "why", bye)
		c.out.add(appendNotice(nil, bye))
	}
	if c.out.finish() == nil && bye != nil {
		Linger(c.raw)
	}
}

// call is one request on its way through net/rpc: a codec that reads one request
// and writes one response.
type call struct {
	conn    *conn
	req     request
	method  string
	quick   quick
	reply   reply
	data    machine.Data // the reply's body, if it comes later
	settled bool         // it came, or will not come any more; guarded by conn.debts.mu
	replied bool
	buf     *scratch // the request's memory, if it is not the reader's
	held    int      // what it holds of the server's budget
}

// calls are those that goroutines serve.
var calls = sync.Pool{New: func() any { return new(call) }}

// own copies the body, so that the connection may read on.
func (k *call) own() {
	k.buf = getScratch()
	k.req.body, k.held = k.conn.in.own(k.req.body, k.buf.b[:0])
	if k.held == 0 {
		k.buf.b = k.req.body
	}
}

// free hands the call's memory on.
func (k *call) free() {
	k.conn.srv.budget.give(k.held)
	k.buf.free()
	*k = call{}
	calls.Put(k)
}

// run serves the call in a goroutine of its own.
func (k *call) run() {
	c := k.conn
	defer c.freeSlot()
	defer func() {
		k.free()
		c.out.gather()
	}()
	k.serve()
}

// serve has net/rpc serve the call. A handler that panics, or ends its goroutine,
// costs this call only.
func (k *call) serve() {
	k.conn.srv.stats.requests.Add(1)
	returned := false
	defer func() {
		if !returned {
			k.contain(recover())
		}
	}()
	if q := k.quick; q != nil {
		k.answer(q)
	} else {
		k.conn.srv.rpc.ServeRequest(k)
	}
	returned = true
}

func (k *call) contain(cause any) {
	k.conn.srv.panicked("method", k.method, cause)
	if !k.replied {
		k.conn.out.add(appendError(nil, k.req.seq, codePanic, fmt.Sprintf("%v: %s", ErrPanic, k.method)))
	}
}

// panicked counts a panic of a handler and logs it; key and value tell which.
func (s *Server) panicked(key string, value, cause any) {
	s.stats.panics.Add(1)
	s.opts.Log.Error("handler panicked", key, value, "panic", cause, "stack", string(debug.Stack()))
}

// The methods below are net/rpc's.

func (k *call) ReadRequestHeader(r *rpc.Request) error {
	r.Seq, r.ServiceMethod = k.req.seq, k.method
	return nil
}

func (k *call) ReadRequestBody(args any) error {
	return k.reply.readBody(k.req.body, args, k.conn.span)
}

func (k *call) WriteResponse(r *rpc.Response, body any) error {
	o := &k.conn.srv.opts
	k.conn.out.put(func(b []byte) []byte { return k.reply.append(b, r, body, o.Message, o.Errors) })
	k.replied = true
	return nil
}

func (k *call) Close() error { return nil }
