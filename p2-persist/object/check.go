package object

import (
	"errors"
	"fmt"
	"iter"
	"math"

	"dss.example/common/blob"
	"dss.example/common/cbor"
)

// tagLink is the one tag of DAG-CBOR.
const tagLink = 42

// ErrInvalid means bytes that are no object: not CBOR, not canonical, or outside of the
// profile. It is wrapped with what is wrong and where.
var ErrInvalid = errors.New("not canonical DAG-CBOR")

// Check returns nil if b is one object of the profile, and else ErrInvalid, with
// blob.ErrTooLarge if b is larger than a blob. It allocates nothing but the error.
//
// First cbor.Scan sees to the canonical form, to tags, and to its own limits on depth and
// items. Then the walker's items are held, by checkItem, against what the profile demands
// beyond that. Behind the error stands what is wrong, and at which byte.
//
//ds:todo p2.1
func Check(b []byte) error {
	if len(b) > blob.MaxSize {
		return fmt.Errorf("%w: %w: %d bytes", ErrInvalid, blob.ErrTooLarge, len(b))
	}
	if err := cbor.Scan(b, cbor.Limits{}, tagLink); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	w := walker{b: b}
	for w.next() {
		if err := checkItem(b, &w.it); err != nil {
			return fmt.Errorf("%w at byte %d: %w", ErrInvalid, w.it.off, err)
		}
	}
	return nil
}

var (
	errKey = errors.New("map key is no text")
	errInt = errors.New("integer below -2^63")
)

// checkItem checks one item of an encoding that is canonical: a key is text (errKey), a
// negative integer fits an int64 (errInt), and a tag is a link, as linkAt says.
//
//ds:todo p2.1
func checkItem(b []byte, it *item) error {
	switch {
	case it.key && it.major != majorText:
		return errKey
	case it.major == majorInt && it.arg > math.MaxInt64:
		return errInt
	case it.major == majorTag:
		_, err := linkAt(b, it.off)
		return err
	}
	return nil
}

// linkAt reads the link that begins at off.
func linkAt(b []byte, off int) (blob.ID, error) {
	r := cbor.NewReader(b[off:])
	id := blob.ReadLink(&r)
	return id, r.Err()
}

// Links goes through the IDs of all links in an object, in the order in which they stand
// there, as often as they do. It needs no Go type, so a collector can follow objects that
// it knows nothing of. If b is no object it gives ErrInvalid, once and alone.
//
//ds:todo p2.1
func Links(b []byte) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		if err := Check(b); err != nil {
			yield(blob.ID{}, err)
			return
		}
		w := walker{b: b}
		for w.next() {
			if w.it.major != majorTag {
				continue
			}
			if id, err := linkAt(b, w.it.off); !yield(id, err) {
				return
			}
		}
	}
}

// Version returns the field "v" of an object, by convention the version of its schema; 0
// if it has none. It returns ErrInvalid for what is no object, and ErrMismatch for one
// that is no map or whose "v" is not a positive integer.
//
//ds:todo p2.1
func Version(b []byte) (uint64, error) {
	if err := Check(b); err != nil {
		return 0, err
	}
	all, ok := pairs(b)
	if !ok {
		return 0, fmt.Errorf("%w: no map, so without a version", ErrMismatch)
	}
	for _, p := range all {
		if p.key != "v" {
			continue
		}
		var it item
		if it.read(p.value, 0) && it.major == majorUint && it.arg > 0 {
			return it.arg, nil
		}
		return 0, fmt.Errorf("%w: field \"v\" is not a positive integer", ErrMismatch)
	}
	return 0, nil
}
