package judged

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"slices"
	"strings"
	"sync"
	"time"

	"dss.example/common/cbor"
	"dss.example/common/judge"
	"dss.example/common/wire"
)

// serverChecks are those of p1.2: the submission is the server.
func serverChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p1.2", Name: "each request of many at once is answered", Run: withServer(echoes),
			Rule: "Requests of several connections at once are each answered with their own reply.",
		},
		{
			Step: "p1.2", Name: "a client of net/rpc is served", Run: withServer(standardClient),
			Rule: "net/rpc's own client under wire's codec is served.",
		},
		{
			Step: "p1.2", Name: "a request that waits holds up no other", Run: withServer(overtakes),
			Rule: "Requests of one connection are served at the same time: a quick one is answered while a slow one waits.",
		},
		{
			Step: "p1.2", Name: "errors keep their identity", Run: withServer(identified),
			Rule: "A listed error of a handler arrives as what it is, with its text; an unknown method and a body that cannot be read have codes of their own.",
		},
		{
			Step: "p1.2", Name: "a panic costs one request", Run: withServer(panics),
			Rule: "A handler that panics costs its own request, of unknown outcome; the connection and the server go on.",
		},
		{
			Step: "p1.2", Name: "a bad frame costs its connection", Run: withServer(malformed),
			Rule: "A frame that is empty, too long, no hello, no request, or whose number does not grow ends its connection after a notice; the server goes on.",
		},
		{
			Step: "p1.2", Name: "too many requests at once are refused", Run: withServer(overloaded, "-in-flight", "4"),
			Rule: "A request beyond the limit of a connection is refused as overloaded, which proves that it was not executed.",
		},
		{
			Step: "p1.2", Name: "a server that ends answers what it has begun", Run: withServer(drains),
			Rule: "On SIGTERM the server answers the requests in flight, gives notice and ends with 0.",
		},
	}
}

// running is the submission's server.
type running struct {
	*judge.T
	p    *judge.Process
	addr string
}

func withServer(check func(running), args ...string) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p1-kvrpc/call")
		p := t.Start("rpc", append([]string{"serve", "-listen", "127.0.0.1:0"}, args...)...)
		s := running{t, p, p.Ready("rpc serving on ")}
		defer p.Watch()() // every check waits for it
		check(s)
	}
}

var errFailed = errors.New("failed as asked")

// dial connects staff's client.
func (s running) dial() *wire.Client {
	c, err := wire.Dial(s.Context(), s.addr, wire.ClientOptions{
		Bounds: wire.Bounds{Idle: time.Hour, Handshake: time.Hour, Frame: time.Hour, Write: time.Hour},
		Errors: wire.Errors{1: errFailed},
	})
	if err != nil {
		s.Fatalf("connect to rpc serve: %v", err)
	}
	s.Cleanup(func() { _ = c.Close() })
	return c
}

// echo demands that a text comes back.
func (s running) echo(c *wire.Client, text string) {
	var reply []byte
	if err := c.Call(s.Context(), "Echo.Echo", []byte(text), &reply); err != nil || string(reply) != text {
		s.Fatalf("Echo.Echo of %q replied %q, %v", text, reply, err)
	}
}

// pause is the argument of Echo.Wait.
type pause struct {
	_    struct{} `cbor:",toarray"`
	MS   uint32
	Data []byte
}

// forever is longer than any check, in milliseconds, and the longest that Echo.Wait
// allows.
const forever = 60_000

