package object

import (
	"encoding/binary"

	"dss.example/common/cbor"
)

// Major types of CBOR (RFC 8949 section 3.1).
const (
	majorUint = iota
	majorInt
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorOther
)

// item is one data item of an encoding: of a string its head and its bytes, of an array,
// a map or a tag the head alone.
type item struct {
	off, end int    // the item is b[off:end]
	body     int    // a string's bytes are b[body:end]
	major    byte   // its major type
	arg      uint64 // the argument in the head: value, length, count, tag number, float's bits
	depth    int    // how many arrays, maps and tags are around it
	key      bool   // it is a key of a map
}

// walker goes through the items of an encoding from left to right. It stops before the
// first that does not fit into the bytes or is nested too deeply; whether all is
// canonical it does not ask.
type walker struct {
	b     []byte
	it    item // the one that next has read
	off   int  // where the next one begins
	depth int  // levels in open
	open  [cbor.DefaultDepth]level
}

// level is an array, map or tag that the walker is in.
type level struct {
	left  uint64 // items to come; of a map two for each pair
	isMap bool
}

// next reads the next item into it, with its depth and whether it is a key, counts it
// where it stands, and goes into it if it holds others. It is false at the end of the one
// item that an encoding is, and where the encoding is broken.
//
//ds:todo p2.1
func (w *walker) next() bool {
	if w.level() == 0 && w.off > 0 || !w.it.read(w.b, w.off) {
		return false
	}
	w.it.depth, w.it.key = w.depth, false
	if w.depth > 0 {
		in := &w.open[w.depth-1]
		w.it.key = in.isMap && in.left%2 == 0
		in.left--
	}
	w.off = w.it.end
	return w.it.major < majorArray || w.it.major == majorOther || w.enter()
}

// enter goes into the item, an array, a map or a tag, unless it is empty. It is false if
// open has no room for one level more. A count may be any number, as large as a uint64
// can be: what does not fit into the bytes must not be taken for something that does.
//
//ds:todo p2.1
func (w *walker) enter() bool {
	in := level{left: 1}
	switch w.it.major {
	case majorArray:
		in.left = w.it.arg
	case majorMap:
		in = level{left: 2 * min(w.it.arg, uint64(len(w.b))), isMap: true} // more do not fit
	}
	if in.left == 0 {
		return true
	}
	if w.depth == len(w.open) {
		return false
	}
	w.open[w.depth] = in
	w.depth++
	return true
}

// level leaves what has ended and returns how many levels are open.
//
//ds:todo p2.1
func (w *walker) level() int {
	for w.depth > 0 && w.open[w.depth-1].left == 0 {
		w.depth--
	}
	return w.depth
}

// whole returns the next item with all that is in it; nil where the encoding is broken.
func (w *walker) whole() []byte {
	start, depth := w.off, w.level()
	for {
		if !w.next() {
			return nil
		}
		if w.level() <= depth {
			return w.b[start:w.off:w.off]
		}
	}
}

// read reads the item at off. It is false if there is none.
func (it *item) read(b []byte, off int) bool {
	if off >= len(b) {
		return false
	}
	it.off, it.end, it.major, it.arg = off, off+1, b[off]>>5, uint64(b[off]&31)
	if it.arg >= 24 && !it.readArg(b[off+1:]) {
		return false
	}
	it.body = it.end
	if it.major == majorBytes || it.major == majorText {
		if it.arg > uint64(len(b)-it.end) {
			return false
		}
		it.end += int(it.arg)
	}
	return true
}

// readArg reads the argument that stands behind the first byte of a head.
func (it *item) readArg(b []byte) bool {
	size := 1 << (it.arg - 24)
	if it.arg > 27 || len(b) < size {
		return false
	}
	switch size {
	case 1:
		it.arg = uint64(b[0])
	case 2:
		it.arg = uint64(binary.BigEndian.Uint16(b))
	case 4:
		it.arg = uint64(binary.BigEndian.Uint32(b))
	default:
		it.arg = binary.BigEndian.Uint64(b)
	}
	it.end += size
	return true
}

// pair is one entry of a map.
type pair struct {
	key   string
	value []byte // encoded
}

// pairs returns the entries of a checked encoding, false if it is no map.
func pairs(b []byte) ([]pair, bool) {
	w := walker{b: b}
	if !w.next() || w.it.major != majorMap {
		return nil, false
	}
	all := make([]pair, 0, w.it.arg)
	for range w.it.arg {
		if !w.next() {
			return nil, false
		}
		key := string(b[w.it.body:w.it.end])
		all = append(all, pair{key, w.whole()})
	}
	return all, true
}
