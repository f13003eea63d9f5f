package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/rpc"
	"sync"
	"sync/atomic"
	"time"
)

// ServerOptions say what a Server does and bear. A zero field means the default.
//
// Bounds.Idle is how long a connection without requests in flight may be silent.
type ServerOptions struct {
	Bounds

	Connections int // at a time; more are refused. Default 1024
	InFlight    int // requests being served, of one connection; more are refused. Default 1024
	TotalFlight int // the same of all connections together. Default 8192
	LongBytes   int // of requests over 64 KiB held at a time; default 256 MiB

	// Inline reports whether the handler of a method never waits, so that it may
	// be served in the reading loop of its connection, one after the other, without
	// a goroutine. nil means none.
	Inline func(method string) bool

	Errors Errors       // of handlers that keep their identity
	TLS    *tls.Config  // nil: no TLS. See TLSFiles
	Peers  *Peers       // takes the connections of peers; nil refuses them
	Log    *slog.Logger // panics as errors, refusals as debug; nil discards
}

func (o ServerOptions) withDefaults() ServerOptions {
	o.Bounds = o.Bounds.withDefaults()
	o.Connections = cmp.Or(o.Connections, 1024)
	o.InFlight = cmp.Or(o.InFlight, 1024)
	o.TotalFlight = cmp.Or(o.TotalFlight, 8192)
	o.LongBytes = cmp.Or(o.LongBytes, 256<<20)
	if o.Inline == nil {
		o.Inline = func(string) bool { return false }
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}

// Server serves net/rpc services over bounded connections. Register its services,
// then Serve; the methods are safe for concurrent use.
type Server struct {
	opts   ServerOptions
	rpc    *rpc.Server
	quick  map[string]func() quick // by method, for one connection; not changed while serving
	budget *budget
	stats  serverStats
	flight atomic.Int64 // requests that goroutines serve

	mu        sync.Mutex // guards what follows
	stopping  bool       // no new connections, no new requests
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}

	running sync.WaitGroup // connections
}

// ServerStats counts what a Server has seen since it was made.
type ServerStats struct {
	Open       int64 // connections now
	Accepted   int64 // connections
	Refused    int64 // connections over the limit, or with a bad first frame
	Requests   int64 // well-formed ones, answered or refused
	Overloaded int64 // requests refused at a limit
	Malformed  int64 // connections closed for what they sent
	Panics     int64 // of handlers
	BytesIn    int64
	BytesOut   int64
}

type serverStats struct {
	open, accepted, refused, requests, overloaded, malformed, panics, in, out atomic.Int64
}

// NewServer returns a Server without services.
func NewServer(o ServerOptions) *Server {
	s := &Server{
		opts: o.withDefaults(), rpc: rpc.NewServer(), quick: make(map[string]func() quick), budget: new(budget),
		listeners: make(map[net.Listener]struct{}), conns: make(map[*conn]struct{}),
	}
	s.budget.left.Store(int64(s.opts.LongBytes))
	return s
}

// Register offers the methods of rcvr that net/rpc takes for handlers, under
// "name.Method". It fails if there are none, or the name is taken.
func (s *Server) Register(name string, rcvr any) error { return s.rpc.RegisterName(name, rcvr) }

// Stats returns the counters.
func (s *Server) Stats() ServerStats {
	c := &s.stats
	return ServerStats{
		Open: c.open.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		Requests: c.requests.Load(), Overloaded: c.overloaded.Load(), Malformed: c.malformed.Load(),
		Panics: c.panics.Load(), BytesIn: c.in.Load(), BytesOut: c.out.Load(),
	}
}

// Serve serves the connections of l until Shutdown or Close, which close l, and
// then returns nil; or until l fails. Connections outlive it: Close waits for
// them.
func (s *Server) Serve(l net.Listener) error {
	if !s.addListener(l) {
		return l.Close()
	}
	defer s.removeListener(l)
	defer l.Close()
	pause := time.Duration(0)
	for {
		raw, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.start(raw)
		case s.isStopping():
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

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.listeners[l] = struct{}{}
	}
	return !s.stopping
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// start serves raw in a goroutine, or refuses it.
func (s *Server) start(raw net.Conn) {
	if c, err := s.admit(raw); err != nil {
		s.refuse(raw, err)
	} else {
		go c.serve()
	}
}

// ServeConn serves one connection and returns when it has ended.
func (s *Server) ServeConn(raw net.Conn) {
	if c, err := s.admit(raw); err != nil {
		s.refuse(raw, err)
	} else {
		c.serve()
	}
}

func (s *Server) admit(raw net.Conn) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return nil, ErrShutdown
	case len(s.conns) >= s.opts.Connections:
		return nil, ErrOverloaded
	}
	c := newConn(s, raw)
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.stats.open.Add(1)
	s.stats.accepted.Add(1)
	return c, nil
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.stats.open.Add(-1)
	s.running.Done()
}

// refuse tells the far side why and closes. A new connection's buffers take the
// notice without waiting; under TLS it would take a handshake, so it is spared.
func (s *Server) refuse(raw net.Conn, err error) {
	s.stats.refused.Add(1)
	s.opts.Log.Debug("connection refused", "remote", raw.RemoteAddr(), "why", err)
	if s.opts.TLS == nil {
		w := writer{conn: raw, timeout: 50 * time.Millisecond, count: &s.stats.out}
		w.write(appendNotice(nil, err))
	}
	raw.Close()
}

// Shutdown stops accepting, ends the Wait contexts of handlers, lets requests in
// flight finish and their replies leave, tells every client that nothing else was
// executed, and closes. When ctx ends first it closes by force, ends all contexts
// of handlers and returns ctx's error without waiting for them; Close waits.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop((*conn).drain)
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.stop((*conn).kill)
		return ctx.Err()
	}
}

// Close closes by force: it ends all contexts of handlers, closes every connection
// and waits until the handlers have returned.
func (s *Server) Close() error {
	s.stop((*conn).kill)
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
