package call_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/rpc"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"

	"dss.example/p1-kvrpc/call"
)

// These need our server half only: the clients are standard ones, or scripts.

func newOurServer() server { return call.NewServer(call.ServerOptions{Errors: listed}) }

// ourServer is our Server with the services of the tests.
func ourServer(t testing.TB, o call.ServerOptions) (*call.Server, *Echo) {
	o.Errors = listed
	s := call.NewServer(o)
	return s, register(t, s)
}

// dialOurs is a standard client at our Server.
func dialOurs(t testing.TB, o call.ServerOptions, client wire.ClientOptions) (*wire.Client, *call.Server, *Echo) {
	s, e := ourServer(t, o)
	return standardClient(t, connect(t, s.ServeConn), client), s, e
}

// greeted is a connection to our Server on which the test is the client.
func greeted(t testing.TB, s *call.Server) net.Conn {
	conn := connect(t, s.ServeConn)
	say(t, conn, hello)
	require.Equal(t, welcome, readN(t, conn, len(welcome)))
	return conn
}

// next reads the next response.
func next(t testing.TB, r io.Reader) answer {
	t.Helper()
	head := readN(t, r, 4)
	n := int(head[2])<<8 | int(head[3])
	return wiretest.Answers(t, append(head, readN(t, r, n)...))[0]
}

func TestServerRepliesToEachStandardClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := dialOurs(t, call.ServerOptions{}, wire.ClientOptions{})
		replies(t, c)
		library := rpc.NewClientWithCodec(wire.NewClientCodec(connect(t, s.ServeConn), wire.Bounds{}))
		var n Number
		require.NoError(t, library.Call("Half.Do", Number{N: 84}, &n))
		require.Equal(t, 42, n.N)
		require.ErrorContains(t, library.Call("Half.Do", Number{N: 3}, &n), "odd number: 3")
		require.NoError(t, library.Close())
	})
}

func TestServerKeepsTheIdentityOfErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := dialOurs(t, call.ServerOptions{}, wire.ClientOptions{})
		outcomes(t, c)
	})
}

func TestServerLogsAPanicWithItsMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c, s, _ := dialOurs(t, call.ServerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))}, wire.ClientOptions{})
		require.ErrorIs(t, c.Call(t.Context(), "Half.Panic", &Number{}, nil), wire.ErrPanic)
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
		require.Contains(t, log.String(), "method=Half.Panic")
		require.Contains(t, log.String(), "as the test wants")
	})
}

func TestServerMatchesAThousandConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := dialOurs(t, call.ServerOptions{}, wire.ClientOptions{})
		manyCalls(t, c, 1000)
	})
}

func TestServerAnswersInTheOrderInWhichHandlersReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := ourServer(t, call.ServerOptions{})
		conn := greeted(t, s)
		say(t, conn, request(3, "Echo.Wait", bytesOf("slow")), request(7, "Echo.Do", bytesOf("quick")))
		require.Equal(t, answer{Seq: 7, Body: bytesOf("quick")}, next(t, conn))
		close(e.gate)
		require.Equal(t, answer{Seq: 3, Body: bytesOf("slow")}, next(t, conn))
	})
}

func TestServerRefusesMoreThanItsRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := ourServer(t, call.ServerOptions{InFlight: 3})
		conn := greeted(t, s)
		for seq := range uint64(3) {
			say(t, conn, request(seq+1, "Echo.Wait", bytesOf("x")))
			<-e.entered
		}
		for seq := uint64(4); seq < 10; seq++ {
			say(t, conn, request(seq, "Echo.Do", bytesOf("x")))
			a := next(t, conn)
			require.Equal(t, answer{Seq: seq, Code: overloaded, Text: a.Text}, a)
		}
		close(e.gate)
		for range 3 {
			require.Zero(t, next(t, conn).Code)
		}
		say(t, conn, request(10, "Echo.Do", bytesOf("x")))
		require.Equal(t, answer{Seq: 10, Body: bytesOf("x")}, next(t, conn))

		other := greeted(t, s)
		say(t, other, request(1, "Echo.Do", bytesOf("x")))
		require.Zero(t, next(t, other).Code, "the limit is each connection's own")
	})
}

