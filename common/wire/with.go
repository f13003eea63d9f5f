package wire

import "context"

// With is the args of a handler that waits: the argument as it came over the wire
// and how long waiting makes sense. The client sends a plain T.
//
//	func (s *Service) Do(in *wire.With[kv.Request], out *kv.Response) error
type With[T any] struct {
	// Ctx ends when the connection dies, the client closes its sending side, or the
	// server is closed by force.
	Ctx context.Context
	// Wait ends as Ctx does, and also as soon as the server begins to shut down:
	// for a handler that only waits, as a long poll does, and would hold it up.
	Wait context.Context
	Arg  T
}

// span is the time for which a handler's work makes sense.
type span struct{ ctx, wait context.Context }

// binder is what With is to the codec, whatever its T.
type binder interface{ bind(s span) any }

func (w *With[T]) bind(s span) any {
	w.Ctx, w.Wait = s.ctx, s.wait
	return &w.Arg
}

// decodeArgs decodes the args of a handler.
func decodeArgs(b []byte, args any, s span) error {
	if w, ok := args.(binder); ok {
		args = w.bind(s)
	}
	return DecodeBody(b, args)
}
