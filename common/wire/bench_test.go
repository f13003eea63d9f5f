package wire_test

import (
	"context"
	"net"
	"net/rpc"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/wire"
)

// Blob is a body with hand-written bytes, as kv.Request has them.
type Blob struct{ B []byte }

func (v *Blob) AppendTo(b []byte) []byte { return cbor.AppendBytes(b, v.B) }

func (v *Blob) DecodeFrom(b []byte) error {
	r := cbor.NewReader(b)
	v.B = r.CopyBytes()
	return r.Close()
}

// Echo answers with what it was asked, inline.
type Echo struct{}

func (Echo) Do(in *Blob, out *Blob) error {
	out.B = in.B
	return nil
}

// BenchmarkEcho compares calls of 100 bytes each way over TCP with those of
// net/rpc and gob, over one shared connection and over one a caller.
func BenchmarkEcho(b *testing.B) {
	for _, callers := range []int{1, 16, 64, 256} {
		for _, shared := range []bool{true, false} {
			name := "own/callers=" + strconv.Itoa(callers)
			conns := callers
			if shared {
				name, conns = "shared/callers="+strconv.Itoa(callers), 1
			}
			b.Run(name+"/wire", func(b *testing.B) { benchWire(b, callers, conns) })
			b.Run(name+"/gob", func(b *testing.B) { benchGob(b, callers, conns) })
		}
	}
}

func benchWire(b *testing.B, callers, conns int) {
	s := wire.NewServer(wire.ServerOptions{Inline: func(string) bool { return true }})
	require.NoError(b, s.Register("Echo", Echo{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	defer serving.Wait()
	defer s.Close()
	clients := make([]*wire.Client, conns)
	for i := range clients {
		clients[i], err = wire.Dial(b.Context(), l.Addr().String(), wire.ClientOptions{})
		require.NoError(b, err)
		defer clients[i].Close()
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	run(b, callers, func(i int, in, out *Blob) error {
		return clients[i%conns].Call(ctx, "Echo.Do", in, out)
	})
}

func benchGob(b *testing.B, callers, conns int) {
	s := rpc.NewServer()
	require.NoError(b, s.RegisterName("Echo", Echo{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer l.Close()
	serving.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			serving.Go(func() { s.ServeConn(conn) })
		}
	})
	clients := make([]*rpc.Client, conns)
	for i := range clients {
		clients[i], err = rpc.Dial("tcp", l.Addr().String())
		require.NoError(b, err)
		defer clients[i].Close()
	}
	run(b, callers, func(i int, in, out *Blob) error {
		return clients[i%conns].Call("Echo.Do", in, out)
	})
}

// run makes b.N calls from the given number of callers.
func run(b *testing.B, callers int, call func(i int, in, out *Blob) error) {
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			in, out := &Blob{B: make([]byte, 100)}, new(Blob)
			for left.Add(-1) >= 0 {
				if err := call(i, in, out); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
