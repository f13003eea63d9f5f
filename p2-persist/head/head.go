package head

import (
	"errors"

	"dss.example/common/blob"
)

// Head is a named pointer as it was at one moment.
type Head struct {
	Name       string
	ID         blob.ID
	Generation uint64 // from 1: grows with every Set of the name, also after a Delete
}

// Blobs is what heads point into: a blob.Store.
type Blobs interface {
	Stat(ids []blob.ID) ([]blob.Info, error)
	Sync() error
}

// Bounds.
const (
	MaxName       = 80      // bytes of a name
	MaxHeads      = 1024    // heads in one Store
	maxGeneration = 1 << 62 // never reached by counting
)

// Generations that no head has.
const (
	None uint64 = 0         // to Set: the head must not be there
	Any  uint64 = 1<<64 - 1 // to Delete: whatever it is, also a damaged head
)

// Errors of a Store. They are wrapped with the name that they are about.
var (
	ErrNotFound = errors.New("no such head")
	ErrCorrupt  = errors.New("head is damaged")
	ErrConflict = errors.New("head has changed")
	ErrBadName  = errors.New("not the name of a head")
	ErrNoBlob   = errors.New("head would point to a blob that is not there")
	ErrTooMany  = errors.New("too many heads")
	ErrFailed   = errors.New("heads failed: what is on the disk is unknown")
	ErrClosed   = errors.New("heads are closed")
)
