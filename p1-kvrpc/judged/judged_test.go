package judged

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
	"dss.example/common/kvtest"

	"dss.example/p1-kvrpc/table"
)

func TestEveryCaseOfKvtestIsInExactlyOneStep(t *testing.T) {
	var want, got []string
	for _, c := range kvtest.Cases(table.Offers()) {
		want = append(want, c.Name)
	}
	for _, p := range placedCases {
		got = append(got, p.name)
		require.Contains(t, offered, p.step, p.name)
		require.NotPanics(t, func() { find(p.name, caps(p.step, p.more)) }, "its step offers what it needs")
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Empty(t, cmp.Diff(want, got))
}

func TestMain(m *testing.M) { judgetest.Main(m, "p1", Checks()) }

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	require.Len(t, judgetest.Steps(t, Checks()), 9, "p1.0 to p1.8")
}

// programs are the packages of the stage's programs.
var programs = []string{"../cmd/sim", "../cmd/kvd", "../cmd/kv", "../cmd/newton", "../cmd/rpc"}

// failed judges programs and returns the checks that did not pass.
func failed(t *testing.T, bin, step string) (names []string) {
	for _, v := range judgetest.Verdicts(t, bin, "", "-step", step, "-schedules", "40", "-cpu", "20s") {
		if v.Outcome != judge.Passed {
			names = append(names, fmt.Sprintf("%s: %s", v.Outcome, v.Check))
		}
	}
	return names
}

func TestTheReferencePassesAndWhatIsBrokenFailsInItsStep(t *testing.T) {
	for name, c := range map[string]struct{ file, right, wrong, step, caught string }{
		"the reference":             {},
		"a repeated write":          {"../table/session.go", "\ti, done := s.search(req.Seq)\n\tif done {", "\ti, done := s.search(req.Seq)\n\tif done && i < 0 {", "p1.5", "failed: a repeated request is executed once and answered alike"},
		"a loop that ends too soon": {"../newton/sqrt.go", "if next >= z {", "if n == 3 {", "p1.0", "failed: roots at the edges"},
		"panics end the server":     {"../call/server.go", "recover()", "error(nil)", "p1.2", "failed: a panic costs one request"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.file == "" {
				bin := judgetest.Build(t, programs)
				for _, step := range []string{"p1.0", "p1.1", "p1.2", "p1.5", "p1.6"} {
					require.Empty(t, failed(t, bin, step))
				}
				return
			}
			require.Contains(t, failed(t, judgetest.Build(t, programs, judgetest.Mistake{File: c.file, Right: c.right, Wrong: c.wrong}), c.step), c.caught)
		})
	}
}
