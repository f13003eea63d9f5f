package call

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"dss.example/common/wire"
)

// Server is the server half: it serves the methods of registered values over any
// number of connections. Register them, then Serve.
type Server struct {
	opts    ServerOptions
	methods map[string]*method // by "Service.Method"; not changed while serving

	mu        sync.Mutex // guards what follows
	stopping  bool       // no new connections, no new requests
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}

	running sync.WaitGroup // connections
}

// NewServer returns a Server without methods.
func NewServer(o ServerOptions) *Server {
	return &Server{
		opts: o.withDefaults(), methods: make(map[string]*method),
		listeners: make(map[net.Listener]struct{}), conns: make(map[*conn]struct{}),
	}
}

// Serve serves the connections of l until Shutdown or Close, which close l, and then
// returns nil; or until l fails. Connections outlive it: Close waits for them.
func (s *Server) Serve(l net.Listener) error {
	if !s.listen(l) {
		return l.Close()
	}
	defer s.unlisten(l)
	for {
		raw, err := l.Accept()
		if err != nil && s.isStopping() {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if c := s.admit(raw); c != nil {
			go s.keep(c) // s.running waits for it
		}
	}
}

// ServeConn serves one connection and returns when it has ended.
func (s *Server) ServeConn(raw net.Conn) {
	if c := s.admit(raw); c != nil {
		s.keep(c)
	}
}

func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.listeners[l] = struct{}{}
	}
	return !s.stopping
}

func (s *Server) unlisten(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	_ = l.Close() // it has failed, or is closed already
}

// admit counts a connection among those that run, or refuses it.
func (s *Server) admit(raw net.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		refuse(raw, wire.ErrShutdown)
		return nil
	}
	if len(s.conns) >= s.opts.Connections {
		refuse(raw, wire.ErrOverloaded)
		return nil
	}
	c := newConn(s, raw)
	s.conns[c] = struct{}{}
	s.running.Add(1)
	return c
}

// refuse tells the far side why and closes. The buffers of a new connection take the
// notice without waiting.
func refuse(raw net.Conn, why error) {
	raw.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = raw.Write(failure(0, why).append(nil)) // it is refused, told or not
	raw.Close()
}

// keep serves a connection and closes it.
func (s *Server) keep(c *conn) {
	defer s.running.Done()
	c.serve()
	c.raw.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// lingerTime bounds how long a closed connection is read for the far side to see the
// last frames: closing with unread bytes would throw them away.
const lingerTime = time.Second

func (c *conn) linger() {
	w, ok := c.raw.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil {
		return
	}
	c.raw.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, c.raw) // until the far side closes
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Shutdown stops accepting and reading, lets the requests in flight finish and their
// answers leave, tells every client that nothing else was executed, and closes. When
// ctx ends first it closes by force and returns ctx's error without waiting for
// handlers; Close waits.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(func(c *conn) { c.raw.SetReadDeadline(time.Unix(1, 0)) })
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.stop(func(c *conn) { c.raw.Close() })
		return ctx.Err()
	}
}

// Close closes every connection by force and waits until the handlers have returned:
// nothing tells them that nobody waits any more.
func (s *Server) Close() error {
	s.stop(func(c *conn) { c.raw.Close() })
	s.running.Wait()
	return nil
}

func (s *Server) stop(how func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		how(c)
	}
}
