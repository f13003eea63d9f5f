package sim

import (
	"encoding/binary"
	"math/bits"
)

// digest folds everything that happens in a run into 64 bits. It need not resist
// an adversary: it tells honest runs apart, fast and alike on every machine.
type digest struct{ a, b uint64 }

const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xd1b54a32d192ed03
)

func (d *digest) word(v uint64) {
	hi, lo := bits.Mul64(d.a^v, mixB)
	d.a, d.b = bits.RotateLeft64(lo^d.b, 23)+mixA, hi^v
}

func (d *digest) bytes(p []byte) {
	d.word(uint64(len(p)))
	for ; len(p) >= 8; p = p[8:] {
		d.word(binary.LittleEndian.Uint64(p))
	}
	var tail uint64
	for i, c := range p {
		tail |= uint64(c) << (8 * i)
	}
	d.word(tail)
}

func (d *digest) text(s string) {
	d.word(uint64(len(s)))
	for i := range len(s) {
		d.word(uint64(s[i]))
	}
}

func (d *digest) sum() uint64 {
	hi, lo := bits.Mul64(d.a^mixA, d.b^mixB)
	return hi ^ lo
}
