package sim

import (
	"encoding/binary"
	"math/bits"
)

// digest folds everything that happens in a run into 64 bits. It need not resist
// an adversary: it tells honest runs apart, fast and alike on every machine. It is
// a value, and each method returns what comes of it: values live in registers,
// which the race detector does not watch.
type digest struct{ a, b uint64 }

const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xd1b54a32d192ed03
)

func (d digest) word(v uint64) digest {
	hi, lo := bits.Mul64(d.a^v, mixB)
	return digest{bits.RotateLeft64(lo^d.b, 23) + mixA, hi ^ v}
}

// The bytes are the world's own: no other goroutine can have a hand in them.
//
//go:norace
func (d digest) bytes(p []byte) digest {
	d = d.word(uint64(len(p)))
	for ; len(p) >= 8; p = p[8:] {
		d = d.word(binary.LittleEndian.Uint64(p))
	}
	var tail uint64
	for i, c := range p {
		tail |= uint64(c) << (8 * i)
	}
	return d.word(tail)
}

func (d digest) text(s string) digest {
	d = d.word(uint64(len(s)))
	for i := range len(s) {
		d = d.word(uint64(s[i]))
	}
	return d
}

func (d digest) sum() uint64 {
	hi, lo := bits.Mul64(d.a^mixA, d.b^mixB)
	return hi ^ lo
}
