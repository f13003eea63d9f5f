package cbor

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Limits bound what Scan accepts. A zero field means the default.
type Limits struct {
	Depth int // nested arrays, maps and tags; default DefaultDepth, at most MaxDepth
	Items int // items of all kinds in one message; default DefaultItems
}

// Bounds of a message when Limits says nothing else.
const (
	DefaultDepth = 16
	MaxDepth     = 64
	DefaultItems = 1 << 17
)

// Scan checks that b is exactly one item in the canonical subset, within the
// limits. It allocates nothing but an error. Tags are allowed only if listed.
func Scan(b []byte, limits Limits, tags ...uint64) error {
	if limits.Depth == 0 {
		limits.Depth = DefaultDepth
	}
	if limits.Items == 0 {
		limits.Items = DefaultItems
	}
	limits.Depth = min(limits.Depth, MaxDepth)
	s := scanner{b: b, items: limits.Items, tags: tags}
	end, err := s.item(0, limits.Depth)
	if err != nil {
		return err
	}
	if end != len(b) {
		return malformed(end, "%d bytes after the end", len(b)-end)
	}
	return nil
}

type scanner struct {
	b     []byte
	items int // how many more items may come
	tags  []uint64
}

// item checks the item at off and returns where it ends.
func (s *scanner) item(off, depth int) (int, error) {
	if s.items--; s.items < 0 {
		return 0, malformed(off, "too many items")
	}
	if off < len(s.b) && s.b[off]&0xe0 == majorOther {
		return scanOther(s.b, off)
	}
	major, n, next, err := parseHead(s.b, off)
	if err != nil {
		return 0, err
	}
	switch major {
	case majorUint, majorInt:
		return next, nil
	case majorBytes, majorText:
		return scanString(s.b, major, n, off, next)
	}
	if depth <= 0 {
		return 0, malformed(off, "nested too deeply")
	}
	switch major {
	case majorArray:
		return s.array(n, next, depth-1)
	case majorMap:
		return s.pairs(n, next, depth-1)
	}
	for _, tag := range s.tags {
		if tag == n {
			return s.item(next, depth-1)
		}
	}
	return 0, malformed(off, "tag %d is not allowed", n)
}

func (s *scanner) array(n uint64, off, depth int) (_ int, err error) {
	if n > uint64(len(s.b)-off) {
		return 0, malformed(off, "an array of %d items in %d bytes", n, len(s.b)-off)
	}
	for ; n > 0; n-- {
		if off, err = s.item(off, depth); err != nil {
			return 0, err
		}
	}
	return off, nil
}

func (s *scanner) pairs(n uint64, off, depth int) (int, error) {
	if n > uint64(len(s.b)-off)/2 {
		return 0, malformed(off, "a map of %d pairs in %d bytes", n, len(s.b)-off)
	}
	var last []byte
	for ; n > 0; n-- {
		if off < len(s.b) && s.b[off]&0xe0 > majorText {
			return 0, malformed(off, "map key is no integer or string")
		}
		end, err := s.item(off, depth)
		if err != nil {
			return 0, err
		}
		key := s.b[off:end]
		if last != nil && bytes.Compare(last, key) >= 0 {
			return 0, malformed(off, "map key out of order or twice")
		}
		last = key
		if off, err = s.item(end, depth); err != nil {
			return 0, err
		}
	}
	return off, nil
}

func scanString(b []byte, major byte, n uint64, start, off int) (int, error) {
	if n > uint64(len(b)-off) {
		return 0, malformed(start, "a string of %d bytes, %d left", n, len(b)-off)
	}
	end := off + int(n)
	if major == majorText && !utf8.Valid(b[off:end]) {
		return 0, malformed(start, "text is not UTF-8")
	}
	return end, nil
}

func scanOther(b []byte, off int) (int, error) {
	switch b[off] {
	case simpleFalse, simpleTrue, simpleNull:
		return off + 1, nil
	}
	_, next, err := parseFloat(b, off)
	return next, err
}

func parseFloat(b []byte, off int) (v float64, next int, err error) {
	if off >= len(b) || b[off] != float64Head {
		return 0, 0, malformed(off, "want false, true, null or a 64-bit float")
	}
	if len(b)-off < 9 {
		return 0, 0, malformed(off, "float cut short")
	}
	v = math.Float64frombits(binary.BigEndian.Uint64(b[off+1:]))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, 0, malformed(off, "float is not finite")
	}
	return v, off + 9, nil
}

// parseHead reads the head at off: its major type, its argument in the shortest
// form, and where the head ends. It refuses indefinite lengths.
func parseHead(b []byte, off int) (major byte, n uint64, next int, err error) {
	if off >= len(b) {
		return 0, 0, 0, malformed(off, "ends early")
	}
	major, info := b[off]&0xe0, b[off]&0x1f
	off++
	if info < 24 {
		return major, uint64(info), off, nil
	}
	if info > 27 {
		return 0, 0, 0, malformed(off-1, "indefinite or reserved length")
	}
	size := 1 << (info - 24)
	if len(b)-off < size {
		return 0, 0, 0, malformed(off-1, "head cut short")
	}
	var least uint64
	switch size {
	case 1:
		n, least = uint64(b[off]), 24
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(b[off:])), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(b[off:])), 1<<16
	default:
		n, least = binary.BigEndian.Uint64(b[off:]), 1<<32
	}
	if n < least {
		return 0, 0, 0, malformed(off-1, "integer or length not in shortest form")
	}
	return major, n, off + size, nil
}
