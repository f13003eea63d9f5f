package wire

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net"
	"net/rpc"
	"sync/atomic"
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
// then Serve; the methods are safe for concurrent use. Shutdown also ends the Wait
// contexts of handlers at once; force ends all their contexts ([With]).
type Server struct {
	*Acceptor // Serve, ServeConn, Shutdown, Close

	opts   ServerOptions
	rpc    *rpc.Server
	quick  map[string]func() quick // by method, for one connection; not changed while serving
	later  map[string]submit       // by method; not changed while serving
	budget *budget
	stats  serverStats
	flight atomic.Int64 // requests that goroutines serve
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
	accepted, refused, requests, overloaded, malformed, panics, in, out atomic.Int64
}

// NewServer returns a Server without services.
func NewServer(o ServerOptions) *Server {
	s := &Server{opts: o.withDefaults(), rpc: rpc.NewServer(), quick: make(map[string]func() quick), later: make(map[string]submit), budget: new(budget)}
	s.Acceptor = NewAcceptor(s.opts.Connections, s.open, s.turnAway)
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
		Open: int64(s.Connections()), Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		Requests: c.requests.Load(), Overloaded: c.overloaded.Load(), Malformed: c.malformed.Load(),
		Panics: c.panics.Load(), BytesIn: c.in.Load(), BytesOut: c.out.Load(),
	}
}

// open begins the life of a connection.
func (s *Server) open(raw net.Conn) Life {
	s.stats.accepted.Add(1)
	c := newConn(s, raw)
	return Life{Serve: c.serve, Drain: c.drain, Kill: c.kill}
}

// turnAway refuses a connection. Under TLS to say why would take a handshake, so it is
// spared.
func (s *Server) turnAway(raw net.Conn, why error) {
	s.stats.refused.Add(1)
	s.opts.Log.Debug("connection refused", "remote", raw.RemoteAddr(), "why", why)
	if s.opts.TLS != nil {
		raw.Close()
		return
	}
	Refuse(raw, why)
}
