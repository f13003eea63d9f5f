package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"

	"dss.example/p1-kvrpc/newton"
)

func run(t testing.TB, in io.Reader, args ...string) (out, err string, code int) {
	var stdout, stderr bytes.Buffer
	code = cli.Run(t.Context(), command(), args, cli.Std{In: in, Out: &stdout, Err: &stderr})
	return stdout.String(), stderr.String(), code
}

func TestNewtonPrintsEveryBitOfEachRoot(t *testing.T) {
	numbers := []string{"2", "0x1p-1074", "1e308", "-0", "0", "Inf", "NaN", "-1", "+4", "0x1.8p1"}
	out, stderr, code := run(t, strings.NewReader(strings.Join(numbers, "\n")))
	require.Zero(t, code)
	require.Empty(t, stderr)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, lines, len(numbers))
	for i, line := range lines {
		x, err := strconv.ParseFloat(numbers[i], 64)
		require.NoError(t, err)
		var root string
		var iterations int
		_, err = fmt.Sscan(line, &root, &iterations)
		require.NoError(t, err)
		got, err := strconv.ParseFloat(root, 64)
		require.NoError(t, err)
		want, n := newton.Sqrt(x)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%s: %s", numbers[i], line)
		require.Equal(t, n, iterations)
	}
}

func TestNewtonEndsAtALineThatIsNoNumber(t *testing.T) {
	for _, bad := range []string{"two", "", "1 2", "1e999", "0x", " 4"} {
		out, stderr, code := run(t, strings.NewReader("1\n"+bad+"\n4\n"))
		require.Equal(t, cli.BadUsage, code, "%q", bad)
		require.Equal(t, 1, strings.Count(out, "\n"), "what came before is answered")
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		require.Contains(t, stderr, fmt.Sprintf("newton: line 2: %q", bad))
	}
	_, stderr, code := run(t, strings.NewReader("1\n"+strings.Repeat("9", 1<<20)))
	require.Equal(t, cli.BadUsage, code)
	require.Contains(t, stderr, "line 2")
}

func TestNewtonWithoutInputSaysNothing(t *testing.T) {
	out, stderr, code := run(t, strings.NewReader(""))
	require.Equal(t, []any{"", "", 0}, []any{out, stderr, code})
}
