package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
)

// healing runs the command.
func healing(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), command(), args, cli.Std{Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

// TestTheTablesOfASmallRunAreAsTheyWere pins what the servers do, message by message. Who changes
// that looks at the difference and writes the file anew: healing prints it.
func TestTheTablesOfASmallRunAreAsTheyWere(t *testing.T) {
	code, out, errs := healing("-rates", "5,20", "-longest", "4s", "-most", "2000", "-trials", "2")
	require.Empty(t, errs)
	require.Equal(t, cli.Done, code)
	want, err := os.ReadFile(filepath.Join("testdata", "small.txt"))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), out))
}

func TestTheLastLineIsAHashOfTheSeedsRun(t *testing.T) {
	hash := func(args ...string) string {
		_, out, _ := healing(append(args, "-longest", "1s", "-most", "1000", "-trials", "1")...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Regexp(t, `^hash=[0-9a-f]{16}$`, lines[len(lines)-1])
		return lines[len(lines)-1]
	}
	one := hash()
	require.Equal(t, one, hash("-seed", "1"))
	require.Equal(t, one, hash("-clock"), "what this machine's clock says is no part of it")
	require.NotEqual(t, one, hash("-seed", "2"))
}

// TestALongerPartitionCostsMore holds for whatever order messages have.
func TestALongerPartitionCostsMore(t *testing.T) {
	for seed := range uint64(2) {
		all, err := measureLengths(t.Context(), &options{rates: []int{10, 40}, longest: 4 * time.Second, trials: 2, seed: 2 * seed})
		require.NoError(t, err)
		require.Len(t, all, 6)
		for i, r := range all {
			require.Equal(t, r.near, r.far, "both sides write as much")
			require.Equal(t, r.rate*int(r.length.Seconds()), r.far)
			require.Equal(t, r.near*(servers-west)+r.far*west, r.brought)
			require.GreaterOrEqual(t, r.each(), 0.9, "what the primary has committed comes before all that is tentative")
			require.GreaterOrEqual(t, r.again, r.back+uint64(r.brought), "what was rolled back is done again, what was brought is done")
			require.Positive(t, r.sessions)
			require.Positive(t, r.took)
			require.Greater(t, r.bytes, r.payload)
			require.Greater(t, float64(r.payload)/float64(r.brought), float64(valueBytes))
			if i == 0 || all[i-1].rate != r.rate {
				continue
			}
			before := all[i-1]
			require.Greater(t, r.back, before.back, "%d writes/s, %v", r.rate, r.length)
			require.Greater(t, r.again, before.again, "%d writes/s, %v", r.rate, r.length)
			require.Greater(t, r.bytes, before.bytes, "%d writes/s, %v", r.rate, r.length)
		}
		require.Less(t, all[2].perWrite(), all[0].perWrite(), "what a session costs is shared by more writes")
		require.Greater(t, all[5].back, all[2].back, "and so does a higher rate")
	}
}

func TestInterleavedWritesAreDoneAgainOnce(t *testing.T) {
	all, err := measureInterleaved(t.Context(), &options{most: 4000, trials: 1, seed: 1})
	require.NoError(t, err)
	require.Len(t, all, 3)
	for _, r := range all { // the last of them are too many for one message
		m := uint64(r.near + r.far)
		require.Equal(t, m/2, r.back, "at the one of two that is not the primary")
		require.Equal(t, m/2+r.back+m/2, r.again)
	}
}

func TestEachSideHasItsShareOfWrites(t *testing.T) {
	for rate := 1; rate <= 7; rate++ {
		each := share(rate, 3*time.Second)
		require.Equal(t, 3*rate, each[0]+each[1], "%d a second", rate)
		require.Equal(t, 3*rate, each[2]+each[3]+each[4], "%d a second", rate)
	}
}

func TestACutIsBetweenTwoSides(t *testing.T) {
	n := &network{west: 1}
	require.False(t, n.parts(1, 2))
	n.cut = true
	require.True(t, n.parts(1, 2))
	require.True(t, n.parts(2, 1))
	require.False(t, n.parts(2, 3))
}

func TestTheDrawingHasALineForEachRateAndIsWellFormed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "healing.svg")
	code, _, errs := healing("-rates", "5,20", "-longest", "2s", "-most", "1000", "-trials", "1", "-svg", file)
	require.Empty(t, errs)
	require.Equal(t, cli.Done, code)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err = d.Token(); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 2*3, strings.Count(string(b), "<polyline"))
	require.Equal(t, 3, strings.Count(string(b), ">20 writes/s<"))
	require.NotContains(t, string(b), "NaN")
	require.NotContains(t, string(b), "Inf")
}

