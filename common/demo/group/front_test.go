//go:build unix

package group

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/faultproxy"
)

// places are the replicas of these tests.
const places = 4

// frame puts a length before some bytes, as package wire does.
func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// hello is the first frame of a sender.
func hello(sender uint64) []byte {
	b := cbor.AppendUint(cbor.AppendText(cbor.AppendArray(nil, 4), "dss"), 1)
	kind := uint64(2)
	if sender == clients {
		kind = 1
	}
	return frame(cbor.AppendUint(cbor.AppendUint(b, kind), sender))
}

// behind is a front, and what is heard behind it: whole connections, after their ends.
func behind(t *testing.T) (f *front, heard <-chan string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	lines := make(chan string, 10)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				b, _ := io.ReadAll(conn)
				lines <- string(b)
			})
		}
	})
	dial := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", ln.Addr().String())
	}
	f, err = newFront(dial, places, 1, faultproxy.Rates{})
	require.NoError(t, err)
	t.Cleanup(func() {
		f.close()
		ln.Close()
		all.Wait()
	})
	return f, lines
}

// next is what is heard next.
func next(t *testing.T, heard <-chan string) string {
	select {
	case s := <-heard:
		return s
	case <-time.After(Late):
		require.FailNow(t, "nothing is heard")
		return ""
	}
}

// say sends a sender's first frame and one more, and ends the connection.
func say(t *testing.T, f *front, sender uint64, text string) {
	conn, err := net.Dial("tcp", f.addr())
	require.NoError(t, err)
	_, err = conn.Write(append(hello(sender), frame([]byte(text))...))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestALinkIsCutOneWayAndForOneSenderOnly(t *testing.T) {
	f, heard := behind(t)
	f.cut(time.Hour, 2)
	say(t, f, 2, "from 2")
	for _, sender := range []uint64{1, 3, clients} {
		say(t, f, sender, "not from 2")
		require.Equal(t, string(hello(sender))+string(frame([]byte("not from 2"))), next(t, heard))
	}
	require.EqualValues(t, 1, f.faults().Faults[faultproxy.Partition])
}

func TestWhatACutHeldBackArrivesWhenItIsOver(t *testing.T) {
	f, heard := behind(t)
	began := time.Now()
	f.cut(50 * time.Millisecond)
	say(t, f, 3, "late")
	require.Equal(t, string(hello(3))+string(frame([]byte("late"))), next(t, heard))
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
}

func TestHealingEndsACutEarly(t *testing.T) {
	f, heard := behind(t)
	f.cut(time.Hour, 3)
	say(t, f, 3, "late")
	say(t, f, 2, "in time")
	require.Equal(t, string(hello(2))+string(frame([]byte("in time"))), next(t, heard))
	f.heal()
	require.Equal(t, string(hello(3))+string(frame([]byte("late"))), next(t, heard))
}

func TestAConnectionThatDoesNotSayWhoSpeaksIsClosed(t *testing.T) {
	f, heard := behind(t)
	for name, first := range map[string][]byte{
		"a long first frame":   frame(make([]byte, maxHello+1)),
		"a sender of no place": hello(places + 1),
		"a length of 2^31":     binary.BigEndian.AppendUint32(nil, 1<<31),
	} {
		conn, err := net.Dial("tcp", f.addr())
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(Late)))
		_, err = conn.Write(first)
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err, name)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, name)
		require.NoError(t, conn.Close())
	}
	require.Empty(t, heard)
}
