package faultproxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/faultproxy"
	"dss.example/common/wire"
)

// between puts a proxy between loopback and addr, and returns where it listens.
func between(t *testing.T, addr string, c faultproxy.Config) (*faultproxy.Proxy, string) {
	var err error
	c.Listen, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.Dial = func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	p := faultproxy.New(c)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := p.Serve(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		p.Close()
		serving.Wait()
	})
	return p, c.Listen.Addr().String()
}

func TestACutResetsTCPConnections(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	_, addr := between(t, server.Addr().String(), faultproxy.Config{Rates: faultproxy.Rates{Cut: 1}})
	near, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer near.Close()
	far, err := server.Accept()
	require.NoError(t, err)
	defer far.Close()
	_, err = near.Write(callsHello)
	require.NoError(t, err)
	for _, conn := range []net.Conn{near, far} {
		_, err := io.ReadAll(conn)
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
}

// Twice is a service whose answers can be checked.
type Twice struct{ executed atomic.Int64 }

// Do doubles.
func (s *Twice) Do(n int, out *int) error {
	s.executed.Add(1)
	*out = 2 * n
	return nil
}

func TestCallsOfAHarmedNetworkAreRightOrFailAndAllSucceedOnceHealed(t *testing.T) {
	srv, twice := wire.NewServer(wire.ServerOptions{}), new(Twice)
	require.NoError(t, srv.Register("Twice", twice))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { srv.Serve(l) })
	defer serving.Wait()
	defer srv.Close()

	p, addr := between(t, l.Addr().String(), faultproxy.Config{
		Seed: 4, Rates: faultproxy.Rough(),
		Times: faultproxy.Times{Longest: 20 * time.Millisecond, Late: 50 * time.Millisecond, Outage: 50 * time.Millisecond},
	})
	var callers sync.WaitGroup
	var right, failed atomic.Int64
	for caller := range 4 {
		callers.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(caller)))
			for until := time.Now().Add(time.Second); time.Now().Before(until); {
				n, err := session(t.Context(), addr, rng, 50, 200*time.Millisecond)
				right.Add(int64(n))
				if err != nil {
					failed.Add(1)
				}
				if errors.Is(err, errWrong) {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	t.Logf("%d right, %d sessions failed, %d executed: %v", right.Load(), failed.Load(), twice.executed.Load(), p.Stats())
	require.Positive(t, right.Load())
	require.Positive(t, failed.Load())

	p.Heal()
	n, err := session(t.Context(), addr, rand.New(rand.NewPCG(2, 2)), 200, time.Minute)
	require.NoError(t, err)
	require.Equal(t, 200, n)
}

var errWrong = errors.New("wrong answer")

// session makes calls over one connection until one fails, or has no answer for
// as long as the patience lasts.
func session(ctx context.Context, addr string, rng *rand.Rand, calls int, patience time.Duration) (right int, err error) {
	c, err := wire.Dial(ctx, addr, wire.ClientOptions{Bounds: wire.Bounds{Handshake: patience}})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for range calls {
		ctx, cancel := context.WithTimeout(ctx, patience)
		n, got := rng.IntN(1000), 0
		err := c.Call(ctx, "Twice.Do", &n, &got)
		cancel()
		if err != nil {
			return right, err
		}
		if got != 2*n {
			return right, fmt.Errorf("%w: twice %d is %d", errWrong, n, got)
		}
		right++
	}
	return right, nil
}
