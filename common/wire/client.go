package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/machine"
	"dss.example/common/machine/pending"
)

// ClientOptions say how a Client behaves. A zero field means the default.
//
// Bounds.Idle is after how long a silence the client asks whether the server is
// still there; after as long again it takes the connection for broken. Its default
// is 15 s.
type ClientOptions struct {
	Bounds

	Pending int         // calls without a reply at a time; more wait. Default 1024
	Errors  Errors      // of handlers that keep their identity
	TLS     *tls.Config // nil: no TLS. See TLSFiles

	// Told is called after the finish functions of calls of Start, once for all whose
	// replies came together, on the same goroutine. nil means that nobody wants to know.
	Told func()

	// Dial connects to an address; nil means Connect.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

func (o ClientOptions) withDefaults() ClientOptions {
	o.Idle = cmp.Or(o.Idle, 15*time.Second)
	o.Bounds = o.Bounds.withDefaults()
	o.Pending = cmp.Or(o.Pending, 1024)
	if o.Dial == nil {
		o.Dial = Connect
	}
	if o.Told == nil {
		o.Told = func() {}
	}
	return o
}

// Client is one connection to a server, shared by any number of callers. When the
// connection dies it stays dead: Done tells, and the owner dials another.
type Client struct {
	opts    ClientOptions
	conn    net.Conn
	in      *frameReader
	queue   *sendQueue
	to      writer // used by whoever has set queue.awake
	done    chan struct{}
	duty    duty
	running sync.WaitGroup // the reading and the writing goroutine
	waits   sync.Pool      // of *wait; not shared, for a channel belongs to one synctest bubble
	stats   clientStats
	cause   atomic.Pointer[error] // why abort was called
	owed    atomic.Int64          // requests without a reply yet, those of callers that have left included

	// queue's mutex guards what follows, and changes owed
	seq     uint64 // of the last request
	left    uint64 // of the last request that was taken to be written
	alone   int    // replies in a row with which nothing was owed any more
	pending pending.Table[pendingCall]
	room    chan struct{} // closed when a call that found no room may try again; nil if none waits
	err     error         // why the connection is dead
}

// ClientStats counts what a Client has seen.
type ClientStats struct {
	Calls, Late       int64 // calls sent; replies that nobody waited for any more
	BytesIn, BytesOut int64
}

type clientStats struct{ calls, late, in, out atomic.Int64 }

// pendingCall is a request that waits for its reply. Whoever takes it out of
// pending owns it: so a reply is never decoded for a caller that has left.
type pendingCall struct {
	wait   *wait  // of Call
	finish Finish // instead, of Start
	id     uint64 // for finish
}

// wait is a Call's for its reply.
type wait struct {
	reply any
	err   error
	done  chan struct{} // gets one token when reply or err is set
}

// Finish is told what became of the call that was started under that ID. The encoded
// reply is its own until it returns. It must not wait.
type Finish func(id uint64, reply []byte, err error)

// end tells whoever waits what became of the request: err, or the encoded reply.
func (k pendingCall) end(body []byte, err error) {
	if k.wait == nil {
		k.finish(k.id, body, err)
		return
	}
	if err == nil {
		if bad := DecodeBody(body, k.wait.reply); bad != nil {
			err = fmt.Errorf("%w: %v", ErrReply, bad)
		}
	}
	k.wait.err = err
	k.wait.done <- struct{}{}
}

// Dial connects to a server and returns when it has been made welcome there. addr
// is as for Connect.
func Dial(ctx context.Context, addr string, o ClientOptions) (*Client, error) {
	o = o.withDefaults()
	raw, err := dial(ctx, addr, o.Dial, o.TLS, o.Handshake)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w: %w", addr, ErrNotSent, err)
	}
	return NewClient(ctx, raw, o)
}

// NewClient is Dial over a connection that stands already, which it owns from now
// on, also when it fails. It ignores the options Dial and TLS.
func NewClient(ctx context.Context, conn net.Conn, o ClientOptions) (*Client, error) {
	o = o.withDefaults()
	c := &Client{opts: o, conn: conn, done: make(chan struct{})}
	c.duty.init()
	c.waits.New = func() any { return &wait{done: make(chan struct{}, 1)} }
	c.in = newFrameReader(conn, o.Message+maxHead, o.Bounds, &c.stats.in)
	c.queue, c.to = newSendQueue(), writer{conn: conn, timeout: o.Write, count: &c.stats.out}
	if err := greet(ctx, conn, c.in, hello{kind: kindCalls}, o.Bounds, o.Errors); err != nil {
		conn.Close()
		return nil, fmt.Errorf("greet %v: %w: %w", conn.RemoteAddr(), ErrNotSent, err)
	}
	c.running.Add(2)
	go c.write()
	go c.read()
	return c, nil
}

