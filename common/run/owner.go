package run

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"

	"dss.example/common/machine"
	"dss.example/common/run/recording"
	"dss.example/common/stable"
)

// Owner drives one machine. All methods may be called by any goroutine, but not
// from inside Config.Send or Config.OnFact of the same owner.
type Owner interface {
	// Ask gives the machine a command and waits for its answer. An error that is
	// ErrUnknown means that the command may have taken effect or may do so yet;
	// with any other (ErrOverloaded, ErrStopped, ctx's own before it was queued)
	// it definitely has not and will not.
	Ask(ctx context.Context, cmd machine.Data) (machine.Data, error)

	// Recv gives the machine a message: the frame that AppendMessage made and that
	// the transport authenticated as from's. It never waits: a frame that does not
	// decode, or finds the queue full, is counted and dropped. The frame is not
	// kept. A machine.Call is asked, and its answer sent to from.
	Recv(from machine.Addr, frame []byte)

	// Link hints that a peer's connection came up or went down. It never waits and
	// may be lost like a message.
	Link(peer machine.Node, up bool)

	// Stop ends the owner and waits until it has ended or ctx has. What is being
	// stepped is finished, what waits ends with an error (see ErrStopped). The log
	// stays open: it belongs to whoever opened it. The error is ctx's.
	Stop(ctx context.Context) error

	// Done is closed when the owner has ended.
	Done() <-chan struct{}

	// Err tells why the owner ended: nil while it runs and after Stop.
	Err() error

	// Counts tells what happened so far.
	Counts() Counts
}

// Config is what an owner needs. Self and Machine are required.
type Config struct {
	Self    machine.Addr
	Machine machine.Machine

	// Protocol decodes messages that arrive and records that are loaded. A machine
	// without one gets no messages and must find its log empty.
	Protocol *machine.Protocol

	// Log keeps what the machine saves. Without one a Save stops the machine.
	Log stable.Log

	// Send sends a frame, the bytes of machine.AppendMessage, or loses it. It is
	// called by the goroutine that steps: it must not block, keep the frame, or
	// call a Lock. nil loses everything.
	Send func(to machine.Addr, frame []byte)

	// Flush, if not nil, is called when what Send was given should leave: before a Loop
	// syncs or waits, and after each input of a Lock, if there is anything. It is under
	// the rules of Send. It is for a Send that only queues.
	Flush func()

	// SendData takes the place of Send, under the same rules, for a transport that
	// encodes by itself. The message is immutable and may be kept.
	SendData func(to machine.Addr, msg machine.Data)

	// Help, if not nil, is called by a goroutine that will wait for the answer of a Lock,
	// without the mutex. It may bring in messages meanwhile. It returns soon after done
	// holds a token, and may return earlier.
	Help func(done <-chan struct{})

	Clock  Clock              // nil: a new Real
	Rand   func() uint64      // safe for concurrent use; nil: math/rand/v2
	OnFact func(machine.Fact) // what the machine notes, in step order, before any sync; must not block

	// Record keeps every input, with Setup, from which Protocol.New made the
	// machine.
	Record *recording.Recorder
	Setup  []byte

	// Queue bounds the inputs that wait for a Loop, and Waiting the Asks and Calls
	// that a machine has not answered. At either an Ask is refused as
	// ErrOverloaded. 0 means DefaultQueue and DefaultWaiting.
	Queue, Waiting int
}

// Bounds of an owner. Of the Calls of other addresses the last MaxCalls may be
// unanswered: an older one is cancelled. A machine that has more than MaxSelf
// envelopes to itself under way, timers included, is stopped.
const (
	DefaultQueue   = 4096
	DefaultWaiting = 1 << 16
	MaxCalls       = 1 << 14
	MaxSelf        = 1 << 16
)

// Errors of an owner.
var (
	// ErrUnknown means that the machine got the command and no answer reached the
	// caller: it may have taken effect or may do so yet.
	ErrUnknown = errors.New("outcome unknown")

	// ErrOverloaded means that too much waits already. Nothing was done.
	ErrOverloaded = errors.New("overloaded: too many requests wait")

	// ErrStopped means that the machine runs no more; the cause, if it was not
	// Stop, is wrapped too. Nothing was done unless ErrUnknown is wrapped as well.
	ErrStopped = errors.New("stopped")

	// ErrPanic means that a step of the machine, or a thread of a flow, panicked.
	ErrPanic = errors.New("panic")

	// ErrContract means that the machine wants what no world can give: a Save
	// without a log, a delay on another's envelope, too many envelopes to itself.
	ErrContract = errors.New("machine breaks its contract")
)

// Counts tells what an owner did since it started.
type Counts struct {
	Steps     uint64 // inputs given to the machine
	Saves     uint64 // records appended to the log
	Syncs     uint64 // syncs of the log
	Sends     uint64 // envelopes given to Config.Send
	Replies   uint64 // answers to Asks and Calls
	Refused   uint64 // Asks that ended in ErrOverloaded
	Dropped   uint64 // arrived, and lost because the queue was full
	Malformed uint64 // arrived, and were no message of this protocol
}

type counters struct {
	steps, saves, syncs, sends, replies, refused, dropped, malformed atomic.Uint64
}

// Counts tells what happened so far.
func (c *counters) Counts() Counts {
	return Counts{
		Steps: c.steps.Load(), Saves: c.saves.Load(), Syncs: c.syncs.Load(),
		Sends: c.sends.Load(), Replies: c.replies.Load(),
		Refused: c.refused.Load(), Dropped: c.dropped.Load(), Malformed: c.malformed.Load(),
	}
}

// complete checks cfg and fills in what may be left out.
func (cfg *Config) complete() error {
	if cfg.Machine == nil || cfg.Self.Node == 0 {
		return errors.New("run: Config needs Self and Machine")
	}
	if cfg.Clock == nil {
		cfg.Clock = NewReal()
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Uint64
	}
	if cfg.Queue <= 0 {
		cfg.Queue = DefaultQueue
	}
	if cfg.Waiting <= 0 {
		cfg.Waiting = DefaultWaiting
	}
	return nil
}
