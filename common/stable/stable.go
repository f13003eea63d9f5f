// Package stable states what a log of records on one disk promises: the noun
// under every Save. Package p2-persist/wal implements it in files; [Memory] is
// the twin that loses unsynced records when it crashes.
package stable

import "errors"

// Log is an append-only sequence of records, numbered from 1. One goroutine uses
// it at a time.
type Log interface {
	// Append adds a record and returns its number. It is not durable before Sync
	// returns nil. The bytes are copied.
	Append(record []byte) (seq uint64, err error)

	// Sync makes every appended record and the last Trim durable. After an error
	// nobody knows what is on the disk: the Log is dead, every later call returns
	// ErrFailed, and the process must stop (a failed fsync is never retried).
	Sync() error

	// Replay calls fn for every record that is kept, in order of numbers. A record
	// whose bytes are damaged is passed as damaged with nil bytes: damage in the
	// middle is not the end of the log. fn's error ends the replay and is returned.
	// The bytes are the callee's only until fn returns.
	Replay(fn func(seq uint64, record []byte, damaged bool) error) error

	// Trim lets go of the records before seq. A crash may bring some back; never a
	// record at or after seq is lost. Trimming past the end is an error.
	Trim(seq uint64) error

	// Next returns the number that the next record will have.
	Next() uint64

	// Close releases the log without syncing it.
	Close() error
}

// MaxRecord bounds one record in bytes.
const MaxRecord = 8 << 20

// Errors of a Log.
var (
	ErrFailed   = errors.New("log failed: what is on the disk is unknown")
	ErrClosed   = errors.New("log is closed")
	ErrTooLarge = errors.New("record exceeds 8 MiB")
	ErrTrim     = errors.New("trim beyond the end of the log")
)
