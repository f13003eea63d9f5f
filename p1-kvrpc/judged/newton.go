package judged

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"dss.example/common/judge"

	"dss.example/p1-kvrpc/newton"
)

func newtonChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p1.0", Name: "roots of what has no ordinary root", Run: extraordinary,
			Rule: "Sqrt(±0) = ±0, Sqrt(+Inf) = +Inf, Sqrt of NaN or of a negative number is NaN: all in no iterations.",
		},
		{
			Step: "p1.0", Name: "roots at the edges", Run: func(t *judge.T) { roots(t, edges()) },
			Rule: rootRule + " So it is for the smallest and the largest numbers, and around 1.",
		},
		{
			Step: "p1.0", Name: "roots of powers of two and their neighbours", Run: func(t *judge.T) { roots(t, powers()) },
			Rule: rootRule + " So it is for every power of two, and for the floats beside it.",
		},
		{
			Step: "p1.0", Name: "roots of any bits", Run: func(t *judge.T) { roots(t, anyBits(t.Seed())) },
			Rule: rootRule + " So it is for thousands of floats at random.",
		},
	}
}

const rootRule = "The root is the float nearest to the exact one or a neighbour of it, in 1 to 10 iterations."

func edges() []float64 {
	return []float64{
		math.SmallestNonzeroFloat64, 3 * math.SmallestNonzeroFloat64, 0x1p-1022, math.Nextafter(0x1p-1022, 0), math.Nextafter(0x1p-1022, 1),
		0.1, 0.25, 0.5, math.Nextafter(0.5, 0), math.Nextafter(1, 0), 1, math.Nextafter(1, 2), 2, math.Nextafter(2, 0), 3, 50,
		1e-6, 1e12, 1e100, 1e-100, 1e300, 1e-300, 0x1p511, 0x1p1023, math.MaxFloat64, math.Nextafter(math.MaxFloat64, 0),
	}
}

func powers() (all []float64) {
	for e := -1074; e < 1024; e++ {
		x := math.Ldexp(1, e)
		all = append(all, x, math.Nextafter(x, math.Inf(1)))
		if below := math.Nextafter(x, 0); below > 0 {
			all = append(all, below)
		}
	}
	return all
}

func anyBits(seed uint64) (all []float64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for len(all) < 5000 {
		if x := math.Float64frombits(rng.Uint64()); x > 0 && !math.IsInf(x, 1) {
			all = append(all, x)
		}
	}
	return all
}

// root is what the program says of a number.
type root struct {
	x, root    float64
	iterations int
}

// ask gives numbers to the submission's program.
func ask(t *judge.T, numbers []float64) (all []root) {
	var in strings.Builder
	for _, x := range numbers {
		fmt.Fprintln(&in, strconv.FormatFloat(x, 'x', -1, 64))
	}
	out, code := t.Start("newton").Talk(in.String())
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if code != 0 || len(lines) != len(numbers) {
		t.Fatalf("newton answered %d numbers with %d lines and exit code %d", len(numbers), len(lines), code)
	}
	for i, line := range lines {
		value, count, _ := strings.Cut(line, " ")
		r, err := strconv.ParseFloat(value, 64)
		n, errCount := strconv.Atoi(count)
		if err != nil || errCount != nil {
			t.Fatalf("newton printed %q: want ROOT ITERATIONS", line)
		}
		all = append(all, root{numbers[i], r, n})
	}
	return all
}

func extraordinary(t *judge.T) {
	t.Replay("go test ./p1-kvrpc/newton")
	negativeZero := math.Copysign(0, -1)
	numbers := []float64{
		0, negativeZero, math.Inf(1), math.Inf(-1), math.NaN(), -1, -math.SmallestNonzeroFloat64, -math.MaxFloat64,
	}
	for _, r := range ask(t, numbers) {
		want := math.Sqrt(r.x)
		same := math.Float64bits(r.root) == math.Float64bits(want) || math.IsNaN(r.root) && math.IsNaN(want)
		if !same || r.iterations != 0 {
			t.Errorf("Sqrt(%v) = %v in %d iterations: want %v in none", r.x, r.root, r.iterations, want)
		}
	}
}

func roots(t *judge.T, numbers []float64) {
	t.Replay("go test ./p1-kvrpc/newton")
	for _, r := range ask(t, numbers) {
		want := math.Sqrt(r.x)
		if !(r.root >= math.Nextafter(want, 0) && r.root <= math.Nextafter(want, math.Inf(1))) {
			t.Errorf("Sqrt(%v) = %v: want %v or a neighbour", r.x, r.root, want)
		}
		if r.iterations < 1 || r.iterations > newton.MaxIterations {
			t.Errorf("Sqrt(%v) took %d iterations: want 1 to %d", r.x, r.iterations, newton.MaxIterations)
		}
	}
}
