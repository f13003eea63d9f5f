package run

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"dss.example/common/machine"
	"dss.example/common/run/recording"
)

// base is what Loop and Lock share: a machine with its clock, its timers and
// those who wait for it. It excludes nobody: its owner does.
type base struct {
	counters
	cfg     Config
	perform func(machine.Event) error // the owner's: steps the machine and obeys
	tell    func(*waiter, result)     // the owner's: ends a wait

	now    machine.Time     // of the last step
	asks   asks             //
	self   []machine.Data   // sent to oneself without a delay: the next inputs
	timers timers           //
	frame  []byte           // scratch of send
	queued bool             // something was sent since the last Flush
	track  *recording.Track // nil if nothing is recorded

	pool sync.Pool // of *waiter
	done chan struct{}
	err  error // why it ended; written before done is closed
}

func (b *base) init(cfg Config, perform func(machine.Event) error, tell func(*waiter, result), ring func()) error {
	if err := cfg.complete(); err != nil {
		return err
	}
	b.cfg, b.perform, b.tell = cfg, perform, tell
	b.timers.clock, b.timers.ring = cfg.Clock, ring
	b.pool.New = newWaiter
	b.done = make(chan struct{})
	if cfg.Record == nil {
		return nil
	}
	h := recording.Header{Self: cfg.Self, Config: cfg.Setup}
	if cfg.Protocol != nil {
		h.Protocol = cfg.Protocol.Name
	}
	var err error
	b.track, err = cfg.Record.Track(h)
	return err
}

// full reports whether the machine owes as many answers as it may.
func (b *base) full() bool { return b.asks.waiting.Len() >= b.cfg.Waiting }

// step gives the machine one input. out must be empty.
func (b *base) step(e machine.Event, out *machine.Out) {
	b.now = max(b.now, b.cfg.Clock.Now())
	in := machine.In{Now: b.now, Rand: b.cfg.Rand(), Event: e}
	b.steps.Add(1)
	if b.track != nil {
		b.track.Begin(in)
	}
	b.cfg.Machine.Step(in, out)
	if b.track != nil {
		b.track.End(out)
	}
	if b.cfg.OnFact != nil {
		for _, f := range out.Note {
			b.cfg.OnFact(f)
		}
	}
}

// arrive performs a Recv. A Call becomes an Ask.
func (b *base) arrive(e machine.Recv) error {
	call, ok := e.Msg.(machine.Call)
	if !ok {
		return b.perform(e)
	}
	id := b.asks.next()
	if lapsed := b.asks.addCall(id, asker{from: e.From, call: call.ID}); lapsed != 0 {
		if err := b.perform(machine.Cancel{ID: lapsed}); err != nil {
			return err
		}
	}
	return b.perform(machine.Ask{ID: id, Cmd: call.Cmd})
}

// cancel performs the Cancel of an Ask that is not answered yet.
func (b *base) cancel(id uint64) error {
	if _, ok := b.asks.waiting.Take(id); !ok {
		return nil
	}
	return b.perform(machine.Cancel{ID: id})
}

// ring performs the timers that are due.
func (b *base) ring() error {
	b.now = max(b.now, b.cfg.Clock.Now())
	for now := b.now; ; {
		msg, ok := b.timers.due(now)
		if !ok {
			return nil
		}
		if err := b.arrive(machine.Recv{From: b.cfg.Self, Msg: msg}); err != nil {
			return err
		}
	}
}

// send lets an envelope go.
func (b *base) send(e *machine.Envelope) error {
	switch {
	case e.To != b.cfg.Self:
		if e.After != 0 {
			return fmt.Errorf("%w: an envelope to %v/%s with a delay", ErrContract, e.To.Node, e.To.Role)
		}
		b.sends.Add(1)
		b.post(e.To, e.Msg)
		return nil
	case len(b.self)+len(b.timers.heap) >= MaxSelf:
		return fmt.Errorf("%w: more than %d envelopes to itself", ErrContract, MaxSelf)
	case e.After > 0:
		b.timers.add(b.cfg.Clock.Now()+e.After, e.Msg)
	default:
		b.self = append(b.self, e.Msg)
	}
	return nil
}

