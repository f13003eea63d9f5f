package wire

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"sync"
	"sync/atomic"
)

// reply is what net/rpc's dispatch says about a request whose body it was given:
// the common half of the two server codecs.
type reply struct {
	unknown bool  // net/rpc asked to throw the body away: no such method
	bodyErr error // the body could not be decoded
}

// readBody decodes a request's body for net/rpc and remembers what was wrong.
func (p *reply) readBody(body []byte, args any, s span) error {
	*p = reply{unknown: args == nil}
	if p.unknown {
		return nil
	}
	p.bodyErr = decodeArgs(body, args, s)
	return p.bodyErr
}

// append appends the frame of net/rpc's response.
func (p *reply) append(b []byte, r *rpc.Response, body any, max int, listed Errors) []byte {
	switch {
	case p.unknown:
		return appendError(b, r.Seq, codeNoMethod, fmt.Sprintf("%v: %q", ErrNoMethod, r.ServiceMethod))
	case p.bodyErr != nil:
		return appendError(b, r.Seq, codeMalformed, fmt.Sprintf("%v: args of %s: %v", ErrMalformed, r.ServiceMethod, p.bodyErr))
	case r.Error != "":
		return appendError(b, r.Seq, listed.codeOfText(r.Error), r.Error)
	}
	start := len(b)
	b = beginResponse(b, r.Seq)
	head := len(b)
	b, err := AppendBody(b, body)
	if err == nil && len(b)-head > max {
		err = fmt.Errorf("%d bytes: at most %d", len(b)-head, max)
	}
	if err != nil {
		return appendError(b[:start], r.Seq, codeReply, fmt.Sprintf("%v: %s: %v", ErrReply, r.ServiceMethod, err))
	}
	return endFrame(b, start)
}

// serverCodec lets net/rpc's own Server speak this wire.
type serverCodec struct {
	in      *frameReader
	out     *outbox
	bounds  Bounds
	listed  Errors
	cancel  context.CancelFunc
	span    span
	greeted bool
	req     request
	last    uint64
	end     error // why reading ended

	mu      sync.Mutex       // guards pending
	pending map[uint64]reply // of requests whose response is due
}

// NewServerCodec returns a codec for rpc.Server.ServeCodec. Reading is bounded as
// b says, and a connection on which nothing came for b.Idle is closed. It has no
// bound on requests in flight and does not contain panics: [Server] does.
func NewServerCodec(conn net.Conn, b Bounds, listed Errors) rpc.ServerCodec {
	b = b.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	c := &serverCodec{bounds: b, listed: listed, cancel: cancel, span: span{ctx, ctx}, pending: make(map[uint64]reply)}
	c.in = newFrameReader(conn, b.Message+maxHead, b, new(atomic.Int64))
	c.out = newOutbox(conn, b.Write, new(atomic.Int64))
	c.in.before = c.out.flush
	return c
}

func (c *serverCodec) ReadRequestHeader(r *rpc.Request) error {
	if c.end = c.readHeader(); c.end != nil {
		c.cancel()
		return io.EOF // the one error that makes net/rpc end the connection without a word
	}
	c.last = c.req.seq
	r.Seq, r.ServiceMethod = c.req.seq, string(c.req.method)
	return nil
}

func (c *serverCodec) readHeader() error {
	if !c.greeted {
		h, err := acceptHello(c.in, c.bounds)
		if err == nil && h.kind != kindCalls {
			err = fmt.Errorf("%w: this server takes no peers", ErrRefused)
		}
		if err != nil {
			return err
		}
		c.greeted = true
		c.out.add(appendError(nil, 0, CodeDone, ""))
	}
	frame, err := c.in.next()
	if err == nil {
		c.req, err = parseRequest(frame, c.last)
	}
	return err
}

func (c *serverCodec) ReadRequestBody(args any) error {
	var p reply
	err := p.readBody(c.req.body, args, c.span)
	c.mu.Lock()
	c.pending[c.req.seq] = p
	c.mu.Unlock()
	return err
}

func (c *serverCodec) WriteResponse(r *rpc.Response, body any) error {
	c.mu.Lock()
	p := c.pending[r.Seq]
	delete(c.pending, r.Seq)
	c.mu.Unlock()
	c.out.add(p.append(nil, r, body, c.bounds.Message, c.listed))
	c.out.gather()
	return nil
}

func (c *serverCodec) Close() error {
	c.cancel()
	if err := farewell(c.end); err != nil {
		c.out.add(appendNotice(nil, err))
	}
	c.out.finish()
	return c.out.to.conn.Close()
}

// acceptHello reads the first frame of a connection.
func acceptHello(in *frameReader, b Bounds) (hello, error) {
	max := in.max
	in.max, in.idle, in.whole = maxHello, b.Handshake, b.Handshake
	defer func() { in.max, in.idle, in.whole = max, b.Idle, b.Frame }()
	frame, err := in.next()
	if err != nil {
		return hello{}, err
	}
	return parseHello(frame)
}

// clientCodec lets net/rpc's own Client speak this wire.
type clientCodec struct {
	in      *frameReader
	out     *outbox
	bounds  Bounds
	greeted bool // the hello was answered
	body    []byte
	closed  atomic.Bool
}

// NewClientCodec returns a codec for rpc.NewClientWithCodec. What net/rpc's
// Client lacks it lacks too: see [Client]. An answer that does not come is waited
// for without end.
func NewClientCodec(conn net.Conn, b Bounds) rpc.ClientCodec {
	b = b.withDefaults()
	b.Idle = 0
	c := &clientCodec{bounds: b}
	c.in = newFrameReader(conn, b.Message+maxHead, b, new(atomic.Int64))
	c.out = newOutbox(conn, b.Write, new(atomic.Int64))
	c.out.add(hello{kind: kindCalls}.append(nil)) // at once: a server does not wait long for it
	c.out.flush()
	return c
}

func (c *clientCodec) WriteRequest(r *rpc.Request, args any) error {
	body, err := AppendArgs(nil, r.ServiceMethod, args, c.bounds.Message)
	if err != nil {
		return fmt.Errorf("%s: %w", r.ServiceMethod, err)
	}
	c.out.add(appendRequest(nil, r.Seq+1, r.ServiceMethod, body)) // net/rpc counts from 0, which is a notice here
	c.out.gather()
	return nil
}

func (c *clientCodec) ReadResponseHeader(r *rpc.Response) error {
	frame, err := c.in.next()
	if err == nil && !c.greeted {
		if err = parseAnswer(frame, nil); err == nil {
			c.greeted = true
			frame, err = c.in.next()
		}
	}
	if err != nil {
		return err
	}
	p, err := parseResponse(frame)
	if err != nil {
		return err
	}
	if p.seq == 0 {
		return Errors(nil).Remote(p.code, p.text)
	}
	r.Seq, r.Error, c.body = p.seq-1, "", p.body
	if p.code != CodeDone {
		r.Error = Errors(nil).Remote(p.code, p.text).Error()
	}
	return nil
}

func (c *clientCodec) ReadResponseBody(v any) error {
	if v == nil {
		return nil
	}
	return DecodeBody(c.body, v)
}

func (c *clientCodec) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.out.to.conn.Close()
}
