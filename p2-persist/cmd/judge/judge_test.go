package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
)

func TestMain(m *testing.M) { judgetest.Main(m, "p2", wholeChecks()) }

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	require.Len(t, judgetest.Steps(t, checks()), 9, "p2.1 to p2.9")
}

// outcomes judges the programs of the whole.
func outcomes(t *testing.T, mistakes ...judgetest.Mistake) map[string]judge.Outcome {
	bin := judgetest.Build(t, []string{"../sim", "../kvd"}, mistakes...)
	all := map[string]judge.Outcome{}
	for _, v := range judgetest.Verdicts(t, bin, "", "-schedules", "20") {
		all[v.Check] = v.Outcome
	}
	return all
}

func TestTheReferencePassesEveryCheckOfTheWhole(t *testing.T) {
	all := outcomes(t)
	require.Len(t, all, len(wholeChecks()))
	for name, o := range all {
		require.Equal(t, judge.Passed, o, name)
	}
}

func TestAMachineThatSavesNothingFailsBehindThePipeAndUnderKills(t *testing.T) {
	all := outcomes(t, judgetest.Mistake{
		File: "../../durable/durable.go", Right: "\tout.Save = append(out.Save, Record(in))\n\tm.seq++\n", Wrong: "\tm.seq++\n",
	})
	require.Equal(t, judge.Failed, all["a machine that crashes has promised nothing that it forgets"])
	require.Equal(t, judge.Failed, all["kvd loses nothing to kill -9"])
	require.Equal(t, judge.Failed, all["kvd ends in good order and comes back"])
}
