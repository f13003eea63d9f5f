// Package judgetest is what the tests of judges share. The test binary is the judge itself, so
// that a test sees what a grader sees; the submissions are programs that the test builds, right
// or with a mistake in them.
package judgetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
)

// onlyCheck is the variable that tells the test binary as a judge to carry out one check.
const onlyCheck = "DSS_TEST_CHECK"

// Main is for TestMain: it runs the tests, or is the judge of a stage if Verdicts has started it.
func Main(m *testing.M, stage string, checks []judge.Check) {
	if len(os.Args) > 1 && os.Args[1] == "-bin" {
		only := os.Getenv(onlyCheck)
		judge.Main(stage, slices.DeleteFunc(checks, func(c judge.Check) bool { return only != "" && c.Name != only }))
	}
	os.Exit(m.Run())
}

// Steps demands that every check has a rule, and a name that no other of its step has, and
// returns the steps that have checks, in order.
func Steps(t testing.TB, checks []judge.Check) (steps []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range checks {
		require.NotEmpty(t, c.Rule, c.Name)
		require.False(t, seen[c.Step+c.Name], "%s %s is there twice", c.Step, c.Name)
		seen[c.Step+c.Name] = true
		if !slices.Contains(steps, c.Step) {
			steps = append(steps, c.Step)
		}
	}
	slices.Sort(steps)
	return steps
}

// Mistake is a text that stands once in a source file, and what is to stand there instead. File
// is as seen from the folder of the test.
type Mistake struct{ File, Right, Wrong string }

// Build builds the programs of some packages, with mistakes in what they are built of, and
// returns the folder where they are. The files themselves stay as they are.
func Build(t testing.TB, programs []string, mistakes ...Mistake) (bin string) {
	t.Helper()
	bin = t.TempDir()
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-overlay", overlay(t, mistakes), "-o", bin + string(filepath.Separator)}
	cmd := exec.Command("go", append(args, programs...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return bin
}

// overlay writes files with mistakes, and what tells the go command to take them for the right ones.
func overlay(t testing.TB, mistakes []Mistake) (file string) {
	t.Helper()
	dir, wrong, replace := t.TempDir(), map[string]string{}, map[string]string{}
	for _, m := range mistakes {
		source, err := filepath.Abs(m.File)
		require.NoError(t, err)
		if _, begun := wrong[source]; !begun {
			code, err := os.ReadFile(source)
			require.NoError(t, err)
			wrong[source] = string(code)
		}
		require.Equal(t, 1, strings.Count(wrong[source], m.Right), "%s has changed", m.File)
		wrong[source] = strings.Replace(wrong[source], m.Right, m.Wrong, 1)
	}
	for source, code := range wrong {
		replace[source] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		require.NoError(t, os.WriteFile(replace[source], []byte(code), 0o600))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// Marked copies a program to a folder of its own, with a word of at most 16 bytes behind its end:
// the program finds it there, and the judge's box does not take it away.
func Marked(t testing.TB, program, word string) (bin string) {
	t.Helper()
	code, err := os.ReadFile(program)
	require.NoError(t, err)
	bin = t.TempDir()
	code = fmt.Appendf(code, "%16s", word)
	require.NoError(t, os.WriteFile(filepath.Join(bin, filepath.Base(program)), code, 0o700))
	return bin
}

// Verdicts lets the test binary judge the programs in a folder, by the check of a name or, if
// that is empty, by all that Main was given. args are further flags of the judge.
func Verdicts(t testing.TB, bin, check string, args ...string) (all []judge.Verdict) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd := exec.Command(self, append([]string{"-bin", bin}, args...)...)
	cmd.Env = append(os.Environ(), onlyCheck+"="+check)
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	for line := range strings.Lines(string(out)) {
		var v judge.Verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		if v.Outcome != judge.Passed {
			t.Logf("%s %s: %s: %s", v.Step, v.Check, v.Outcome, v.Message)
		}
		all = append(all, v)
	}
	require.NotEmpty(t, all, "no check of the name %q", check)
	return all
}

// RequireOutcome demands that every one of some verdicts has an outcome.
func RequireOutcome(t testing.TB, want judge.Outcome, all []judge.Verdict) {
	t.Helper()
	for _, v := range all {
		require.Equal(t, want, v.Outcome, "%s %s: %s", v.Step, v.Check, v.Message)
	}
}
