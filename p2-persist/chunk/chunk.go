package chunk

import (
	"errors"
	"fmt"

	"dss.example/common/blob"
)

// Cutter decides where chunks end. It remembers nothing from one call to the next and
// may be used from many goroutines at once.
type Cutter interface {
	// Cut returns the length of the first chunk of b, which begins at a cut. It is
	// from 1 to Max. last says that nothing comes after b.
	//
	// Without last, the result is 0 exactly if bytes that are not in b could change
	// it; with at least Max bytes it is never 0. With last, it is 0 for an empty b
	// only, and the last chunk may be as short as it needs to be. A length other than
	// 0 stays what it is however many bytes follow: equal bytes are cut alike.
	Cut(b []byte, last bool) int

	// Max returns the size of the largest chunk in bytes, 1 to MaxSize.
	Max() int

	// String returns the name that Parse reads: the kind of cutter and its
	// parameters. Cutters of the same name cut alike.
	String() string
}

// MaxSize bounds every chunk in bytes, so that it fits into one blob.
const MaxSize = blob.MaxSize

// Chunk is a part of a stream.
type Chunk struct {
	Offset int64  // in bytes, where in the stream it begins
	Data   []byte // never empty
}

// Errors of this package.
var (
	// ErrParameters is wrapped by what NewFixed, NewFastCDC and Parse refuse.
	ErrParameters = errors.New("bad chunking parameters")

	// ErrCutter tells that a Cutter returned a length that it must not return.
	ErrCutter = errors.New("cutter broke its contract")

	// ErrReader tells that a reader returned a count that it must not return.
	ErrReader = errors.New("reader broke its contract")

	// ErrTooMany tells that Measure has seen more chunks than it remembers.
	ErrTooMany = errors.New("too many different chunks to remember")
)

func badParameters(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrParameters, fmt.Sprintf(format, args...))
}