func TestServerHoldsNoMoreThanItsLimitForAClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := ourServer(t, call.ServerOptions{InFlight: 4, Write: time.Hour})
		close(e.gate)
		conn := greeted(t, s)
		long := request(1, "Echo.Do", bytesOf(strings.Repeat("x", memnet.BufferSize)))
		say(t, conn, long)
		synctest.Wait() // its reply fills the connection
		for seq := range uint64(100) {
			say(t, conn, request(seq+2, "Echo.Wait", bytesOf("x")))
		}
		synctest.Wait()
		require.LessOrEqual(t, len(e.entered), 4)
		require.NoError(t, conn.Close())
	})
}

func TestServerRefusesMoreThanItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := dialOurs(t, call.ServerOptions{Connections: 1}, wire.ClientOptions{})
		_, err := wire.NewClient(t.Context(), connect(t, s.ServeConn), wire.ClientOptions{})
		require.ErrorIs(t, err, wire.ErrOverloaded)
		echo(t, c, "still there")
		require.NoError(t, c.Close())
		synctest.Wait()
		echo(t, standardClient(t, connect(t, s.ServeConn), wire.ClientOptions{}), "a free place")
	})
}

func TestServerDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := ourServer(t, call.ServerOptions{})
		conn := greeted(t, s)
		say(t, conn, request(1, "Echo.Wait", bytesOf("in flight")))
		<-e.entered
		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		say(t, conn, request(2, "Echo.Do", bytesOf("too late")))
		synctest.Wait()
		require.Empty(t, stopped)
		close(e.gate)
		require.Equal(t, answer{Seq: 1, Body: bytesOf("in flight")}, next(t, conn))
		notice := next(t, conn)
		require.Equal(t, answer{Code: shutdown, Text: notice.Text}, notice, "request 2 was not executed")
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, conn.Close())
		require.NoError(t, <-stopped)
		refusal := wiretest.Talk(t, s.ServeConn, hello)
		require.Equal(t, uint64(shutdown), refusal[0].Code)
	})
}

func TestServerReadsNoMoreRequestsOnceItIsShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const asked = 1000
		s, _ := ourServer(t, call.ServerOptions{InFlight: 1})
		conn := greeted(t, s)
		say(t, conn, request(1, "Half.Long", mustNumber(3<<20)))
		synctest.Wait() // its reply is stuck, for the test does not read: soon nor does the server
		for seq := uint64(2); seq <= asked; seq++ {
			say(t, conn, request(seq, "Echo.Do", bytesOf("x")))
		}
		synctest.Wait()
		start, stopped := time.Now(), make(chan error, 1)
		go func() { stopped <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		rest, err := io.ReadAll(conn)
		require.NoError(t, err)
		answers := wiretest.Answers(t, rest)
		require.Less(t, len(answers), asked, "most requests were still to be read")
		notice := answers[len(answers)-1]
		require.Equal(t, answer{Code: shutdown, Text: notice.Text}, notice)
		require.NoError(t, conn.Close())
		require.NoError(t, <-stopped)
		require.Zero(t, time.Since(start), "it did not wait for more")
	})
}

func TestServerShutdownEndsByForceWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, e := dialOurs(t, call.ServerOptions{}, wire.ClientOptions{})
		k := make(chan error, 1)
		go func() { k <- c.Call(t.Context(), "Echo.Wait", []byte("x"), nil) }()
		<-e.entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
		err := <-k
		require.ErrorIs(t, err, wire.ErrBroken)
		require.False(t, wire.Definite(err), "it is being executed")
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		synctest.Wait()
		require.Empty(t, closed, "Close waits for the handler")
		close(e.gate)
		require.NoError(t, <-closed)
	})
}

func TestServerServeEndsWithItsListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		s, _ := ourServer(t, call.ServerOptions{})
		ln, err := network.Listen("a")
		require.NoError(t, err)
		served := make(chan error, 1)
		go func() { served <- s.Serve(ln) }()
		conn, err := network.Dial(t.Context(), "a")
		require.NoError(t, err)
		c := standardClient(t, conn, wire.ClientOptions{})
		echo(t, c, "x")
		require.NoError(t, ln.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
		echo(t, c, "its connections outlive it")

		other, err := network.Listen("b")
		require.NoError(t, err)
		go func() { served <- s.Serve(other) }()
		synctest.Wait()
		require.NoError(t, s.Close())
		require.NoError(t, <-served, "it was asked to end")
		late, err := network.Listen("c")
		require.NoError(t, err)
		require.NoError(t, s.Serve(late))
		_, err = late.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestServerEndsASilentConnectionInGoodOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := ourServer(t, call.ServerOptions{Idle: time.Minute, Handshake: time.Second})
		start := time.Now()
		mute := connect(t, s.ServeConn)
		require.Equal(t, uint64(shutdown), next(t, mute).Code)
		require.Equal(t, time.Second, time.Since(start), "there was no hello")

		start = time.Now()
		conn := greeted(t, s)
		say(t, conn, request(1, "Echo.Wait", bytesOf("x")))
		<-e.entered
		say(t, conn, prefix(100), []byte("half of it"))
		time.AfterFunc(2*time.Minute, func() { close(e.gate) })
		require.Equal(t, answer{Seq: 1, Body: bytesOf("x")}, next(t, conn), "what was begun is answered")
		require.Equal(t, uint64(shutdown), next(t, conn).Code)
		require.Equal(t, 2*time.Minute, time.Since(start))
	})
}

func TestServerEndsAConnectionThatTakesNoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := ourServer(t, call.ServerOptions{Write: 3 * time.Second, Idle: time.Hour})
		here, there := memnet.Pipe()
		defer here.Close()
		var serving sync.WaitGroup
		start := time.Now()
		serving.Go(func() { s.ServeConn(there) })
		say(t, here, hello, request(1, "Half.Long", mustNumber(3<<20)), request(2, "Half.Long", mustNumber(3<<20)))
		serving.Wait()
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// mustNumber is the body of a Number.
func mustNumber(n uint32) []byte {
	b := []byte{0xa2, 0x61, 'N', 0x1a, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return append(b, 0x64, 'N', 'o', 't', 'e', 0x60)
}

func TestServerWantsAHelloFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := ourServer(t, call.ServerOptions{})
		for _, wrong := range [][]byte{
			welcome, request(1, "Echo.Do", bytesOf("x")), frame([]byte("GET / HTTP/1.1\r\n")),
			helloOf("dsx", 1, 1, 0), helloOf("dss", 0, 1, 0), helloOf("dss", 2, 1, 0),
			helloOf("dss", 1, 0, 0), helloOf("dss", 1, 2, 1), helloOf("dss", 1, 1, 1), helloOf("dss", 1, 3, 0),
			frame(append(bytes.Clone(hello[4:]), 0)),
		} {
			got := wiretest.Talk(t, s.ServeConn, wrong, request(1, "Echo.Do", bytesOf("x")))
			require.Len(t, got, 1, "%q", wrong)
			require.Equal(t, answer{Code: refused, Text: got[0].Text}, got[0], "%q", wrong)
		}
		require.Equal(t, uint64(tooLarge), wiretest.Talk(t, s.ServeConn, prefix(65))[0].Code)
		require.Equal(t, uint64(malformed), wiretest.Talk(t, s.ServeConn, prefix(0))[0].Code)
		require.Empty(t, wiretest.Talk(t, s.ServeConn), "nobody is there to be told")
	})
}

func TestServerEndsAConnectionThatBreaksTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := ourServer(t, call.ServerOptions{Message: 1 << 16})
		for _, c := range []struct {
			name  string
			frame []byte
			code  uint64
		}{
			{"empty frame", prefix(0), malformed},
			{"2 GiB", prefix(1 << 31), tooLarge},
			{"4 GiB", prefix(1<<32 - 1), tooLarge},
			{"a little too long", prefix(1<<16 + 1089), tooLarge},
			{"number 0", request(0, "Echo.Do", bytesOf("x")), malformed},
			{"the same number", request(5, "Echo.Do", bytesOf("x")), malformed},
			{"a lower number", request(4, "Echo.Do", bytesOf("x")), malformed},
			{"a response", response(6, done, "", bytesOf("x")), malformed},
			{"a second hello", hello, malformed},
			{"no head", frame([]byte("no head")), malformed},
			{"a head that is not canonical", frame([]byte{0x82, 0x18, 0x06, 0x41, 'x', 0x40}), malformed},
			{"a long method", request(6, strings.Repeat("x", 257), nil), malformed},
		} {
			got := wiretest.Talk(t, s.ServeConn, hello, request(5, "Echo.Do", bytesOf("before")), c.frame, request(9, "Echo.Do", bytesOf("after")))
			require.Len(t, got, 3, c.name)
			require.Equal(t, answer{Seq: 5, Body: bytesOf("before")}, got[1], "what was begun is answered first")
			require.Equal(t, answer{Code: c.code, Text: got[2].Text}, got[2], c.name)
		}
	})
}

func TestServerALengthThatIsOnlyClaimedCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := ourServer(t, call.ServerOptions{Message: 1 << 30})
		used := wiretest.Allocated(func() { wiretest.Talk(t, s.ServeConn, hello, prefix(1<<30), make([]byte, 1000)) })
		require.Less(t, used, uint64(1<<20), "bytes allocated for a frame that did not come")
	})
}

// NoHandlers has methods, but no handlers.
type NoHandlers struct{}

// Do takes too much.
func (NoHandlers) Do(_, _ *Number, _ *Number) error { return nil }

func TestServerRegistersHandlersOnceAndOnlyThem(t *testing.T) {
	s := call.NewServer(call.ServerOptions{})
	require.Error(t, s.Register("No", NoHandlers{}))
	require.Error(t, s.Register("No", struct{}{}))
	require.NoError(t, s.Register("Half", Half{}))
	require.Error(t, s.Register("Half", Half{}), "the name is taken")
	require.NoError(t, s.Register("Other", Half{}))
}

// sameAsStandard demands that our Server answers bytes as wire's does: the same codes
// and bodies, whatever their order between the welcome and the end.
func sameAsStandard(t testing.TB, b []byte) {
	t.Helper()
	ours, gate := ourServer(t, call.ServerOptions{Message: 1 << 16})
	close(gate.gate)
	standard, gate := standardServer(t, wire.ServerOptions{Bounds: wire.Bounds{Message: 1 << 16}})
	close(gate.gate)
	sorted := func(all []answer) []answer {
		for i := range all {
			all[i].Text = ""
		}
		if len(all) > 0 {
			slices.SortStableFunc(all[1:], func(a, b answer) int { return cmp.Compare(a.Seq-1, b.Seq-1) })
		}
		return all
	}
	want, got := sorted(wiretest.Talk(t, standard.ServeConn, b)), sorted(wiretest.Talk(t, ours.ServeConn, b))
	require.Empty(t, gocmp.Diff(want, got), "%q", b)
	require.NoError(t, ours.Close())
	require.NoError(t, standard.Close())
}

// valid are requests of all kinds.
func valid() [][]byte {
	return [][]byte{
		hello, request(1, "Echo.Do", bytesOf("one")), request(2, "Half.Do", mustNumber(84)), request(5, "Half.Do", mustNumber(3)),
		request(6, "Half.Nothing", nil), request(900, "Half.Panic", mustNumber(0)), request(1000, "Echo.Own", bytesOf("own")),
	}
}

func TestServerSurvivesRequestsThatAreCutAtEveryByte(t *testing.T) {
	whole := bytes.Join(valid(), nil)
	sameAsStandard(t, whole)
	for i := range whole {
		sameAsStandard(t, whole[:i])
	}
}

func TestServerSurvivesMutatedRequests(t *testing.T) {
	rnd, rounds := rand.New(rand.NewPCG(1, 1)), 1000
	if testing.Short() {
		rounds = 200
	}
	for range rounds {
		sameAsStandard(t, mutate(rnd, valid()...))
		sameAsStandard(t, append(bytes.Clone(hello), mutate(rnd, valid()[1:]...)...))
	}
}

func TestTheStoreThroughOurServer(t *testing.T) {
	judgeStore(t, newOurServer, func(conn net.Conn) (client, error) {
		return wire.NewClient(t.Context(), conn, wire.ClientOptions{Errors: listed})
	})
}

// FuzzServer sends a server any bytes at all.
func FuzzServer(f *testing.F) {
	whole := bytes.Join(valid(), nil)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	for _, b := range valid() {
		f.Add(append(bytes.Clone(hello), b...))
	}
	f.Add(append(bytes.Clone(hello), prefix(1<<31)...))
	f.Fuzz(func(t *testing.T, b []byte) { sameAsStandard(t, b) })
}
