package wire_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/cbor"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The frames of the wire, put together by hand.
var (
	frame, request, response = wiretest.Frame, wiretest.Request, wiretest.Response
	hello, welcome           = helloOf(1, 1, 0), response(0, 0, "", nil)
)

func helloOf(version, kind, node uint64) []byte { return wiretest.Hello("dss", version, kind, node) }

func echoRequest(seq uint64, text string) []byte {
	return request(seq, "Echo.Do", cbor.AppendBytes(nil, []byte(text)))
}

type answer = wiretest.Answer

// Codes of doc.go's responses.
const (
	ok         = 0
	overloaded = 2
	shutdown   = 3
	tooLarge   = 4
	noMethod   = 5
	malformed  = 6
	refused    = 7
	panicked   = 8
	replyLost  = 9
)

// talk is what a server answers to these bytes.
func talk(t testing.TB, s *wire.Server, parts ...[]byte) []answer {
	return wiretest.Talk(t, s.ServeConn, parts...)
}

// The services of the tests.

var errOdd = errors.New("odd number")

// Half divides numbers, through the general CBOR codec.
type Half struct{}

type Number struct {
	N    int
	Note string
}

func (Half) Do(in Number, out *Number) error {
	if in.N%2 != 0 {
		return errors.Join(errOdd)
	}
	*out = Number{N: in.N / 2}
	return nil
}

func (Half) Strict(in Number, out *Number) error {
	if in.N%2 != 0 {
		return &detailed{errOdd, in.N}
	}
	return errors.New("no such luck")
}

type detailed struct {
	err error
	n   int
}

func (d *detailed) Error() string { return d.err.Error() + ": it is just not even" }

// Gate holds its callers until it is opened, or their context ends.
type Gate struct {
	opened  chan struct{}
	waiting chan struct{} // gets a token for each caller that has come
}

func newGate() *Gate { return &Gate{make(chan struct{}), make(chan struct{}, 4096)} }

// Pass ends with its caller's connection only.
func (g *Gate) Pass(in *wire.With[Blob], out *Blob) error { return g.pass(in.Ctx, in, out) }

// Poll ends also when the server begins to shut down.
func (g *Gate) Poll(in *wire.With[Blob], out *Blob) error { return g.pass(in.Wait, in, out) }

func (g *Gate) pass(ctx context.Context, in *wire.With[Blob], out *Blob) error {
	g.waiting <- struct{}{}
	select {
	case <-g.opened:
		out.B = in.Arg.B
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isInline(method string) bool { return method != "Gate.Pass" && method != "Gate.Poll" }

// newServer returns a server with Echo, Half and a Gate.
func newServer(t testing.TB, o wire.ServerOptions) (*wire.Server, *Gate) {
	if o.Inline == nil {
		o.Inline = isInline
	}
	if o.Errors == nil {
		o.Errors = wire.Errors{7: errOdd}
	}
	s, gate := wire.NewServer(o), newGate()
	require.NoError(t, s.Register("Echo", Echo{}))
	require.NoError(t, s.Register("Half", Half{}))
	require.NoError(t, s.Register("Gate", gate))
	return s, gate
}

// listen serves on loopback until the test ends.
func listen(t testing.TB, s *wire.Server) (addr string) {
	l, err := wire.Listen("127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	t.Cleanup(func() {
		s.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// attach serves one connection in memory and returns its other end. The server
// ends with the test.
func attach(t testing.TB, s *wire.Server) net.Conn {
	here, there := memnet.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() { s.ServeConn(there) })
	t.Cleanup(func() {
		s.Close()
		here.Close()
		serving.Wait()
	})
	return here
}

// dialMemory returns a client over a connection in memory.
func dialMemory(t testing.TB, s *wire.Server, o wire.ClientOptions) *wire.Client {
	c, err := wire.NewClient(t.Context(), attach(t, s), o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func dialTCP(t testing.TB, addr string, o wire.ClientOptions) *wire.Client {
	c, err := wire.Dial(t.Context(), addr, o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func echo(ctx context.Context, c *wire.Client, text string) (string, error) {
	var out Blob
	err := c.Call(ctx, "Echo.Do", &Blob{[]byte(text)}, &out)
	return string(out.B), err
}

// requireServing checks that the server still answers, on a new connection.
func requireServing(t testing.TB, s *wire.Server) {
	t.Helper()
	got := talk(t, s, hello, echoRequest(1, "still there?"))
	require.Len(t, got, 2)
	require.Equal(t, answer{Seq: 1, Body: cbor.AppendBytes(nil, []byte("still there?"))}, got[1])
}

// advance lets the time of a synctest bubble go on.
func advance(d time.Duration) { <-time.After(d) }
