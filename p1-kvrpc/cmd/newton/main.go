// Newton prints square roots that package newton takes, so that a judge in another
// process can look at every bit of them.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"dss.example/common/daemon/cli"

	"dss.example/p1-kvrpc/newton"
)

func main() { cli.Main(command()) }

func command() *cli.Command {
	return &cli.Command{
		Name: "newton", Brief: "take square roots by Newton's method",
		Detail: `It reads a number a line from the standard input, in Go's syntax, as 2, 1e-300,
0x1.8p-1074, -0, Inf or NaN, and prints for each a line "ROOT ITERATIONS", ROOT as a
hexadecimal float that has all its bits. A line that is no number ends it with 2.`,
		Example: "printf '2\\n0x1p-1074\\n' | newton",
		Run: func(_ context.Context, _ []string, std cli.Std) error {
			out := bufio.NewWriter(std.Out)
			return errors.Join(roots(std.In, out), out.Flush())
		},
	}
}

// roots prints the roots of all lines before the first that is no number.
func roots(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	n := 1
	for ; lines.Scan(); n++ {
		x, err := strconv.ParseFloat(lines.Text(), 64)
		if err != nil {
			return cli.Usagef("line %d: %q: want a number such as 2 or 0x1p-1074, of 64 bits", n, lines.Text())
		}
		root, iterations := newton.Sqrt(x)
		if _, err := fmt.Fprintln(out, strconv.FormatFloat(root, 'x', -1, 64), iterations); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return cli.Usagef("line %d: longer than %d bytes", n, bufio.MaxScanTokenSize)
	}
	return lines.Err()
}
