package call

import (
	"net"
	"runtime/debug"
	"time"

	"dss.example/common/wire"
)

// Server is the server half: it serves the methods of registered values over any
// number of connections. Register them, then Serve. Nothing tells a handler that
// nobody waits any more, so that Close waits for it as long as it takes.
type Server struct {
	*wire.Acceptor // Serve, ServeConn, Shutdown, Close

	opts    ServerOptions
	methods map[string]*method // by "Service.Method"; not changed while serving
}

// NewServer returns a Server without methods.
func NewServer(o ServerOptions) *Server {
	s := &Server{opts: o.withDefaults(), methods: make(map[string]*method)}
	s.Acceptor = wire.NewAcceptor(s.opts.Connections, s.open, wire.Refuse)
	return s
}

// open begins the life of a connection. Killing it makes reading and writing fail, and
// that ends the rest.
func (s *Server) open(raw net.Conn) wire.Life {
	c := newConn(s, raw)
	return wire.Life{Serve: c.serve, Drain: c.drain, Kill: func() { raw.Close() }}
}

// drain makes the present next and every later one end with wire.ErrShutdown.
func (c *conn) drain() {
	c.draining.Store(true)
	c.raw.SetReadDeadline(time.Unix(1, 0))
}

// logPanic tells the Server's owner of a handler that panicked; a nil cause means that
// it ended its goroutine.
func (s *Server) logPanic(method string, cause any) {
	s.opts.Log.Error("handler panicked", "method", method, "panic", cause, "stack", string(debug.Stack()))
}
