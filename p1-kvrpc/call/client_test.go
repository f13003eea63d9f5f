package call_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p1-kvrpc/call"
)

// These need our client half only: the servers are standard ones, or scripts.

// open makes a client of ours that is closed with the test.
func open(t testing.TB, conn net.Conn, o call.ClientOptions) *call.Client {
	o.Errors = listed
	c, err := call.NewClient(t.Context(), conn, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// dialStandard is a client of ours at wire's Server.
func dialStandard(t testing.TB, server wire.ServerOptions, o call.ClientOptions) (*call.Client, *wire.Server, *Echo) {
	s, e := standardServer(t, server)
	return open(t, connect(t, s.ServeConn), o), s, e
}

// scripted is a client of ours whose server is the test: it has read the hello and
// said welcome, and then what else is given.
func scripted(t testing.TB, o call.ClientOptions, says ...[]byte) (*call.Client, net.Conn) {
	here, there := memnet.Pipe()
	t.Cleanup(func() { there.Close() })
	for _, b := range append([][]byte{welcome}, says...) {
		_, err := there.Write(b)
		require.NoError(t, err)
	}
	c := open(t, here, o)
	require.Equal(t, hello, readN(t, there, len(hello)))
	return c, there
}

func readN(t testing.TB, r io.Reader, n int) []byte {
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	require.NoError(t, err)
	return b
}

// expect reads a request from a client and demands that it has these bytes.
func expect(t testing.TB, r io.Reader, want []byte) {
	t.Helper()
	require.Equal(t, want, readN(t, r, len(want)))
}

func say(t testing.TB, w io.Writer, frames ...[]byte) {
	t.Helper()
	_, err := w.Write(bytes.Join(frames, nil))
	require.NoError(t, err)
}

// begin begins a call of Echo.Do and returns when it is sent, or has ended.
func begin(t testing.TB, c *call.Client, text string, reply any) *call.Call {
	k := c.Go(t.Context(), "Echo.Do", []byte(text), reply, nil)
	synctest.Wait()
	return k
}

func TestClientGetsTheRepliesOfEachStandardServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := dialStandard(t, wire.ServerOptions{}, call.ClientOptions{})
		replies(t, c)
		serve, _ := libraryServer(t)
		replies(t, open(t, connect(t, serve), call.ClientOptions{}))
	})
}

func TestClientKeepsTheIdentityOfErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := dialStandard(t, wire.ServerOptions{}, call.ClientOptions{})
		outcomes(t, c)
		require.NoError(t, c.Err())
	})
}

func TestClientTakesAnyCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := scripted(t, call.ClientOptions{})
		for i, code := range []uint64{ofHandler, 10, 63, 64, 64 + 65535, 64 + 65536, 1<<64 - 1} {
			k := begin(t, c, "x", nil)
			say(t, there, response(uint64(i+1), code, "", nil))
			<-k.Done
			var remote *wire.RemoteError
			require.ErrorAs(t, k.Err, &remote)
			require.False(t, wire.Definite(k.Err))
			require.Contains(t, k.Err.Error(), strconv.FormatUint(code, 10), "there is always a text")
		}
		k := begin(t, c, "x", nil)
		say(t, there, response(8, ofOdd, "", nil))
		<-k.Done
		require.ErrorIs(t, k.Err, errOdd)
		require.ErrorContains(t, k.Err, "odd number")
	})
}

func TestClientMatchesAThousandConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := dialStandard(t, wire.ServerOptions{}, call.ClientOptions{})
		manyCalls(t, c, 1000)
	})
}

func TestClientPipelinesInOrderAndTakesRepliesInAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := scripted(t, call.ClientOptions{})
		const n = 100
		ended := make(chan *call.Call, n)
		var got [n][]byte
		calls := map[*call.Call]int{}
		for i := range n {
			calls[c.Go(t.Context(), "Echo.Do", []byte{byte(i)}, &got[i], ended)] = i
		}
		for i := range n {
			expect(t, there, request(uint64(i+1), "Echo.Do", bytesOf(string([]byte{byte(i)}))))
		}
		order := rand.New(rand.NewPCG(1, 2)).Perm(n)
		for _, i := range order {
			say(t, there, response(uint64(i+1), done, "", bytesOf(strconv.Itoa(i))))
		}
		for _, i := range order {
			k := <-ended
			require.Equal(t, i, calls[k], "calls end in the order of their replies")
			require.NoError(t, k.Err)
			require.Equal(t, strconv.Itoa(i), string(got[i]))
		}
	})
}

func TestClientCallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := scripted(t, call.ClientOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		got := []byte("as it was")
		err := c.Call(ctx, "Echo.Do", []byte("x"), &got)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.ErrorIs(t, err, wire.ErrDeadline)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, wire.Definite(err), "it was sent: it may be executed yet")

		k := begin(t, c, "y", nil)
		say(t, there, response(1, done, "", bytesOf("late")), response(2, done, "", bytesOf("y")))
		<-k.Done
		require.NoError(t, k.Err, "a late reply hurts nobody")
		require.Equal(t, "as it was", string(got), "and touches no memory of the caller that has left")
	})
}

func TestClientCallWithoutRoomWaitsAndIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := scripted(t, call.ClientOptions{Pending: 2})
		first, second := begin(t, c, "1", nil), begin(t, c, "2", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Call(ctx, "Echo.Do", []byte("3"), nil)
		require.ErrorIs(t, err, wire.ErrNotSent)
		require.ErrorIs(t, err, wire.ErrDeadline)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		waits := make(chan *call.Call)
		go func() { waits <- c.Go(context.WithoutCancel(t.Context()), "Echo.Do", []byte("4"), nil, nil) }()
		synctest.Wait()
		require.Empty(t, first.Done)
		say(t, there, response(1, done, "", bytesOf("1")))
		fourth := <-waits
		expect(t, there, request(1, "Echo.Do", bytesOf("1")))
		expect(t, there, request(2, "Echo.Do", bytesOf("2")))
		expect(t, there, request(3, "Echo.Do", bytesOf("4")))
		say(t, there, response(3, done, "", bytesOf("4")), response(2, done, "", bytesOf("2")))
		<-fourth.Done
		<-second.Done
		require.NoError(t, fourth.Err)
		require.NoError(t, second.Err)
	})
}

func TestClientCallWhoseContextHasEndedIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := scripted(t, call.ClientOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			err := c.Call(ctx, "Echo.Do", []byte("x"), nil)
			require.ErrorIs(t, err, wire.ErrNotSent)
			require.ErrorIs(t, err, context.Canceled)
		}
		k := begin(t, c, "y", nil)
		expect(t, there, request(1, "Echo.Do", bytesOf("y")))
		say(t, there, response(1, done, "", bytesOf("y")))
		<-k.Done
		require.NoError(t, k.Err)
	})
}

func TestClientCallEndsInTimeWhenTheServerReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := scripted(t, call.ClientOptions{Write: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		big := make([]byte, memnet.BufferSize)
		stuck := c.Go(t.Context(), "Echo.Do", big, nil, nil)
		err := c.Call(ctx, "Echo.Do", []byte("behind it"), nil)
		require.ErrorIs(t, err, wire.ErrNotSent, "the writing goroutine is busy with another")
		require.ErrorIs(t, err, wire.ErrDeadline)
		require.Empty(t, stuck.Done)
		require.NoError(t, c.Close())
		<-stuck.Done
		require.ErrorIs(t, stuck.Err, wire.ErrBroken)
		require.False(t, wire.Definite(stuck.Err))
	})
}

func TestClientEndsAConnectionThatTakesNoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := scripted(t, call.ClientOptions{Write: 2 * time.Second})
		start := time.Now()
		err := c.Call(t.Context(), "Echo.Do", make([]byte, memnet.BufferSize), nil)
		require.Equal(t, 2*time.Second, time.Since(start))
		require.ErrorIs(t, err, wire.ErrBroken)
		require.False(t, wire.Definite(err))
		<-c.Done()
	})
}

