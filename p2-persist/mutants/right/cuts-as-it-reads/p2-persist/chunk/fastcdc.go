package chunk

import "math/bits"

// FastCDC cuts where the gear hash of the last 64 bytes is small.
//
// The gear hash gives every byte value a random word of 64 bits, and of a window w[0],
// …, w[63] it is
//
//	H(w) = gear[w[0]]·2⁶³ + … + gear[w[62]]·2 + gear[w[63]]   mod 2⁶⁴
//
// so that moving on by a byte is one shift and one sum, H' = 2·H + gear[in]: what is
// older than 64 bytes has been shifted out, and nobody needs to know which byte leaves.
//
// Normalised chunking, level 2: with an average of 2ⁿ bytes, a chunk ends at the first
// length k from min to max-1 for which the hash of its last 64 bytes, b[k-64:k], has
//
//	n+2 leading zeros    if k <= average    (four times rarer than 1 in 2ⁿ)
//	n-2 leading zeros    if k > average     (four times more often)
//
// and at max if there is none. So few chunks are much smaller or larger than average;
// plain chunking has many of both. The highest bits are asked because they depend on
// the whole window; the lowest bit depends on one byte.
type FastCDC struct {
	min, average, max int
	early, late       uint64 // a position is chosen if its hash is less
}

const (
	gearWindow = 64
	gearLevel  = 2 // of normalisation
)

// Default returns the cutter for files: 64 KiB, 256 KiB, 1 MiB.
func Default() *FastCDC { return newFastCDC(64<<10, 256<<10, 1<<20) }

// Small returns the cutter for data that changes in small places, at the price of a
// link for every few KiB: 2 KiB, 8 KiB, 64 KiB.
func Small() *FastCDC { return newFastCDC(2<<10, 8<<10, 64<<10) }

// NewFastCDC returns a cutter of chunks of least to most bytes, around average. The
// bounds are 64 <= least < average < most <= MaxSize, and the average is a power of two.
// Error: ErrParameters.
func NewFastCDC(least, average, most int) (*FastCDC, error) {
	switch {
	case least < gearWindow:
		return nil, badParameters("the smallest chunk has %d bytes, want at least %d", least, gearWindow)
	case least >= average || average >= most:
		return nil, badParameters("sizes %d, %d, %d do not grow", least, average, most)
	case most > MaxSize:
		return nil, badParameters("the largest chunk has %d bytes, want at most %d", most, MaxSize)
	case bits.OnesCount(uint(average)) != 1:
		return nil, badParameters("the average, %d bytes, is no power of two", average)
	}
	return newFastCDC(least, average, most), nil
}

func newFastCDC(least, average, most int) *FastCDC {
	n := bits.TrailingZeros(uint(average))
	return &FastCDC{
		min: least, average: average, max: most,
		early: 1 << (64 - n - gearLevel),
		late:  1 << (64 - n + gearLevel),
	}
}

// Cut cuts at the first position from the least size on that the hash chooses. See
// Cutter.
func (f *FastCDC) Cut(b []byte, last bool) int {
	var h uint64
	for k := max(f.min-gearWindow, 0) + 1; k <= min(len(b), f.max); k++ {
		h = h<<1 + gear[b[k-1]]
		limit := f.late
		if k <= f.average {
			limit = f.early
		}
		if k == f.max || k >= f.min && h < limit {
			return k
		}
	}
	if last {
		return len(b)
	}
	return 0
}

// Max returns the size of the largest chunk in bytes.
func (f *FastCDC) Max() int { return f.max }

// String returns "fastcdc:LEAST,AVERAGE,MOST".
func (f *FastCDC) String() string {
	return "fastcdc:" + sizeText(f.min) + "," + sizeText(f.average) + "," + sizeText(f.max)
}

// gear holds a random word for every byte value. It is part of the format: another
// table would cut elsewhere, and share nothing with what is stored.
var gear = newGear()

// gearSeed is "gear" in ASCII.
const gearSeed = 0x67656172

// newGear returns the first 256 outputs of SplitMix64 (Steele, Lea and Flood, OOPSLA
// 2014) from gearSeed.
func newGear() (table [256]uint64) {
	state := uint64(gearSeed)
	for i := range table {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		table[i] = z ^ z>>31
	}
	return table
}