func echoes(s running) {
	const connections, callers, calls = 3, 8, 25
	wrong := make(chan string, connections*callers)
	var all sync.WaitGroup
	for i := range connections {
		c := s.dial()
		for k := range callers {
			all.Go(func() {
				for n := range calls {
					text := nonce(s.T, uint64(i<<20|k<<10|n))
					var reply []byte
					if err := c.Call(s.Context(), "Echo.Echo", []byte(text), &reply); err != nil || string(reply) != text {
						wrong <- fmt.Sprintf("Echo.Echo of %q replied %q, %v", text, reply, err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	close(wrong)
	for text := range wrong {
		s.Fatalf("%s", text)
	}
}

func standardClient(s running) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.Fatalf("%v", err)
	}
	c := rpc.NewClientWithCodec(wire.NewClientCodec(conn, wire.Bounds{Idle: time.Hour}))
	defer c.Close()
	var calls []*rpc.Call
	for i := range 50 {
		calls = append(calls, c.Go("Echo.Echo", []byte(fmt.Sprint(i)), new([]byte), make(chan *rpc.Call, 1)))
	}
	for i, k := range calls {
		<-k.Done
		if got := string(*k.Reply.(*[]byte)); k.Error != nil || got != fmt.Sprint(i) {
			s.Fatalf("Echo.Echo of %d replied %q, %v", i, got, k.Error)
		}
	}
}

func overtakes(s running) {
	c := s.dial()
	slow := make(chan error, 1)
	ctx, cancel := context.WithCancel(s.Context())
	go func() { slow <- c.Call(ctx, "Echo.Wait", &pause{MS: forever, Data: []byte("x")}, nil) }()
	for i := range 5 {
		s.echo(c, fmt.Sprint(i))
	}
	cancel()
	if err := <-slow; !errors.Is(err, wire.ErrDeadline) {
		s.Errorf("a request that waits for a minute ended before quick ones: %v", err)
	}
}

func identified(s running) {
	c := s.dial()
	for _, k := range []struct {
		method string
		args   any
		want   error
		text   string
	}{
		{"Echo.Fail", []byte("why"), errFailed, "failed as asked: why"},
		{"Echo.None", []byte("x"), wire.ErrNoMethod, ""},
		{"None.Echo", []byte("x"), wire.ErrNoMethod, ""},
		{"", []byte("x"), wire.ErrNoMethod, ""},
		{"Echo.Echo", "no bytes", wire.ErrMalformed, ""},
		{"Echo.Wait", []byte("no array"), wire.ErrMalformed, ""},
	} {
		err := c.Call(s.Context(), k.method, k.args, nil)
		if !errors.Is(err, k.want) || !strings.Contains(err.Error(), k.text) {
			s.Errorf("%s(%v) failed with %v: want %v %s", k.method, k.args, err, k.want, k.text)
		}
		s.echo(c, "after "+k.method)
	}
}

func panics(s running) {
	c := s.dial()
	for range 3 {
		if err := c.Call(s.Context(), "Echo.Panic", []byte("x"), nil); !errors.Is(err, wire.ErrPanic) {
			s.Fatalf("a handler that panics ends its request with %v: want %v", err, wire.ErrPanic)
		}
		s.echo(c, "after a panic")
	}
	s.echo(s.dial(), "on another connection")
}

// badStarts are what no server accepts: without a hello, and after one.
func badStarts() (first, later [][]byte) {
	first = [][]byte{
		{0, 0, 0, 0},
		{0xff, 0xff, 0xff, 0xff},
		{0x7f, 0xff, 0xff, 0xff},
		frame([]byte("GET / HTTP/1.0\r\n\r\n")),
		helloOf("dss", 2, 1, 0), helloOf("xxx", 1, 1, 0), helloOf("dss", 1, 9, 0), request(1, "Echo.Echo", bytesOf("x")),
	}
	deep := slices.Repeat([]byte{0x81}, 10_000)
	later = [][]byte{
		{0, 0, 0, 0},
		{0xff, 0xff, 0xff, 0xff},
		{0x80, 0, 0, 0},
		frame(deep), frame([]byte{0x82, 0x01}), frame([]byte{0xff}),
		request(0, "Echo.Echo", bytesOf("x")),
		append(request(5, "Echo.Echo", bytesOf("x")), request(5, "Echo.Echo", bytesOf("x"))...),
		append(request(5, "Echo.Echo", bytesOf("x")), request(4, "Echo.Echo", bytesOf("x"))...),
		response(1, codeDone, "", bytesOf("a reply")), request(1, strings.Repeat("m", 300), nil),
	}
	return first, later
}

func malformed(s running) {
	c := s.dial()
	first, later := badStarts()
	for _, b := range first {
		s.ends(b)
		s.echo(c, "on another connection")
	}
	for _, b := range later {
		s.ends(append(slices.Clone(hello), b...))
		s.echo(c, "on another connection")
	}
	for _, unread := range [][]byte{{0x9f, 0xff}, {0x18, 0x01}, cbor.AppendArray(nil, 1<<30)} { // a body costs its request only
		conn := s.connect(append(slices.Clone(hello), request(1, "Echo.Echo", unread)...))
		_, _ = readResponse(conn)
		if a, err := readResponse(conn); err != nil || a.seq != 1 || a.code != codeMalformed {
			s.Errorf("a body that cannot be read: answered %+v, %v: want code %d for its request", a, err, codeMalformed)
		}
		conn.Close()
	}
}

// connect opens a connection and writes to it.
func (s running) connect(b []byte) net.Conn {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.Fatalf("%v", err)
	}
	_, _ = conn.Write(b) // a server that has seen enough may have closed
	return conn
}

// ends demands that the server ends a connection on which b comes, with at most a few
// frames before.
func (s running) ends(b []byte) {
	conn := s.connect(b)
	defer conn.Close()
	for range 10 {
		if _, err := readFrame(conn); err != nil {
			return
		}
	}
	s.Fatalf("a connection goes on after %.40x", b)
}

func overloaded(s running) {
	const limit = 4
	c := s.dial()
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, limit)
	for range limit {
		go func() { ended <- c.Call(ctx, "Echo.Wait", &pause{MS: forever}, nil) }()
	}
	for c.Stats().Calls < limit && s.Context().Err() == nil {
		time.Sleep(time.Millisecond) // until they are queued, in front of the next
	}
	err := c.Call(s.Context(), "Echo.Echo", []byte("x"), nil)
	if !errors.Is(err, wire.ErrOverloaded) {
		s.Errorf("with %d requests in flight and no more allowed, one more ended with %v: want %v", limit, err, wire.ErrOverloaded)
	}
	cancel()
	for range limit {
		<-ended
	}
	s.echo(s.dial(), "on another connection")
}

func drains(s running) {
	conn := s.connect(append(slices.Clone(hello), request(1, "Echo.Echo", bytesOf("a"))...))
	defer conn.Close()
	_, _ = readResponse(conn)
	if a, err := readResponse(conn); err != nil || a.seq != 1 {
		s.Fatalf("the first request was answered %+v, %v", a, err)
	}
	wait := cbor.AppendBytes(cbor.AppendUint(cbor.AppendArray(nil, 2), 500), []byte("b"))
	_, _ = conn.Write(append(request(2, "Echo.Wait", wait), request(3, "Echo.Echo", bytesOf("c"))...))
	if a, err := readResponse(conn); err != nil || a.seq != 3 { // then 2 has begun, for it came first
		s.Fatalf("a quick request beside a slow one was answered %+v, %v", a, err)
	}
	s.p.Terminate()
	if a, err := readResponse(conn); err != nil || a.seq != 2 || a.code != codeDone {
		s.Errorf("the request in flight was answered %+v, %v, after SIGTERM", a, err)
	}
	if a, err := readResponse(conn); err != nil || a.seq != 0 || a.code != codeShutdown {
		s.Errorf("after the last answer came %+v, %v: want a notice with code %d", a, err, codeShutdown)
	}
	conn.Close()
	if code := s.p.Wait(); code != 0 {
		s.Errorf("rpc serve ended with %d after SIGTERM", code)
	}
}
