package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/course/toy"
	"dss.example/common/judge"
)

// edit replaces a piece of a file of the workspace.
func edit(t *testing.T, root, name, old, with string) {
	t.Helper()
	file := filepath.Join(root, name)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), old), "%s: %q", name, old)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), old, with, 1)), 0o600))
}

func TestTestPrintsPointsAndEndsAsTheWorkDeserves(t *testing.T) {
	t.Parallel()
	root := toy.Write(t)
	code, stdout, stderr := ds(t.Context(), root, "test p1.2")
	require.Zero(t, code, stderr)
	require.True(t, strings.HasPrefix(stdout, "p1.2   List                                        25 of 25\n"), stdout)
	require.True(t, strings.HasSuffix(stdout, "\np1                                                 25 of 25 points\n"), stdout)

	edit(t, root, "p1-toy/tally/tally.go", "remember(t.orders, order)", "// forgotten")
	code, stdout, stderr = ds(t.Context(), root, "test p1 -step 3 -json")
	require.Equal(t, 1, code)
	require.NotContains(t, stderr, "ds test: ")
	var verdicts []judge.Verdict
	for line := range strings.Lines(stdout) {
		var v judge.Verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		verdicts = append(verdicts, v)
	}
	require.Len(t, verdicts, 2)
	require.Equal(t, judge.Failed, verdicts[1].Outcome)

	replay, ok := strings.CutPrefix(verdicts[1].Replay, "go tool ds replay p1 1 -- ")
	require.True(t, ok, verdicts[1].Replay)
	sim := "p1-toy/cmd/sim/main.go" // the toy's simulator shows no steps
	edit(t, root, sim, "\tflag.Parse()\n", "\tflag.Bool(\"shrunk\", false, \"\")\n\tflag.Bool(\"print\", false, \"\")\n\tflag.Parse()\n")
	code, stdout, stderr = ds(t.Context(), root, "replay p1 1 -root "+root+" -- "+replay)
	require.Equal(t, 1, code, stderr)
	require.Contains(t, stdout, verdicts[1].Message+"\n")

	edit(t, root, "p1-toy/tally/tally.go", "\t// forgotten\n", "\tforgotten\n")
	code, stdout, _ = ds(t.Context(), root, "test p1")
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "nothing was tried: it does not build")
}

func TestReplayComparesAScript(t *testing.T) {
	t.Parallel()
	root := toy.Write(t)
	script := filepath.Join(root, "p1-toy/testdata/add.txt")
	code, stdout, _ := ds(t.Context(), root, "replay p1 "+script)
	require.Zero(t, code)
	require.Equal(t, "1 a 2\n2 b 5\n3 a 40\n----\na=2\nb=5\na=42\n", stdout)
	edit(t, root, "p1-toy/testdata/add.txt", "a=42", "a=41")
	code, _, stderr := ds(t.Context(), root, "replay p1 "+script)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "expected (-), but happened (+)")
}

func TestMutantsEndsWithOneIfAnySurvives(t *testing.T) {
	t.Parallel()
	root := toy.Write(t)
	code, stdout, _ := ds(t.Context(), root, "mutants p1 -show T1-knows-no-limit")
	require.Zero(t, code)
	require.Contains(t, stdout, "message: a count above its bound\n")

	patch := filepath.Join(root, "p1-toy/mutants/T1-knows-no-limit.patch")
	code, stdout, stderr := ds(t.Context(), root, "mutants p1 -from "+patch)
	require.Zero(t, code, stderr)
	require.Regexp(t, `^T1-knows-no-limit +killed +\d+\.\d s  p1.1 tally TestCountStaysWithinItsBounds\n1 of 1 mutants killed, 1 of them with `, stdout)
	require.Empty(t, stderr)
	code, stdout, stderr = ds(t.Context(), root, "mutants p1 -v -from "+patch)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "    tally_test.go:25: a count above its bound: 2000\n1 of 1 mutants killed")
	edit(t, root, "p1-toy/mutants/T1-knows-no-limit.patch", "+\treturn max(n, low)", "+\treturn max(min(n, high), low)")
	code, stdout, _ = ds(t.Context(), root, "mutants p1 -from "+patch)
	require.Equal(t, 1, code)
	require.Regexp(t, `T1-knows-no-limit +SURVIVES`, stdout)
}

func TestProveEndsWithTheFirstReason(t *testing.T) {
	t.Parallel()
	root := toy.Write(t)
	edit(t, root, "p1-toy/tally/tally.go", "counts: map[string]int{}", "counts: make(map[string]int, lowest)")
	edit(t, root, "p1-toy/tally/tally.go", "p1.3 return true", "p1.3 return t != nil && t != nil")
	code, stdout, stderr := ds(t.Context(), root, "prove p1.1")
	require.Equal(t, 1, code)
	require.Regexp(t, `\n0 +0 of 0 .*\n  WRONG: it does not build:`, stdout)
	require.Contains(t, stderr, "ds prove: the ladder does not hold: with 0 steps solved: it does not build:; ")
}

func TestBadUsageOfTheVerbsThatTryThings(t *testing.T) {
	root := toy.Write(t)
	for line, want := range map[string]string{
		"test p9":                         `ds test: no stage "p9": there is p1`,
		"test p1.9":                       `ds test: stage p1 has no step "p1.9": its steps are p1.1 to p1.3`,
		"test p1.2 -step 3":               "ds test: p1.2 names a step, and so does -step",
		"test p1 -runs 0":                 "ds test: -runs and -seed want positive numbers",
		"replay p1.2 7":                   "ds replay: want a stage such as p1, not a step",
		"replay p1 nothing":               `ds replay: "nothing" is no seed, and no file: open nothing: no such file or directory`,
		"mutants p1.2":                    "ds mutants: want a stage such as p1, not a step",
		"mutants p1 -show T9":             `ds mutants: no mutant "T9": there is T1-knows-no-limit, T2-lists-backwards, T3-forgets-orders`,
		"mutants p1 -right -from x.patch": "ds mutants: -from names wrong variants, -right asks for none",
		"prove p1 -step 9":                `ds prove: stage p1 has no step "9": its steps are p1.1 to p1.3`,
	} {
		code, _, stderr := ds(t.Context(), root, line)
		require.Equal(t, 2, code, line)
		require.Equal(t, want+"\n", stderr)
	}
}
