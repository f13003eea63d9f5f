package grade_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/course/grade"
)

func TestEveryRungGetsItsPoints(t *testing.T) {
	c := newClass(t)
	c.submit("starter", c.rung(0))
	c.submit("one", c.rung(1))
	c.submit("two", c.rung(2))
	c.submit("reference", c.rung(3))
	c.run()
	want := map[string][]string{
		"starter":   {"0", "0", "0", "0", ""},
		"one":       {"40", "0", "0", "40", ""},
		"two":       {"40", "25", "0", "65", ""},
		"reference": {"40", "25", "35", "100", ""},
	}
	require.Empty(t, cmp.Diff(want, c.scores()))
	require.Equal(t, 100.0, *c.outcome("reference").Score)
	require.Contains(t, c.outcome("two").text(), `tally answered "a=1\na=2\n"`)
	require.Contains(t, c.heard(), `"two": 65 points`)
}

func TestTheStagesOwnJudgeIsBuiltFromStaffsTree(t *testing.T) {
	c := newClass(t)
	c.Judge, c.JudgeArgs = "", nil
	c.submit("reference", c.rung(3), "p1-toy/cmd/judge/main.go", "package main\n\nfunc main() { panic(1) }\n")
	c.run()
	require.Equal(t, 100.0, *c.outcome("reference").Score)
	require.Contains(t, c.outcome("reference").Output, "ignored: ` p1-toy/cmd/judge/main.go `")
}

func TestARerunLeavesOutWhoHasAScore(t *testing.T) {
	c := newClass(t)
	c.submit("a", c.rung(1))
	c.submit("b", c.rung(1))
	c.run()
	c.submit("a", c.rung(3))
	require.NoError(t, os.Remove(filepath.Join(c.Out, "b", "report.json")))
	c.submit("b", c.rung(3))
	c.run()
	require.Equal(t, 40.0, *c.outcome("a").Score)
	require.Equal(t, 100.0, *c.outcome("b").Score)
	require.Contains(t, c.heard(), `"a" was graded before`)
	c.Again, c.Student = true, "a"
	c.run()
	require.Equal(t, "100", c.scores()["a"][3])
	require.Equal(t, "100", c.scores()["b"][3], "the others are still in the list")
}

func TestAnInterruptLeavesWhatIsDone(t *testing.T) {
	c := newClass(t)
	c.Jobs = 1
	c.submit("a", c.rung(3))
	c.submit("b", c.rung(3))
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	c.Progress = func(string) { cancel(enough) }
	require.ErrorIs(t, grade.Run(ctx, c.Config), enough)
	require.Equal(t, 100.0, *c.outcome("a").Score)
	require.NoFileExists(t, filepath.Join(c.Out, "b", "results.json"))
	require.Len(t, c.scores(), 1)
}

func TestAJudgeThatDoesNotDoItsWorkGradesNobody(t *testing.T) {
	const (
		list = `if [ "$1" = -list ]; then printf '%s\n' '{"step":"p1.1","check":"a","rule":"","outcome":"","took":0}' ` +
			`'{"step":"p1.2","check":"b","rule":"","outcome":"","took":0}' '{"step":"p1.3","check":"c","rule":"","outcome":"","took":0}'; exit 0; fi` + "\n"
		a = `{"step":"p1.1","check":"a","rule":"","outcome":"passed","took":0}`
		b = `{"step":"p1.2","check":"b","rule":"","outcome":"passed","took":0}`
		d = `{"step":"p1.3","check":"c","rule":"","outcome":"passed","took":0}`
	)
	c := newClass(t)
	c.submit("a", c.rung(3))
	c.JudgeArgs = nil
	for name, lines := range map[string]string{
		"two verdicts on p1.1":    strings.Join([]string{a, b, d, a}, "\n"),
		"no verdict on p1.3":      a + "\n" + b,
		"what is no verdict":      a + "\n" + b + "\n" + d + "\nhello",
		"exit status 1":           strings.Join([]string{a, b, d}, "\n") + "\n'; exit 1; echo '",
		"the judge failed: it pr": "[]",
	} {
		c.Judge = filepath.Join(t.TempDir(), "judge")
		require.NoError(t, os.WriteFile(c.Judge, []byte("#!/bin/sh\n"+list+"printf '%s' '"+lines+"'\n"), 0o755))
		c.run()
		require.Nil(t, c.outcome("a").Score, name)
		require.Contains(t, c.outcome("a").Output, name)
		require.Equal(t, []string{"", "", "", "", "not graded: the grader failed"}, c.scores()["a"])
	}
}

func TestACheckThatCouldNotBeCarriedOutLeavesItsStepBlank(t *testing.T) {
	c := newClass(t)
	c.submit("a", c.rung(3), "p1-toy/tally/more.go",
		"package tally\n\nimport (\n\t\"os\"\n\t\"syscall\"\n)\n\nfunc init() { syscall.Kill(os.Getpid(), syscall.SIGKILL) }\n")
	c.JudgeArgs = []string{"-wall", "1ns"}
	c.run()
	require.Nil(t, c.outcome("a").Score)
	require.Equal(t, []string{"", "", "", "", "not graded: some checks could not be carried out"}, c.scores()["a"])
}

func TestWhatIsNoFolderOfAStudentIsLeftAlone(t *testing.T) {
	c := newClass(t)
	c.submit("-rf", c.rung(3))
	c.submit("=1+1", c.rung(0))
	c.submit(strings.Repeat("x", 200), c.rung(3))
	c.submit("a\nb", c.rung(3))
	require.NoError(t, os.Symlink("/etc", filepath.Join(c.Submissions, "etc")))
	require.NoError(t, os.WriteFile(filepath.Join(c.Submissions, "file"), nil, 0o600))
	c.run()
	scores := c.scores()
	require.Len(t, scores, 4)
	require.Equal(t, "100", scores["'-rf"][3], "%v", scores)
	require.Contains(t, scores, "'=1+1", "no formula")
	require.Contains(t, c.heard(), `"etc" is no folder`)
	require.NotContains(t, c.heard(), "a\nb")
	for _, name := range []string{"..", ".", "../out", "nobody", ""} {
		c.Student = name
		if name != "" {
			require.ErrorIs(t, grade.Run(t.Context(), c.Config), grade.ErrGrade, name)
		}
	}
}
