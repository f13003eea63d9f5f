package call

import (
	"cmp"
	"log/slog"
	"time"

	"dss.example/common/kv"
	"dss.example/common/wire"
)

// ClientOptions say what a Client bears. A zero field means the default.
type ClientOptions struct {
	Message   int           // bytes of a body, either way; default kv.MaxMessage (5 MiB)
	Pending   int           // calls that have not ended, at a time; more wait. Default 1024
	Handshake time.Duration // from the hello to its answer; default 5 s
	Write     time.Duration // for one request to be written; default 10 s
	Errors    wire.Errors   // of handlers that keep their identity
}

func (o ClientOptions) withDefaults() ClientOptions {
	o.Message = cmp.Or(o.Message, kv.MaxMessage)
	o.Pending = cmp.Or(o.Pending, 1024)
	o.Handshake = cmp.Or(o.Handshake, 5*time.Second)
	o.Write = cmp.Or(o.Write, 10*time.Second)
	return o
}

// ServerOptions say what a Server bears. A zero field means the default.
//
// A connection costs at most InFlight messages of memory and as many goroutines.
type ServerOptions struct {
	Message     int           // bytes of a body, either way; default kv.MaxMessage (5 MiB)
	Connections int           // at a time; more are refused. Default 1024
	InFlight    int           // requests being served, of one connection; more are refused. Default 1024
	Handshake   time.Duration // from connecting to the hello; default 5 s
	Idle        time.Duration // between two requests; then the connection ends. Default 2 min
	Write       time.Duration // for one response to be written; default 10 s
	Errors      wire.Errors   // of handlers that keep their identity
	Log         *slog.Logger  // of panics; nil discards them
}

func (o ServerOptions) withDefaults() ServerOptions {
	o.Message = cmp.Or(o.Message, kv.MaxMessage)
	o.Connections = cmp.Or(o.Connections, 1024)
	o.InFlight = cmp.Or(o.InFlight, 1024)
	o.Handshake = cmp.Or(o.Handshake, 5*time.Second)
	o.Idle = cmp.Or(o.Idle, 2*time.Minute)
	o.Write = cmp.Or(o.Write, 10*time.Second)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}
