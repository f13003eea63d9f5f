package memnet

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Network is a set of listeners under names. The zero value is empty and ready; it
// is safe for concurrent use.
type Network struct {
	mu        sync.Mutex // guards listeners
	listeners map[string]*Listener
}

// Backlog is how many connections may wait to be accepted; more are refused.
const Backlog = 128

// Listen listens under a name that nobody else listens under.
func (n *Network) Listen(name string) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[name] != nil {
		return nil, fmt.Errorf("listen %s: %w", name, syscall.EADDRINUSE)
	}
	if n.listeners == nil {
		n.listeners = make(map[string]*Listener)
	}
	l := &Listener{network: n, name: name, waiting: make(chan net.Conn, Backlog), closed: make(chan struct{})}
	n.listeners[name] = l
	return l, nil
}

// Dial connects to the listener of that name. It never waits.
func (n *Network) Dial(ctx context.Context, name string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[name]
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", name, syscall.ECONNREFUSED)
	}
	here, there := pipe(name)
	select {
	case l.waiting <- there:
		return here, nil
	default:
		return nil, fmt.Errorf("dial %s: backlog is full: %w", name, syscall.ECONNREFUSED)
	}
}

// Listener accepts the connections of one name.
type Listener struct {
	network *Network
	name    string
	waiting chan net.Conn
	closed  chan struct{}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.waiting:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close frees the name and closes the connections that nobody has accepted.
func (l *Listener) Close() error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	if l.network.listeners[l.name] != l {
		return net.ErrClosed
	}
	delete(l.network.listeners, l.name)
	close(l.closed)
	for {
		select {
		case conn := <-l.waiting:
			conn.Close()
		default:
			return nil
		}
	}
}

// Addr returns the name.
func (l *Listener) Addr() net.Addr { return addr(l.name) }
