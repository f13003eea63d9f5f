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
// One goroutine reads. Each call has another for as long as its request is being
// written. Close waits for all of them.
type Client struct {
	opts ClientOptions
	conn net.Conn
	in   *bufio.Reader

	life context.Context         // ends when the connection is dead; its cause is why
	kill context.CancelCauseFunc // only the first cause counts

	room    chan struct{} // a token for each call that has room; its capacity is opts.Pending
	turn    chan struct{} // one token: who has it may give a number and write
	running sync.WaitGroup

	mu      sync.Mutex       // guards what follows; nobody waits for anything with it
	last    uint64           // the last number that was given
	pending map[uint64]*Call // whoever takes a call out of it ends it
}

// Call is a call under way. Whoever takes it out of the pending ones, and nobody else,
// may decode into Reply and end it: so a reply is never decoded for a caller that has
// left.
type Call struct {
	Method string
	Reply  any        // what the reply is decoded into; nil throws it away
	Err    error      // once the call has ended: nil if Reply is there
	Done   chan *Call // gets the call when it has ended

	seq uint64 // its number; 0 if it could not begin
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
		room: make(chan struct{}, o.Pending), turn: make(chan struct{}, 1),
		pending: make(map[uint64]*Call),
	}
	c.life, c.kill = context.WithCancelCause(context.Background())
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(o.Handshake))
	err := c.greet()
	conn.SetDeadline(time.Time{})
	if !unhook() {
		err = ctx.Err()
	}
	if err != nil {
		c.kill(err)
		conn.Close()
		return nil, fmt.Errorf("greet %v: %w", conn.RemoteAddr(), notSent(err))
	}
	c.running.Go(c.read)
	return c, nil
}

// Done is closed when the connection is dead: no later call will be sent.
func (c *Client) Done() <-chan struct{} { return c.life.Done() }

// Err returns why the connection is dead, nil while it is not.
func (c *Client) Err() error { return context.Cause(c.life) }

// Close ends the connection and waits for the Client's goroutines. Pending calls end
// with wire.ErrBroken: they may have been executed. Closing twice is allowed.
func (c *Client) Close() error {
	c.fail(broken(net.ErrClosed))
	c.running.Wait()
	return nil
}

// greet sends the hello and reads its answer. It returns nil if the answer is a
// welcome: request 0, code 0, no body. If the server refuses, the error is the one
// that its code and text stand for (wire.Errors.Remote); the hello's own errors are as
// they come.
func (c *Client) greet() error {
	_, unsent := c.conn.Write(appendHello(nil))
	frame, err := readFrame(c.in, c.opts.Message+maxHead)
	if err != nil {
		return cmp.Or(unsent, err) // who refused us already may have said why: so it is read first
	}
	p, err := parseResponse(frame)
	if err != nil {
		return err
	}
	if p.seq != 0 || len(p.body) > 0 {
		return fmt.Errorf("%w: no answer to the hello", wire.ErrMalformed)
	}
	if p.code != wire.CodeDone {
		return c.opts.Errors.Remote(p.code, p.text)
	}
	return nil
}

// Call calls a method and waits until it has ended: its reply is decoded into the
// value that reply points to, or ctx ends, or the connection dies. When Call returns,
// nobody touches reply any more. What an error says about the request: doc.go.
func (c *Client) Call(ctx context.Context, method string, args, reply any) error {
	k := c.Go(ctx, method, args, reply, nil)
	select {
	case <-k.Done:
		return k.Err
	case <-ctx.Done():
	}
	if c.take(k.seq) != nil {
		k.end(fmt.Errorf("%w: %w", wire.ErrDeadline, ctx.Err()))
	}
	<-k.Done
	return k.Err
}

// Go begins a call and returns it without waiting for the reply: done gets the call
// when it has ended, at once if it could not begin. done must have room for all calls
// that share it; nil makes a new channel.
//
// Go waits until there is room among the pending calls, and then until the requests
// before this one are written. If ctx ends or the connection dies before that, the call
// ends with wire.ErrNotSent and also wire.ErrDeadline and ctx's error, or Err's. ctx
// ends nothing after that. The order in which Go returns is the order of requests.
//
// Args that cannot be encoded end the call with wire.ErrNotSent, a body of more than
// opts.Message bytes or a method of more than maxMethod with wire.ErrTooLarge.
func (c *Client) Go(ctx context.Context, method string, args, reply any, done chan *Call) *Call {
	if done == nil {
		done = make(chan *Call, 1)
	}
	k := &Call{Method: method, Reply: reply, Done: done}
	body, err := wire.AppendArgs(nil, method, args, c.opts.Message)
	if err == nil {
		err = c.begin(ctx, k, body)
	}
	if err != nil {
		k.end(err)
	}
	return k
}

