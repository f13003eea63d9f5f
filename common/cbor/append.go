package cbor

import (
	"encoding/binary"
	"math"
)

// The major types of RFC 8949 section 3.1, already shifted into place.
const (
	majorUint  = 0 << 5
	majorInt   = 1 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
	majorTag   = 6 << 5
	majorOther = 7 << 5

	simpleFalse = majorOther | 20
	simpleTrue  = majorOther | 21
	simpleNull  = majorOther | 22
	float64Head = majorOther | 27
)

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// AppendUint appends the unsigned integer v.
func AppendUint(b []byte, v uint64) []byte { return appendHead(b, majorUint, v) }

// AppendInt appends the signed integer v.
func AppendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, majorInt, uint64(-1-v))
	}
	return appendHead(b, majorUint, uint64(v))
}

// AppendBytes appends v as a byte string; nil and empty are the same value.
func AppendBytes(b, v []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

// AppendKey appends v as a byte string: a key of the store may hold any bytes,
// so it is no text.
func AppendKey(b []byte, v string) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

// WrapBytes makes a byte string of what was appended to b since it was start bytes
// long: who encodes one message inside another needs no memory between.
func WrapBytes(b []byte, start int) []byte {
	n := len(b) - start
	b = appendHead(b, majorBytes, uint64(n)) // to be moved in front
	var head [9]byte
	size := copy(head[:], b[start+n:])
	copy(b[start+size:], b[start:start+n])
	copy(b[start:], head[:size])
	return b
}

// AppendText appends v as a text string. v must be valid UTF-8: anything else
// would be refused by every reader.
func AppendText(b []byte, v string) []byte {
	return append(appendHead(b, majorText, uint64(len(v))), v...)
}

// AppendArray appends the head of an array; n items must follow.
func AppendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

// AppendMap appends the head of a map; n pairs must follow, sorted by the
// encoded bytes of their keys.
func AppendMap(b []byte, n int) []byte { return appendHead(b, majorMap, uint64(n)) }

// AppendTag appends a tag; the tagged item must follow.
func AppendTag(b []byte, tag uint64) []byte { return appendHead(b, majorTag, tag) }

// AppendBool appends true or false.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, simpleTrue)
	}
	return append(b, simpleFalse)
}

// AppendNull appends null.
func AppendNull(b []byte) []byte { return append(b, simpleNull) }

// AppendFloat appends v as a 64-bit float. v must be finite.
func AppendFloat(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, float64Head), math.Float64bits(v))
}
