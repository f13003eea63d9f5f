package judged

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
)

func TestMain(m *testing.M) { judgetest.Main(m, "p4", Checks()) }

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	require.Len(t, judgetest.Steps(t, Checks()), 4, "p4.1 to p4.3, and p4.5")
}

// served is the package of the program that serves the stage's parts.
var served = []string{"../cmd/parts"}

// verdicts judges programs, by one check or, without a name, all of a step or of all.
func verdicts(t *testing.T, bin, step, name string, args ...string) []judge.Verdict {
	return judgetest.Verdicts(t, bin, name, append([]string{"-step", step, "-schedules", "100"}, args...)...)
}

func TestTheReferencePassesEveryCheck(t *testing.T) {
	step := "all"
	if testing.Short() {
		step = stepAcceptor
	}
	judgetest.RequireOutcome(t, judge.Passed, verdicts(t, judgetest.Build(t, served), step, ""))
}

func TestAVerdictDependsOnTheSeedsAlone(t *testing.T) {
	bin := judgetest.Build(t, served, judgetest.Mistake{File: "../paxos/single/proposer.go", Right: "if given {", Wrong: "if given && len(p.promises) > 9 {"})
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
			got := verdicts(t, judgetest.Build(t, served, judgetest.Mistake{File: c.file, Right: c.right, Wrong: c.wrong}), "all", c.caught)
			require.Len(t, got, 1)
			judgetest.RequireOutcome(t, judge.Failed, got)
		})
	}
}

// Nothing that a program says in the place of an answer is worth a point.
func TestProgramsThatDoNotAnswerGetNothing(t *testing.T) {
	wrong := filepath.Join(judgetest.Build(t, []string{"./testdata/parts"}), program)
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
			for _, v := range verdicts(t, judgetest.Marked(t, wrong, how), where, c.check, args...) {
				require.Equal(t, judge.Failed, v.Outcome, "%s: %s", v.Check, v.Message)
				require.Contains(t, v.Message, c.message, v.Check)
			}
		})
	}
}
