package call

import (
	"bufio"
	"errors"
	"fmt"
	"go/token"
	"net"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/wire"
)

// method is a handler, func (t *T) Name(args A, reply *R) error, of a registered T.
type method struct {
	fn    reflect.Value // bound to its receiver
	args  reflect.Type  // A; a pointer or not
	reply reflect.Type  // *R
}

// errorType is what a handler returns.
var errorType = reflect.TypeFor[error]()

// Register offers the handlers of rcvr under "name.Method": its exported methods that
// handler takes. It returns an error if there are none, or if one of these names is
// taken, and then offers nothing. All must be registered before the Server serves.
//
//ds:todo p1.2
func (s *Server) Register(name string, rcvr any) error {
	v := reflect.ValueOf(rcvr)
	found := make(map[string]*method)
	for i := range v.NumMethod() {
		full := name + "." + v.Type().Method(i).Name
		m := handler(v.Method(i))
		if m == nil {
			continue
		}
		if s.methods[full] != nil {
			return fmt.Errorf("register %s: the name is taken", full)
		}
		found[full] = m
	}
	if len(found) == 0 {
		return fmt.Errorf("register %s: %T has no methods (args, *reply) error", name, rcvr)
	}
	for full, m := range found {
		s.methods[full] = m
	}
	return nil
}

// handler returns the handler that fn is, nil if it is none. A handler takes two
// values and returns an error; both are of exported or built-in types, or pointers to
// such; the second is a pointer.
//
//ds:todo p1.2
func handler(fn reflect.Value) *method {
	t := fn.Type()
	if t.NumIn() != 2 || t.NumOut() != 1 || t.Out(0) != errorType {
		return nil
	}
	args, reply := t.In(0), t.In(1)
	if reply.Kind() != reflect.Pointer || !exported(args) || !exported(reply) {
		return nil
	}
	return &method{fn: fn, args: args, reply: reply}
}

// exported reports whether a type, or what it points to, is exported or built in.
func exported(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == "" || token.IsExported(t.Name())
}

// call decodes args, calls the handler with them and an empty reply (newReply), and
// returns that reply and the handler's error. If args cannot be decoded the handler
// is not called, and the error is malformed's instead.
//
//ds:todo p1.2
func (m *method) call(args []byte) (reply any, malformed, err error) {
	a := m.args
	if a.Kind() == reflect.Pointer {
		a = a.Elem()
	}
	arg := reflect.New(a)
	if malformed := wire.DecodeBody(args, arg.Interface()); malformed != nil {
		return nil, malformed, nil
	}
	if m.args.Kind() != reflect.Pointer {
		arg = arg.Elem()
	}
	r := newReply(m.reply)
	err, _ = m.fn.Call([]reflect.Value{arg, r})[0].Interface().(error)
	return r.Interface(), nil, err
}

// newReply returns an empty reply of pointer type t for a handler. A map is there to be
// written to, and a slice is empty, not null, on the wire.
func newReply(t reflect.Type) reflect.Value {
	r := reflect.New(t.Elem())
	switch t.Elem().Kind() {
	case reflect.Map:
		r.Elem().Set(reflect.MakeMap(t.Elem()))
	case reflect.Slice:
		r.Elem().Set(reflect.MakeSlice(t.Elem(), 0, 0))
	}
	return r
}

// conn is one connection of a Server. Its reading goroutine is the one that serves
// it; each request has a goroutine of its own; all hand what they have to say to the
// writing goroutine.
type conn struct {
	srv      *Server
	raw      net.Conn
	in       *bufio.Reader
	out      chan answer    // to the writing goroutine
	handlers sync.WaitGroup // the requests being served
	inFlight atomic.Int64   // their number, until the writing goroutine has their answers
	draining atomic.Bool    // no more requests are read
	last     uint64         // the number of the last request; the reading goroutine's
}

// answer is a response for the writing goroutine.
type answer struct {
	response
	served bool // it answers a request that counts in inFlight
}

// newConn is a connection that nobody serves yet.
func newConn(s *Server, raw net.Conn) *conn {
	return &conn{srv: s, raw: raw, in: bufio.NewReader(raw), out: make(chan answer)}
}

// serve is the life of a connection: it greets, reads requests until that ends, waits
// for the requests being served, gives notice of why reading ended if that is for the
// client to know (farewell), and waits until all that was said is written. Who calls
// it closes the connection.
//
//ds:todo p1.2
func (c *conn) serve() {
	var writing sync.WaitGroup
	writing.Go(c.write)
	err := c.greet()
	if err == nil {
		err = c.loop()
	}
	c.handlers.Wait()
	bye := farewell(err)
	if bye != nil {
		c.out <- answer{response: failure(0, bye)}
	}
	close(c.out)
	writing.Wait()
	if bye != nil {
		wire.Linger(c.raw)
	}
}

// farewell returns what a client is told when reading ended with err: that the
// connection closes in good order after a silence or for a Shutdown, or what was wrong
// with a frame. It is nil if nobody is there to be told.
func farewell(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: no request for too long", wire.ErrShutdown)
	case wire.CodeOf(err) != wire.CodeHandler:
		return err
	}
	return nil
}

