package kv

import (
	"errors"
	"fmt"
)

// Status is how a request ended. It travels as a number, so an error keeps its
// identity from the server to errors.Is at the client.
type Status uint8

// The statuses. The numbers are part of the wire format.
const (
	OK          Status = iota + 1
	NotFound           // done: there is no such key
	Conflict           // done: the comparison failed, nothing was written
	Maybe              // unknown: it may have been executed, or be executed yet
	Unavailable        // not done: this server cannot now; another may
	Overloaded         // not done: a limit of the server is reached; later it may
	Invalid            // not done: the request breaks a rule of the door
	TooLarge           // not done: key, value, or message exceeds its bound
	Unsupported        // not done: this Store does not offer it
	Compacted          // not done: the revision is older than what is kept
	FutureRev          // not done: the revision is later than the store's
	NoLease            // not done: the lease does not exist, or has expired
	NoSession          // not done now: the session does not exist, or has expired
	Forgotten          // a repeated request whose answer was acknowledged and dropped
	Unsatisfied        // not done: no server satisfies the session's guarantees
)

// Definite reports whether s leaves no doubt that nothing was changed by this
// request. NoSession and Forgotten are definite of this copy of the request only.
func (s Status) Definite() bool { return s != OK && s != Maybe }

var statusNames = []string{
	"none", "ok", "not found", "conflict", "maybe", "unavailable", "overloaded", "invalid", "too large",
	"unsupported", "compacted", "future revision", "no such lease", "no such session", "forgotten", "unsatisfied",
}

// String returns the status in words.
func (s Status) String() string { return nameOf(statusNames, uint64(s)) }

// Errors that the methods of Client return, one a Status: test with errors.Is.
var (
	ErrNotFound    = errors.New("no such key")
	ErrConflict    = errors.New("comparison failed")
	ErrMaybe       = errors.New("outcome unknown")
	ErrUnavailable = errors.New("unavailable, not done")
	ErrOverloaded  = errors.New("overloaded, not done")
	ErrInvalid     = errors.New("invalid request")
	ErrTooLarge    = errors.New("too large")
	ErrUnsupported = errors.New("not offered by this store")
	ErrCompacted   = errors.New("revision has been compacted")
	ErrFutureRev   = errors.New("revision is in the future")
	ErrNoLease     = errors.New("no such lease")
	ErrNoSession   = errors.New("no such session")
	ErrForgotten   = errors.New("answer was acknowledged and dropped")
	ErrUnsatisfied = errors.New("no server satisfies the session's guarantees")
	ErrBadResponse = errors.New("response breaks the contract")
)

var statusErrors = map[Status]error{
	NotFound: ErrNotFound, Conflict: ErrConflict, Maybe: ErrMaybe, Unavailable: ErrUnavailable,
	Overloaded: ErrOverloaded, Invalid: ErrInvalid, TooLarge: ErrTooLarge, Unsupported: ErrUnsupported,
	Compacted: ErrCompacted, FutureRev: ErrFutureRev, NoLease: ErrNoLease, NoSession: ErrNoSession,
	Forgotten: ErrForgotten, Unsatisfied: ErrUnsatisfied,
}

// Err returns nil for OK, else an error that wraps the status's sentinel and
// carries Detail.
func (r *Response) Err() error {
	if r.Status == OK {
		return nil
	}
	err, ok := statusErrors[r.Status]
	if !ok {
		return fmt.Errorf("%w: status %d", ErrBadResponse, r.Status)
	}
	if r.Detail != "" {
		return fmt.Errorf("%w: %s", err, r.Detail)
	}
	return err
}

// StatusOf returns the status whose sentinel err wraps: OK for nil, Maybe for an
// error that is none of them, for then nothing is known.
func StatusOf(err error) Status {
	if err == nil {
		return OK
	}
	for s := NotFound; s <= Unsatisfied; s++ {
		if errors.Is(err, statusErrors[s]) {
			return s
		}
	}
	return Maybe
}

// Refuse makes the Response of a request that was definitely not done.
func Refuse(s Status, format string, args ...any) *Response {
	return &Response{Status: s, Detail: fmt.Sprintf(format, args...)}
}
