package main

import (
	"bytes"
	"encoding/json"
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

// logged are the checks that are made here.
func logged() []judge.Check { return slices.Concat(sceneChecks(), logChecks(), kvdChecks()) }

// TestMain lets the test binary be the judge of the log too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-bin" {
		judge.Main("p4", slices.DeleteFunc(logged(), func(c judge.Check) bool {
			return os.Getenv(onlyCheck) != "" && c.Name != os.Getenv(onlyCheck)
		}))
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

// build builds programs of the stage, with the text right replaced in a file of the stage if
// file is not empty.
func build(t *testing.T, file, right, wrong string, programs ...string) (bin string) {
	bin = t.TempDir()
	overlay, replace := filepath.Join(t.TempDir(), "overlay.json"), map[string]string{}
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
	return bin
}

// verdicts judges the programs in a folder, by one check or, without a name, by all.
func verdicts(t *testing.T, bin, name string, args ...string) map[string]judge.Verdict {
	self, err := os.Executable()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd := exec.Command(self, append([]string{"-bin", bin, "-schedules", "90"}, args...)...)
	cmd.Env = append(os.Environ(), onlyCheck+"="+name)
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
	all := verdicts(t, build(t, "", "", "", "../sim", "../kvd"), "")
	require.Len(t, all, len(logged()))
	for name, v := range all {
		require.Equal(t, judge.Passed, v.Outcome, "%s: %s", name, v.Message)
	}
}

func TestAReplicaThatSavesNoVotesFailsBehindThePipeAndUnderKills(t *testing.T) {
	bin := build(t, "../../paxos/acceptor.go",
		"s.record = r.save(proto.Voted{Ballot: b, Slot: n, Commit: r.commit, Value: v})", "s.record = r.records", "../sim", "../kvd")
	all := verdicts(t, bin, "", "-idle", "2s")
	require.Equal(t, judge.Failed, all["replicas break no rule of the log"].Outcome)
	require.Equal(t, judge.Failed, all["three kvd lose nothing to kill -9"].Outcome)
}

// Each is a wrong replica that somebody would write, and the check that is made for it.
func TestWhatIsBrokenFailsWhereItShould(t *testing.T) {
	const paxos = "../../paxos/"
	for name, c := range map[string]struct{ file, right, wrong, caught string }{
		"votes need a promise":           {"acceptor.go", "func (r *Replica) accept(from machine.Addr, m proto.Accept) {\n\tif m.Ballot.Less(r.promised) {", "func (r *Replica) accept(from machine.Addr, m proto.Accept) {\n\tif m.Ballot != r.promised {", "a replica promises, votes and refuses"},
		"a promise tells of one vote":    {"acceptor.go", "p.Votes = append(p.Votes, v)", "p.Votes = append(p.Votes[:0], v)", "a promise tells of all votes"},
		"what is past a hole is learned": {"learner.go", "\t\tif s == nil || !s.chosen && s.ballot != b {\n\t\t\tbreak", "\t\tif s == nil || !s.chosen && s.ballot != b {\n\t\t\tr.commit = n\n\t\t\tcontinue", "what is chosen is executed in order, and nothing else"},
		"any vote is taken for chosen":   {"learner.go", "if s == nil || !s.chosen && s.ballot != b {", "if s == nil {", "a vote in an older ballot says nothing of what was chosen"},
		"nothing is known to be done":    {"learner.go", "!r.reigns.Has(e.Origin.Voter) || !r.seen.First(e.Origin)", "!r.reigns.Has(e.Origin.Voter)", "a command in two slots is executed once"},
		"any disk's vote counts":         {"leader.go", "\tg := r.reigns.Of(m.Slot)\n\tif !g.Has(voter)", "\tg := r.reigns.Of(m.Slot)\n\tif x, ok := g.Find(from.Node); ok {\n\t\tvoter = x.Voter\n\t}\n\tif !g.Has(voter)", "only votes of members in the leader's ballot choose"},
		"gaps stay":                      {"leader.go", "case n <= r.lead.recovered:", "case n < r.commit:", "a new leader completes what promises told of and fills the gaps"},
		"its own vote wins":              {"leader.go", "case s != nil && s.ballot.Less(s.bound.ballot):", "case s != nil && s.ballot.IsZero() && s.ballot.Less(s.bound.ballot):", "a new leader completes what promises told of and fills the gaps"},
		"a change waits for commands":    {"leader.go", "case n < r.reigns.Last().From:", "case n == 0:", "a change of the group takes effect without commands"},
		"who is removed leads on":        {"leader.go", "if !r.electable() && r.commit >= r.lead.recovered || r.now >= r.deadline {", "if r.now >= r.deadline {", "who is removed leads until its group decides no more"},
		"a vote before damage counts":    {"load.go", "!s.known() || !s.chosen && s.record < r.harmed {", "!s.known() {", "a replica knows after a crash what it has promised and voted for, or does not vote"},
	} {
		if testing.Short() && name != "gaps stay" {
			continue // each is built
		}
		t.Run(name, func(t *testing.T) {
			got := verdicts(t, build(t, paxos+c.file, c.right, c.wrong, "../sim"), c.caught)
			require.Len(t, got, 1)
			require.Equal(t, judge.Failed, got[c.caught].Outcome, got[c.caught].Message)
		})
	}
}

// It asks one of the others for its vote, and the next when that vote does not come: so the
// check of a leader must not want votes asked of both.
func TestALeaderMayAskAQuorumFirst(t *testing.T) {
	bin := build(t, "../../paxos/leader.go", "\t\t\tr.early(r.peer(node), m)\n", "\t\t\tr.early(r.peer(node), m)\n\t\t\tbreak\n", "../sim")
	for _, c := range sceneChecks() {
		if c.Step == stepLead || c.Step == stepWhole {
			got := verdicts(t, bin, c.Name)
			require.Equal(t, judge.Passed, got[c.Name].Outcome, got[c.Name].Message)
		}
	}
}

// A replica that says nothing breaks no rule, and gets nothing for it.
func TestAReplicaThatDoesNothingFailsEveryCheck(t *testing.T) {
	bin := build(t, "../../paxos/replica.go", "\tr.now, r.rand, r.out = in.Now, machine.Dice(in.Rand), out\n", "\tif r.out == nil {\n\t\treturn\n\t}\n", "../sim")
	for name, v := range verdicts(t, bin, "", "-idle", "2s") {
		require.Equal(t, judge.Failed, v.Outcome, "%s: %s", name, v.Message)
	}
}