func TestALineThatIsLinearIsDrawnStraight(t *testing.T) {
	var all []result
	for k := range 4 {
		all = append(all, result{rate: 5, length: time.Second << k, back: 10 << k, far: 1, brought: 1, took: 1, bytes: 1})
	}
	x, y, low, high := scales(figure{of: func(r *result) float64 { return float64(r.back) }}, all, 0)
	require.Equal(t, []float64{10, 100}, []float64{low, high})
	slope := func(i int) float64 {
		return (y(float64(all[i+1].back)) - y(float64(all[i].back))) / (x(all[i+1].length) - x(all[i].length))
	}
	require.InDelta(t, slope(0), slope(1), 1e-9)
	require.InDelta(t, slope(0), slope(2), 1e-9)
	require.Negative(t, slope(0), "upwards")
	require.Equal(t, []float64{20, 35}, []float64{apart([]float64{50}, 20), apart([]float64{20}, 21)}, "names stand apart")
}

func TestBadUsageEndsWith2(t *testing.T) {
	for args, want := range map[string]string{
		"-rates 0":       `rate "0": want 1 to 200 writes a second`,
		"-rates 5,":      `rate "": want 1 to 200 writes a second`,
		"-rates 201":     `rate "201": want 1 to 200`,
		"-longest 500ms": "bad value 500ms for -longest: want 1s to 10m0s",
		"-longest 1h":    "bad value 1h0m0s for -longest: want 1s to 10m0s",
		"-most 999":      "bad value 999 for -most: want 1000 to 64000",
		"-most 64001":    "bad value 64001 for -most: want 1000 to 64000",
		"-trials 0":      "bad value 0 for -trials: want 1 to 1000",
		"now":            "takes no arguments",
	} {
		code, out, errs := healing(strings.Fields(args)...)
		require.Equal(t, cli.BadUsage, code, args)
		require.Contains(t, errs, want)
		require.Empty(t, out)
	}
}

func TestHelpShowsAnExample(t *testing.T) {
	code, out, _ := healing("-h")
	require.Equal(t, cli.Done, code)
	require.Contains(t, out, "healing -rates 20 -longest 16s -svg healing.svg")
}

func TestAnInterruptEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	require.Equal(t, cli.NotDone, cli.Run(ctx, command(), nil, cli.Std{Out: &out, Err: &errs}))
	require.NotContains(t, out.String(), "hash=")
}

func TestAFileThatCannotBeWrittenIsAnError(t *testing.T) {
	code, out, errs := healing("-rates", "5", "-longest", "1s", "-most", "1000", "-trials", "1", "-svg", filepath.Join(t.TempDir(), "no", "file"))
	require.Equal(t, cli.NotDone, code)
	require.Contains(t, errs, "no such file")
	require.NotContains(t, out, "hash=")
}

// TestTheClockTableHasThePapersRows cannot pin what this machine's clock says.
func TestTheClockTableHasThePapersRows(t *testing.T) {
	text := clockTable()
	for _, paper := range []string{"31 ms", "237 ms", "866 ms", "7838 ms"} {
		require.Contains(t, text, paper)
	}
}
