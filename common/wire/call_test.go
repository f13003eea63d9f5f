package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"
)

// caller is either half's way to make a call.
type caller func(method string, args, reply any) error

// servers and clients are the two halves that net/rpc and this package have each.
var servers = map[string]func(t *testing.T, conn net.Conn){
	"net/rpc's server": func(t *testing.T, conn net.Conn) {
		s := rpc.NewServer()
		require.NoError(t, s.RegisterName("Echo", Echo{}))
		require.NoError(t, s.RegisterName("Half", Half{}))
		go s.ServeCodec(wire.NewServerCodec(conn, wire.Bounds{}, wire.Errors{7: errOdd}))
	},
	"our server": func(t *testing.T, conn net.Conn) {
		s, _ := newServer(t, wire.ServerOptions{})
		go s.ServeConn(conn)
		t.Cleanup(func() { s.Close() })
	},
}

var clients = map[string]func(t *testing.T, conn net.Conn) caller{
	"net/rpc's client": func(t *testing.T, conn net.Conn) caller {
		c := rpc.NewClientWithCodec(wire.NewClientCodec(conn, wire.Bounds{}))
		t.Cleanup(func() { c.Close() })
		return c.Call
	},
	"our client": func(t *testing.T, conn net.Conn) caller {
		c, err := wire.NewClient(t.Context(), conn, wire.ClientOptions{Errors: wire.Errors{7: errOdd}})
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return func(method string, args, reply any) error { return c.Call(t.Context(), method, args, reply) }
	},
}

// pairs runs a test for all four pairs of halves.
func pairs(t *testing.T, test func(t *testing.T, call caller)) {
	for clientName, client := range clients {
		for serverName, server := range servers {
			t.Run(clientName+", "+serverName, func(t *testing.T) {
				here, there := memnet.Pipe()
				server(t, there)
				test(t, client(t, here))
			})
		}
	}
}

func TestAllFourPairsOfHalvesCarryBothKindsOfBodies(t *testing.T) {
	pairs(t, func(t *testing.T, call caller) {
		var blob Blob
		require.NoError(t, call("Echo.Do", &Blob{[]byte("hand-written")}, &blob))
		require.Equal(t, "hand-written", string(blob.B))
		var n Number
		require.NoError(t, call("Half.Do", Number{N: 84}, &n))
		require.Empty(t, cmp.Diff(Number{N: 42}, n))
	})
}

func TestAllFourPairsOfHalvesReportErrorsAndGoOn(t *testing.T) {
	pairs(t, func(t *testing.T, call caller) {
		for _, method := range []string{"Half.Do", "Half.Strict"} {
			require.ErrorContains(t, call(method, Number{N: 3}, new(Number)), "odd number")
		}
		for _, method := range []string{"Half.None", "Nobody.Do", "nothing", ""} {
			require.ErrorContains(t, call(method, Number{}, nil), "no such method")
		}
		require.ErrorContains(t, call("Half.Do", map[string]string{"N": "four"}, nil), "malformed")
		var n Number
		require.NoError(t, call("Half.Do", Number{N: 4}, &n))
		require.Equal(t, 2, n.N)
	})
}

