package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
)

// epidemic runs the command.
func epidemic(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), command(), args, cli.Std{Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

func TestTheTablesArePrintedBesideThePapersAndLieWithin(t *testing.T) {
	for table, want := range map[string]string{
		"1": `k=3 +0\.\d+ \(0\.011\) +4\.\d+ \(4\.5\) +\S+ \(12\.5\) +\S+ \(17\.4\)`,
		"3": `k=1 +0\.03\d+ \(0\.031\) +2\.\d+ \(2\.7\) +\S+ +\S+ \(17\.6\)`,
		"4": `uniform +\S+ \(7\.8\) +\S+ +\S+ \(5\.9\) +\S+ \(75\.7\)`,
	} {
		code, out, errs := epidemic("-table", table, "-trials", "6", "-seed", "3")
		require.Empty(t, errs)
		require.Equal(t, cli.Done, code, out)
		require.Regexp(t, regexp.MustCompile(want), out)
		require.Contains(t, out, "\nall figures within tolerance\nhash=")
	}
}

func TestTheLastLineIsAHashOfWhatWasPrinted(t *testing.T) {
	hash := func(args ...string) string {
		_, out, _ := epidemic(append(args, "-table", "5", "-trials", "1", "-sites", "100")...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Regexp(t, `^hash=[0-9a-f]{16}$`, lines[len(lines)-1])
		return lines[len(lines)-1]
	}
	require.Equal(t, hash(), hash("-seed", "1"))
	require.NotEqual(t, hash(), hash("-seed", "2"))
}

func TestAFigureOutsideItsToleranceIsMarkedAndEndsWith1(t *testing.T) {
	code, out, errs := epidemic("-table", "4", "-trials", "1", "-sites", "100")
	require.Equal(t, cli.NotDone, code)
	require.Regexp(t, `\d \(5\.9\) !`, out, "a network of a hundred sites has another traffic")
	require.Regexp(t, `\n\d+ figures outside their tolerance, marked with !\nhash=`, out)
	require.Empty(t, errs)
}

func TestBadUsageEndsWith2(t *testing.T) {
	for args, want := range map[string]string{
		"-sites 79":   "bad value 79 for -sites: want 80 to 4096",
		"-sites 5000": "bad value 5000 for -sites: want 80 to 4096",
		"-trials 0":   "bad value 0 for -trials: want 1 or more",
		"-table 6":    "bad value 6 for -table: want 1 to 5, or 0 for all",
		"-table -1":   "bad value -1 for -table: want 1 to 5, or 0 for all",
		"all":         "takes no arguments",
	} {
		code, out, errs := epidemic(strings.Fields(args)...)
		require.Equal(t, cli.BadUsage, code, args)
		require.Contains(t, errs, want)
		require.Empty(t, out)
	}
}

func TestHelpShowsAnExample(t *testing.T) {
	code, out, _ := epidemic("-h")
	require.Equal(t, cli.Done, code)
	require.Contains(t, out, "epidemic -table 3 -trials 200")
}

func TestAnInterruptEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	require.Equal(t, cli.NotDone, cli.Run(ctx, command(), nil, cli.Std{Out: &out, Err: &errs}))
	require.NotContains(t, out.String(), "hash=")
}

func TestTolerancesAreASharePlusASlack(t *testing.T) {
	c := column{within: 0.1, slack: 0.5}
	for ours, outside := range map[float64]bool{9.9: false, 8.6: false, 8.4: true, 11.4: false, 11.6: true} {
		require.Equal(t, outside, c.outside(ours, 10), "%v", ours)
	}
	require.False(t, c.outside(1e9, none))
}
