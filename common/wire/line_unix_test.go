//go:build unix

package wire_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/wire"
)

// frames are more than a connection's buffers take, and fewer than wait for a peer.
const frames = 380

// pattern is frame i of those that show where they were torn.
func pattern(i int) []byte {
	b := bytes.Repeat([]byte{byte(i)}, 20_000+100*i)
	return append(binary.BigEndian.AppendUint32(nil, uint32(i)), b...)
}

// overTCP starts node 1 over TCP, whose one peer, node 2, does with frames what receive does.
func overTCP(t *testing.T, receive func(from machine.Node, frame []byte)) (one *wire.Peers) {
	two := wire.NewPeers(wire.PeerOptions{Self: 2, Addrs: map[machine.Node]string{1: "127.0.0.1:1"}, Receive: receive})
	t.Cleanup(two.Close)
	addr := listen(t, wire.NewServer(wire.ServerOptions{Peers: two}))
	one = wire.NewPeers(wire.PeerOptions{Self: 1, Addrs: map[machine.Node]string{2: addr}, Receive: func(machine.Node, []byte) {}})
	t.Cleanup(one.Close)
	return one
}

func TestWhatAConnectionDoesNotTakeAtOnceFollowsInOrder(t *testing.T) {
	read, whole := make(chan struct{}), make(chan struct{})
	next, wrong := 0, 0
	one := overTCP(t, func(_ machine.Node, frame []byte) {
		if bytes.Equal(frame, probe) {
			return
		}
		<-read
		if !bytes.Equal(pattern(next), frame) {
			wrong++
		}
		if next++; next == frames {
			close(whole)
		}
	})
	open := sync.OnceFunc(func() { close(read) })
	defer open()
	untilDirect(t, one)
	for i := range frames {
		require.True(t, one.Queue(2, pattern(i)))
		one.Flush()
	}
	open()
	select {
	case <-whole:
	case <-time.After(time.Minute):
		require.Fail(t, "frames were lost, or run into each other")
	}
	require.Zero(t, wrong, "frames that were torn, lost or overtaken")
}

// welcomed accepts a connection of a peer and makes it welcome.
func welcomed(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, len(helloOf(1, 2, 1))))
	require.NoError(t, err)
	_, err = conn.Write(welcome)
	require.NoError(t, err)
	return conn
}

func TestAConnectionThatDiesTakesNoHalfFrameToTheNextOne(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	one := wire.NewPeers(wire.PeerOptions{
		Self: 1, Addrs: map[machine.Node]string{2: l.Addr().String()}, Receive: func(machine.Node, []byte) {},
	})
	defer one.Close()
	first := welcomed(t, l) // it reads nothing
	untilDirect(t, one)
	for i := range frames {
		one.Queue(2, pattern(i))
		one.Flush()
	}
	require.NoError(t, first.Close())
	second := welcomed(t, l)
	defer second.Close()
	second.SetReadDeadline(time.Now().Add(time.Minute))
	require.True(t, one.Queue(2, pattern(frames)))
	one.Flush()
	for at := -1; at != frames; {
		var size [4]byte
		_, err := io.ReadFull(second, size[:])
		require.NoError(t, err)
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		_, err = io.ReadFull(second, frame)
		require.NoError(t, err)
		if bytes.Equal(frame, probe) {
			continue
		}
		i := int(binary.BigEndian.Uint32(frame))
		require.Greater(t, i, at)
		require.True(t, bytes.Equal(pattern(i), frame), "frame %d", i)
		at = i
	}
}

func TestWhatIsFlushedWhileAConnectionIsDeadWaitsForTheNextOne(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	down := make(chan struct{}, 10)
	one := wire.NewPeers(wire.PeerOptions{
		Self: 1, Addrs: map[machine.Node]string{2: l.Addr().String()}, Receive: func(machine.Node, []byte) {},
		Link: func(_ machine.Node, up bool) {
			if !up {
				down <- struct{}{}
			}
		},
	})
	defer one.Close()
	first := welcomed(t, l)
	untilDirect(t, one)
	require.NoError(t, first.Close())
	<-down
	require.True(t, one.Queue(2, []byte("kept")))
	one.Flush()
	second := welcomed(t, l)
	defer second.Close()
	second.SetReadDeadline(time.Now().Add(time.Minute))
	got := make([]byte, 8)
	_, err = io.ReadFull(second, got)
	require.NoError(t, err)
	require.Equal(t, frame([]byte("kept")), got)
}

// probe is a frame that only shows who writes it.
var probe = []byte("probe")

// untilDirect waits until node 1 is connected, and has written what was queued by then: as long
// another goroutine writes.
func untilDirect(t *testing.T, one *wire.Peers) {
	for !hasWritten(t, one) {
		<-time.After(time.Millisecond)
	}
}

// hasWritten tells whether a flush to node 2 has written when it returns.
func hasWritten(t *testing.T, one *wire.Peers) bool {
	before := one.Stats().BytesOut
	require.True(t, one.Queue(2, probe))
	one.Flush()
	return one.Stats().BytesOut == before+4+int64(len(probe))
}

func TestFlushHasWrittenWhenItReturns(t *testing.T) {
	one := overTCP(t, func(machine.Node, []byte) {})
	untilDirect(t, one)
	for range 1000 {
		require.True(t, hasWritten(t, one), "another goroutine has to be waited for")
	}
}