func TestAllFourPairsOfHalvesMatchRepliesOfManyCallers(t *testing.T) {
	pairs(t, func(t *testing.T, call caller) {
		var all sync.WaitGroup
		for i := range 32 {
			all.Go(func() {
				for k := range 50 {
					want, out := fmt.Sprintf("caller %d call %d", i, k), new(Blob)
					if err := call("Echo.Do", &Blob{[]byte(want)}, out); err != nil || string(out.B) != want {
						t.Errorf("got %q, %v, want %q", out.B, err, want)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestRequestsOfTheDoorTravelInTheirOwnBytes(t *testing.T) {
	s := wire.NewServer(wire.ServerOptions{})
	require.NoError(t, s.Register("KV", door{}))
	c := dialMemory(t, s, wire.ClientOptions{})
	var got kv.Response
	require.NoError(t, c.Call(t.Context(), "KV.Do", &kv.Request{Op: kv.Get{Key: "a\xff"}}, &got))
	require.Empty(t, cmp.Diff(kv.Response{Status: kv.OK, Result: kv.Item{Key: "a\xff", Value: []byte("v")}}, got))
}

type door struct{}

func (door) Do(in *wire.With[kv.Request], out *kv.Response) error {
	*out = kv.Response{Status: kv.OK, Result: kv.Item{Key: in.Arg.Op.(kv.Get).Key, Value: []byte("v")}}
	return in.Ctx.Err()
}

func TestListedErrorsKeepTheirIdentity(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{Errors: wire.Errors{7: errOdd}})
	for method, text := range map[string]string{"Half.Do": "odd number", "Half.Strict": "odd number: it is just not even"} {
		err := c.Call(t.Context(), method, Number{N: 3}, new(Number))
		require.ErrorIs(t, err, errOdd)
		require.EqualError(t, err, method+": "+text)
		require.False(t, wire.Definite(err), "the handler has run")
	}
	err := c.Call(t.Context(), "Half.Strict", Number{N: 2}, new(Number))
	var remote *wire.RemoteError
	require.ErrorAs(t, err, &remote)
	require.Equal(t, "no such luck", remote.Text)
	require.NoError(t, errors.Unwrap(remote))
}

func TestOfSeveralListedErrorsTheLongestTextWins(t *testing.T) {
	short, long, other := errors.New("lost"), errors.New("lost: for good"), errors.New("lost: for")
	errs := wire.Errors{1: short, 2: long, 3: other}
	s := wire.NewServer(wire.ServerOptions{Errors: errs})
	require.NoError(t, s.Register("Fail", fail{}))
	c := dialMemory(t, s, wire.ClientOptions{Errors: errs})
	for text, want := range map[string]error{
		"lost": short, "lost: again": short, "lost: for good": long, "lost: for good: truly": long, "lost: for": other,
	} {
		require.ErrorIs(t, c.Call(t.Context(), "Fail.Do", text, nil), want, text)
	}
	var remote *wire.RemoteError
	require.ErrorAs(t, c.Call(t.Context(), "Fail.Do", "lost and found", nil), &remote)
	require.NoError(t, remote.Unwrap())
}

type fail struct{}

func (fail) Do(text string, _ *struct{}) error { return errors.New(text) }

func TestAHandlersErrorNeverPassesForTheServersOwn(t *testing.T) {
	s := wire.NewServer(wire.ServerOptions{})
	require.NoError(t, s.Register("Fail", fail{}))
	c := dialMemory(t, s, wire.ClientOptions{})
	for _, err := range []error{wire.ErrOverloaded, wire.ErrShutdown, wire.ErrNoMethod, errors.New("rpc: can't find service X")} {
		got := c.Call(t.Context(), "Fail.Do", err.Error(), nil)
		require.ErrorContains(t, got, err.Error())
		require.False(t, wire.Definite(got))
	}
}

func TestTextOfAnErrorIsCutAndMadeValid(t *testing.T) {
	s := wire.NewServer(wire.ServerOptions{})
	require.NoError(t, s.Register("Long", long{}))
	c := dialMemory(t, s, wire.ClientOptions{})
	var remote *wire.RemoteError
	require.ErrorAs(t, c.Call(t.Context(), "Long.Do", 5000, nil), &remote)
	require.Equal(t, "?"+strings.Repeat("x", 1023), remote.Text)
}

type long struct{}

func (long) Do(n int, _ *struct{}) error { return errors.New("\xff" + strings.Repeat("x", n)) }

func TestAReusedReplyKeepsNothingOfItsOldValue(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	require.NoError(t, s.Register("Zero", zero{}))
	c := dialMemory(t, s, wire.ClientOptions{})
	got := Sparse{N: 9}
	require.NoError(t, c.Call(t.Context(), "Zero.Do", 0, &got))
	require.Zero(t, got)
	blob := Blob{[]byte("old")}
	require.NoError(t, c.Call(t.Context(), "Echo.Do", &Blob{}, &blob))
	require.Empty(t, blob.B)
}

type zero struct{}

// Sparse leaves out its zero fields on the wire.
type Sparse struct {
	N int `cbor:",omitempty"`
}

func (zero) Do(_ int, out *Sparse) error { return nil }

func TestABodyOfTheFullSizePassesAndOneByteMoreDoesNot(t *testing.T) {
	const limit = 1 << 20
	s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Message: limit}})
	c := dialMemory(t, s, wire.ClientOptions{Bounds: wire.Bounds{Message: limit}})
	const head = 5 // of a byte string of this length
	out := new(Blob)
	in := &Blob{bytes.Repeat([]byte("x"), limit-head)}
	require.NoError(t, c.Call(t.Context(), "Echo.Do", in, out))
	require.True(t, bytes.Equal(in.B, out.B))

	err := c.Call(t.Context(), "Echo.Do", &Blob{make([]byte, limit-head+1)}, out)
	require.ErrorIs(t, err, wire.ErrTooLarge)
	require.True(t, wire.Definite(err))
	_, err = echo(t.Context(), c, "the connection lives on")
	require.NoError(t, err)
}

func TestAReplyThatIsTooLargeIsReportedAsExecuted(t *testing.T) {
	s := wire.NewServer(wire.ServerOptions{Bounds: wire.Bounds{Message: 1000}})
	require.NoError(t, s.Register("Grow", grow{}))
	c := dialMemory(t, s, wire.ClientOptions{})
	err := c.Call(t.Context(), "Grow.Do", 1001, new(Blob))
	require.ErrorIs(t, err, wire.ErrReply)
	require.False(t, wire.Definite(err))
	require.NoError(t, c.Call(t.Context(), "Grow.Do", 10, new(Blob)))
}

type grow struct{}

func (grow) Do(n int, out *Blob) error {
	out.B = make([]byte, n)
	return nil
}

func TestAReplyOfTheWrongTypeIsReportedAsExecuted(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{})
	err := c.Call(t.Context(), "Echo.Do", &Blob{[]byte("x")}, new(Number))
	require.ErrorIs(t, err, wire.ErrReply)
	require.False(t, wire.Definite(err))
	_, err = echo(t.Context(), c, "the connection lives on")
	require.NoError(t, err)
}

func TestWhatCannotBeEncodedIsDefinitelyNotSent(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{})
	for _, args := range []any{make(chan int), func() {}} {
		require.ErrorIs(t, c.Call(t.Context(), "Half.Do", args, nil), wire.ErrNotSent)
	}
	require.True(t, wire.Definite(c.Call(t.Context(), strings.Repeat("m", 300), 1, nil)))
}

func TestAnAbandonedReplyIsNeverTouched(t *testing.T) {
	s, gate := newServer(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	out := new(Blob)
	failed := make(chan error)
	go func() { failed <- c.Call(ctx, "Gate.Pass", &Blob{[]byte("late")}, out) }()
	<-gate.waiting
	cancel()
	err := <-failed
	require.ErrorIs(t, err, wire.ErrDeadline)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, wire.Definite(err))

	close(gate.opened)
	for c.Stats().Late == 0 { // each call brings the connection's replies up to date
		_, err := echo(t.Context(), c, "next")
		require.NoError(t, err)
	}
	require.Nil(t, out.B)
}

func TestACallWhoseContextHasEndedIsNotSent(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := echo(ctx, c, "x")
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, wire.Definite(err))
	require.Zero(t, s.Stats().Requests)
}

func TestAConnectionThatDiesEndsItsCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		conn := attach(t, s)
		c, err := wire.NewClient(t.Context(), conn, wire.ClientOptions{})
		require.NoError(t, err)
		defer c.Close()
		failed := make(chan error, 20)
		for range 20 {
			go func() { failed <- c.Call(t.Context(), "Gate.Pass", &Blob{}, nil) }()
			<-gate.waiting
		}
		conn.Close()
		synctest.Wait()
		require.Len(t, failed, 20, "calls that were sent hang though their connection is dead")
		for range 20 {
			err := <-failed
			require.ErrorIs(t, err, wire.ErrBroken)
			require.False(t, wire.Definite(err))
		}
		<-c.Done()
		require.ErrorIs(t, c.Err(), wire.ErrBroken)
		_, err = echo(t.Context(), c, "x")
		require.ErrorIs(t, err, wire.ErrBroken)
		require.True(t, wire.Definite(err), "a call after the end was never sent")
	})
}

