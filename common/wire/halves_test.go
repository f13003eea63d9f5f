package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"
)

// What a half that is written elsewhere finds here.

func TestAServersErrorsCrossTheWireByTheirCodes(t *testing.T) {
	for code, sentinel := range map[uint64]error{
		overloaded: wire.ErrOverloaded, shutdown: wire.ErrShutdown, tooLarge: wire.ErrTooLarge, noMethod: wire.ErrNoMethod,
		malformed: wire.ErrMalformed, refused: wire.ErrRefused, panicked: wire.ErrPanic, replyLost: wire.ErrReply,
	} {
		require.Equal(t, code, wire.CodeOf(fmt.Errorf("more of it: %w", sentinel)))
		err := wire.Errors(nil).Remote(code, "as the server says")
		require.ErrorIs(t, err, sentinel)
		require.EqualError(t, err, "as the server says")
		require.EqualError(t, wire.Errors(nil).Remote(code, ""), sentinel.Error())
	}
	require.EqualValues(t, wire.CodeHandler, wire.CodeOf(io.EOF))
	require.EqualValues(t, wire.CodeHandler, wire.CodeOf(wire.ErrBroken), "it arises at the client only")
}

func TestAHandlersErrorHasTheLeastCodeOfThoseListed(t *testing.T) {
	errOther := errors.New("another")
	listed := wire.Errors{9: errOdd, 7: errOther, math.MaxUint16: io.EOF}
	for _, c := range []struct {
		err  error
		code uint64
	}{
		{fmt.Errorf("3: %w", errOdd), 64 + 9},
		{errors.Join(errOdd, errOther), 64 + 7},
		{io.EOF, 64 + math.MaxUint16},
		{errors.New("odd number"), wire.CodeHandler},
		{wire.ErrOverloaded, wire.CodeHandler},
	} {
		require.Equal(t, c.code, listed.Code(c.err), "%v", c.err)
	}
	require.ErrorIs(t, listed.Remote(64+math.MaxUint16, ""), io.EOF)
	for _, code := range []uint64{wire.CodeHandler, 63, 64, 64 + math.MaxUint16 + 1, math.MaxUint64} {
		err := listed.Remote(code, "")
		require.NoError(t, errors.Unwrap(err), "%d is nobody's", code)
		require.ErrorContains(t, err, fmt.Sprint(code), "there is always a text")
	}
}

func TestARequestThatCannotBeSentIsRefusedBeforeItIs(t *testing.T) {
	before := []byte("before")
	for name, c := range map[string]struct {
		method string
		args   any
		is     error
	}{
		"no encoding":   {"Echo.Do", math.NaN(), wire.ErrNotSent},
		"a long body":   {"Echo.Do", &Blob{make([]byte, 99)}, wire.ErrTooLarge},
		"a long method": {strings.Repeat("m", 257), &Blob{}, wire.ErrTooLarge},
	} {
		b, err := wire.AppendArgs(before, c.method, c.args, 100)
		require.ErrorIs(t, err, c.is, name)
		require.True(t, wire.Definite(err), name)
		require.Empty(t, cmp.Diff(before, b), name)
	}
	b, err := wire.AppendArgs(before, strings.Repeat("m", 256), &Blob{make([]byte, 98)}, 100)
	require.NoError(t, err, "what was there before does not count")
	require.Len(t, b, len(before)+100)
}

func TestWhatAReusedValueHeldIsGoneAfterDecoding(t *testing.T) {
	n := Number{N: 1, Note: "of the last time"}
	require.NoError(t, wire.DecodeBody([]byte{0xa1, 0x61, 'N', 2}, &n))
	require.Empty(t, cmp.Diff(Number{N: 2}, n))
	require.NoError(t, wire.DecodeBody([]byte{0xff}, nil), "thrown away unread")
}

// line is a life that takes one line in good order: it reads until it is drained or
// killed, and leaves closing to its Acceptor.
func line(raw net.Conn, said *[]string) wire.Life {
	return wire.Life{
		Serve: func() {
			_, err := io.Copy(io.Discard, raw)
			*said = append(*said, fmt.Sprint(err))
		},
		Drain: func() { raw.SetReadDeadline(time.Unix(1, 0)) },
		Kill:  func() { raw.Close() },
	}
}

func TestAnAcceptorEndsEveryLifeAndClosesItsConnection(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*wire.Acceptor) error
		said string
	}{
		"in good order": {func(a *wire.Acceptor) error { return a.Shutdown(context.Background()) }, "i/o timeout"},
		"by force":      {(*wire.Acceptor).Close, net.ErrClosed.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said []string
				a := wire.NewAcceptor(1, func(raw net.Conn) wire.Life { return line(raw, &said) }, wire.Refuse)
				here, there := memnet.Pipe()
				go a.ServeConn(there)
				synctest.Wait()
				require.Equal(t, 1, a.Connections())
				require.Equal(t, []uint64{overloaded}, codesOf(wiretest.Talk(t, a.ServeConn)))
				require.NoError(t, c.end(a))
				require.Zero(t, a.Connections())
				require.Len(t, said, 1, "it has waited for the life to end")
				require.Contains(t, said[0], c.said)
				_, err := here.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF)
				require.Equal(t, []uint64{shutdown}, codesOf(wiretest.Talk(t, a.ServeConn)))
			})
		})
	}
}

func TestLingeringEndsWhenTheFarSideHasClosedOrAfterASecond(t *testing.T) {
	for name, c := range map[string]struct{ closes, ends time.Duration }{
		"it closes":     {closes: 300 * time.Millisecond, ends: 300 * time.Millisecond},
		"it never does": {closes: time.Hour, ends: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := memnet.Pipe()
				defer there.Close()
				start := time.Now()
				closing := time.AfterFunc(c.closes, func() { here.Close() })
				defer closing.Stop()
				said := make(chan string, 1)
				go func() {
					b, err := io.ReadAll(here)
					said <- fmt.Sprintln(string(b), err, time.Since(start))
					here.Write([]byte("what nobody reads any more"))
				}()
				there.Write([]byte("the last frame"))
				wire.Linger(there)
				require.Equal(t, c.ends, time.Since(start))
				require.Equal(t, "the last frame <nil> 0s\n", <-said, "the far side saw all of it, and the end, at once")
			})
		})
	}
}

func codesOf(all []answer) (codes []uint64) {
	for _, a := range all {
		codes = append(codes, a.Code)
	}
	return codes
}
