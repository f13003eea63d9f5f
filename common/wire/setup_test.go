package wire_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/cbor"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The frames of the wire, put together by hand: the format as doc.go has it.

func frame(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

func helloOf(version, kind, node uint64) []byte {
	b := cbor.AppendText(cbor.AppendArray(nil, 4), "dss")
	return frame(cbor.AppendUint(cbor.AppendUint(cbor.AppendUint(b, version), kind), node))
}

var hello = helloOf(1, 1, 0)

func request(seq uint64, method string, body []byte) []byte {
	b := cbor.AppendUint(cbor.AppendArray(nil, 2), seq)
	return frame(append(cbor.AppendKey(b, method), body...))
}

func response(seq, code uint64, text string, body []byte) []byte {
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(nil, 3), seq), code)
	return frame(append(cbor.AppendText(b, text), body...))
}

var welcome = response(0, 0, "", nil)

func echoRequest(seq uint64, text string) []byte {
	return request(seq, "Echo.Do", cbor.AppendBytes(nil, []byte(text)))
}

// answer is a response frame taken apart.
type answer struct {
	Seq, Code uint64
	Text      string
	Body      []byte
}

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

func parseAnswers(t testing.TB, b []byte) (all []answer) {
	for len(b) > 0 {
		require.GreaterOrEqual(t, len(b), 4)
		n := int(binary.BigEndian.Uint32(b))
		require.GreaterOrEqual(t, len(b)-4, n)
		r := cbor.NewReader(b[4 : 4+n])
		r.Fixed(3)
		a := answer{Seq: r.Uint(), Code: r.Uint(), Text: r.Text()}
		a.Body = append([]byte(nil), r.Rest()...)
		require.NoError(t, r.Err())
		all, b = append(all, a), b[4+n:]
	}
	return all
}

// talk sends bytes to a server over a connection in memory, ends its half, and
// returns all that the server answered until it closed.
func talk(t testing.TB, s *wire.Server, bytes ...[]byte) []answer {
	here, there := memnet.Pipe()
	defer here.Close()
	var serving sync.WaitGroup
	serving.Go(func() { s.ServeConn(there) })
	for _, b := range bytes {
		here.Write(b) // the server may have closed already
	}
	here.(*memnet.Conn).CloseWrite()
	got, err := io.ReadAll(here)
	require.NoError(t, err)
	here.Close()
	serving.Wait()
	return parseAnswers(t, got)
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

// allocated returns how many bytes fn allocates, all goroutines included.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// advance lets the time of a synctest bubble go on.
func advance(d time.Duration) { <-time.After(d) }
