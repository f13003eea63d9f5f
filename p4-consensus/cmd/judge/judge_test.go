package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
)

// logged are the checks that are made here.
func logged() []judge.Check { return slices.Concat(sceneChecks(), logChecks(), kvdChecks()) }

func TestMain(m *testing.M) { judgetest.Main(m, "p4", logged()) }

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	require.Len(t, judgetest.Steps(t, checks()), 9, "p4.1 to p4.9")
}

// verdicts judges the programs in a folder, by one check or, without a name, by all.
func verdicts(t *testing.T, bin, name string, args ...string) map[string]judge.Verdict {
	all := map[string]judge.Verdict{}
	for _, v := range judgetest.Verdicts(t, bin, name, append([]string{"-schedules", "90"}, args...)...) {
		all[v.Check] = v
	}
	return all
}

func TestTheReferencePassesEveryCheckOfTheLog(t *testing.T) {
	all := verdicts(t, judgetest.Build(t, []string{"../sim", "../kvd"}), "")
	require.Len(t, all, len(logged()))
	for name, v := range all {
		require.Equal(t, judge.Passed, v.Outcome, "%s: %s", name, v.Message)
	}
}

func TestAReplicaThatSavesNoVotesFailsBehindThePipeAndUnderKills(t *testing.T) {
	bin := judgetest.Build(t, []string{"../sim", "../kvd"}, judgetest.Mistake{
		File: "../../paxos/acceptor.go", Right: "s.record = r.save(proto.Voted{Ballot: b, Slot: n, Commit: r.commit, Value: v})", Wrong: "s.record = r.records",
	})
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
			got := verdicts(t, judgetest.Build(t, []string{"../sim"}, judgetest.Mistake{File: paxos + c.file, Right: c.right, Wrong: c.wrong}), c.caught)
			require.Len(t, got, 1)
			require.Equal(t, judge.Failed, got[c.caught].Outcome, got[c.caught].Message)
		})
	}
}

// It asks one of the others for its vote, and the next when that vote does not come: so the
// check of a leader must not want votes asked of both.
func TestALeaderMayAskAQuorumFirst(t *testing.T) {
	bin := judgetest.Build(t, []string{"../sim"}, judgetest.Mistake{
		File: "../../paxos/leader.go", Right: "\t\t\tr.early(r.peer(node), m)\n", Wrong: "\t\t\tr.early(r.peer(node), m)\n\t\t\tbreak\n",
	})
	for _, c := range sceneChecks() {
		if c.Step == stepLead || c.Step == stepWhole {
			got := verdicts(t, bin, c.Name)
			require.Equal(t, judge.Passed, got[c.Name].Outcome, got[c.Name].Message)
		}
	}
}

// A replica that says nothing breaks no rule, and gets nothing for it.
func TestAReplicaThatDoesNothingFailsEveryCheck(t *testing.T) {
	bin := judgetest.Build(t, []string{"../sim"}, judgetest.Mistake{
		File: "../../paxos/replica.go", Right: "\tr.now, r.rand, r.out = in.Now, machine.Dice(in.Rand), out\n", Wrong: "\tif r.out == nil {\n\t\treturn\n\t}\n",
	})
	for name, v := range verdicts(t, bin, "", "-idle", "2s") {
		require.Equal(t, judge.Failed, v.Outcome, "%s: %s", name, v.Message)
	}
}
