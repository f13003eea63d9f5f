package loglet

import (
	"context"
	"errors"
	"fmt"
)

// Errors of a Loglet. They are wrapped with what they are about.
var (
	ErrSealed      = errors.New("log is sealed, not done")
	ErrTrimmed     = errors.New("position is trimmed")
	ErrUnwritten   = errors.New("position is beyond the tail")
	ErrDamaged     = errors.New("entry is damaged")
	ErrMaybe       = errors.New("outcome of the append unknown")
	ErrUnavailable = errors.New("log is unavailable")
	ErrTooLarge    = errors.New("entries exceed 5 MiB")
	ErrInvalid     = errors.New("invalid call of a log")
)

// Definite reports whether an Append that returned err has put nothing into the log, nor
// ever will. An error that this package does not know leaves doubt.
func Definite(err error) bool {
	if errors.Is(err, ErrMaybe) {
		return false
	}
	for _, known := range []error{ErrSealed, ErrUnavailable, ErrTooLarge, ErrInvalid} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// CheckAppend returns why a Loglet refuses an Append, or nil. Every Loglet asks it first.
func CheckAppend(ctx context.Context, bodies [][]byte) error {
	if len(bodies) == 0 || len(bodies) > MaxBatch {
		return fmt.Errorf("%w: a batch of %d entries, want 1 to %d", ErrInvalid, len(bodies), MaxBatch)
	}
	size := 0
	for _, b := range bodies {
		size += len(b)
	}
	if size > MaxBytes {
		return fmt.Errorf("%w: %d bytes in %d entries", ErrTooLarge, size, len(bodies))
	}
	return CheckContext(ctx)
}

// CheckRead returns why a Loglet refuses a Read, or nil. Every Loglet asks it first.
func CheckRead(ctx context.Context, from, to Pos) error {
	if from == 0 || from >= to {
		return fmt.Errorf("%w: read from %d to %d, want 1 or more to what is greater", ErrInvalid, from, to)
	}
	return CheckContext(ctx)
}

// CheckStreams returns why a Streamer refuses to append to streams, or nil.
func CheckStreams(streams []Stream) error {
	if len(streams) == 0 || len(streams) > MaxStreams {
		return fmt.Errorf("%w: an entry of %d streams, want 1 to %d", ErrInvalid, len(streams), MaxStreams)
	}
	for i, s := range streams {
		if s == 0 {
			return fmt.Errorf("%w: stream 0, want 1 or more", ErrInvalid)
		}
		for _, other := range streams[:i] {
			if s == other {
				return fmt.Errorf("%w: stream %d twice, want different ones", ErrInvalid, s)
			}
		}
	}
	return nil
}

// CheckBack returns why a Streamer refuses a Back, or nil.
func CheckBack(ctx context.Context, stream Stream, before Pos, max int) error {
	if stream == 0 || before == 0 || max < 1 || max > MaxPage {
		return fmt.Errorf("%w: %d positions of stream %d before %d, want 1 to %d of a stream from 1 before a position from 1",
			ErrInvalid, max, stream, before, MaxPage)
	}
	return CheckContext(ctx)
}

// CheckContext returns why a call whose context is ctx does nothing, or nil.
func CheckContext(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	return nil
}
