package call_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"

	"dss.example/p1-kvrpc/call"
)

// These need our client half only: the server is a script that does it harm.

// greeting is what becomes of a client whose server says these bytes first, then ends.
func greeting(t testing.TB, says []byte) error {
	here, there := memnet.Pipe()
	defer there.Close()
	say(t, there, says)
	there.(*memnet.Conn).CloseWrite()
	c, err := call.NewClient(t.Context(), here, call.ClientOptions{Errors: listed})
	if err == nil {
		require.NoError(t, c.Close())
	}
	_, closed := here.Write([]byte("x"))
	require.ErrorIs(t, closed, net.ErrClosed, "the connection is the client's, also when it fails")
	return err
}

func TestClientWantsAWelcomeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, greeting(t, welcome))
		for _, wrong := range [][]byte{
			nil, welcome[:len(welcome)-1], prefix(0), prefix(1 << 31), hello,
			response(1, done, "", nil), response(0, done, "", bytesOf("x")), frame([]byte("no head")),
		} {
			require.ErrorIs(t, greeting(t, wrong), wire.ErrNotSent, "%q", wrong)
		}
		require.ErrorIs(t, greeting(t, response(0, refused, "go away", nil)), wire.ErrRefused)
		require.ErrorIs(t, greeting(t, response(0, overloaded, "", nil)), wire.ErrOverloaded)
		require.ErrorIs(t, greeting(t, response(0, ofOdd, "", nil)), errOdd)
	})
}

func TestClientDoesNotWaitForAWelcomeForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := memnet.Pipe()
		defer there.Close()
		start := time.Now()
		_, err := call.NewClient(t.Context(), here, call.ClientOptions{Handshake: 4 * time.Second})
		require.ErrorIs(t, err, wire.ErrNotSent)
		require.Equal(t, 4*time.Second, time.Since(start))

		here, there = memnet.Pipe()
		defer there.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = call.NewClient(ctx, here, call.ClientOptions{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, wire.ErrNotSent)
	})
}

func TestClientEndsAConnectionThatLies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, lie := range [][]byte{
			prefix(0), prefix(1<<32 - 1), prefix(1 << 31), prefix(6 << 20),
			response(3, done, "", bytesOf("of a request that was not sent")),
			response(1<<63, done, "", bytesOf("of a request that was not sent")),
			request(1, "Echo.Do", bytesOf("a request")),
			hello, welcome,
			frame(nil), frame([]byte{0x83}), frame([]byte{0x83, 0x18, 0x01, 0, 0x60}),
			response(1, ofHandler, "an error with a body", bytesOf("x")),
			response(1, ofHandler, string(make([]byte, 1025)), nil),
			response(1, ofHandler, "\xff", nil),
		} {
			c, there := scripted(t, call.ClientOptions{})
			first, second := begin(t, c, "1", nil), begin(t, c, "2", nil)
			say(t, there, lie)
			<-first.Done
			<-second.Done
			for _, k := range []*call.Call{first, second} {
				require.ErrorIs(t, k.Err, wire.ErrBroken, "%q", lie)
				require.False(t, wire.Definite(k.Err), "a server that lies may have executed it")
			}
		}
	})
}

func TestClientThrowsARepetitionAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := scripted(t, call.ClientOptions{Pending: 1})
		for i := range 10 {
			var got []byte
			k := begin(t, c, "x", &got)
			right := response(uint64(i+1), done, "", bytesOf(strconv.Itoa(i)))
			say(t, there, right, right, response(1, ofOdd, "", nil))
			<-k.Done
			require.NoError(t, k.Err)
			synctest.Wait()
			require.Equal(t, strconv.Itoa(i), string(got))
			require.Empty(t, k.Done, "it ends once")
		}
	})
}

func TestClientALengthThatIsOnlyClaimedCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := scripted(t, call.ClientOptions{Message: 1 << 30})
		used := wiretest.Allocated(func() {
			k := begin(t, c, "x", nil)
			say(t, there, prefix(1<<30), make([]byte, 1000))
			synctest.Wait()
			there.Close()
			<-k.Done
			require.ErrorIs(t, k.Err, wire.ErrBroken)
		})
		require.Less(t, used, uint64(1<<20), "bytes allocated for a frame that did not come")
	})
}

// hear is what becomes of a call whose server says these bytes after the welcome, then
// ends. It must end, and succeed only with a reply that is there.
func hear(t testing.TB, says []byte) error {
	here, there := memnet.Pipe()
	defer there.Close()
	say(t, there, welcome)
	c, err := call.NewClient(t.Context(), here, call.ClientOptions{Message: 1 << 16, Errors: listed})
	require.NoError(t, err)
	var got []byte
	k := c.Go(t.Context(), "Echo.Do", []byte("x"), &got, nil)
	readN(t, there, len(hello)+len(request(1, "Echo.Do", bytesOf("x"))))
	_, _ = there.Write(says) // the client may have closed already
	there.(*memnet.Conn).CloseWrite()
	<-k.Done
	if k.Err == nil {
		require.Contains(t, string(says), string(got))
	}
	require.NoError(t, c.Close())
	return k.Err
}

func TestClientSurvivesAnswersThatAreCutAtEveryByte(t *testing.T) {
	for _, whole := range [][]byte{
		response(1, done, "", bytesOf("a reply")), response(1, ofOdd, "an error", nil),
		append(response(1, done, "", bytesOf("1")), response(0, shutdown, "a notice", nil)...),
	} {
		first := len(whole)
		if i := bytes.LastIndex(whole, []byte{0, 0, 0}); i > 0 {
			first = i
		}
		for i := range first {
			err := hear(t, whole[:i])
			require.ErrorIs(t, err, wire.ErrBroken, "%d bytes of %q", i, whole)
			require.False(t, wire.Definite(err))
		}
	}
}

func TestClientSurvivesMutatedAnswers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		hear(t, mutate(rnd, response(1, done, "", bytesOf("a reply")), response(0, shutdown, "a notice", nil)))
	}
}

// mutate changes a few bytes of frames, or takes some out, or doubles them.
func mutate(rnd *rand.Rand, frames ...[]byte) []byte {
	b := bytes.Join(frames, nil)
	for range 1 + rnd.IntN(3) {
		from := rnd.IntN(len(b))
		to := from + rnd.IntN(min(8, len(b)-from))
		switch rnd.IntN(4) {
		case 0:
			b[from] ^= 1 << rnd.IntN(8)
		case 1:
			b[from] = byte(rnd.Uint32())
		case 2:
			b = append(b[:from:from], b[min(to, len(b)-1):]...)
		case 3:
			b = append(b[:to:to], b[from:]...)
		}
	}
	return b
}

// FuzzClient answers a call with any bytes at all.
func FuzzClient(f *testing.F) {
	f.Add(response(1, done, "", bytesOf("x")))
	f.Add(response(2, done, "", bytesOf("x")))
	f.Add(response(1, ofOdd, "odd number", nil))
	f.Add(response(0, shutdown, "bye", nil))
	f.Add(append(response(1, ofHandler, "", nil), prefix(1<<31)...))
	f.Add(request(1, "Echo.Do", bytesOf("x")))
	f.Fuzz(func(t *testing.T, b []byte) { _ = hear(t, b) })
}
