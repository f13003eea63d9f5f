// Package newton takes square roots by Newton's method. It is the warm-up of this
// stage: a few lines that have to be right for all 2^64 arguments.
//
// # The method
//
// If z is a guess at the root of x, then the mean of z and x/z is a better one: of the
// two, one is too large and the other too small. In numbers, if z errs by a small part e
// of the root, the next guess errs by e²/2 of it: the number of right digits doubles.
//
// # The loop that everybody writes first
//
//	z := 1.0
//	for i := 0; i < 10; i++ {
//		z -= (z*z - x) / (2 * z)
//	}
//
// For 2 it is right, after five rounds; then it goes on for another five. It is wrong in
// four ways, each of which this course meets again in larger systems:
//
//   - Ten is a guess. From 1 it takes 171 rounds to the root of 1e100: far from the root
//     a round does no more than halve. A loop ends when its work is done, and its bound
//     is proved, not hoped for.
//   - "Until z changes no more" ends no better. For 2, rounding makes the last two
//     guesses take turns for ever. What must end is something that only falls: after the
//     first round every guess is at or above the root, and below the guess before, until
//     only rounding is left. The first guess that is not below its predecessor is the end.
//   - The range breaks it. The second guess for 1e200 has a square that is infinite, and
//     squares of small guesses lose their bits or vanish. A number is brought into a
//     small range first; its exponent, made even, is halved apart.
//   - Nobody asked about 0, where a guess of 1 never arrives and a guess of 0 divides by
//     0. Negative numbers, infinity and NaN want an answer too, and -0 is not 0.
//
// # The promise
//
// [Sqrt] returns the float nearest to the root, or a neighbour of that, for every
// argument that has a root, and within [MaxIterations] iterations. No test can try all
// arguments, so ours try the edges, every power of two with its neighbours, and bits at
// random.
package newton
