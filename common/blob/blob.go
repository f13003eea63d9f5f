// Package blob names bytes by what they are, and states what a store of such bytes
// promises.
//
// A blob is immutable: its [ID] is the hash of its bytes, so whoever has the ID can tell
// whether what was read is what was written, and equal blobs are stored once. What
// changes (a branch, the newest state of a tree) is not a blob; it stands in a head.
package blob

import (
	"errors"
	"fmt"
)

// Store keeps blobs. It may be used from many goroutines at once.
//
// Nothing that a Store returns was read without being checked against its ID.
type Store interface {
	// Put stores a blob and returns its ID. A blob that is there already is not
	// stored again. The bytes are the caller's again when Put returns. The blob can
	// be read at once; it is durable after a Sync that is called after Put and
	// returns nil, whoever put it first.
	Put(codec Codec, b []byte) (ID, error)

	// Get returns the bytes of a blob. They are the caller's own.
	// Errors: ErrNotFound; ErrCorrupt if something else stands where the blob was.
	Get(id ID) ([]byte, error)

	// Stat tells which of the blobs are there and how many bytes they have, in the
	// order of ids, with Size -1 for one that is not there. It does not read them.
	// At most MaxBatch.
	Stat(ids []ID) ([]Info, error)

	// List returns the blobs whose IDs are greater than after, in order, at most max
	// (1 to MaxBatch) of them: the last one is where to go on, an empty list the
	// end. The zero ID is before all others. A blob that is put or deleted while a
	// listing goes on may be in it or not; all others are in it once.
	List(after ID, max int) ([]Info, error)

	// Sync makes every Put and Delete that has returned durable. After an error
	// nobody knows what is: the store is dead, every later call returns ErrFailed,
	// and the process must stop.
	Sync() error

	// Delete removes blobs. Those that are not there are no error. It is for the
	// collector alone: nobody else knows that a blob is not needed. At most
	// MaxBatch. A crash before the next Sync may bring some back.
	Delete(ids []ID) error

	// Close ends the store. What was not synced may be lost.
	Close() error
}

// Info is what a Store tells of a blob without reading it.
type Info struct {
	ID   ID
	Size int64 // in bytes; -1: it is not there
}

// Bounds.
const (
	MaxSize  = 4 << 20 // bytes of one blob
	MaxBatch = 4096    // IDs in one call
)

// Errors of a Store. They are wrapped with the ID that they are about.
var (
	ErrNotFound = errors.New("no such blob")
	ErrCorrupt  = errors.New("blob is damaged")
	ErrTooLarge = errors.New("blob exceeds 4 MiB")
	ErrBadID    = errors.New("not the name of a blob")
	ErrBatch    = errors.New("number of blobs out of range")
	ErrFailed   = errors.New("blob store failed: what is on the disk is unknown")
	ErrClosed   = errors.New("blob store is closed")
)

// CheckBatch returns why a Store refuses a call about ids: ErrBatch if they are more than
// MaxBatch, ErrBadID if one of them is not the name of a blob. Every Store asks it first.
func CheckBatch(ids []ID) error {
	if len(ids) > MaxBatch {
		return fmt.Errorf("%w: %d, want at most %d", ErrBatch, len(ids), MaxBatch)
	}
	for _, id := range ids {
		if err := id.Validate(); err != nil {
			return err
		}
	}
	return nil
}
