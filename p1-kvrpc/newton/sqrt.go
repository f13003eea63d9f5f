package newton

import "math"

// MaxIterations bounds the iterations of [Sqrt] for every argument.
const MaxIterations = 10

// Sqrt returns the square root of x and how many times it has improved a guess.
//
// The root is the float nearest to the exact one, or a neighbour of that float: its
// relative error is below 2^-51. Without a guess, in no iterations: Sqrt(±0) = ±0,
// Sqrt(+Inf) = +Inf, and Sqrt(x) = NaN if x is NaN or below 0.
//
//ds:todo p1.0
func Sqrt(x float64) (root float64, iterations int) {
	switch {
	case x == 0 || math.IsInf(x, 1) || math.IsNaN(x):
		return x, 0
	case x < 0:
		return math.NaN(), 0
	}
	m, half := scale(x)
	root, iterations = improve(m)
	return math.Ldexp(root, half), iterations
}

// scale takes a positive, finite x apart: x = m * 2^(2*half), exactly, with m at least
// 0.5 and below 2.
//
//ds:todo p1.0
func scale(x float64) (m float64, half int) {
	m, exp := math.Frexp(x) // m is below 1
	if exp%2 != 0 {
		return 2 * m, (exp - 1) / 2
	}
	return m, exp / 2
}

// improve returns the root of an m of scale, and how many times it has improved a guess.
//
//ds:todo p1.0
func improve(m float64) (z float64, n int) {
	z = (1 + m) / 2 // the mean of 1 and m/1: no guess below the root from here on
	for n = 1; ; n++ {
		next := (z + m/z) / 2
		if next >= z {
			return z, n
		}
		z = next
	}
}
