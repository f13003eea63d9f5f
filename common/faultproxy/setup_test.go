package faultproxy_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/cbor"
	"dss.example/common/faultproxy"
	"dss.example/common/wire/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The frames of package wire, put together by hand.

func frame(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

func hello(kind, node uint64) []byte {
	b := cbor.AppendUint(cbor.AppendText(cbor.AppendArray(nil, 4), "dss"), 1)
	return frame(cbor.AppendUint(cbor.AppendUint(b, kind), node))
}

var (
	callsHello = hello(1, 0)
	peerHello  = hello(2, 7)
	welcome    = response(0, 0)
)

func request(seq uint64) []byte {
	return frame(cbor.AppendKey(cbor.AppendUint(cbor.AppendArray(nil, 2), seq), "Echo.Do"))
}

func response(seq, code uint64) []byte {
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(nil, 3), seq), code)
	return frame(cbor.AppendText(b, ""))
}

// seqOf returns the sequence number of a request or response.
func seqOf(frame []byte) uint64 {
	r := cbor.NewReader(frame[4:])
	r.Array()
	return r.Uint()
}

// arrival is a frame as one of the ends got it.
type arrival struct {
	Conn  int // in the order in which connections were accepted; 0 at a client
	Frame string
	At    time.Duration // since the rig was made
}

func (a arrival) seq() uint64 { return seqOf([]byte(a.Frame)) }

func seqs(all []arrival) (s []uint64) {
	for _, a := range all {
		s = append(s, a.seq())
	}
	return s
}

// rig is a server behind a proxy, in memory.
type rig struct {
	*faultproxy.Proxy
	net     memnet.Network
	start   time.Time
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	got    []arrival  // by the server, without hellos
	hellos []string
	conns  []net.Conn // of the server
	ended  int        // of them
	torn   int        // of them, in the middle of a frame after the hello
}

// newRig has answer called for each frame after the hello; it writes to conn what
// it likes. nil answers requests with their number.
func newRig(t *testing.T, c faultproxy.Config, answer func(conn net.Conn, frame []byte)) *rig {
	r := &rig{start: time.Now()}
	if answer == nil {
		answer = func(conn net.Conn, frame []byte) { conn.Write(response(seqOf(frame), 0)) }
	}
	server, err := r.net.Listen("server")
	require.NoError(t, err)
	c.Listen, err = r.net.Listen("proxy")
	require.NoError(t, err)
	c.Dial = func(ctx context.Context) (net.Conn, error) { return r.net.Dial(ctx, "server") }
	r.Proxy = faultproxy.New(c)
	r.running.Go(func() {
		if err := r.Serve(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	r.running.Go(func() {
		for n := 0; ; n++ {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			r.running.Go(func() { r.serve(n, conn, answer) })
		}
	})
	t.Cleanup(func() {
		r.Close()
		server.Close()
		r.closeServers()
		r.running.Wait()
	})
	return r
}

func (r *rig) closeServers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		conn.Close()
	}
}

func (r *rig) serve(n int, conn net.Conn, answer func(net.Conn, []byte)) {
	defer conn.Close()
	r.mu.Lock()
	r.conns = append(r.conns, conn)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended++
	}()
	for first := true; ; first = false {
		b, err := readFrame(conn)
		r.mu.Lock()
		if err != nil {
			if !first && errors.Is(err, io.ErrUnexpectedEOF) {
				r.torn++
			}
			r.mu.Unlock()
			return
		}
		if first {
			r.hellos = append(r.hellos, string(b))
		} else {
			r.got = append(r.got, arrival{Conn: n, Frame: string(b), At: time.Since(r.start)})
		}
		r.mu.Unlock()
		if first {
			conn.Write(welcome)
		} else {
			answer(conn, b)
		}
	}
}

// arrivals returns what the server has got.
func (r *rig) arrivals() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.got...)
}

// greetings returns the first frames that the server has got.
func (r *rig) greetings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.hellos...)
}

// incomplete returns how many requests have arrived in part.
func (r *rig) incomplete() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.torn
}

// open returns how many connections the server has.
func (r *rig) open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) - r.ended
}

// client is a connection to the proxy that collects what comes.
type client struct {
	*memnet.Conn
	done chan struct{} // closed at the end of the stream

	mu  sync.Mutex
	got []arrival
}

// connect says hello and collects frames from the welcome on.
func (r *rig) connect(t *testing.T, hello []byte) *client {
	conn, err := r.net.Dial(t.Context(), "proxy")
	require.NoError(t, err)
	c := &client{Conn: conn.(*memnet.Conn), done: make(chan struct{})}
	t.Cleanup(func() {
		c.Close()
		<-c.done
	})
	c.Write(hello) // fails if the connection is refused
	go func() {    // ends with the connection; Cleanup waits
		defer close(c.done)
		for {
			b, err := readFrame(c)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.got = append(c.got, arrival{Frame: string(b), At: time.Since(r.start)})
			c.mu.Unlock()
		}
	}()
	return c
}

// arrivals returns what the client has got, the welcome included.
func (c *client) arrivals() []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]arrival(nil), c.got...)
}

func (c *client) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// ask sends the requests of these numbers at once.
func (c *client) ask(seqs ...uint64) {
	for _, seq := range seqs {
		c.Write(request(seq))
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	b := make([]byte, 4)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	b = append(b, make([]byte, binary.BigEndian.Uint32(b))...)
	if _, err := io.ReadFull(r, b[4:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// upTo returns 1 to n.
func upTo(n uint64) (s []uint64) {
	for i := range n {
		s = append(s, i+1)
	}
	return s
}
