package call

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"dss.example/common/wire"
)

// Client is the client half of one connection, shared by any number of callers. When
// the connection dies it stays dead: Done tells, and the owner dials another.
//
// Two goroutines belong to it. The writing one takes calls from out, gives each its
// number, enters it in pending and writes the request. The reading one takes
// responses off the connection and finds their calls in pending. Close waits for
// both.
type Client struct {
	opts ClientOptions
	conn net.Conn
	in   *bufio.Reader

	room    chan struct{} // a token for each call that has room; its capacity is opts.Pending
	out     chan *Call    // hands a call to the writing goroutine; it holds none
	done    chan struct{} // closed when the connection is dead
	running sync.WaitGroup

	mu      sync.Mutex       // guards what follows, and Call.seq and Call.taken
	seq     uint64           // the last number that was given
	pending map[uint64]*Call // entered, and not taken yet, by number
	err     error            // why the connection is dead; nil while it is not
}

// Call is a call under way. Whoever takes it, and nobody else, may decode into Reply
// and end it: so a reply is never decoded for a caller that has left.
type Call struct {
	Method string
	Reply  any        // what the reply is decoded into; nil throws it away
	Err    error      // once the call has ended: nil if Reply is there
	Done   chan *Call // gets the call when it has ended

	body  []byte // the encoded args
	seq   uint64 // its number; 0 until it is entered
	taken bool   // somebody is ending it, or has ended it
}

// end tells whoever waits that a call has ended with err, nil if Reply is there. It
// never waits: if Done has no room, nobody is told.
func (k *Call) end(err error) {
	if err != nil {
		k.Err = fmt.Errorf("%s: %w", k.Method, err)
	}
	select {
	case k.Done <- k:
	default:
	}
}

// Dial connects to a server and returns when it has been made welcome there. addr is
// as for wire.Connect.
func Dial(ctx context.Context, addr string, o ClientOptions) (*Client, error) {
	conn, err := wire.Connect(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, notSent(err))
	}
	return NewClient(ctx, conn, o)
}

// NewClient is Dial over a connection that stands already, which it owns from now on,
// also when it fails.
func NewClient(ctx context.Context, conn net.Conn, o ClientOptions) (*Client, error) {
	o = o.withDefaults()
	c := &Client{
		opts: o, conn: conn, in: bufio.NewReader(conn),
		room: make(chan struct{}, o.Pending), out: make(chan *Call), done: make(chan struct{}),
		pending: make(map[uint64]*Call),
	}
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(o.Handshake))
	err := c.greet()
	conn.SetDeadline(time.Time{})
	if !unhook() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("greet %v: %w", conn.RemoteAddr(), notSent(err))
	}
	c.running.Go(c.write)
	c.running.Go(c.read)
	return c, nil
}

// Done is closed when the connection is dead: no later call will be sent.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the connection is dead, nil while it is not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and waits for the Client's goroutines. Pending calls end
// with wire.ErrBroken: they may have been executed. Closing twice is allowed.
func (c *Client) Close() error {
	c.fail(broken(net.ErrClosed))
	c.running.Wait()
	return nil
}

// hand sends v to a channel of the Client's, unless ctx ends or the connection dies
// first: then the error says so, and that nothing was sent.
func hand[T any](ctx context.Context, c *Client, to chan<- T, v T) error {
	if ctx.Err() == nil && c.Err() == nil { // a select would choose at random
		select {
		case to <- v:
			return nil
		case <-ctx.Done():
		case <-c.done:
		}
	}
	if err := c.Err(); err != nil {
		return notSent(err)
	}
	return notSent(fmt.Errorf("%w: %w", wire.ErrDeadline, ctx.Err()))
}

// greet sends the hello and reads its answer. It returns nil if the answer is a
// welcome: request 0, code 0, no body. If the server refuses, the error is the one
// that its code and text stand for (wire.Errors.Remote); the hello's own errors are as
// they come.
//
//ds:todo p1.1
func (c *Client) greet() error {
	_, unsent := c.conn.Write(appendHello(nil)) // who refused us already may have said why
	frame, err := readFrame(c.in, c.opts.Message+maxHead)
	if err != nil {
		return cmp.Or(unsent, err)
	}
	p, err := parseResponse(frame)
	switch {
	case err != nil:
		return err
	case p.seq != 0 || len(p.body) != 0:
		return fmt.Errorf("%w: response to request %d before the welcome", wire.ErrMalformed, p.seq)
	case p.code != wire.CodeDone:
		return c.opts.Errors.Remote(p.code, p.text)
	}
	return nil
}

// Call calls a method and waits until it has ended: its reply is decoded into the
// value that reply points to, or ctx ends, or the connection dies. When Call returns,
// nobody touches reply any more. What an error says about the request: doc.go.
//
//ds:todo p1.1
func (c *Client) Call(ctx context.Context, method string, args, reply any) error {
	k := c.Go(ctx, method, args, reply, make(chan *Call, 1))
	select {
	case <-k.Done:
	case <-ctx.Done():
		c.leave(k, ctx.Err())
		<-k.Done
	}
	return k.Err
}

