package wire_test

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"
)

// closedAfter reads a connection to its end and returns how long that took and
// what came.
func closedAfter(t testing.TB, conn net.Conn) (time.Duration, []answer) {
	start := time.Now()
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	return time.Since(start), wiretest.Answers(t, got)
}

func TestAConnectionWithoutAHelloIsClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Handshake: 3 * time.Second}})
		took, _ := closedAfter(t, attach(t, s))
		require.Equal(t, 3*time.Second, took)
	})
}

func TestAnIdleConnectionIsClosedWithANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Idle: time.Minute}})
		conn := attach(t, s)
		conn.Write(append(hello, echoRequest(1, "x")...))
		took, got := closedAfter(t, conn)
		require.LessOrEqual(t, took, time.Minute)
		require.GreaterOrEqual(t, took, 45*time.Second)
		require.Len(t, got, 3)
		require.EqualValues(t, 0, got[2].Seq)
		require.EqualValues(t, shutdown, got[2].Code)
	})
}

func TestAConnectionWithARequestInFlightIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Idle: time.Second}})
		conn := attach(t, s)
		conn.Write(append(hello, request(1, "Gate.Pass", cbor.AppendBytes(nil, nil))...))
		const served = time.Minute + 500*time.Millisecond // between two looks for idleness
		time.AfterFunc(served, func() { close(gate.opened) })
		took, got := closedAfter(t, conn)
		require.Greater(t, took, served)
		require.Len(t, got, 3)
		require.Equal(t, answer{Seq: 1, Body: cbor.AppendBytes(nil, nil)}, got[1])
	})
}

func TestAFrameThatTricklesInIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Frame: 10 * time.Second}})
		conn := attach(t, s)
		conn.Write(hello)
		var writing sync.WaitGroup
		defer writing.Wait()
		writing.Go(func() {
			for _, b := range echoRequest(1, "a request of more bytes than seconds are allowed") {
				advance(time.Second)
				conn.Write([]byte{b})
			}
		})
		took, got := closedAfter(t, conn)
		require.Equal(t, 11*time.Second, took, "10 s from the first byte on")
		require.Len(t, got, 2)
		require.EqualValues(t, shutdown, got[1].Code)
	})
}

func TestSlowConnectionsAreClosedAtTheirDeadlines(t *testing.T) {
	const each = 200
	long := echoRequest(1, string(make([]byte, 100<<10)))
	cases := map[string]struct {
		at   []byte // written at once
		slow []byte // written one byte a second
		half bool   // then the client's half is closed
		want time.Duration
	}{
		"idle before the hello":            {want: 5 * time.Second},
		"half of a prefix":                 {at: hello[:2], want: 5 * time.Second},
		"half of the hello":                {at: hello[:9], want: 5 * time.Second},
		"hello, a byte a second":           {slow: hello, want: 6 * time.Second},
		"idle after the hello":             {at: hello, want: 20 * time.Second},
		"request, a byte a second":         {at: hello, slow: echoRequest(1, "more than ten bytes"), want: 11 * time.Second},
		"long request, a byte a second":    {at: append(hello, long[:80<<10]...), slow: long[80<<10:], want: 10 * time.Second},
		"prefix of a long request":         {at: append(hello, long[:4]...), want: 10 * time.Second},
		"half-closed before the hello":     {half: true},
		"half-closed in the hello":         {at: hello[:9], half: true},
		"half-closed after the hello":      {at: hello, half: true},
		"half-closed in a request's bytes": {at: append(hello, long[:1000]...), half: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{
					Handshake: 5 * time.Second, Frame: 10 * time.Second, Idle: 20 * time.Second,
				}})
				var all sync.WaitGroup
				start := time.Now()
				for range each {
					conn := attach(t, s)
					all.Go(func() {
						conn.Write(c.at)
						for _, b := range c.slow {
							advance(time.Second)
							if _, err := conn.Write([]byte{b}); err != nil {
								break
							}
						}
						if c.half {
							conn.(*memnet.Conn).CloseWrite()
						}
						io.Copy(io.Discard, conn)
						if took := time.Since(start); len(c.slow) == 0 && took != c.want {
							t.Errorf("closed after %v, want %v", took, c.want)
						}
						conn.Close()
					})
				}
				all.Wait()
				took := time.Since(start)
				require.GreaterOrEqual(t, took, c.want)
				require.LessOrEqual(t, took, c.want+2*time.Second, "a second for the notice to arrive, one to the next byte")
				synctest.Wait()
				require.Zero(t, s.Stats().Open)
				requireServing(t, s)
			})
		})
	}
	t.Logf("slow connections: %d kinds of %d each, all closed at their deadlines", len(cases), each)
	tally.Add(t, "badinputs", len(cases)*each)
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Write: 10 * time.Second}})
		conn := attach(t, s)
		conn.Write(hello)
		big := string(make([]byte, 512<<10))
		start := time.Now()
		for seq := uint64(1); ; seq++ {
			if _, err := conn.Write(echoRequest(seq, big)); err != nil {
				break
			}
		}
		require.LessOrEqual(t, time.Since(start), 10*time.Second)
		synctest.Wait()
		require.Zero(t, s.Stats().Open)
	})
}

func TestACallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := c.Call(ctx, "Gate.Pass", &Blob{}, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 250*time.Millisecond, time.Since(start))
		require.False(t, wire.Definite(err))
		_, err = echo(t.Context(), c, "the connection lives on")
		require.NoError(t, err)
	})
}

func TestAClientKeepsAnIdleConnectionAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Idle: 30 * time.Second}})
		c := dialMemory(t, s, wire.ClientOptions{Bounds: wire.Bounds{Idle: 10 * time.Second}})
		advance(time.Hour)
		require.NoError(t, c.Err())
		_, err := echo(t.Context(), c, "x")
		require.NoError(t, err)
		require.EqualValues(t, 1, s.Stats().Requests, "asking whether the server is there is no request")
	})
}

func TestAClientNoticesAServerThatHasGoneSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := memnet.Pipe()
		defer there.Close()
		there.Write(welcome)
		c, err := wire.NewClient(t.Context(), here, wire.ClientOptions{Bounds: wire.Bounds{Idle: 10 * time.Second}})
		require.NoError(t, err)
		defer c.Close()
		start := time.Now()
		_, err = echo(t.Context(), c, "x")
		require.ErrorIs(t, err, wire.ErrBroken)
		require.False(t, wire.Definite(err))
		require.LessOrEqual(t, time.Since(start), 20*time.Second)
	})
}

func TestDialingASilentServerEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := memnet.Pipe()
		defer there.Close()
		start := time.Now()
		_, err := wire.NewClient(t.Context(), here, wire.ClientOptions{Bounds: wire.Bounds{Handshake: time.Second}})
		require.ErrorIs(t, err, wire.ErrNotSent)
		require.Equal(t, time.Second, time.Since(start))

		here, there = memnet.Pipe()
		defer there.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = wire.NewClient(ctx, here, wire.ClientOptions{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestShutdownLetsRequestsInFlightFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		passed, stopped := make(chan error, 1), make(chan error, 1)
		out := new(Blob)
		go func() { passed <- c.Call(t.Context(), "Gate.Pass", &Blob{[]byte("through")}, out) }()
		synctest.Wait()
		go func() { stopped <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		late := make(chan error, 1)
		go func() {
			_, err := echo(t.Context(), c, "after the server stopped reading")
			late <- err
		}()
		synctest.Wait()
		close(gate.opened)
		require.NoError(t, <-passed)
		require.Equal(t, "through", string(out.B))
		require.NoError(t, <-stopped)
		err := <-late
		require.ErrorIs(t, err, wire.ErrShutdown)
		require.True(t, wire.Definite(err))
		require.Zero(t, s.Stats().Open)
	})
}

func TestShutdownEndsWhatOnlyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		polled := make(chan error, 1)
		go func() { polled <- c.Call(t.Context(), "Gate.Poll", &Blob{}, nil) }()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Shutdown(t.Context()))
		require.ErrorContains(t, <-polled, "context canceled")
		require.Zero(t, time.Since(start))
	})
}

func TestShutdownClosesByForceWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		passed := make(chan error, 1)
		go func() { passed <- c.Call(t.Context(), "Gate.Pass", &Blob{}, nil) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		err := <-passed
		require.ErrorIs(t, err, wire.ErrBroken)
		require.False(t, wire.Definite(err))
		synctest.Wait()
		require.Zero(t, s.Stats().Open)
	})
}

func TestAServerThatWasShutDownTakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net memnet.Network
		l, err := net.Listen("s")
		require.NoError(t, err)
		s, _ := newServer(t, wire.ServerOptions{})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		synctest.Wait()
		require.NoError(t, s.Shutdown(t.Context()))
		require.NoError(t, <-served)
		_, err = wire.Dial(t.Context(), "s", wire.ClientOptions{Dial: net.Dial})
		require.ErrorIs(t, err, wire.ErrNotSent)
		here, there := memnet.Pipe()
		s.ServeConn(there)
		_, err = wire.NewClient(t.Context(), here, wire.ClientOptions{})
		require.ErrorIs(t, err, wire.ErrShutdown)
		l, err = net.Listen("again")
		require.NoError(t, err)
		require.NoError(t, s.Serve(l))
	})
}

func TestAHandlersContextEndsWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{"Gate.Pass", "Gate.Poll"} {
			s, _ := newServer(t, wire.ServerOptions{})
			conn := attach(t, s)
			conn.Write(append(hello, request(1, method, cbor.AppendBytes(nil, nil))...))
			synctest.Wait()
			require.EqualValues(t, 1, s.Stats().Open)
			conn.Close()
			synctest.Wait()
			require.Zero(t, s.Stats().Open, "the handler has ended")
		}
	})
}

func TestRepliesLeaveTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		here, there := memnet.Pipe()
		counted := &countedConn{Conn: there}
		go s.ServeConn(counted)
		var batch []byte
		for seq := uint64(1); seq <= 100; seq++ {
			batch = append(batch, echoRequest(seq, "x")...)
		}
		here.Write(hello)
		synctest.Wait()
		before := counted.writes
		here.Write(batch)
		synctest.Wait()
		require.Equal(t, 1, counted.writes-before, "one write for 100 requests that were there together")
		here.Close()
	})
}

// countedConn counts writes; only one goroutine writes at a time.
type countedConn struct {
	net.Conn
	writes int
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes++
	return c.Conn.Write(b)
}

// moody is a listener that fails in given ways before it accepts.
type moody struct {
	net.Listener
	fails []error
}

func (m *moody) Accept() (net.Conn, error) {
	if len(m.fails) == 0 {
		return m.Listener.Accept()
	}
	err := m.fails[0]
	m.fails = m.fails[1:]
	return nil, err
}

func TestAServerSurvivesRunningOutOfFileDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		l, err := network.Listen("s")
		require.NoError(t, err)
		s, _ := newServer(t, wire.ServerOptions{})
		full := &net.OpError{Op: "accept", Err: syscall.EMFILE}
		served := make(chan error, 1)
		go func() { served <- s.Serve(&moody{l, []error{full, full, full, full}}) }()
		start := time.Now()
		c, err := wire.Dial(t.Context(), "s", wire.ClientOptions{Dial: network.Dial})
		require.NoError(t, err)
		require.Equal(t, (5+10+20+40)*time.Millisecond, time.Since(start))
		c.Close()
		s.Close()
		require.NoError(t, <-served)
	})
}

func TestServeReportsAListenerThatHasFailed(t *testing.T) {
	var network memnet.Network
	l, err := network.Listen("s")
	require.NoError(t, err)
	s, _ := newServer(t, wire.ServerOptions{})
	require.ErrorIs(t, s.Serve(&moody{l, []error{io.ErrNoProgress}}), io.ErrNoProgress)
	require.ErrorIs(t, l.Close(), net.ErrClosed)
}
