package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
	"dss.example/common/machine"
	"dss.example/p3-replication/topology"
)

// program runs the command.
func program(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), command(), args, cli.Std{Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

// figures returns the numbers of the line of a way: mean, last, copies, far, messages, mean, last,
// lost, hurt, and when the last was hurt.
func figures(t *testing.T, out, way string) (all []float64) {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "  "+way+"  "); ok {
			for _, f := range regexp.MustCompile(`[\d.]+`).FindAllString(rest, -1) {
				n, err := strconv.ParseFloat(f, 64)
				require.NoError(t, err)
				all = append(all, n)
			}
			return all
		}
	}
	require.FailNow(t, "no line", "%q in\n%s", way, out)
	return nil
}

const (
	mean = iota
	last
	copies
	far
	upkeep
	meanAfter
	lastAfter
	lost
	hurt
	repaired
)

func TestTreesAreQuickAndLoseAndGossipIsSlowAndDoesNot(t *testing.T) {
	code, out, errs := program("-servers", "12", "-items", "30", "-seed", "5")
	require.Equal(t, cli.Done, code, errs)
	tree, lazy := figures(t, out, "tree"), figures(t, out, "tree, lazy gossip")
	uniform, near, mail := figures(t, out, "rumours, uniform"), figures(t, out, "rumours, d^-2"), figures(t, out, "direct mail")

	for _, f := range [][]float64{tree, lazy} {
		require.InDelta(t, 11, f[copies], 0.2, "one for each other server")
		require.InDelta(t, 3, f[far], 0.2, "four zones are joined by three links")
		require.Less(t, 3*f[last], uniform[last])
	}
	require.Greater(t, uniform[copies], 2*tree[copies])
	require.Less(t, 2*near[far], uniform[far], "near partners spare the long links")
	require.Greater(t, mail[far], 2*tree[far])

	require.Positive(t, tree[lost])
	require.Positive(t, tree[hurt])
	require.Less(t, tree[repaired], 5000.0, "the tree is repaired: probes find a death in four rounds at most")
	require.Less(t, tree[hurt], 20.0, "and then carries all")
	for _, f := range [][]float64{lazy, uniform, near, mail} {
		require.Zero(t, f[lost])
	}
	require.Positive(t, lazy[hurt], "what the tree has lost comes late")
	require.Less(t, lazy[lastAfter], 4000.0)
}

func TestTheLastLineIsAHashOfWhatWasPrinted(t *testing.T) {
	hash := func(args ...string) string {
		_, out, _ := program(append(args, "-servers", "5", "-items", "3")...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Regexp(t, `^hash=[0-9a-f]{16}$`, lines[len(lines)-1])
		return lines[len(lines)-1]
	}
	require.Equal(t, hash(), hash("-seed", "1"))
	require.NotEqual(t, hash(), hash("-seed", "2"))
}

func TestAMapOfOnesOwnIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "zones")
	require.NoError(t, os.WriteFile(file, []byte("moon 1ms\nearth 2600ms 1ms\n"), 0o600))
	code, out, errs := program("-servers", "4", "-items", "2", "-map", file)
	require.Equal(t, cli.Done, code, errs)
	require.Regexp(t, `death of server \d \((moon|earth)\)`, out)
	require.Greater(t, figures(t, out, "direct mail")[last], 1100.0)

	require.NoError(t, os.WriteFile(file, []byte("moon 1ms\nearth 1ms\n"), 0o600))
	code, _, errs = program("-map", file)
	require.Equal(t, cli.BadUsage, code)
	require.Contains(t, errs, "line 2")
	code, _, errs = program("-map", file+"-none")
	require.Equal(t, cli.NotDone, code)
	require.Contains(t, errs, "no such file")
}

func TestBadUsageEndsWith2(t *testing.T) {
	for args, want := range map[string]string{
		"-servers 3":  "bad value 3 for -servers: want 4 to 64",
		"-servers 65": "bad value 65 for -servers: want 4 to 64",
		"-items 0":    "bad value 0 for -items: want 1 to 1000",
		"-items 1001": "bad value 1001 for -items: want 1 to 1000",
		"all":         "takes no arguments",
	} {
		code, out, errs := program(strings.Fields(args)...)
		require.Equal(t, cli.BadUsage, code, args)
		require.Contains(t, errs, want)
		require.Empty(t, out)
	}
}

func TestHelpShowsAnExample(t *testing.T) {
	code, out, _ := program("-h")
	require.Equal(t, cli.Done, code)
	require.Contains(t, out, "overlay -servers 48 -seed 7")
}

func TestAnInterruptEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	require.Equal(t, cli.NotDone, cli.Run(ctx, command(), nil, cli.Std{Out: &out, Err: &errs}))
	require.NotContains(t, out.String(), "hash=")
}

func TestAnItemIsHurtIfItIsLostOrVeryLate(t *testing.T) {
	m, err := topology.ParseMap("a 1ms")
	require.NoError(t, err)
	const second = machine.Second
	tr := trial{experiment: &experiment{layout: m.Spread(4), options: options{servers: 4}}, watch: &watch{dead: 4}}
	count := func(reached map[machine.Node]machine.Time) (p phase) {
		reached[1] = 10 * second
		tr.reckon(&p, &news{published: 10 * second, reached: reached}, 4*second, 2*second)
		return p
	}
	require.Equal(t, phase{mean: 3 * second, last: 2 * second}, count(map[machine.Node]machine.Time{2: 11 * second, 3: 12 * second}))
	require.Equal(t, phase{mean: 4 * second, last: 3 * second, hurt: 1, until: 6 * second}, count(map[machine.Node]machine.Time{2: 11 * second, 3: 13 * second}))
	require.Equal(t, phase{mean: second, last: second, lost: 1, hurt: 1, until: 6 * second}, count(map[machine.Node]machine.Time{2: 11 * second}))
}