// Go begins a call and returns it without waiting for the reply: done gets the call
// when it has ended, at once if it could not begin. done must have room for all calls
// that share it; nil makes a new channel.
//
// Go waits until there is room among the pending calls, and then until the requests
// before it are written. If ctx ends or the connection dies before that, the call
// ends with wire.ErrNotSent and also wire.ErrDeadline and ctx's error, or Err's. ctx
// ends nothing after that. The order in which Go returns is the order of requests.
//
// Args that cannot be encoded end the call with wire.ErrNotSent, a body of more than
// opts.Message bytes or a method of more than maxMethod with wire.ErrTooLarge.
//
//ds:todo p1.1
func (c *Client) Go(ctx context.Context, method string, args, reply any, done chan *Call) *Call {
	if done == nil {
		done = make(chan *Call, 1)
	}
	k := &Call{Method: method, Reply: reply, Done: done}
	if err := c.start(ctx, k, args); err != nil {
		k.taken = true // it has no room to give back, should its caller leave it too
		k.end(err)
	}
	return k
}

// start gives a call its body (wire.AppendArgs) and its room and hands it to the
// writing goroutine, as Go says. If it fails the call has no room, and nobody but the
// caller knows it.
//
//ds:todo p1.1
func (c *Client) start(ctx context.Context, k *Call, args any) (err error) {
	if k.body, err = wire.AppendArgs(nil, k.Method, args, c.opts.Message); err != nil {
		return err
	}
	if err := hand(ctx, c, c.room, struct{}{}); err != nil {
		return err
	}
	if err := hand(ctx, c, c.out, k); err != nil {
		<-c.room
		return err
	}
	return nil
}

// write is the writing goroutine: it enters and writes call after call until the
// connection is dead. A write that does not end within opts.Write, or fails, ends the
// connection.
//
//ds:todo p1.1
func (c *Client) write() {
	for {
		select {
		case <-c.done:
			return
		case k := <-c.out:
			if !c.enter(k) {
				continue
			}
			c.conn.SetWriteDeadline(time.Now().Add(c.opts.Write))
			if _, err := c.conn.Write(request{k.seq, k.Method, k.body}.append(nil)); err != nil {
				c.fail(broken(err))
				return
			}
		}
	}
}

// enter gives a call the next number, from 1 on without gaps, and enters it in pending.
// It reports whether the request is to be written: not if the call was taken while it
// was handed over, nor if the connection is dead, which ends the call with
// wire.ErrNotSent and Err's error.
//
//ds:todo p1.1
func (c *Client) enter(k *Call) bool {
	c.mu.Lock()
	dead := c.err
	if dead == nil && !k.taken {
		c.seq++
		k.seq = c.seq
		c.pending[k.seq] = k
	}
	c.mu.Unlock()
	if dead != nil && c.take(k) {
		k.end(notSent(dead))
	}
	return k.seq != 0
}

// take claims a call that has room for whoever is about to end it, once: false means
// that somebody else has. It takes the call out of pending and gives its room back.
//
//ds:todo p1.1
func (c *Client) take(k *Call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.taken {
		return false
	}
	k.taken = true
	delete(c.pending, k.seq)
	<-c.room
	return true
}

// leave ends a call whose caller's context ended, with wire.ErrDeadline and cause,
// unless somebody else has taken it.
//
//ds:todo p1.1
func (c *Client) leave(k *Call, cause error) {
	if c.take(k) {
		k.end(fmt.Errorf("%w: %w", wire.ErrDeadline, cause))
	}
}

// read is the reading goroutine: it delivers response after response until one cannot
// be read or delivered, and then ends the connection for that reason.
//
//ds:todo p1.1
func (c *Client) read() {
	for {
		frame, err := readFrame(c.in, c.opts.Message+maxHead)
		if err == nil {
			err = c.deliver(frame)
		} else {
			err = broken(err)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// deliver ends the call that a response answers: with its reply, with the error that
// it tells of, or with wire.ErrReply if its body cannot be decoded. A response whose
// call is not pending any more is thrown away.
//
// It returns an error, always wire.ErrBroken, if the connection has to end: the frame
// is no response, or answers a request with a number that was never given; or it is a
// notice, and then the error is also the one that the notice tells of.
//
//ds:todo p1.1
func (c *Client) deliver(frame []byte) error {
	p, err := parseResponse(frame)
	switch {
	case err != nil:
		return broken(err)
	case p.seq == 0:
		return fmt.Errorf("%w: %w", wire.ErrBroken, c.opts.Errors.Remote(p.code, p.text))
	}
	c.mu.Lock()
	k, known := c.pending[p.seq], p.seq <= c.seq
	c.mu.Unlock()
	switch {
	case !known:
		return broken(fmt.Errorf("response to request %d, which was not sent", p.seq))
	case k == nil || !c.take(k):
		return nil
	case p.code != wire.CodeDone:
		k.end(c.opts.Errors.Remote(p.code, p.text))
		return nil
	}
	if err = wire.DecodeBody(p.body, k.Reply); err != nil {
		err = fmt.Errorf("%w: %v", wire.ErrReply, err)
	}
	k.end(err)
	return nil
}

// fail ends the connection, once: it closes conn and done, and ends every pending
// call with err. The first reason stands and is what Err returns.
//
//ds:todo p1.1
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	var left []*Call
	for _, k := range c.pending {
		left = append(left, k)
	}
	c.mu.Unlock()
	close(c.done)
	c.conn.Close()
	for _, k := range left {
		if c.take(k) {
			k.end(err)
		}
	}
}