// greet says hello on a connection that this side dialled and waits until it has
// been made welcome, at most b.Handshake.
func greet(ctx context.Context, conn net.Conn, in *frameReader, h hello, b Bounds, listed Errors) error {
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	defer unhook()
	w := writer{conn: conn, timeout: b.Handshake, count: new(atomic.Int64)}
	unsent := w.write(h.append(nil)) // a server that refused us already may have said why
	idle, whole := in.idle, in.whole
	in.idle, in.whole = b.Handshake, b.Handshake
	frame, err := in.next()
	in.idle, in.whole = idle, whole
	if err != nil {
		return cmp.Or(ctx.Err(), unsent, err)
	}
	if err := parseAnswer(frame, listed); err != nil {
		return err
	}
	if !unhook() {
		return ctx.Err() // the connection is being closed
	}
	return nil
}

// Call sends one request and waits for its reply, which it decodes into the value
// that reply points to; nil throws it away. It returns soon after ctx ends, and
// touches reply no more. It does not send a request again. See Definite for what
// an error means.
func (c *Client) Call(ctx context.Context, method string, args, reply any) error {
	body := getScratch()
	defer body.free()
	var err error
	if body.b, err = AppendArgs(body.b, method, args, c.opts.Message); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	w := c.waits.Get().(*wait)
	w.reply = reply
	seq, err := c.send(ctx, method, body.b, pendingCall{wait: w})
	if err == nil {
		err = c.wait(ctx, seq, w)
	}
	w.reply, w.err = nil, nil
	c.waits.Put(w)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// send queues a request, as soon as there is room, and enters k as pending.
func (c *Client) send(ctx context.Context, method string, body []byte, k pendingCall) (uint64, error) {
	for {
		c.queue.Lock()
		switch {
		case c.err != nil:
			defer c.queue.Unlock()
			return 0, fmt.Errorf("%w: %w", ErrNotSent, c.err)
		case ctx.Err() != nil:
			defer c.queue.Unlock()
			return 0, fmt.Errorf("%w: %w: %w", ErrNotSent, ErrDeadline, ctx.Err())
		case c.hasRoom():
			c.queue.buf = appendRequest(c.queue.buf, c.seq+1, method, body)
			return c.enter(k, len(body)), nil
		}
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.queue.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		}
	}
}

// Start sends one request and returns at once: finish is told what became of it, on
// a goroutine of the Client's and never inside Start. An error means that nothing was
// sent, and finish is not called. args encodes itself, without calling the Client.
func (c *Client) Start(method string, args machine.Data, id uint64, finish Finish) error {
	c.queue.Lock()
	if err := c.canStart(method); err != nil {
		c.queue.Unlock()
		return fmt.Errorf("%s: %w", method, err)
	}
	start := len(c.queue.buf)
	b, head := beginRequest(c.queue.buf, c.seq+1, method)
	b = args.AppendTo(b)
	size := len(b) - head
	if size > c.opts.Message {
		c.queue.Unlock()
		return fmt.Errorf("%s: %w: body of %d bytes: at most %d", method, ErrTooLarge, size, c.opts.Message)
	}
	c.queue.buf = endFrame(b, start)
	c.enter(pendingCall{finish: finish, id: id}, size)
	return nil
}

// canStart tells why no request can be queued now. queue's mutex is held.
func (c *Client) canStart(method string) error {
	switch {
	case len(method) > maxMethod:
		return fmt.Errorf("%w: method name of %d bytes: at most %d", ErrTooLarge, len(method), maxMethod)
	case c.err != nil:
		return fmt.Errorf("%w: %w", ErrNotSent, c.err)
	case !c.hasRoom():
		return fmt.Errorf("%w: %w", ErrNotSent, ErrOverloaded)
	}
	return nil
}

// hasRoom reports whether one more request may be queued. queue's mutex is held.
func (c *Client) hasRoom() bool {
	return c.pending.Len() < c.opts.Pending && len(c.queue.buf) < sendHighWater
}

// enter makes k pending for the request that was queued last, whose body has that
// size. queue's mutex is held, and released.
func (c *Client) enter(k pendingCall, size int) uint64 {
	c.seq++
	seq := c.seq
	c.pending.Put(seq, k)
	c.stats.calls.Add(1)
	if c.owed.Add(1) == 1 && size < directMax && !c.queue.awake {
		c.writeDirectly()
	} else {
		c.queue.unlockAndWake()
	}
	return seq
}

// directMax is the size in bytes below which a body fits into the empty buffer of
// any connection.
const directMax = 4 << 10

