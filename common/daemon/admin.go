package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the -http listener. It is for one operator and one collector.
const (
	adminConns   = 32 // at a time; one more is closed at once
	adminTimeout = 5 * time.Second
	adminHeader  = 8 << 10 // bytes of a request's header
)

// admin answers /healthz, /readyz, /metrics and /debug/pprof. Without -http it does
// nothing.
type admin struct {
	c     *Config
	addr  string // empty without -http
	http  *http.Server
	ended sync.WaitGroup
	state atomic.Pointer[adminState]
}

// adminState is replaced as a whole.
type adminState struct {
	name     string // starting, ready, draining
	counters []Counter
	waits    func() error // what a server that is ready waits for; nil: it always is
}

// look returns what /readyz says, and whether the server is ready.
func (s *adminState) look() (text string, ready bool) {
	if s.waits != nil {
		if err := s.waits(); err != nil {
			return "waiting: " + err.Error(), false
		}
	}
	return s.name, s.name == "ready"
}

func startAdmin(c *Config) (*admin, error) {
	a := &admin{c: c}
	a.state.Store(&adminState{name: "starting"})
	if c.HTTP == "" {
		return a, nil
	}
	ln, err := net.Listen("tcp", c.HTTP)
	if err != nil {
		return nil, fmt.Errorf("-http: %w", err)
	}
	a.addr = ln.Addr().String()
	a.http = &http.Server{
		Handler: a.routes(), MaxHeaderBytes: adminHeader,
		ReadTimeout: adminTimeout, WriteTimeout: adminTimeout, IdleTimeout: adminTimeout,
	}
	a.ended.Go(func() {
		err := a.http.Serve(&boundedListener{Listener: ln, free: make(chan struct{}, adminConns)})
		if !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("health and metrics have ended", "err", err)
		}
	})
	return a, nil
}

func (a *admin) ready(srv Server) {
	s := &adminState{name: "ready", counters: srv.Counters()}
	if r, ok := srv.(Readier); ok {
		s.waits = r.Ready
	}
	a.state.Store(s)
}

func (a *admin) draining() {
	a.state.Store(&adminState{name: "draining", counters: a.state.Load().counters})
}

func (a *admin) stop() {
	if a.http == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if a.http.Shutdown(ctx) != nil {
		a.http.Close()
	}
	a.ended.Wait()
}

func (a *admin) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		text, ready := a.state.Load().look()
		if !ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, text)
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		io.WriteString(w, FormatCounters(append(processCounters(a.c), a.state.Load().counters...)))
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // by name: heap, goroutine, mutex, ...
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// boundedListener accepts no more connections than fit into free.
type boundedListener struct {
	net.Listener
	free chan struct{}
}

// Accept closes connections beyond the bound at once.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &boundedConn{Conn: conn, l: l}, nil
		default:
			conn.Close()
		}
	}
}

type boundedConn struct {
	net.Conn
	l    *boundedListener
	once sync.Once
}

// Close makes room for another connection.
func (c *boundedConn) Close() error {
	c.once.Do(func() { <-c.l.free })
	return c.Conn.Close()
}
