package server

import (
	"context"
	"net"

	"dss.example/common/cbor"
	"dss.example/common/daemon"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"
)

// The methods, as clients call them.
const (
	MethodDo     = "KV.Do"
	MethodWait   = "KV.Wait"
	MethodOffers = "KV.Offers"
)

// Server serves one Store.
type Server struct {
	wire  *wire.Server
	store kv.Store
}

// New returns a server for store. Quick tells that the Store answers at once
// whatever does not wait by request (see kv.Request.Waits), as one in memory does, and
// keeps nothing of a request that it has answered: then such requests need no
// goroutine and no memory of their own. o.Inline is set by New.
//
// A Store that has a method Lend, as kvstore.Store does, is asked by it.
func New(store kv.Store, quick bool, o wire.ServerOptions) *Server {
	o.Inline = func(method string) bool { return method == MethodOffers }
	s := &Server{wire: wire.NewServer(o), store: store}
	methods := &service{store: store, ask: store.Do}
	if l, ok := store.(lender); ok {
		methods.ask = l.Lend
	}
	if err := s.wire.Register("KV", methods); err != nil {
		panic(err) // service has the methods that net/rpc wants
	}
	if f, ok := store.(submitter); ok && !quick {
		wire.Later(s.wire, MethodDo, func(req *kv.Request, answer func(machine.Data)) bool {
			return !req.Waits() && f.Submit(req, func(resp *kv.Response) { answer(resp) })
		})
	}
	if quick {
		wire.Quick(s.wire, MethodDo, func(req *borrowed) (machine.Data, error) { return methods.do(&req.Request), nil })
	}
	return s
}

// ForDaemon returns what makes a daemon's Server of its Store, with the certificate that
// its flags name (daemon.Program.Serve). Quick is New's.
func ForDaemon(quick bool) func(*daemon.Config, kv.Store) (daemon.Server, error) {
	return func(c *daemon.Config, store kv.Store) (daemon.Server, error) {
		o := wire.ServerOptions{Connections: c.MaxConns, Log: c.Log}
		if c.TLS.Cert != "" {
			config, err := wire.TLSFiles(c.TLS).Server()
			if err != nil {
				return nil, err
			}
			o.TLS = config
		}
		return New(store, quick, o), nil
	}
}

// lender is a Store that need not copy what is only encoded.
type lender interface {
	Lend(ctx context.Context, req *kv.Request) *kv.Response
}

// submitter is a Store that need not be waited for, unless Submit is false: then it has
// done nothing.
type submitter interface {
	Submit(req *kv.Request, then func(*kv.Response)) bool
}

// borrowed is a Request whose values lie in the frame that brought it.
type borrowed struct{ kv.Request }

// DecodeFrom is Request's, without a copy.
func (r *borrowed) DecodeFrom(b []byte) error { return r.BorrowFrom(b) }

// Register offers the methods of rcvr beside those of the Store, as wire.Server does.
func (s *Server) Register(name string, rcvr any) error { return s.wire.Register(name, rcvr) }

// Serve implements daemon.Server.
func (s *Server) Serve(l net.Listener) error { return s.wire.Serve(l) }

// ServeConn serves one connection and returns when it has ended.
func (s *Server) ServeConn(c net.Conn) { s.wire.ServeConn(c) }

// Shutdown implements daemon.Server.
func (s *Server) Shutdown(ctx context.Context) error { return s.wire.Shutdown(ctx) }

// Close closes by force.
func (s *Server) Close() error { return s.wire.Close() }

// Counters implements daemon.Server.
func (s *Server) Counters() []daemon.Counter {
	figure := func(name, help string, gauge bool, value func(wire.ServerStats) int64) daemon.Counter {
		return daemon.Counter{Name: name, Help: help, Gauge: gauge, Value: func() uint64 { return uint64(value(s.wire.Stats())) }}
	}
	return []daemon.Counter{
		figure("kvd_connections", "Connections that are open.", true, func(s wire.ServerStats) int64 { return s.Open }),
		figure("kvd_connections_accepted_total", "Connections that were accepted.", false, func(s wire.ServerStats) int64 { return s.Accepted }),
		figure("kvd_connections_refused_total", "Connections over the limit or with a bad first frame.", false, func(s wire.ServerStats) int64 { return s.Refused }),
		figure("kvd_requests_total", "Requests, answered or refused.", false, func(s wire.ServerStats) int64 { return s.Requests }),
		figure("kvd_requests_overloaded_total", "Requests that were refused at a limit.", false, func(s wire.ServerStats) int64 { return s.Overloaded }),
		figure("kvd_connections_malformed_total", "Connections that were closed for what they sent.", false, func(s wire.ServerStats) int64 { return s.Malformed }),
		figure("kvd_panics_total", "Handlers that panicked.", false, func(s wire.ServerStats) int64 { return s.Panics }),
		figure("kvd_received_bytes_total", "Bytes received.", false, func(s wire.ServerStats) int64 { return s.BytesIn }),
		figure("kvd_sent_bytes_total", "Bytes sent.", false, func(s wire.ServerStats) int64 { return s.BytesOut }),
	}
}

// service is what net/rpc dispatches to.
type service struct {
	store kv.Store
	ask   func(context.Context, *kv.Request) *kv.Response // the Store's; the Response is only read
}

// Do does a request that waits for nothing.
func (s *service) Do(req *kv.Request, resp *kv.Response) error {
	*resp = *s.do(req)
	return nil
}

// do is Do without net/rpc.
func (s *service) do(req *kv.Request) *kv.Response {
	if req.Waits() {
		return kv.Refuse(kv.Invalid, "a request that waits goes to %s", MethodWait)
	}
	return s.ask(context.Background(), req)
}

// Wait does a request that may wait, until its connection dies or the server is
// told to stop.
func (s *service) Wait(in *wire.With[kv.Request], resp *kv.Response) error {
	*resp = *s.ask(in.Wait, &in.Arg)
	return nil
}

// Offers tells what the Store promises.
func (s *service) Offers(_ *Nothing, caps *Caps) error {
	caps.Caps = s.store.Offers()
	return nil
}

// Nothing is the argument of a method without one: an empty array.
type Nothing struct{}

// AppendTo appends the empty array.
func (*Nothing) AppendTo(b []byte) []byte { return cbor.AppendArray(b, 0) }

// DecodeFrom refuses anything but the empty array.
func (*Nothing) DecodeFrom(b []byte) error {
	r := cbor.NewReader(b)
	r.Fixed(0)
	return r.Close()
}

// Caps is a kv.Caps on the wire: [stage, level, capabilities].
type Caps struct{ kv.Caps }

// AppendTo appends the encoding of c.
func (c *Caps) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 3), uint64(c.Stage))
	return cbor.AppendUint(cbor.AppendUint(b, uint64(c.Level)), uint64(c.Has))
}

// DecodeFrom is AppendTo backwards.
func (c *Caps) DecodeFrom(b []byte) error {
	r := cbor.NewReader(b)
	r.Fixed(3)
	stage, level, has := r.Uint(), r.Uint(), r.Uint()
	if stage > 5 || level > uint64(kv.StrictSerializable) || has > 1<<32-1 {
		r.Fail("stage %d, level %d, capabilities %#x are out of range", stage, level, has)
	}
	c.Stage, c.Level, c.Has = int(stage), kv.Level(level), kv.Cap(has)
	return r.Close()
}