// post hands a message to the transport.
func (b *base) post(to machine.Addr, msg machine.Data) {
	switch {
	case b.cfg.SendData != nil:
		b.cfg.SendData(to, msg)
	case b.cfg.Send != nil:
		b.frame = machine.AppendMessage(b.frame[:0], msg)
		b.cfg.Send(to, b.frame)
		b.queued = true
	}
}

// letGo has the transport let go what it was given.
func (b *base) letGo() {
	if b.queued && b.cfg.Flush != nil {
		b.cfg.Flush()
	}
	b.queued = false
}

// reply lets an answer go, unless nobody waits for it any more.
func (b *base) reply(a *machine.Answer) error {
	who, ok := b.asks.waiting.Take(a.ID)
	if !ok {
		return nil
	}
	b.replies.Add(1)
	if who.waiter != nil {
		b.tell(who.waiter, result{data: a.Data})
		return nil
	}
	return b.send(&machine.Envelope{To: who.from, Msg: machine.Return{ID: who.call, Data: a.Data}})
}

// decode turns a frame from another address into a message. A frame that claims
// to be from this address is forged: what a machine sends itself tells it that
// something is durable, and never comes from outside.
func (b *base) decode(from machine.Addr, frame []byte) (machine.Data, bool) {
	if b.cfg.Protocol != nil && from != b.cfg.Self {
		if msg, err := machine.DecodeMessage(frame, b.cfg.Protocol); err == nil {
			return msg, true
		}
	}
	b.malformed.Add(1)
	return nil, false
}

// await waits for the answer of w; abandon is called if ctx ends first, and takes
// w over.
func (b *base) await(ctx context.Context, w *waiter, abandon func(*waiter)) (machine.Data, error) {
	if ctx.Done() == nil { // half the price
		<-w.done
		return b.finish(w)
	}
	select {
	case <-w.done:
		return b.finish(w)
	case <-ctx.Done():
	}
	select {
	case <-w.done:
		return b.finish(w)
	default:
		abandon(w)
		return nil, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

func (b *base) finish(w *waiter) (machine.Data, error) {
	r := w.result
	w.cmd, w.result = nil, result{}
	b.pool.Put(w)
	return r.data, r.err
}

// rescue turns a panic of a step into an error. It must be deferred itself.
func (b *base) rescue(err *error) {
	v := recover()
	if v == nil {
		return
	}
	where := ""
	if b.track != nil {
		where = b.track.Abort()
	}
	*err = fmt.Errorf("%w: %v/%s in step %d%s: %v\n%s",
		ErrPanic, b.cfg.Self.Node, b.cfg.Self.Role, b.steps.Load(), where, v, debug.Stack())
}

// end lets go of all who wait and of what the machine holds. cause is nil after a
// Stop.
func (b *base) end(cause error) {
	b.asks.fail(fmt.Errorf("%w: %w", ErrUnknown, stopped(cause)))
	b.timers.disarm()
	if s, ok := b.cfg.Machine.(machine.Stopper); ok {
		s.Stop()
	}
	if b.cfg.Record != nil {
		_ = b.cfg.Record.Flush() // its owner asks for the error
	}
	b.err = cause
	close(b.done)
}

// stopped is the error of an Ask that comes after cause.
func stopped(cause error) error {
	if cause == nil {
		return ErrStopped
	}
	return fmt.Errorf("%w: %w", ErrStopped, cause)
}

// Done is closed when the owner has ended.
func (b *base) Done() <-chan struct{} { return b.done }

// Err tells why the owner ended: nil while it runs and after Stop.
func (b *base) Err() error {
	select {
	case <-b.done:
		return b.err
	default:
		return nil
	}
}
