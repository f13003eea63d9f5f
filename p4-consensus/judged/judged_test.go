package judged

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

// TestMain lets the test binary be the judge too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-bin" {
		judge.Main("p4", slices.DeleteFunc(Checks(), func(c judge.Check) bool {
			return os.Getenv(onlyCheck) != "" && c.Name != os.Getenv(onlyCheck)
		}))
	}
	os.Exit(m.Run())
}

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	steps, seen := map[string]bool{}, map[string]bool{}
	for _, c := range Checks() {
		require.NotEmpty(t, c.Rule, c.Name)
		require.False(t, seen[c.Name], "%s is there twice", c.Name)
		seen[c.Name], steps[c.Step] = true, true
	}
	require.Len(t, steps, 4, "p4.1 to p4.3, and p4.5")
}

// build builds a program of the stage, with the text right replaced in a file of the stage if
// file is not empty.
func build(t *testing.T, file, right, wrong, program string) (bin string) {
	bin = t.TempDir()
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", bin + string(filepath.Separator)}
	if file != "" {
		source, err := filepath.Abs(file)
		require.NoError(t, err)
		code, err := os.ReadFile(source)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(code), right), "%s has changed", file)
		broken, overlay := filepath.Join(t.TempDir(), "x.go"), filepath.Join(t.TempDir(), "overlay.json")
		require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(code), right, wrong, 1)), 0o600))
		text, err := json.Marshal(map[string]any{"Replace": map[string]string{source: broken}})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(overlay, text, 0o600))
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, program)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return bin
}

// verdicts judges programs, by one check or, without a name, all of a step or of all.
func verdicts(t *testing.T, bin, step, name string, args ...string) (all []judge.Verdict) {
	self, err := os.Executable()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd := exec.Command(self, append([]string{"-bin", bin, "-step", step, "-schedules", "100"}, args...)...)
	cmd.Env = append(os.Environ(), onlyCheck+"="+name)
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	for line := range strings.Lines(string(out)) {
		var v judge.Verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		all = append(all, v)
	}
	require.NotEmpty(t, all)
	return all
}

// reference builds staff's own parts.
func reference(t *testing.T) (bin string) { return build(t, "", "", "", "../cmd/parts") }

func TestTheReferencePassesEveryCheck(t *testing.T) {
	step := "all"
	if testing.Short() {
		step = stepAcceptor
	}
	for _, v := range verdicts(t, reference(t), step, "") {
		require.Equal(t, judge.Passed, v.Outcome, "%s %s: %s", v.Step, v.Check, v.Message)
	}
}

func TestAVerdictDependsOnTheSeedsAlone(t *testing.T) {
	bin := build(t, "../paxos/single/proposer.go", "if given {", "if given && len(p.promises) > 9 {", "../cmd/parts")
	const name = "proposers do nothing that the specification forbids"
	first := verdicts(t, bin, stepProposer, name, "-seed", "7")
	require.Equal(t, judge.Failed, first[0].Outcome)
	require.Equal(t, first[0].Message, verdicts(t, bin, stepProposer, name, "-seed", "7")[0].Message)
}