func TestOfAConnectionThatDiesTheCallsNotYetWrittenAreDefinitelyNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := memnet.Pipe()
		_, err := there.Write(welcome)
		require.NoError(t, err)
		c, err := wire.NewClient(t.Context(), here, wire.ClientOptions{})
		require.NoError(t, err)
		defer c.Close()
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- c.Call(t.Context(), "X", &Blob{make([]byte, 2*memnet.BufferSize)}, nil) }()
		synctest.Wait() // it fills the pipe
		go func() { second <- c.Call(t.Context(), "X", &Blob{[]byte("small")}, nil) }()
		synctest.Wait()
		there.Close()
		err = <-first
		require.ErrorIs(t, err, wire.ErrBroken)
		require.False(t, wire.Definite(err))
		err = <-second
		require.ErrorIs(t, err, wire.ErrNotSent)
		require.ErrorIs(t, err, wire.ErrBroken)
	})
}

func TestANoticeProvesThatUnansweredRequestsWereNotExecuted(t *testing.T) {
	here, there := memnet.Pipe()
	_, err := there.Write(welcome)
	require.NoError(t, err)
	c, err := wire.NewClient(t.Context(), here, wire.ClientOptions{})
	require.NoError(t, err)
	defer c.Close()
	failed := make(chan error)
	go func() {
		_, err := echo(t.Context(), c, "x")
		failed <- err
	}()
	_, err = there.Read(make([]byte, 100))
	require.NoError(t, err)
	_, err = there.Write(response(0, shutdown, "bye", nil))
	require.NoError(t, err)
	err = <-failed
	require.ErrorIs(t, err, wire.ErrShutdown)
	require.True(t, wire.Definite(err))
}

