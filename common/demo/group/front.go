//go:build unix

package group

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"dss.example/common/cbor"
	"dss.example/common/faultproxy"
)

const (
	clients   = 0               // the sender of what no replica sends
	greetTime = 5 * time.Second // for the first frame of a connection
	maxHello  = 64              // bytes of it; package wire takes no more either
)

// front is where everybody reaches a replica. Behind it stands a proxy for each who speaks,
// so that a link can be cut one way: frames between replicas need no answer, and what the
// replica says itself goes through the others' fronts.
type front struct {
	ln    net.Listener
	gates []gate // by sender
	proxy []*faultproxy.Proxy
	all   sync.WaitGroup
}

// newFront listens, and passes on what clients and the replicas 1 to places send to where dial
// leads. Faults befall frames between replicas at the given rates.
func newFront(dial func(context.Context) (net.Conn, error), places int, seed uint64, rates faultproxy.Rates) (*front, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{ln: ln, gates: make([]gate, places+1), proxy: make([]*faultproxy.Proxy, places+1)}
	for sender := range f.proxy {
		f.gates[sender] = gate{addr: ln.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
		c := faultproxy.Config{Listen: &f.gates[sender], Dial: dial, Seed: seed + uint64(sender)}
		if sender != clients {
			c.Rates = rates
		}
		f.proxy[sender] = faultproxy.New(c)
		f.all.Go(func() { _ = f.proxy[sender].Serve() }) // a gate fails only when it is closed
	}
	f.all.Go(f.accept)
	return f, nil
}

func (f *front) addr() string { return f.ln.Addr().String() }

// cut lets nothing pass from some senders for d; from everybody, if none is named.
func (f *front) cut(d time.Duration, senders ...int) {
	for sender, p := range f.proxy {
		if len(senders) == 0 || slices.Contains(senders, sender) {
			p.Partition(d)
		}
	}
}

// heal ends cuts and faults.
func (f *front) heal() {
	for _, p := range f.proxy {
		p.Heal()
	}
}

// faults counts what befell frames, and as partitions the cuts.
func (f *front) faults() (s faultproxy.Stats) {
	for _, p := range f.proxy {
		s = s.Plus(p.Stats())
	}
	return s
}

// close ends all connections, and waits for what runs here.
func (f *front) close() {
	_ = f.ln.Close() // nobody is told
	for _, p := range f.proxy {
		_ = p.Close()
	}
	f.all.Wait()
}

// accept takes connections until the listener ends.
func (f *front) accept() {
	for {
		conn, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.all.Go(func() { f.greet(conn.(*net.TCPConn)) })
	}
}

// greet reads who speaks on a connection, and hands it to that sender's proxy.
func (f *front) greet(conn *net.TCPConn) {
	hello, err := readHello(conn)
	sender := senderOf(hello)
	if err != nil || sender >= uint64(len(f.gates)) {
		conn.Close()
		return
	}
	g := &f.gates[sender]
	select {
	case g.conns <- &greeted{conn, hello}:
	case <-g.closed:
		conn.Close()
	}
}

// readHello reads the first frame of a connection, with its length.
func readHello(conn net.Conn) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(greetTime)); err != nil {
		return nil, err
	}
	b := make([]byte, 4, 4+maxHello)
	if _, err := io.ReadFull(conn, b); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(b)
	if n > maxHello {
		return nil, fmt.Errorf("a first frame of %d bytes: at most %d", n, maxHello)
	}
	b = b[:4+n]
	_, err := io.ReadFull(conn, b[4:])
	return b, errors.Join(err, conn.SetReadDeadline(time.Time{}))
}

// senderOf returns the node that a first frame names, as package wire writes it; clients, if
// it names none.
func senderOf(hello []byte) uint64 {
	if len(hello) < 4 {
		return clients
	}
	r := cbor.NewReader(hello[4:])
	r.Fixed(4)
	_, _, _, node := r.Text(), r.Uint(), r.Uint(), r.Uint()
	if r.Err() != nil {
		return clients
	}
	return node
}

// greeted is a connection whose first frame is read again.
type greeted struct {
	*net.TCPConn
	first []byte // what is left of it
}

// Read implements net.Conn.
func (c *greeted) Read(b []byte) (int, error) {
	if len(c.first) == 0 {
		return c.TCPConn.Read(b)
	}
	n := copy(b, c.first)
	c.first = c.first[n:]
	return n, nil
}

// gate is the listener of one sender's proxy.
type gate struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case conn := <-g.conns:
		return conn, nil
	case <-g.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return nil
}

// Addr implements net.Listener.
func (g *gate) Addr() net.Addr { return g.addr }