// Each is a wrong program that somebody would write, and the checks that must tell.
func TestWhatIsBrokenFailsWhereItShould(t *testing.T) {
	const (
		acceptor = "../paxos/single/acceptor.go"
		proposer = "../paxos/single/proposer.go"
		learner  = "../paxos/single/learner.go"
		chosen   = "a quorum of votes in one ballot is chosen"
	)
	for name, c := range map[string]struct{ file, right, wrong, caught string }{
		"promises are forgotten":          {acceptor, "\t\ta.promised = b\n\t\ta.save(out)", "\t\ta.promised = b", "acceptors do nothing that the specification forbids"},
		"a vote binds for no promise":     {acceptor, "a.promised, a.voted = v.Ballot, v", "a.voted = v", "acceptors agree in every run of a small world"},
		"votes need a promise":            {acceptor, "if v.Ballot.Less(a.promised) {", "if v.Ballot != a.promised {", "an acceptor promises, votes and refuses"},
		"votes are told to nobody":        {acceptor, "tell(out, Learner, a.cfg.told(), Accepted(a.voted))", "", "an acceptor promises, votes and refuses"},
		"the vote is not loaded":          {acceptor, "a.promised, a.voted = k.Promised, k.Voted", "a.promised = k.Promised", "acceptors know after a crash what is on their disk, and nothing else"},
		"anybody is believed":             {acceptor, "return a.cfg.is(Proposer, from) && b.Node == from.Node", "return a.cfg.is(Proposer, from)", "a ballot is heard from its owner only"},
		"the last promise counts":         {proposer, "if highest.Ballot.Less(g.last.Ballot) {", "if !g.last.Ballot.IsZero() {", "promises bind a proposer"},
		"a promise counts twice":          {proposer, "if given {", "if given && len(p.promises) > 9 {", "only a quorum of promises lets a proposer go on"},
		"a ballot is not saved":           {proposer, "\t\tout.Save = append(out.Save, Used{p.ballot})\n", "", "proposers do nothing that the specification forbids"},
		"votes of ballots add up":         {learner, "if l.votes[i].Ballot == v.Ballot {", "if l.votes[i].Value == v.Value {", chosen},
		"an older vote replaces a later":  {learner, "if a == by && l.votes[i].Ballot.Less(v.Ballot) {", "if a == by {", chosen},
		"a window forgets its first half": {"../paxos/snapshot/window.go", "seq-WindowSize, [WindowSize / 64]uint64{}", "seq, [WindowSize / 64]uint64{}", "a window moves on, and what is before it is over"},
		"those who wait are not told":     {learner, "for _, id := range l.waiting {", "for _, id := range l.waiting[:0] {", "learners let everybody be answered"},
	} {
		if testing.Short() && c.file != acceptor {
			continue
		}
		t.Run(name, func(t *testing.T) {
			got := verdicts(t, build(t, c.file, c.right, c.wrong, "../cmd/parts"), "all", c.caught)
			require.Len(t, got, 1)
			require.Equal(t, judge.Failed, got[0].Outcome, got[0].Message)
			t.Log(got[0].Message)
		})
	}
}

// marked copies the program that misbehaves to a folder, with a word of 16 bytes behind its
// end that tells it how.
func marked(t *testing.T, code []byte, how string) (bin string) {
	bin = t.TempDir()
	code = fmt.Appendf(slices.Clip(code), "%16s", how)
	require.NoError(t, os.WriteFile(filepath.Join(bin, program), code, 0o700))
	return bin
}

// Nothing that a program says in the place of an answer is worth a point.
func TestProgramsThatDoNotAnswerGetNothing(t *testing.T) {
	code, err := os.ReadFile(filepath.Join(build(t, "", "", "", "./testdata/parts"), program))
	require.NoError(t, err)
	step := "all"
	if testing.Short() {
		step = stepAcceptor
	}
	for how, c := range map[string]struct{ check, message string }{ // no check: all of the step
		"agrees": {"", ""},
		"ends":   {"acceptors let everybody be answered", "judge's pipe broke"},
		"echoes": {"promises bind a proposer", "judge's pipe broke"},
		"talks":  {"a ballot has one value", "judge's pipe broke"},
		"claims": {"learners agree in every run of a small world", "answer of 4294967295 bytes"},
		"sleeps": {"an acceptor promises, votes and refuses", "did nothing for 300ms while it was waited for"},
		"spins":  {"a learner answers and passes it on", "used more than 1s of processor time"},
	} {
		t.Run(how, func(t *testing.T) {
			args := []string{"-idle", "300ms", "-cpu", "1s"}
			where := "all"
			if c.check == "" {
				where = step
			}
			for _, v := range verdicts(t, marked(t, code, how), where, c.check, args...) {
				require.Equal(t, judge.Failed, v.Outcome, "%s: %s", v.Check, v.Message)
				require.Contains(t, v.Message, c.message, v.Check)
			}
		})
	}
}
