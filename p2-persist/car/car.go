package car

import (
	"encoding/binary"
	"errors"
	"fmt"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// MaxRoots bounds the roots of a CAR.
const MaxRoots = 4096

const (
	version   = 1
	maxHeader = MaxRoots*41 + 64 // bytes: a link takes 41
	maxBlock  = blob.IDSize + blob.MaxSize
	maxVarint = 4 // bytes of a length: no section is longer than maxBlock
)

// Errors of a CAR. What a reader, writer or store returns is wrapped and keeps its
// identity.
var (
	// ErrMalformed is bytes that are no CAR of blobs. It is wrapped with the position,
	// in bytes from the start, of the section that is wrong.
	ErrMalformed = errors.New("malformed CAR")
	// ErrTooMany is more than MaxRoots roots.
	ErrTooMany = errors.New("too many roots")
)

// Block is a blob with its name.
type Block struct {
	ID   blob.ID
	Data []byte
}

// Stats says how much was carried.
type Stats struct {
	Blocks int64
	Bytes  int64 // of the blobs
}

// header is the first section.
type header struct {
	Roots   []blob.ID `cbor:"roots"`
	Version uint64    `cbor:"version"`
}

// check returns nil if b is what id names, and an object if id says so: else the walk
// along its links would end there, in the store that has taken it.
func check(id blob.ID, b []byte) error {
	if err := id.Check(b); err != nil {
		return err
	}
	if id.Codec() == blob.DAGCBOR {
		return object.Check(b)
	}
	return nil
}

// appendLength appends n as a varint.
func appendLength(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

func malformed(at int64, format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %w", ErrMalformed, at, fmt.Errorf(format, args...))
}
