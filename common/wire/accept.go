package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Life is how a server serves one connection. Drain and Kill come from other
// goroutines, at any time and more than once; they do not wait.
type Life struct {
	// Serve serves the connection. It returns when nothing that belongs to it runs
	// any more; the connection is closed then, if Serve has not done so.
	Serve func()
	// Drain has no more requests read: Serve answers what it has begun, tells the far
	// side that nothing else was executed, and returns.
	Drain func()
	// Kill closes the connection: Serve returns when its handlers have.
	Kill func()
}

// Acceptor is the outer half of a server. It accepts connections, at most so many at
// a time, has each served by a goroutine, and ends them all, in good order or by force.
// What is said on a connection is its owner's business ([Life]). The methods are safe
// for concurrent use.
type Acceptor struct {
	limit  int
	open   func(raw net.Conn) Life
	refuse func(raw net.Conn, why error)

	mu        sync.Mutex // guards what follows
	stopping  bool       // no new connections, and those that run are ending
	listeners map[net.Listener]struct{}
	lives     map[*Life]struct{}

	running sync.WaitGroup // connections
}

// NewAcceptor returns an Acceptor that bears limit connections at a time. open says
// how one is served; it must not wait, nor call the Acceptor. refuse is given those
// beyond the limit (ErrOverloaded) or after the end (ErrShutdown), and closes them
// soon: Refuse will do.
func NewAcceptor(limit int, open func(raw net.Conn) Life, refuse func(raw net.Conn, why error)) *Acceptor {
	return &Acceptor{
		limit: limit, open: open, refuse: refuse,
		listeners: make(map[net.Listener]struct{}), lives: make(map[*Life]struct{}),
	}
}

// Serve serves the connections of l until Shutdown or Close, which close l, and
// then returns nil; or until l fails. Connections outlive it: Close waits for
// them.
func (a *Acceptor) Serve(l net.Listener) error {
	if !a.addListener(l) {
		return l.Close()
	}
	defer a.removeListener(l)
	defer l.Close()
	pause := time.Duration(0)
	for {
		raw, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if c := a.admit(raw); c != nil {
				go a.live(c, raw) // running waits for it
			}
		case a.isStopping():
			return nil
		case !isTemporary(err):
			return err
		default: // out of file descriptors, as a rule: let connections end
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
		}
	}
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// ServeConn serves one connection and returns when it has ended.
func (a *Acceptor) ServeConn(raw net.Conn) {
	if c := a.admit(raw); c != nil {
		a.live(c, raw)
	}
}

// Connections returns how many connections are being served.
func (a *Acceptor) Connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.lives)
}

// Shutdown stops accepting, lets requests in flight finish and their replies leave,
// tells every client that nothing else was executed, and closes. When ctx ends first
// it closes by force and returns ctx's error without waiting for handlers; Close
// waits.
func (a *Acceptor) Shutdown(ctx context.Context) error {
	a.stop(func(c *Life) { c.Drain() })
	done := make(chan struct{})
	go func() {
		a.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		a.stop(func(c *Life) { c.Kill() })
		return ctx.Err()
	}
}

// Close closes every connection by force and waits until the handlers have returned.
func (a *Acceptor) Close() error {
	a.stop(func(c *Life) { c.Kill() })
	a.running.Wait()
	return nil
}

func (a *Acceptor) stop(how func(*Life)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopping = true
	for l := range a.listeners {
		l.Close()
	}
	for c := range a.lives {
		how(c)
	}
}

func (a *Acceptor) isStopping() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopping
}

func (a *Acceptor) addListener(l net.Listener) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.stopping {
		a.listeners[l] = struct{}{}
	}
	return !a.stopping
}

func (a *Acceptor) removeListener(l net.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.listeners, l)
}

// admit counts a connection among those that run, or has it refused and returns nil.
func (a *Acceptor) admit(raw net.Conn) *Life {
	c, err := a.enter(raw)
	if err != nil {
		a.refuse(raw, err)
		return nil
	}
	return c
}

func (a *Acceptor) enter(raw net.Conn) (*Life, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.stopping:
		return nil, ErrShutdown
	case len(a.lives) >= a.limit:
		return nil, ErrOverloaded
	}
	c := a.open(raw)
	a.lives[&c] = struct{}{}
	a.running.Add(1)
	return &c, nil
}

// live serves a connection that was admitted.
func (a *Acceptor) live(c *Life, raw net.Conn) {
	defer a.running.Done()
	defer a.remove(c)
	defer raw.Close()
	c.Serve()
}

func (a *Acceptor) remove(c *Life) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.lives, c)
}

// refuseTime bounds how long telling a far side that it is refused may take.
const refuseTime = 50 * time.Millisecond

// Refuse tells the far side of a new connection why it is not served, by a notice, and
// closes. The buffers of a new connection take the notice without waiting.
func Refuse(raw net.Conn, why error) {
	raw.SetWriteDeadline(time.Now().Add(refuseTime))
	raw.Write(appendNotice(nil, why))
	raw.Close()
}

// lingerTime bounds how long Linger waits.
const lingerTime = time.Second

// Linger ends the sending side of a connection whose last frame was written, and reads
// on until the far side closes, at most a second: closing with unread bytes would throw
// away what the far side has not seen yet. The caller closes.
func Linger(raw net.Conn) {
	if w, ok := raw.(interface{ CloseWrite() error }); !ok || w.CloseWrite() != nil {
		return
	}
	raw.SetReadDeadline(time.Now().Add(lingerTime))
	io.Copy(io.Discard, raw)
}