func TestClientADeadConnectionEndsEveryCall(t *testing.T) {
	for name, die := range map[string]func(c *call.Client, there net.Conn){
		"the server goes":      func(_ *call.Client, there net.Conn) { there.Close() },
		"the server half goes": func(_ *call.Client, there net.Conn) { there.(*memnet.Conn).CloseWrite() },
		"a frame is torn":      func(_ *call.Client, there net.Conn) { there.Write([]byte{0, 0, 0, 9, 1}); there.Close() },
		"the owner closes":     func(c *call.Client, _ net.Conn) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, there := scripted(t, call.ClientOptions{Pending: 3})
				var sent []*call.Call
				for range 3 {
					sent = append(sent, begin(t, c, "sent", nil))
				}
				waits := make(chan *call.Call, 1)
				go func() { waits <- c.Go(t.Context(), "Echo.Do", []byte("waits for room"), nil, nil) }()
				synctest.Wait()
				require.NoError(t, c.Err())
				die(c, there)
				for _, k := range sent {
					<-k.Done
					require.ErrorIs(t, k.Err, wire.ErrBroken)
					require.False(t, wire.Definite(k.Err), "it may have been executed")
				}
				waited := <-waits
				<-waited.Done
				require.ErrorIs(t, waited.Err, wire.ErrNotSent)
				require.ErrorIs(t, waited.Err, wire.ErrBroken)
				<-c.Done()
				require.ErrorIs(t, c.Err(), wire.ErrBroken)
				for range 100 {
					require.ErrorIs(t, c.Call(t.Context(), "Echo.Do", nil, nil), wire.ErrNotSent)
				}
				require.NoError(t, c.Close())
				require.NoError(t, c.Close(), "closing twice is allowed")
			})
		})
	}
}

func TestClientANoticeMakesOutcomesDefinite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for code, is := range map[uint64]error{shutdown: wire.ErrShutdown, overloaded: wire.ErrOverloaded, malformed: wire.ErrMalformed, tooLarge: wire.ErrTooLarge} {
			c, there := scripted(t, call.ClientOptions{})
			answered, left := begin(t, c, "1", nil), begin(t, c, "2", nil)
			say(t, there, response(1, done, "", bytesOf("1")), response(0, code, "bye", nil))
			<-answered.Done
			require.NoError(t, answered.Err)
			<-left.Done
			require.ErrorIs(t, left.Err, is)
			require.ErrorIs(t, left.Err, wire.ErrBroken)
			require.True(t, wire.Definite(left.Err))
			<-c.Done()
		}
	})
}

func TestClientIsDrainedByAStandardServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, e := dialStandard(t, wire.ServerOptions{}, call.ClientOptions{})
		var got []byte
		k := c.Go(t.Context(), "Echo.Wait", []byte("in flight"), &got, nil)
		<-e.entered
		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		close(e.gate)
		<-k.Done
		require.NoError(t, k.Err)
		require.Equal(t, "in flight", string(got))
		<-c.Done()
		require.ErrorIs(t, c.Err(), wire.ErrShutdown)
		require.NoError(t, <-stopped)
	})
}

func TestClientRefusesWhatCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := standardServer(t, wire.ServerOptions{})
		c := open(t, connect(t, s.ServeConn), call.ClientOptions{Message: 100})
		require.ErrorIs(t, c.Call(t.Context(), "Echo.Do", make([]byte, 99), nil), wire.ErrTooLarge)
		require.NoError(t, c.Call(t.Context(), "Echo.Do", make([]byte, 98), nil), "the largest one, with its head of two bytes")
		require.ErrorIs(t, c.Call(t.Context(), string(make([]byte, 257)), nil, nil), wire.ErrTooLarge)
		require.ErrorIs(t, c.Call(t.Context(), string(make([]byte, 256)), nil, nil), wire.ErrNoMethod)
		require.ErrorIs(t, c.Call(t.Context(), "Echo.Do", make(chan int), nil), wire.ErrNotSent)
		require.NoError(t, c.Err())
	})
}

func TestClientLosesAReplyThatDoesNotDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := dialStandard(t, wire.ServerOptions{}, call.ClientOptions{})
		var n Number
		err := c.Call(t.Context(), "Echo.Do", []byte("no number"), &n)
		require.ErrorIs(t, err, wire.ErrReply)
		require.False(t, wire.Definite(err), "it was executed")
		echo(t, c, "still there")
	})
}

func TestTheStoreThroughOurClient(t *testing.T) {
	judgeStore(t, newStandardServer, func(conn net.Conn) (client, error) {
		return call.NewClient(t.Context(), conn, call.ClientOptions{Errors: listed})
	})
}