func TestRequestsOverALimitAreRefusedAtOnce(t *testing.T) {
	for name, o := range map[string]wire.ServerOptions{
		"of a connection":    {InFlight: 3},
		"of all connections": {TotalFlight: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, gate := newServer(t, o)
			c := dialMemory(t, s, wire.ClientOptions{})
			passed := make(chan error)
			for range 3 {
				go func() { passed <- c.Call(t.Context(), "Gate.Pass", &Blob{}, nil) }()
				<-gate.waiting
			}
			err := c.Call(t.Context(), "Gate.Pass", &Blob{}, nil)
			require.ErrorIs(t, err, wire.ErrOverloaded)
			require.True(t, wire.Definite(err))
			require.EqualValues(t, 1, s.Stats().Overloaded)
			_, err = echo(t.Context(), c, "inline requests need no slot")
			require.NoError(t, err)
			close(gate.opened)
			for range 3 {
				require.NoError(t, <-passed)
			}
			require.NoError(t, c.Call(t.Context(), "Gate.Pass", &Blob{}, nil), "the slots are free again")
		})
	}
}

func TestACallWaitsForRoomUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{Pending: 1})
		passed, waited := make(chan error, 1), make(chan error, 1)
		go func() { passed <- c.Call(t.Context(), "Gate.Pass", &Blob{}, nil) }()
		synctest.Wait()
		try := func(ctx context.Context) {
			_, err := echo(ctx, c, "x")
			waited <- err
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		go try(ctx)
		err := <-waited
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, wire.Definite(err))
		require.Equal(t, time.Second, time.Since(start))
		require.EqualValues(t, 1, c.Stats().Calls)

		go try(t.Context())
		synctest.Wait()
		require.Empty(t, waited)
		close(gate.opened)
		require.NoError(t, <-passed)
		require.NoError(t, <-waited)
	})
}

func TestRequestsThatWaitKeepTheirBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		conn := attach(t, s)
		text := func(seq uint64) []byte { return cbor.AppendBytes(nil, fmt.Appendf(nil, "body of request %d", seq)) }
		const n = 1000 // more bytes than are read at a time
		for all, seq := bytes.Clone(hello), uint64(1); seq <= n; seq++ {
			if all = append(all, request(seq, "Gate.Pass", text(seq))...); seq == n {
				conn.Write(all)
			}
		}
		synctest.Wait()
		close(gate.opened)
		synctest.Wait()
		conn.(*memnet.Conn).CloseWrite()
		got, err := io.ReadAll(conn)
		require.NoError(t, err)
		answers := wiretest.Answers(t, got)
		require.Len(t, answers, n+1)
		for _, a := range answers[1:] {
			require.Equal(t, string(text(a.Seq)), string(a.Body))
		}
	})
}

func TestServesOverAUnixSocketWhoseLastOwnerDied(t *testing.T) {
	addr := "unix:" + filepath.Join(t.TempDir(), "s")
	l, err := wire.Listen(addr)
	require.NoError(t, err)
	_, err = wire.Listen(addr)
	require.Error(t, err, "its owner lives")
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())

	l, err = wire.Listen(addr)
	require.NoError(t, err)
	s, _ := newServer(t, wire.ServerOptions{})
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	defer serving.Wait()
	defer s.Close()
	got, err := echo(t.Context(), dialTCP(t, addr, wire.ClientOptions{}), "hello")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
}

func TestDialingNobodyIsDefinite(t *testing.T) {
	for _, addr := range []string{"unix:/nowhere", "127.0.0.1:1", "no port"} {
		_, err := wire.Dial(t.Context(), addr, wire.ClientOptions{})
		require.ErrorIs(t, err, wire.ErrNotSent)
		require.ErrorContains(t, err, addr)
	}
}

func TestCountsConnectionsRequestsAndBytes(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	got := talk(t, s, hello, echoRequest(1, "x"), echoRequest(2, "y"), request(3, "No.Such", nil))
	require.Len(t, got, 4)
	in := len(hello) + 2*len(echoRequest(1, "x")) + len(request(3, "No.Such", nil))
	stats := s.Stats()
	require.EqualValues(t, in, stats.BytesIn)
	require.Greater(t, stats.BytesOut, int64(len(welcome)))
	stats.BytesIn, stats.BytesOut = 0, 0
	require.Equal(t, wire.ServerStats{Accepted: 1, Requests: 3}, stats)
}
