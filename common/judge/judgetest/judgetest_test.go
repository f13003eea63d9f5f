package judgetest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
)

func checks() []judge.Check {
	says := func(want string) func(*judge.T) {
		return func(t *judge.T) {
			if got, _ := t.Start("hello").Talk(""); got != want {
				t.Errorf("it says %q: want %q", got, want)
			}
		}
	}
	return []judge.Check{
		{Step: "p1.2", Name: "greets", Rule: "It says hello.", Run: says("hello world\n")},
		{Step: "p1.1", Name: "ends", Rule: "It ends.", Run: func(t *judge.T) { t.Start("hello").Wait() }},
	}
}

func TestMain(m *testing.M) { judgetest.Main(m, "p1", checks()) }

const source = "testdata/hello/main.go"

func TestStepsAreThoseOfTheChecksInOrder(t *testing.T) {
	require.Equal(t, []string{"p1.1", "p1.2"}, judgetest.Steps(t, checks()))
}

func TestARightProgramPassesAndOneWithAMistakeFailsWhereTheMistakeIs(t *testing.T) {
	right := judgetest.Build(t, []string{"./testdata/hello"})
	all := judgetest.Verdicts(t, right, "")
	require.Len(t, all, 2)
	judgetest.RequireOutcome(t, judge.Passed, all)

	wrong := judgetest.Build(t, []string{"./testdata/hello"},
		judgetest.Mistake{File: source, Right: `"hello"`, Wrong: `"good"`}, judgetest.Mistake{File: source, Right: `"world"`, Wrong: `"bye"`})
	judgetest.RequireOutcome(t, judge.Passed, judgetest.Verdicts(t, wrong, "ends"))
	got := judgetest.Verdicts(t, wrong, "greets")
	require.Len(t, got, 1, "one check was named")
	require.Equal(t, judge.Failed, got[0].Outcome)
	require.Equal(t, `it says "good bye\n": want "hello world\n"`, got[0].Message)
	code, err := os.ReadFile(source)
	require.NoError(t, err)
	require.NotContains(t, string(code), "bye", "the source is as it was")
}

func TestAMarkedProgramRunsWithTheWordBehindIt(t *testing.T) {
	bin := judgetest.Marked(t, filepath.Join(judgetest.Build(t, []string{"./testdata/hello"}), "hello"), "loudly")
	judgetest.RequireOutcome(t, judge.Passed, judgetest.Verdicts(t, bin, "greets", "-step", "2"))
	code, err := os.ReadFile(filepath.Join(bin, "hello"))
	require.NoError(t, err)
	require.Equal(t, "          loudly", string(code[len(code)-16:]))
}