// begin gets room and the turn for a call, enters it, and has it written. If it fails,
// the call has neither.
func (c *Client) begin(ctx context.Context, k *Call, body []byte) error {
	if err := c.acquire(ctx, c.room); err != nil {
		return err
	}
	if err := c.acquire(ctx, c.turn); err != nil {
		<-c.room
		return err
	}
	if err := c.enter(k); err != nil {
		<-c.turn
		<-c.room
		return err
	}
	go c.write(request{k.seq, k.Method, body}.append(nil))
	return nil
}

// acquire puts a token into tokens, unless ctx ends or the connection dies first: then
// the error says so, and that nothing was sent.
func (c *Client) acquire(ctx context.Context, tokens chan<- struct{}) error {
	if ctx.Err() == nil && c.Err() == nil { // a select would choose at random
		select {
		case tokens <- struct{}{}:
			return nil
		case <-ctx.Done():
		case <-c.Done():
		}
	}
	if err := c.Err(); err != nil {
		return notSent(err)
	}
	return notSent(fmt.Errorf("%w: %w", wire.ErrDeadline, ctx.Err()))
}

// enter gives a call the next number and enters it in pending, and counts the goroutine
// that will write it: Close begins to wait only after the connection is dead, and then no
// call is entered.
func (c *Client) enter(k *Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.Err(); err != nil {
		return notSent(err)
	}
	c.last++
	k.seq = c.last
	c.pending[k.seq] = k
	c.running.Add(1)
	return nil
}

// write writes a frame and passes the turn on. A write that does not end within
// opts.Write, or fails, ends the connection.
func (c *Client) write(frame []byte) {
	defer c.running.Done()
	c.conn.SetWriteDeadline(time.Now().Add(c.opts.Write))
	if _, err := c.conn.Write(frame); err != nil {
		c.fail(broken(err))
	}
	<-c.turn
}

// take claims the pending call of a number for whoever is about to end it, and gives its
// room back. It returns nil if somebody else has claimed it, or it was never entered.
func (c *Client) take(seq uint64) *Call {
	c.mu.Lock()
	k := c.pending[seq]
	delete(c.pending, seq)
	c.mu.Unlock()
	if k != nil {
		<-c.room
	}
	return k
}

// read is the reading goroutine: it delivers response after response until one cannot
// be read or delivered, and then ends the connection for that reason.
func (c *Client) read() {
	var err error
	for err == nil {
		var frame []byte
		if frame, err = readFrame(c.in, c.opts.Message+maxHead); err != nil {
			err = broken(err)
			break
		}
		err = c.deliver(frame)
	}
	c.fail(err)
}

// deliver ends the call that a response answers: with its reply, with the error that
// it tells of, or with wire.ErrReply if its body cannot be decoded. A response whose
// call is not pending any more is thrown away.
//
// It returns an error, always wire.ErrBroken, if the connection has to end: the frame
// is no response, or answers a request with a number that was never given; or it is a
// notice, and then the error is also the one that the notice tells of.
func (c *Client) deliver(frame []byte) error {
	p, err := parseResponse(frame)
	if err != nil {
		return broken(err)
	}
	if p.seq == 0 {
		return fmt.Errorf("%w: %w", wire.ErrBroken, c.opts.Errors.Remote(p.code, p.text))
	}
	if k := c.take(p.seq); k != nil {
		k.end(c.outcome(p, k.Reply))
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.seq > c.last {
		return broken(fmt.Errorf("nobody has sent request %d", p.seq))
	}
	return nil
}

// outcome is what a response says to a call, whose reply it decodes.
func (c *Client) outcome(p response, reply any) error {
	if p.code != wire.CodeDone {
		return c.opts.Errors.Remote(p.code, p.text)
	}
	if err := wire.DecodeBody(p.body, reply); err != nil {
		return fmt.Errorf("%w: %v", wire.ErrReply, err)
	}
	return nil
}

// fail ends the connection, once: it ends life, closes conn, and ends every pending
// call with err. The first reason stands and is what Err returns.
func (c *Client) fail(err error) {
	c.kill(err)
	c.conn.Close()
	c.mu.Lock()
	left := c.pending
	c.pending = nil // nothing is entered any more
	c.mu.Unlock()
	for _, k := range left {
		<-c.room
		k.end(c.Err())
	}
}
