package cbor

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrMalformed is what every refused encoding wraps: bytes that end early, do
// not follow the canonical form, exceed a limit, or are not of the wanted type.
var ErrMalformed = errors.New("malformed CBOR")

func malformed(off int, format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrMalformed, off, fmt.Sprintf(format, args...))
}

// Reader takes one encoded message apart, item by item. The first thing that is
// wrong sticks: later reads return zero values, and Err tells what it was. A
// decoder therefore reads all its fields and asks once, at the end, with Close.
//
// No read allocates more than the bytes that are really there.
//
// The methods that every field goes through work on copies of b and off: each use of
// a field through the pointer is a load, and a call under the race detector.
type Reader struct {
	b      []byte // empty after an error: nothing more can be read
	off    int    // how much was read; at most len(b), unless there was an error
	err    error
	borrow bool
}

// NewReader returns a Reader over b. Byte strings that it returns share b's
// memory unless said otherwise.
func NewReader(b []byte) Reader { return Reader{b: b} }

// NewBorrower returns a Reader for one who lets go of what was decoded before b
// changes: its CopyBytes does not copy.
func NewBorrower(b []byte) Reader { return Reader{b: b, borrow: true} }

// Err returns what was wrong first, or nil.
func (r *Reader) Err() error { return r.err }

// Close returns what was wrong first; bytes left over are wrong too.
func (r *Reader) Close() error {
	if r.err == nil && r.off != len(r.b) {
		r.fail(r.off, "%d bytes after the end", len(r.b)-r.off)
	}
	return r.err
}

// Fail records an error of the caller's, as if the bytes read last were
// malformed. It lets a decoder refuse a value that is out of its own range.
func (r *Reader) Fail(format string, args ...any) { r.fail(r.off, format, args...) }

func (r *Reader) fail(off int, format string, args ...any) {
	if r.err == nil {
		r.b, r.err = nil, malformed(off, format, args...)
	}
}

// Rest returns the bytes that were not read yet; they share the Reader's memory.
func (r *Reader) Rest() []byte {
	if r.err != nil {
		return nil
	}
	return r.b[r.off:]
}

// Offset returns how many bytes were read.
func (r *Reader) Offset() int { return r.off }

// head reads one head of the wanted major type and returns its argument. Heads of
// one byte, which most are, take the short way.
func (r *Reader) head(want byte, name string) uint64 {
	b, off := r.b, r.off
	if off < len(b) {
		if n := b[off] - want; n < 24 {
			r.off = off + 1
			return uint64(n)
		}
	}
	return r.longHead(want, name)
}

func (r *Reader) longHead(want byte, name string) uint64 {
	if r.err != nil {
		return 0
	}
	major, n, next, err := parseHead(r.b, r.off)
	switch {
	case err != nil:
		r.b, r.err = nil, err
		return 0
	case major != want:
		r.fail(r.off, "want %s, have major type %d", name, major>>5)
		return 0
	}
	r.off = next
	return n
}

// span reads a head and the n bytes that follow it.
func (r *Reader) span(want byte, name string) []byte {
	start := r.off
	n := r.head(want, name)
	if n == 0 {
		return nil // it is empty, or something was wrong
	}
	b, off := r.b, r.off
	if n > uint64(len(b)-off) {
		r.fail(start, "%s of %d bytes, %d left", name, n, len(b)-off)
		return nil
	}
	end := off + int(n)
	r.off = end
	return b[off:end:end]
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 { return r.head(majorUint, "an unsigned integer") }

// Int reads a signed integer of 64 bits.
func (r *Reader) Int() int64 {
	if b, off := r.b, r.off; off < len(b) && b[off]&0xe0 == majorInt {
		n := r.head(majorInt, "an integer")
		if n > math.MaxInt64 {
			r.Fail("integer below -2^63")
			return 0
		}
		return -1 - int64(n)
	}
	n := r.head(majorUint, "an integer")
	if n > math.MaxInt64 {
		r.Fail("integer above 2^63-1")
		return 0
	}
	return int64(n)
}

// Bytes reads a byte string; the result shares the Reader's memory and is nil
// when it is empty.
func (r *Reader) Bytes() []byte { return r.span(majorBytes, "a byte string") }

// CopyBytes reads a byte string into memory of its own, but for a Borrower's.
func (r *Reader) CopyBytes() []byte {
	v := r.Bytes()
	if v == nil || r.borrow {
		return v
	}
	return append(make([]byte, 0, len(v)), v...)
}

// Key reads a byte string as a Go string: the counterpart of AppendKey.
func (r *Reader) Key() string { return string(r.span(majorBytes, "a byte string")) }

// Text reads a text string and checks that it is valid UTF-8.
func (r *Reader) Text() string {
	start := r.off
	v := r.span(majorText, "a text string")
	if !utf8.Valid(v) {
		r.fail(start, "text is not UTF-8")
		return ""
	}
	return string(v)
}

// Array reads the head of an array and returns how many items follow. Every item
// takes at least one byte, so the count never exceeds the bytes left.
func (r *Reader) Array() int { return r.count(majorArray, "an array", 1) }

// Fixed reads the head of an array that must have exactly n items.
func (r *Reader) Fixed(n int) {
	b, start := r.b, r.off
	if start < len(b) && n < 24 && b[start] == majorArray|byte(n) {
		r.off = start + 1
		return
	}
	if got := r.Array(); got != n {
		r.fail(start, "array of %d items, want %d", got, n)
	}
}

// Map reads the head of a map and returns how many pairs follow. The caller
// checks the order of the keys.
func (r *Reader) Map() int { return r.count(majorMap, "a map", 2) }

func (r *Reader) count(major byte, name string, least uint64) int {
	start := r.off
	n := r.head(major, name)
	if n == 0 {
		return 0 // it is empty, or something was wrong
	}
	if left := len(r.b) - r.off; n > uint64(left)/least {
		r.fail(start, "%s of %d items in %d bytes", name, n, left)
		return 0
	}
	return int(n)
}

// Tag reads a tag's number; the tagged item follows.
func (r *Reader) Tag() uint64 { return r.head(majorTag, "a tag") }

// Bool reads true or false.
func (r *Reader) Bool() bool {
	if b, off := r.b, r.off; off < len(b) {
		if v := b[off]; v == simpleTrue || v == simpleFalse {
			r.off = off + 1
			return v == simpleTrue
		}
	}
	r.Fail("want true or false")
	return false
}

// Null reports whether the next item is null, and reads it if so.
func (r *Reader) Null() bool {
	b, off := r.b, r.off
	if off < len(b) && b[off] == simpleNull {
		r.off = off + 1
		return true
	}
	return false
}

// Float reads a finite 64-bit float.
func (r *Reader) Float() float64 {
	if r.err != nil {
		return 0
	}
	v, next, err := parseFloat(r.b, r.off)
	if err != nil {
		r.b, r.err = nil, err
		return 0
	}
	r.off = next
	return v
}