// writeDirectly writes the only request that has no reply yet: nothing else is on
// its way, so the write does not wait, and the caller saves the switch to the
// writing goroutine. queue's mutex is held, and released.
func (c *Client) writeDirectly() {
	q := c.queue
	q.awake = true
	batch := q.takeLocked(c.took)
	q.Unlock()
	if err := c.to.write(batch); err != nil {
		c.abort(err)
	}
	q.Lock()
	q.recycle(batch)
	if len(q.buf) > 0 {
		q.nudge() // somebody added meanwhile and saw that we were awake
	} else {
		q.awake = false
	}
	q.Unlock()
}

// abort ends the connection for a reason that this side has. The reading goroutine
// tells those who wait: who calls abort may hold locks of theirs.
func (c *Client) abort(cause error) {
	c.cause.CompareAndSwap(nil, &cause)
	c.conn.Close()
	c.duty.call()
}

// took is called, with queue's mutex held, when all that is queued is taken.
func (c *Client) took() {
	c.left = c.seq
	c.makeRoom()
}

// wait waits for the reply, or until ctx ends.
func (c *Client) wait(ctx context.Context, seq uint64, w *wait) error {
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
	}
	if !c.leave(seq) {
		<-w.done // the reply is being decoded, or the connection's end is being told
		return w.err
	}
	return fmt.Errorf("%w: %w", ErrDeadline, ctx.Err())
}

// leave takes a call out of pending and reports whether it was there still.
func (c *Client) leave(seq uint64) bool {
	c.queue.Lock()
	defer c.queue.Unlock()
	_, ok := c.pending.Take(seq)
	c.makeRoom()
	return ok
}

// makeRoom lets waiting callers try again. queue's mutex is held.
func (c *Client) makeRoom() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

func (c *Client) write() {
	defer c.running.Done()
	if err := c.queue.run(&c.to, nil, c.done, c.took); err != nil {
		c.abort(err)
	}
}

func (c *Client) read() {
	defer c.running.Done()
	err := c.readAll()
	if cause := c.cause.Load(); cause != nil {
		err = broken(*cause)
	}
	c.fail(err)
}

// deliver hands a reply to the call that waits for it.
func (c *Client) deliver(frame []byte) error {
	p, err := parseResponse(frame)
	if err != nil {
		return broken(err)
	}
	if p.seq == 0 {
		return fmt.Errorf("%w: %w", ErrBroken, c.opts.Errors.Remote(p.code, p.text))
	}
	c.queue.Lock()
	known := p.seq <= c.left
	k, awaited := c.pending.Take(p.seq)
	if c.owed.Add(-1) == 0 {
		c.alone++
	} else {
		c.alone = min(c.alone, 0)
	}
	c.duty.solo = c.alone >= soloReplies
	c.makeRoom()
	c.queue.Unlock()
	switch {
	case !known:
		return broken(fmt.Errorf("reply to request %d, which was not sent", p.seq))
	case !awaited: // its caller has left, or it is an answer to a ping or a repetition
		c.stats.late.Add(1)
	case p.code != CodeDone:
		k.end(nil, c.opts.Errors.Remote(p.code, p.text))
	default:
		k.end(p.body, nil)
	}
	return nil
}

// fail ends the connection and all calls that are pending. The first reason stands.
func (c *Client) fail(err error) {
	c.queue.Lock()
	if c.err != nil {
		c.queue.Unlock()
		return
	}
	c.err = err
	lost := c.pending
	c.pending = pending.Table[pendingCall]{}
	c.makeRoom()
	left := c.left
	c.queue.Unlock()
	c.conn.Close()
	close(c.done)
	for _, seq := range lost.Numbers() {
		k, _ := lost.Take(seq)
		if seq > left {
			k.end(nil, fmt.Errorf("%w: %w", ErrNotSent, err))
		} else {
			k.end(nil, err)
		}
	}
	c.opts.Told()
}

// Done is closed when the connection is dead: closed by either side, or broken.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err tells why the connection is dead; nil while it lives.
func (c *Client) Err() error {
	c.queue.Lock()
	defer c.queue.Unlock()
	return c.err
}

// Stats returns the counters.
func (c *Client) Stats() ClientStats {
	s := &c.stats
	return ClientStats{Calls: s.calls.Load(), Late: s.late.Load(), BytesIn: s.in.Load(), BytesOut: s.out.Load()}
}

// Close closes the connection; calls that are pending end with ErrBroken. It
// returns when nothing of the Client runs any more.
func (c *Client) Close() error {
	c.abort(errors.New("closed by its owner"))
	c.running.Wait()
	return nil
}
