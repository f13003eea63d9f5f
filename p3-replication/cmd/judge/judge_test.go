package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
)

// whole are the checks that are made here.
func whole() []judge.Check { return slices.Concat(wholeChecks(), kvdChecks()) }

func TestMain(m *testing.M) { judgetest.Main(m, "p3", whole()) }

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	require.Len(t, judgetest.Steps(t, checks()), 9, "p3.1 to p3.9")
}

func TestTheReferencePassesEveryCheckOfTheWhole(t *testing.T) {
	all := judgetest.Verdicts(t, judgetest.Build(t, []string{"../sim", "../kvd"}), "", "-schedules", "40")
	require.Len(t, all, len(whole()))
	judgetest.RequireOutcome(t, judge.Passed, all)
}

func TestWhoWritesOnAfterItsRetirementFailsBehindThePipe(t *testing.T) {
	bin := judgetest.Build(t, []string{"../sim"}, judgetest.Mistake{
		File: "../../bayou/ask.go", Right: "case s.retired && !kv.ReadOnly(req.Op):", Wrong: "case s.retired && req.Op == nil:",
	})
	judgetest.RequireOutcome(t, judge.Failed, judgetest.Verdicts(t, bin, "servers come and go"))
}

// Servers that say nothing break no rule, and get nothing for it.
func TestServersThatDoNothingFailEveryCheck(t *testing.T) {
	program := filepath.Join(judgetest.Build(t, []string{"./testdata/sim"}), "sim")
	all := judgetest.Verdicts(t, judgetest.Marked(t, program, "agrees"), "", "-idle", "300ms", "-schedules", "40")
	require.Len(t, all, len(whole()))
	judgetest.RequireOutcome(t, judge.Failed, all)
}
