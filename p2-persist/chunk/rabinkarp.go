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

// rabinOut is 31³² mod 2³²: what a byte is worth when it has just left the window.
const rabinOut = rabinPower32 & (1<<32 - 1)

// The square of the square and so on: constants are exact, however long.
const (
	rabinPower2  = rabinPrime * rabinPrime
	rabinPower4  = rabinPower2 * rabinPower2
	rabinPower8  = rabinPower4 * rabinPower4
	rabinPower16 = rabinPower8 * rabinPower8
	rabinPower32 = rabinPower16 * rabinPower16
)

// Cut cuts at the first position from 2048 on that the hash chooses. See Cutter.
//
// No position before 2048 is asked, so the hash starts 32 bytes before it: what lies
// further back has left the window by then.
//
//ds:todo p2.2
func (RabinKarp) Cut(b []byte, last bool) int {
	n := min(len(b), rabinMax)
	if n >= rabinMin {
		if k := rabinFind(b[rabinMin-rabinWindow : n]); k > 0 {
			return rabinMin - rabinWindow + k
		}
	}
	if last || n == rabinMax {
		return n
	}
	return 0
}

// rabinFind returns the end of the first window in b whose hash is the wanted one, or 0
// if there is none. b has at least one window.
//
//ds:todo p2.2
func rabinFind(b []byte) int {
	var h uint32
	for _, in := range b[:rabinWindow] {
		h = h*rabinPrime + uint32(in)
	}
	if h%rabinTarget == rabinTarget-1 {
		return rabinWindow
	}
	entering := b[rabinWindow:]
	leaving := b[:len(entering)]
	for i, in := range entering {
		// What enters and leaves is summed up first: the next hash waits only for
		// one product and one sum.
		h = h*rabinPrime + (uint32(in) - rabinOut*uint32(leaving[i]))
		if h%rabinTarget == rabinTarget-1 {
			return rabinWindow + i + 1
		}
	}
	return 0
}

// Max returns 8192.
func (RabinKarp) Max() int { return rabinMax }

// String returns "rabin".
func (RabinKarp) String() string { return "rabin" }