// next reads the next frame, of at most max bytes, within d. Besides the errors of
// readFrame it returns wire.ErrShutdown when the connection is draining.
func (c *conn) next(max int, d time.Duration) ([]byte, error) {
	c.raw.SetReadDeadline(time.Now().Add(d))
	if c.draining.Load() { // looked at after setting the deadline: drain does it the other way round
		return nil, wire.ErrShutdown
	}
	frame, err := readFrame(c.in, max)
	if err != nil && c.draining.Load() {
		return nil, wire.ErrShutdown
	}
	return frame, err
}

// greet reads the hello within opts.Handshake and answers it: a welcome is request 0,
// code 0, no body. It returns an error if there was no hello, or a wrong one.
//
//ds:todo p1.2
func (c *conn) greet() error {
	frame, err := c.next(maxHello, c.srv.opts.Handshake)
	if err != nil {
		return err
	}
	if err := parseHello(frame); err != nil {
		return err
	}
	c.out <- answer{response: response{}}
	return nil
}

// loop reads requests and has them served, until a frame cannot be read within
// opts.Idle, is no request, or has a number that does not grow (wire.ErrMalformed).
// It returns why.
//
//ds:todo p1.2
func (c *conn) loop() error {
	for {
		frame, err := c.next(c.srv.opts.Message+maxHead, c.srv.opts.Idle)
		if err != nil {
			return err
		}
		q, err := parseRequest(frame)
		if err != nil {
			return err
		}
		if q.seq <= c.last {
			return fmt.Errorf("%w: request %d after %d", wire.ErrMalformed, q.seq, c.last)
		}
		c.last = q.seq
		c.begin(q)
	}
}

// begin has a request served by a goroutine of its own, which handlers and inFlight
// count, and does not wait for it. If opts.InFlight requests are being served already
// it answers wire.ErrOverloaded instead.
//
//ds:todo p1.2
func (c *conn) begin(q request) {
	if c.inFlight.Load() >= int64(c.srv.opts.InFlight) {
		c.out <- answer{response: failure(q.seq, fmt.Errorf("%w: %d requests in flight", wire.ErrOverloaded, c.srv.opts.InFlight))}
		return
	}
	c.inFlight.Add(1)
	c.handlers.Go(func() { c.run(q) })
}

// run serves a request and hands its answer to the writing goroutine, whatever
// happens: if a handler panics, or ends its goroutine, the answer is wire.ErrPanic
// with the method's name, and the panic is logged (logPanic).
//
//ds:todo p1.2
func (c *conn) run(q request) {
	p := failure(q.seq, fmt.Errorf("%w: %s", wire.ErrPanic, q.method))
	returned := false
	defer func() {
		if !returned {
			c.srv.logPanic(q.method, recover())
		}
		c.out <- answer{p, true}
	}()
	p = c.respond(q)
	returned = true
}

// respond calls the handler of a request and returns the response. Instead of a reply
// it tells of wire.ErrNoMethod; of wire.ErrMalformed, if the args cannot be decoded;
// of the handler's error, with the code that opts.Errors give it (wire.Errors.Code); or
// of wire.ErrReply, if the reply cannot be encoded or has more than opts.Message bytes.
//
//ds:todo p1.2
func (c *conn) respond(q request) response {
	m := c.srv.methods[q.method]
	if m == nil {
		return failure(q.seq, fmt.Errorf("%w: %q", wire.ErrNoMethod, q.method))
	}
	reply, malformed, err := m.call(q.body)
	switch {
	case malformed != nil:
		return failure(q.seq, fmt.Errorf("%w: args of %s: %v", wire.ErrMalformed, q.method, malformed))
	case err != nil:
		return response{seq: q.seq, code: c.srv.opts.Errors.Code(err), text: err.Error()}
	}
	body, err := wire.AppendBody(nil, reply)
	if err == nil && len(body) > c.srv.opts.Message {
		err = fmt.Errorf("%d bytes: at most %d", len(body), c.srv.opts.Message)
	}
	if err != nil {
		return failure(q.seq, fmt.Errorf("%w: %s: %v", wire.ErrReply, q.method, err))
	}
	return response{seq: q.seq, body: body}
}

// write is the writing goroutine: it writes answer after answer until out is closed.
// Before it writes one that was served, the request counts in inFlight no more: a
// client that has its answer may ask again. After a write that failed, or did not end
// within opts.Write, it closes the connection, so that reading ends too, and throws
// the rest away.
//
//ds:todo p1.2
func (c *conn) write() {
	var err error
	for a := range c.out {
		if a.served {
			c.inFlight.Add(-1)
		}
		if err != nil {
			continue
		}
		c.raw.SetWriteDeadline(time.Now().Add(c.srv.opts.Write))
		if _, err = c.raw.Write(a.append(nil)); err != nil {
			c.raw.Close()
		}
	}
}
