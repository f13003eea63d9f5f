package wire_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
)

// FuzzServer sends a server any bytes at all. It must close the connection in
// good order, answer each request at most once, and serve the next one.
func FuzzServer(f *testing.F) {
	for _, valid := range validFrames() {
		f.Add(append(bytes.Clone(hello), valid...))
	}
	f.Add(append(helloOf(1, 2, 2), frame([]byte("a peer's"))...))
	f.Add(append(bytes.Clone(hello), 0, 0x50, 0, 0, 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		peers := wire.NewPeers(wire.PeerOptions{Self: 1, Receive: func(machine.Node, []byte) {}})
		defer peers.Close()
		s, gate := newServer(t, wire.ServerOptions{Peers: peers})
		defer s.Close()
		close(gate.opened)
		seen := make(map[uint64]bool)
		for i, a := range talk(t, s, b) {
			require.False(t, seen[a.Seq] && a.Seq != 0, "two answers to request %d", a.Seq)
			require.False(t, i == 0 && a.Seq != 0, "an answer before the welcome")
			seen[a.Seq] = true
		}
		require.Zero(t, s.Stats().Panics)
		requireServing(t, s)
	})
}

// FuzzClient answers a client's call with any bytes at all. The call must end, and
// succeed only with a reply that really is there.
func FuzzClient(f *testing.F) {
	body := func(s string) []byte { return append([]byte{0x40 | byte(len(s))}, s...) }
	f.Add(bytes.Clone(welcome))
	f.Add(append(bytes.Clone(welcome), response(1, ok, "", body("x"))...))
	f.Add(append(bytes.Clone(welcome), response(2, ok, "", body("x"))...))
	f.Add(append(bytes.Clone(welcome), response(1, 71, "odd number", nil)...))
	f.Add(append(bytes.Clone(welcome), response(0, shutdown, "bye", nil)...))
	f.Add(response(0, refused, "go away", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := memnet.Pipe()
		defer there.Close()
		there.Write(b)
		there.(*memnet.Conn).CloseWrite()
		c, err := wire.NewClient(t.Context(), here, wire.ClientOptions{Errors: wire.Errors{7: errOdd}})
		if err != nil {
			require.True(t, wire.Definite(err))
			return
		}
		defer c.Close()
		text, err := echo(t.Context(), c, "x")
		if err == nil {
			require.Contains(t, string(b), text)
		}
		<-c.Done()
	})
}

// FuzzFrames sends one frame after another and holds what a peer's handler gets
// against a reading of the same bytes that is as simple as can be.
func FuzzFrames(f *testing.F) {
	f.Add(frame([]byte("x")), uint16(1))
	f.Add(append(frame(make([]byte, 20<<10)), frame([]byte("y"))...), uint16(1000))
	f.Add([]byte{0, 0, 0, 0}, uint16(3))
	f.Add(append(frame([]byte("z")), 255, 255, 255, 255, 1), uint16(2))
	f.Fuzz(func(t *testing.T, b []byte, piece uint16) {
		const limit = 64 << 10
		var got [][]byte
		peers := wire.NewPeers(wire.PeerOptions{
			Self: 1, Bounds: wire.Bounds{Message: limit}, Addrs: map[machine.Node]string{2: "nowhere:0"},
			Receive: func(_ machine.Node, b []byte) { got = append(got, bytes.Clone(b)) },
		})
		defer peers.Close()
		s := wire.NewServer(wire.ServerOptions{Peers: peers})
		defer s.Close()
		here, there := memnet.Pipe()
		defer here.Close()
		var serving sync.WaitGroup
		serving.Go(func() { s.ServeConn(there) })
		here.Write(helloOf(1, 2, 2))
		for rest := b; len(rest) > 0; {
			n := min(len(rest), max(int(piece)+1, len(b)/64))
			if _, err := here.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		here.(*memnet.Conn).CloseWrite()
		io.Copy(io.Discard, here)
		here.Close()
		serving.Wait()
		require.Equal(t, wholeFrames(b, limit), got)
	})
}

// wholeFrames returns the frames of b up to the first that is empty, too long or
// cut.
func wholeFrames(b []byte, limit uint32) (all [][]byte) {
	for len(b) >= 4 {
		n := binary.BigEndian.Uint32(b)
		if n == 0 || n > limit || int(n) > len(b)-4 {
			break
		}
		all, b = append(all, b[4:4+n]), b[4+n:]
	}
	return all
}
