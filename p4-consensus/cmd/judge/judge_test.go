package main

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

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/sim"
)

// TestMain lets the test binary be the judge of the log too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-bin" {
		judge.Main("p4", slices.Concat(logChecks(), kvdChecks()))
	}
	os.Exit(m.Run())
}

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	steps, seen := map[string]bool{}, map[string]bool{}
	for _, c := range checks() {
		require.NotEmpty(t, c.Rule, c.Name)
		require.False(t, seen[c.Name], "%s is there twice", c.Name)
		seen[c.Name], steps[c.Step] = true, true
	}
}

// A student replays with cmd/sim what the judge has seen: a seed must give the same run.
func TestTheWorldsAreThoseOfTheSimulator(t *testing.T) {
	var b strings.Builder
	for seed := range uint64(100) {
		k := kinds()[seed%uint64(len(kinds()))]
		w := sim.NewWorld(k.world(), seed)
		require.Nil(t, w.Run())
		fmt.Fprintf(&b, "%s %d %016x\n", k.name, seed, w.Hash())
		w.Close()
	}
	want, err := os.ReadFile("../sim/testdata/hashes.txt")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
}

// outcomes judges the programs that are built with the text right replaced in a file of the
// stage if file is not empty.
func outcomes(t *testing.T, file, right, wrong string, args ...string) map[string]judge.Verdict {
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
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-overlay", overlay, "-o", bin+string(filepath.Separator), "../sim", "../kvd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return verdicts(t, bin, args...)
}

// verdicts judges the programs in a folder.
func verdicts(t *testing.T, bin string, args ...string) map[string]judge.Verdict {
	self, err := os.Executable()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd := exec.Command(self, append([]string{"-bin", bin, "-schedules", "90"}, args...)...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	all := map[string]judge.Verdict{}
	for line := range strings.Lines(string(out)) {
		var v judge.Verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		t.Logf("%s: %s %s", v.Check, v.Outcome, v.Message)
		all[v.Check] = v
	}
	return all
}

func TestTheReferencePassesEveryCheckOfTheLog(t *testing.T) {
	all := outcomes(t, "", "", "")
	require.Len(t, all, len(logChecks())+len(kvdChecks()))
	for name, v := range all {
		require.Equal(t, judge.Passed, v.Outcome, "%s: %s", name, v.Message)
	}
}

func TestAReplicaThatSavesNoVotesFailsBehindThePipeAndUnderKills(t *testing.T) {
	all := outcomes(t, "../../paxos/acceptor.go",
		"s.record = r.save(proto.Voted{Ballot: b, Slot: n, Commit: r.commit, Value: v})", "s.record = r.records", "-idle", "2s")
	require.Equal(t, judge.Failed, all["replicas break no rule of the log"].Outcome)
	require.Equal(t, judge.Failed, all["kvd ends in good order and the group comes back"].Outcome)
}
