package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
)

// TestMain lets the test binary be the judge of the whole too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-bin" {
		judge.Main("p2", wholeChecks())
	}
	os.Exit(m.Run())
}

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	steps, seen := map[string]bool{}, map[string]bool{}
	for _, c := range checks() {
		require.NotEmpty(t, c.Rule, c.Name)
		require.False(t, seen[c.Step+c.Name], "%s %s is there twice", c.Step, c.Name)
		seen[c.Step+c.Name], steps[c.Step] = true, true
	}
	require.Len(t, steps, 9, "p2.1 to p2.9")
}

// outcomes judges the programs that are built with the text right replaced in a file of
// the stage if file is not empty.
func outcomes(t *testing.T, file, right, wrong string, programs ...string) map[string]judge.Outcome {
	bin, overlay := t.TempDir(), filepath.Join(t.TempDir(), "overlay.json")
	replace := map[string]string{}
	if file != "" {
		source, err := filepath.Abs(file)
		require.NoError(t, err)
		code, err := os.ReadFile(source)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(code), right), "%s has changed", file)
		broken := filepath.Join(t.TempDir(), "x.go")
		require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(code), right, wrong, 1)), 0o600))
		replace[source] = broken
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-overlay", overlay, "-o", bin + string(filepath.Separator)}
	cmd := exec.Command("go", append(args, programs...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	self, err := os.Executable()
	require.NoError(t, err)
	var errs bytes.Buffer
	cmd = exec.Command(self, "-bin", bin, "-schedules", "20")
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	all := map[string]judge.Outcome{}
	for line := range strings.Lines(string(out)) {
		var v judge.Verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		t.Logf("%s: %s %s", v.Check, v.Outcome, v.Message)
		all[v.Check] = v.Outcome
	}
	return all
}

func TestTheReferencePassesEveryCheckOfTheWhole(t *testing.T) {
	all := outcomes(t, "", "", "", "../sim", "../kvd")
	require.Len(t, all, len(wholeChecks()))
	for name, o := range all {
		require.Equal(t, judge.Passed, o, name)
	}
}

func TestAMachineThatSavesNothingFailsBehindThePipeAndUnderKills(t *testing.T) {
	all := outcomes(t, "../../durable/durable.go", "\tout.Save = append(out.Save, Record(in))\n\tm.seq++\n", "\tm.seq++\n", "../sim", "../kvd")
	require.Equal(t, judge.Failed, all["a machine that crashes has promised nothing that it forgets"])
	require.Equal(t, judge.Failed, all["kvd loses nothing to kill -9"])
	require.Equal(t, judge.Failed, all["kvd ends in good order and comes back"])
}
