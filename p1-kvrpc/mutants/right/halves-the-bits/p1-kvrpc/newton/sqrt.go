package newton

import "math"

// MaxIterations bounds the iterations of [Sqrt] for every argument.
const MaxIterations = 10

// rounds is enough for every argument: the first guess is at most 6.1 % too large,
// and the next ones by at most 1.9e-3, 1.8e-6, 1.6e-12 and 1.3e-24, before rounding.
const rounds = 4

// subnormals are lifted by 2^108, an even power, so that their bits are in the places
// in which guess looks for them.
const (
	lift  = 0x1p108
	lower = 0x1p-54
)

// Sqrt returns the square root of x and how many times it has improved a guess.
//
// The root is the float nearest to the exact one, or a neighbour of that float: its
// relative error is below 2^-51. Without a guess, in no iterations: Sqrt(±0) = ±0,
// Sqrt(+Inf) = +Inf, and Sqrt(x) = NaN if x is NaN or below 0.
func Sqrt(x float64) (root float64, iterations int) {
	if x < 0 {
		return math.NaN(), 0
	}
	if x == 0 || math.IsNaN(x) || x > math.MaxFloat64 {
		return x, 0
	}
	if x < 0x1p-1022 {
		root, iterations = Sqrt(x * lift)
		return root * lower, iterations
	}
	z := guess(x)
	for range rounds {
		z = z/2 + x/z/2
	}
	return z, rounds
}

// guess halves the bits of a normal number: its exponent, and with it a bit of the
// fraction. What is lost is the bias of the exponent, the half of it.
func guess(x float64) float64 {
	const halfBias = 1023 << 51
	return math.Float64frombits(math.Float64bits(x)>>1 + halfBias)
}
