package call_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"

	"dss.example/p1-kvrpc/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Frames put together by hand, as doc.go has them.
var (
	frame, helloOf, request, response = wiretest.Frame, wiretest.Hello, wiretest.Request, wiretest.Response
	hello, welcome                    = helloOf("dss", 1, 1, 0), response(0, 0, "", nil)
)

type answer = wiretest.Answer

func bytesOf(s string) []byte { return cbor.AppendBytes(nil, []byte(s)) }

func prefix(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// Codes of doc.go.
const (
	done       = 0
	ofHandler  = 1
	overloaded = 2
	shutdown   = 3
	tooLarge   = 4
	noMethod   = 5
	malformed  = 6
	refused    = 7
	panicked   = 8
	replyLost  = 9
	ofOdd      = 64 + 7
)

// The services of the tests. All halves are given the same.

var errOdd = errors.New("odd number")

var listed = wire.Errors{7: errOdd}

// Half divides numbers.
type Half struct{}

// Number goes through the general codec.
type Number struct {
	N    int
	Note string
}

// Do divides by 2; there are numbers that it cannot divide.
func (Half) Do(in *Number, out *Number) error {
	if in.N%2 != 0 {
		return fmt.Errorf("%w: %d", errOdd, in.N)
	}
	out.N = in.N / 2
	return nil
}

// Value is Do with args that are no pointer, and a note about them.
func (Half) Value(in Number, out *Number) error {
	*out = Number{N: in.N / 2, Note: in.Note}
	return nil
}

// Fail returns an error that is not listed.
func (Half) Fail(*Number, *Number) error { return errors.New("no such luck") }

// Panic panics.
func (Half) Panic(*Number, *Number) error { panic("as the test wants") }

// Exit ends its goroutine.
func (Half) Exit(*Number, *Number) error {
	runtime.Goexit()
	return nil
}

// Pairs writes to its reply as if it were there.
func (Half) Pairs(in *Number, out *map[string]int) error {
	(*out)["n"] = in.N
	return nil
}

// Long replies with in.N bytes.
func (Half) Long(in *Number, out *[]byte) error {
	*out = make([]byte, in.N)
	return nil
}

// Unreadable replies with what has no encoding.
func (Half) Unreadable(_ *Number, out *chan int) error {
	*out = make(chan int)
	return nil
}

// What follows are no handlers, and do not hinder the rest from being registered.

// One takes too little.
func (Half) One(*Number) error { return nil }

// NoPointer has a reply that it cannot set.
func (Half) NoPointer(*Number, Number) error { return nil }

// Silent returns nothing.
func (Half) Silent(*Number, *Number) {}

// Hidden takes what nobody else can name.
func (Half) Hidden(*hidden, *Number) error { return nil }

type hidden struct{}

// Echo replies with its args, when its gate is open: raw bytes both ways.
type Echo struct {
	entered chan struct{} // gets one for each call of Wait
	gate    chan struct{} // closed to let them go
}

func newEcho() *Echo {
	return &Echo{entered: make(chan struct{}, 4096), gate: make(chan struct{})}
}

// Do replies at once.
func (*Echo) Do(in []byte, out *[]byte) error {
	*out = in
	return nil
}

// Wait replies when the gate is open.
func (e *Echo) Wait(in []byte, out *[]byte) error {
	e.entered <- struct{}{}
	<-e.gate
	*out = in
	return nil
}

// Sleep replies after as many milliseconds as the number of its first byte.
func (e *Echo) Sleep(in []byte, out *[]byte) error {
	<-time.After(time.Duration(in[0]) * time.Millisecond)
	*out = in
	return nil
}

// Raw is a value with bytes of its own, which panics when it is told to.
type Raw struct{ b []byte }

// AppendTo appends the bytes.
func (r *Raw) AppendTo(b []byte) []byte { return cbor.AppendBytes(b, r.b) }

// DecodeFrom reads the bytes.
func (r *Raw) DecodeFrom(b []byte) error {
	in := cbor.NewReader(b)
	if r.b = in.CopyBytes(); string(r.b) == "panic" {
		panic("as the test wants")
	}
	return in.Close()
}

// Own replies with its args.
func (e *Echo) Own(in, out *Raw) error {
	*out = *in
	return nil
}

// The standard halves and ours, as the tests use them.

type server interface {
	Register(name string, rcvr any) error
	Serve(l net.Listener) error
	ServeConn(conn net.Conn)
	Shutdown(ctx context.Context) error
	Close() error
}

// register offers the services of the tests.
func register(t testing.TB, s server) *Echo {
	e := newEcho()
	require.NoError(t, s.Register("Half", Half{}))
	require.NoError(t, s.Register("Echo", e))
	return e
}

type client interface {
	Call(ctx context.Context, method string, args, reply any) error
	Close() error
}

// connect serves one connection in memory and returns the client's end of it. When the
// test ends, so has the connection.
func connect(t testing.TB, serve func(net.Conn)) net.Conn {
	here, there := memnet.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() { serve(there) })
	t.Cleanup(func() {
		here.Close()
		there.Close()
		serving.Wait()
	})
	return here
}

