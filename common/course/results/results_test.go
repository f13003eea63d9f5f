package results_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/judge"

	"dss.example/common/course/results"
	"dss.example/common/course/stage"
)

func threeSteps() *stage.Stage {
	return &stage.Stage{ID: "p1", Steps: []stage.Step{
		{ID: "p1.1", Title: "Count", Points: 50}, {ID: "p1.2", Title: "List", Points: 50}, {ID: "p1.3", Title: "More", Points: 7, Bonus: true},
	}}
}

// report has one letter a check: passed, failed, not judged.
func report(student string, steps ...string) *results.Report {
	r := &results.Report{Stage: threeSteps(), Student: student}
	outcomes := map[rune]judge.Outcome{'p': judge.Passed, 'f': judge.Failed, 'n': judge.NotJudged}
	for i, checks := range steps {
		for _, c := range checks {
			v := judge.Verdict{Step: r.Stage.Steps[i].ID, Check: "it counts", Rule: "a count is a sum", Outcome: outcomes[c]}
			if v.Outcome != judge.Passed {
				v.Message, v.Replay = "```\n<b>x</b>", "go run `x`"
			}
			r.Checks = append(r.Checks, v)
		}
	}
	return r
}

func TestAStepsPointsAreSharedByItsChecks(t *testing.T) {
	for _, c := range []struct {
		report *results.Report
		total  float64
		known  bool
	}{
		{report("a", "pp", "p", "p"), 107, true},
		{report("a", "ppf", "f", "f"), 33.33, true},
		{report("a", "pf", "pff", "f"), 41.67, true},
		{report("a", "pn", "p", "p"), 57, false},
		{report("a", "pp", "p", "n"), 100, false},
		{report("a", "pp", "p"), 100, false},
		{&results.Report{Stage: threeSteps(), Refused: "no"}, 0, true},
		{&results.Report{Stage: threeSteps(), Broken: "no"}, 0, false},
	} {
		total, known := c.report.Total()
		require.Equal(t, c.total, total)
		require.Equal(t, c.known, known)
	}
}

func TestScoresAreALineAStudentThatNoSpreadsheetMisreads(t *testing.T) {
	refused, broken := report("-b"), report(`c "d"`)
	refused.Refused, broken.Broken = "=cmd()\nmore", "no disk"
	var b bytes.Buffer
	require.NoError(t, results.WriteCSV(&b, threeSteps(), []*results.Report{
		report("z,y", "pp", "pf", "f"), report("=1+1", "pn", "p", "p"), refused, broken, report("@a", "p", "p", "p"), report("+", "f", "f", "f"),
	}))
	require.Empty(t, cmp.Diff(`student,p1.1 (50),p1.2 (50),p1.3 (7),total (100),note
'+,0,0,0,0,
'-b,0,0,0,0,not accepted: =cmd()
'=1+1,,50,7,,not graded: some checks could not be carried out
'@a,50,50,7,107,
"c ""d""",,,,,not graded: the grader failed
"z,y",50,25,0,75,
`, b.String()))
}

func TestGradescopeGetsATestForEachStep(t *testing.T) {
	r := report("a", "pf", "n", "p")
	r.Ignored = []string{"a`b\nc.go"}
	var b bytes.Buffer
	require.NoError(t, results.WriteGradescope(&b, r))
	var got map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.NotContains(t, got, "score", "something was not judged")
	require.Contains(t, got["output"], "Not graded")
	require.Contains(t, got["output"], "- ignored: `` a`b c.go ``")
	tests := got["tests"].([]any)
	first := tests[0].(map[string]any)
	output := first["output"].(string)
	delete(first, "output")
	require.Empty(t, cmp.Diff(map[string]any{
		"name": "p1.1 Count", "number": "1.1", "score": 25.0, "max_score": 50.0, "status": "failed", "output_format": "md", "visibility": "visible",
	}, first))
	require.Equal(t, "- **passed**: it counts\n- **failed**: it counts\n\n  a count is a sum\n\n  ````\n  ```\n  <b>x</b>\n  ````\n  see it: `` go run `x` ``\n", output)
	require.NotContains(t, tests[1], "score")
	require.NotContains(t, tests[1], "status")
	require.Equal(t, 7.0, tests[2].(map[string]any)["score"])
	require.Equal(t, 0.0, tests[2].(map[string]any)["max_score"], "a bonus is beyond the whole")

	b.Reset()
	r = report("a")
	r.Refused = "it does not build"
	require.NoError(t, results.WriteGradescope(&b, r))
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.Equal(t, 0.0, got["score"])
	require.Contains(t, got["output"], "it does not build")
}
