// Package loglet states what a shared log promises, whatever it is made of: entries in one
// order that all clients see alike. CORFU (Balakrishnan et al., NSDI 2012) builds one from
// write-once units; Delos (Balakrishnan et al., OSDI 2020) gave it this small face, so that a
// log may be replaced under its users: a virtual log is a chain of loglets, all sealed but
// the last.
//
// # What a reader may rely on
//
// The tail is above every entry whose append has returned. What is below a tail that was
// told is settled: it is read alike by everybody and for ever, until it is trimmed. A
// position there that holds no entry never will. So whoever asks for the tail, and reads up
// to it, knows every entry appended before he asked.
//
// # What an appender may rely on
//
// An append ends as done, as definitely not done, or as ErrMaybe. An entry whose append ended
// maybe stands in the log once, or later once, or never; not twice. Whoever tries again adds
// a second entry: entries that must count once carry a name of their own. A seal ends the
// doubt: what is not below the final tail never will be.
//
// # Contexts
//
// A call may end when its context does. A call whose context has ended before does nothing,
// and its error wraps ErrUnavailable and the context's cause. An Append that was under way is
// ErrMaybe, unless it is known that it was not done.
//
// Whoever opens a loglet closes it: a Loglet has no end of its own.
package loglet

import "context"

// Loglet is a shared log. It may be used from many goroutines at once. An error wraps one of
// the package's sentinels.
type Loglet interface {
	// Append adds entries and returns their positions, which grow in the order of bodies and
	// need not be adjacent: entries of others may stand between. They are after all positions
	// that an Append had returned, and not before any tail that was told, when it was called.
	// The bytes are the caller's again when Append returns.
	//
	// An error that is Definite tells that none of the entries is in the log, nor ever will
	// be: ErrSealed, ErrTooLarge, ErrInvalid, ErrUnavailable. After any other, as ErrMaybe,
	// each of them may be, those that are in the order of bodies.
	Append(ctx context.Context, bodies [][]byte) ([]Pos, error)

	// Read returns entries at or after from and before to, in order, up to where the Page
	// says. On success Page.Next is after from, so that a reader always gets on. A range
	// that reaches beyond the tail is read up to the tail at most. The bytes are the
	// caller's own.
	//
	// Errors: ErrTrimmed if from is before the head, ErrUnwritten if it is not before the
	// tail, ErrDamaged if the bytes at from are lost (what follows can be read),
	// ErrInvalid if from is 0 or not before to, ErrUnavailable.
	Read(ctx context.Context, from, to Pos) (Page, error)

	// Tail tells what the log spans. Bounds.Tail is above every entry whose Append had
	// returned when Tail was called, and never less than what anybody was told before.
	// Error: ErrUnavailable.
	Tail(ctx context.Context) (Bounds, error)

	// Trim lets go of all entries before a position. What was trimmed is not read again. To
	// trim what is trimmed changes nothing. After ErrUnavailable it may be done or not, and
	// can be asked again. Error: ErrUnwritten if before is beyond the tail; nothing is
	// trimmed then.
	Trim(ctx context.Context, before Pos) error

	// Seal ends the log: after it has returned nil every Append ends as ErrSealed, and the
	// tail stays. Reads and trims go on. To seal again changes nothing. After ErrUnavailable
	// it may be done or not, and can be asked again.
	Seal(ctx context.Context) error
}

// Pos is a position in a log. Positions begin at 1; 0 is before all and holds nothing.
// Between the positions of two entries there may be others that hold none.
type Pos uint64

// Entry is what stands at a position.
type Entry struct {
	Pos  Pos
	Body []byte // may be empty
}

// Page is a part of a log: at most MaxPage entries and MaxBytes of their bodies.
type Page struct {
	Entries []Entry // in order; may be none, where positions hold nothing
	Next    Pos     // all entries before it were read: where to go on
}

// Bounds is what a log spans: Head <= Tail.
type Bounds struct {
	Head   Pos  // what was before it is trimmed; 1 if nothing is
	Tail   Pos  // all entries are before it
	Sealed bool // Tail is final
}

// Bounds that hold for every Loglet.
const (
	MaxBytes = 5 << 20 // of a body, of all bodies of an Append, and of a Page: a request of package kv fits
	MaxBatch = 256     // bodies in an Append
	MaxPage  = 1024    // entries in a Page
)