// standardServer is wire's Server with the services of the tests.
func standardServer(t testing.TB, o wire.ServerOptions) (*wire.Server, *Echo) {
	o.Errors = listed
	s := wire.NewServer(o)
	return s, register(t, s)
}

func newStandardServer() server { return wire.NewServer(wire.ServerOptions{Errors: listed}) }

// libraryServer is net/rpc's own Server under wire's codec.
func libraryServer(t testing.TB) (serve func(net.Conn), e *Echo) {
	s, e := rpc.NewServer(), newEcho()
	require.NoError(t, s.RegisterName("Half", Half{}))
	require.NoError(t, s.RegisterName("Echo", e))
	return func(conn net.Conn) { s.ServeCodec(wire.NewServerCodec(conn, wire.Bounds{}, listed)) }, e
}

// standardClient is wire's Client.
func standardClient(t testing.TB, conn net.Conn, o wire.ClientOptions) *wire.Client {
	o.Errors = listed
	c, err := wire.NewClient(t.Context(), conn, o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// echo calls Echo.Do and demands its reply.
func echo(t testing.TB, c client, text string) {
	t.Helper()
	var got []byte
	require.NoError(t, c.Call(t.Context(), "Echo.Do", []byte(text), &got))
	require.Equal(t, text, string(got))
}

// manyCalls makes n calls at the same time, each with bytes of its own, and demands
// that each gets its own reply.
func manyCalls(t testing.TB, c client, n int) {
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() {
			text := fmt.Sprintf("%c%d", byte(i*37), i) // the first byte is how long to sleep
			var got []byte
			if errs[i] = c.Call(t.Context(), "Echo.Sleep", []byte(text), &got); errs[i] == nil && string(got) != text {
				errs[i] = fmt.Errorf("reply %q to %q", got, text)
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

// outcomes calls what goes wrong in every way, and demands that the client is told.
func outcomes(t testing.TB, c client) {
	t.Helper()
	type Other struct{ M string }
	for _, o := range []struct {
		method   string
		args     any
		is       error // nil: only a wire.RemoteError
		definite bool
		text     string
	}{
		{"Half.Do", &Number{N: 3}, errOdd, false, "odd number: 3"},
		{"Half.Fail", &Number{}, nil, false, "no such luck"},
		{"Half.Do", &Other{"x"}, wire.ErrMalformed, true, "Half.Do"},
		{"Half.Do", 5, wire.ErrMalformed, true, "Half.Do"},
		{"Half.Nothing", &Number{}, wire.ErrNoMethod, true, "Half.Nothing"},
		{"Half.Silent", &Number{}, wire.ErrNoMethod, true, "Half.Silent"},
		{"Half.One", &Number{}, wire.ErrNoMethod, true, "Half.One"},
		{"Half.NoPointer", &Number{}, wire.ErrNoMethod, true, "Half.NoPointer"},
		{"Half.Hidden", &Number{}, wire.ErrNoMethod, true, "Half.Hidden"},
		{"Nothing", &Number{}, wire.ErrNoMethod, true, "Nothing"},
		{"", &Number{}, wire.ErrNoMethod, true, ""},
		{"Half.Panic", &Number{}, wire.ErrPanic, false, "Half.Panic"},
		{"Half.Exit", &Number{}, wire.ErrPanic, false, "Half.Exit"},
		{"Echo.Own", []byte("panic"), wire.ErrPanic, false, "Echo.Own"},
		{"Half.Unreadable", &Number{}, wire.ErrReply, false, "Half.Unreadable"},
		{"Half.Long", &Number{N: kv.MaxMessage}, wire.ErrReply, false, "Half.Long"},
	} {
		err := c.Call(t.Context(), o.method, o.args, nil)
		var remote *wire.RemoteError
		require.ErrorAs(t, err, &remote, o.method)
		require.ErrorContains(t, err, o.text)
		require.Equal(t, o.definite, wire.Definite(err), "%v", err)
		if o.is != nil {
			require.ErrorIs(t, err, o.is)
		}
		echo(t, c, "still there")
	}
}

// replies calls what goes right in every way.
func replies(t testing.TB, c client) {
	var n Number
	require.NoError(t, c.Call(t.Context(), "Half.Value", Number{N: 84, Note: "x"}, &n))
	require.Equal(t, Number{N: 42, Note: "x"}, n)
	require.NoError(t, c.Call(t.Context(), "Half.Do", &Number{N: 84}, &n))
	require.Equal(t, Number{N: 42}, n, "what an earlier reply has left is gone")
	var pairs map[string]int
	require.NoError(t, c.Call(t.Context(), "Half.Pairs", &Number{N: 5}, &pairs))
	require.Equal(t, map[string]int{"n": 5}, pairs)
	var raw Raw
	require.NoError(t, c.Call(t.Context(), "Echo.Own", &Raw{[]byte("raw")}, &raw))
	require.Equal(t, "raw", string(raw.b))
	var long []byte
	require.NoError(t, c.Call(t.Context(), "Half.Long", &Number{N: 3 << 20}, &long))
	require.Len(t, long, 3<<20)
	require.NoError(t, c.Call(t.Context(), "Echo.Do", slices.Repeat([]byte("x"), 3<<20), nil))
	echo(t, c, "")
}

// The store of stage 1 behind each half.

// service is the door of a store as handlers.
type service struct {
	store kv.Store
	life  context.Context // ends what waits
}

// Do does one request.
func (s *service) Do(req *kv.Request, resp *kv.Response) error {
	*resp = *s.store.Do(s.life, req)
	return nil
}

// remote is a kv.Store whose requests are calls.
type remote struct{ c client }

func (r remote) Offers() kv.Caps { return table.Offers() }

func (r remote) Do(ctx context.Context, req *kv.Request) *kv.Response {
	if refusal := kv.Check(req); refusal != nil {
		return refusal
	}
	var resp kv.Response
	switch err := r.c.Call(ctx, "KV.Do", req, &resp); {
	case err == nil:
		return &resp
	case wire.Definite(err):
		return kv.Refuse(kv.Unavailable, "%v", err)
	default:
		return kv.Refuse(kv.Maybe, "%v", err)
	}
}

// judgeStore has the store of stage 1 judged through a pair of halves.
func judgeStore(t *testing.T, serve func() server, dial func(net.Conn) (client, error)) {
	settings := kvtest.FromFlags()
	settings.Ops = 500
	if testing.Short() {
		settings.Ops = 100
	}
	kvtest.RunWith(t, settings, func(t testing.TB) kvtest.World {
		clock := &run.Manual{}
		self := machine.Addr{Node: 1, Role: "table"}
		owner, err := run.NewLock(run.Config{
			Self: self, Machine: table.NewMachine(self, table.Config{FirstID: 1}), Protocol: table.Protocol(), Clock: clock,
		})
		require.NoError(t, err)
		store := kvstore.New(owner, table.Offers())
		life, end := context.WithCancel(context.Background())
		srv := serve()
		require.NoError(t, srv.Register("KV", &service{store, life}))
		network := &memnet.Network{}
		ln, err := network.Listen("server")
		require.NoError(t, err)
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		var clients []client
		open := func() kv.Store {
			conn, err := network.Dial(t.Context(), "server")
			require.NoError(t, err)
			c, err := dial(conn)
			require.NoError(t, err)
			clients = append(clients, c)
			return remote{c}
		}
		// A sleep is over when a request has gone there and back: else the server's time
		// would be up before what was sent earlier could arrive.
		pacer := open()
		w := kvtest.Local(func(int) kv.Store { return open() }, func(d time.Duration) {
			clock.Advance(machine.Time(d))
			pacer.Do(t.Context(), &kv.Request{Op: kv.Get{Key: "pace"}})
		})
		w.OnClose = func() {
			end()
			for _, c := range clients {
				require.NoError(t, c.Close())
			}
			require.NoError(t, srv.Shutdown(context.Background()))
			require.NoError(t, <-served)
			require.NoError(t, store.Close())
		}
		return w
	}, table.Offers())
}
