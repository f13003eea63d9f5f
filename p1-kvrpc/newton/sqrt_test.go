package newton_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p1-kvrpc/newton"
)

// sqrt is Sqrt, unless that never returns.
func sqrt(t require.TestingT, x float64) (root float64, iterations int) {
	done := make(chan struct{})
	go func() {
		root, iterations = newton.Sqrt(x)
		close(done)
	}()
	select {
	case <-done:
		return root, iterations
	case <-time.After(10 * time.Second):
		require.Failf(t, "no end", "Sqrt(%x) has not returned after 10 s", x)
		return 0, 0
	}
}

// requireRoot demands what Sqrt promises for one argument. The library's root is the
// float nearest to the exact one, so that one unit is the distance to a neighbour.
func requireRoot(t require.TestingT, x float64) {
	got, n := sqrt(t, x)
	want := math.Sqrt(x)
	require.GreaterOrEqual(t, got, math.Nextafter(want, 0), "Sqrt(%x)", x)
	require.LessOrEqual(t, got, math.Nextafter(want, math.Inf(1)), "Sqrt(%x)", x)
	require.GreaterOrEqual(t, n, 1, "Sqrt(%x)", x)
	require.LessOrEqual(t, n, newton.MaxIterations, "Sqrt(%x)", x)
}

func TestSqrtOfWhatHasNoOrdinaryRoot(t *testing.T) {
	negativeZero := math.Copysign(0, -1)
	for _, c := range []struct{ x, want float64 }{
		{0, 0},
		{negativeZero, negativeZero},
		{math.Inf(1), math.Inf(1)},
		{math.Inf(-1), math.NaN()},
		{math.NaN(), math.NaN()},
		{-1, math.NaN()},
		{-math.SmallestNonzeroFloat64, math.NaN()},
		{-math.MaxFloat64, math.NaN()},
	} {
		got, n := sqrt(t, c.x)
		if math.IsNaN(c.want) {
			require.True(t, math.IsNaN(got), "Sqrt(%v) = %v", c.x, got)
		} else {
			require.Equal(t, math.Float64bits(c.want), math.Float64bits(got), "Sqrt(%v) = %v", c.x, got)
		}
		require.Zero(t, n, "Sqrt(%v): there was nothing to improve", c.x)
	}
}

func TestSqrtAtTheEdges(t *testing.T) {
	for _, x := range []float64{
		math.SmallestNonzeroFloat64, 3 * math.SmallestNonzeroFloat64,
		0x1p-1022, math.Nextafter(0x1p-1022, 0), math.Nextafter(0x1p-1022, 1),
		0.1, 0.25, 0.5, math.Nextafter(0.5, 0), math.Nextafter(1, 0), 1, math.Nextafter(1, 2),
		2, math.Nextafter(2, 0), math.Nextafter(2, 3), 3, 1e10, 1e-10, 1e300, 1e-300,
		0x1p511, 0x1p512, 0x1p1023, math.MaxFloat64, math.Nextafter(math.MaxFloat64, 0),
	} {
		requireRoot(t, x)
	}
}

func TestSqrtOfEveryPowerOfTwoAndItsNeighbours(t *testing.T) {
	for e := -1074; e < 1024; e++ {
		x := math.Ldexp(1, e)
		requireRoot(t, x)
		requireRoot(t, math.Nextafter(x, math.Inf(1)))
		if below := math.Nextafter(x, 0); below > 0 {
			requireRoot(t, below)
		}
	}
}

func TestSqrtOfAnyBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		switch {
		case math.IsNaN(x) || x < 0:
			got, n := sqrt(t, x)
			require.True(t, math.IsNaN(got), "Sqrt(%x) = %x", x, got)
			require.Zero(t, n)
		case x > 0 && !math.IsInf(x, 1):
			requireRoot(t, x)
		}
	})
}

func TestSqrtOfSquaresIsExactOrNextToIt(t *testing.T) {
	for i := range 10_000 {
		requireRoot(t, float64(i+1)*float64(i+1))
	}
}

func TestSqrtRisesWithItsArgument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(math.SmallestNonzeroFloat64, math.MaxFloat64/16).Draw(t, "x")
		small, _ := sqrt(t, x)
		large, _ := sqrt(t, x*(1+0x1p-48))
		double, _ := sqrt(t, 4*x)
		require.LessOrEqual(t, small, large, "x = %x", x)
		if x >= 0x1p-1022 {
			require.Equal(t, 2*small, double, "scaling by a power of four changes no bit: x = %x", x)
		}
	})
}
