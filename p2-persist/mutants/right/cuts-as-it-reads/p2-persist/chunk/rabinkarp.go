package chunk

// RabinKarp cuts where a rolling hash of the last 32 bytes has a certain remainder. Its
// parameters are those of the course notes; there are no others.
//
// The hash of a window w[0], …, w[31] is the polynomial of Rabin and Karp,
//
//	H(w) = w[0]·31³¹ + w[1]·31³⁰ + … + w[30]·31 + w[31]
//
// taken mod 2³². When the window moves on by one byte, out leaves and in enters:
//
//	H' = 31·H + in - 31³²·out
//
// A chunk ends at the first length k from 2048 to 8191 for which the hash of its last
// 32 bytes, b[k-32:k], is 4095 mod 4096; if there is none, at 8192.
//
// A random position ends a chunk once in 4096 times, so a chunk of random bytes has
// 2048 + 4096·(1 - (1-1/4096)⁶¹⁴⁴) ≈ 5230 bytes on average. Where all bytes are the same
// every hash is even (32 odd powers add up to an even number), so no position ends a
// chunk: all have the largest size.
type RabinKarp struct{}

// The parameters, in bytes but for the prime.
const (
	rabinWindow = 32
	rabinPrime  = 31
	rabinMin    = 2048
	rabinTarget = 4096 // a power of two, so that a mask takes the remainder
	rabinMax    = 8192
)

// Cut cuts at the first position from 2048 on that the hash chooses. See Cutter.
func (RabinKarp) Cut(b []byte, last bool) int {
	full := len(b) >= rabinMax
	if full {
		b = b[:rabinMax]
	}
	for k := rabinMin; k <= len(b); k++ {
		if polynomial(b[k-rabinWindow:k])%rabinTarget == rabinTarget-1 {
			return k
		}
	}
	if full || last {
		return len(b)
	}
	return 0
}

// polynomial returns the hash of one window, from its first byte to its last.
func polynomial(window []byte) uint32 {
	var h uint32
	for _, in := range window {
		h = h*rabinPrime + uint32(in)
	}
	return h
}

// Max returns 8192.
func (RabinKarp) Max() int { return rabinMax }

// String returns "rabin".
func (RabinKarp) String() string { return "rabin" }
