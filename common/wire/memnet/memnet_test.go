package memnet_test

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/wire/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBytesArriveInOrderAndEndWithEOF(t *testing.T) {
	a, b := memnet.Pipe()
	for _, part := range []string{"one ", "two ", "three"} {
		n, err := a.Write([]byte(part))
		require.NoError(t, err)
		require.Equal(t, len(part), n)
	}
	require.NoError(t, a.Close())
	require.NoError(t, iotest.TestReader(b, []byte("one two three")))
}

func TestAWriteDoesNotWaitForAReader(t *testing.T) {
	a, b := memnet.Pipe()
	defer b.Close()
	n, err := a.Write(make([]byte, memnet.BufferSize))
	require.NoError(t, err)
	require.Equal(t, memnet.BufferSize, n)
}

func TestAWriteIntoAFullPipeWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		wrote := make(chan int, 1)
		go func() {
			n, _ := a.Write(make([]byte, memnet.BufferSize+10))
			wrote <- n
		}()
		synctest.Wait()
		require.Empty(t, wrote)
		n, err := b.Read(make([]byte, 10))
		require.NoError(t, err)
		require.Equal(t, 10, n)
		require.Equal(t, memnet.BufferSize+10, <-wrote)
	})
}

func TestDeadlinesEndReadsAndWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		defer b.Close()
		start := time.Now()
		a.SetReadDeadline(start.Add(time.Second))
		_, err := a.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))

		a.SetWriteDeadline(start.Add(3 * time.Second))
		n, err := a.Write(make([]byte, memnet.BufferSize+1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, memnet.BufferSize, n)
		require.Equal(t, 3*time.Second, time.Since(start))

		b.SetDeadline(start)
		_, err = b.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "bytes are there, but the deadline has passed")
		_, err = b.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		b.SetDeadline(time.Time{})
		_, err = b.Read(make([]byte, 1))
		require.NoError(t, err)
	})
}

func TestADeadlineSetLaterWakesAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		defer b.Close()
		failed := make(chan error, 1)
		go func() {
			_, err := a.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		a.SetReadDeadline(time.Now().Add(-time.Second))
		require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
	})
}

func TestClosingWakesBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		failed := make(chan error, 3)
		read := func(c net.Conn) {
			_, err := c.Read(make([]byte, 1))
			failed <- err
		}
		go read(a)
		synctest.Wait()
		a.Close()
		require.ErrorIs(t, <-failed, net.ErrClosed)
		read(b)
		require.ErrorIs(t, <-failed, io.EOF)
		_, err := b.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestAHalfClosedConnectionStillReads(t *testing.T) {
	a, b := memnet.Pipe()
	require.NoError(t, a.(*memnet.Conn).CloseWrite())
	_, err := b.Write([]byte("answer"))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	got, err := io.ReadAll(a)
	require.NoError(t, err)
	require.Equal(t, "answer", string(got))
}

func TestANetworkConnectsByName(t *testing.T) {
	var n memnet.Network
	_, err := n.Dial(t.Context(), "a")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	l, err := n.Listen("a")
	require.NoError(t, err)
	_, err = n.Listen("a")
	require.ErrorIs(t, err, syscall.EADDRINUSE)

	here, err := n.Dial(t.Context(), "a")
	require.NoError(t, err)
	there, err := l.Accept()
	require.NoError(t, err)
	here.Write([]byte("x"))
	_, err = there.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, "a", there.LocalAddr().String())
	require.Equal(t, "memory", l.Addr().Network())

	waiting, err := n.Dial(t.Context(), "a")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "nobody will accept it any more")
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, l.Close(), net.ErrClosed)
	_, err = n.Listen("a")
	require.NoError(t, err, "the name is free")
}

func TestABacklogIsBounded(t *testing.T) {
	var n memnet.Network
	_, err := n.Listen("a")
	require.NoError(t, err)
	for range memnet.Backlog {
		_, err := n.Dial(t.Context(), "a")
		require.NoError(t, err)
	}
	_, err = n.Dial(t.Context(), "a")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.Dial(ctx, "a")
	require.ErrorIs(t, err, context.Canceled)
}
