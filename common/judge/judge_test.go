package judge_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
)

// TestMain lets the test binary be a judge.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-bin" || os.Args[1] == "-list") {
		judge.Main("p1", checks)
	}
	os.Exit(m.Run())
}

func check(name string, run func(t *judge.T)) judge.Check {
	return judge.Check{Step: "p1.1", Name: name, Rule: "rule of " + name, Run: run}
}

// talk demands that the program does as it is told and ends with 0.
func talk(t *judge.T, how string) {
	if _, code := t.Start("behave", how).Talk(""); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

var checks = []judge.Check{
	check("right", func(t *judge.T) {
		p := t.Start("behave", "echo")
		_, _ = p.Write([]byte("ready 7\nnext\n"))
		if rest := p.Ready("ready "); rest != "7" {
			t.Errorf("the rest of the line is %q", rest)
		}
		if line, ok := p.Line(); line != "next" || !ok {
			t.Errorf("the next line is %q, %v", line, ok)
		}
		p.CloseInput()
		if _, more := p.Line(); more || p.Wait() != 0 {
			t.Errorf("it goes on")
		}
	}),
	check("wrong", func(t *judge.T) {
		t.Replay("go test %s", "./x")
		t.Errorf("\n\tError Trace:\tjudge.go:7\n\tError:      \tnot equal\n\tMessages:   \tsecond")
	}),
	check("ends at once", func(t *judge.T) { t.FailNow(); t.Errorf("goes on") }),
	check("the judge panics", func(*judge.T) { panic("out of its mind") }),
	check("says nothing of the submission", func(t *judge.T) { t.NotJudged("no disk") }),
	check("no such program", func(t *judge.T) { t.Start("missing") }),
	check("sleeps", func(t *judge.T) { talk(t, "sleep") }),
	check("spins", func(t *judge.T) { talk(t, "spin") }),
	check("panics", func(t *judge.T) { talk(t, "panic") }),
	check("floods", func(t *judge.T) {
		if out, _ := t.Start("behave", "flood").Talk(""); len(out) != 1<<20 {
			t.Errorf("%d bytes were kept", len(out))
		}
	}),
	check("looks around", func(t *judge.T) {
		out, _ := t.Start("behave", "look").Talk("")
		if !strings.HasPrefix(out, "at /home [HOME=/home ") || strings.Contains(out, "\n"+"sees") {
			t.Errorf("%s", out)
		}
	}),
	check("leaves a child behind", func(t *judge.T) {
		if out, _ := t.Start("behave", "spawn").Talk(""); out != "<nil>\n" {
			t.Errorf("%s", out)
		}
	}),
	check("finds what it has left", func(t *judge.T) {
		p := t.Start("behave", "again")
		first, _ := p.Talk("")
		if second, _ := p.Again("again").Talk(""); first != "was here: false\n" || second != "was here: true\n" {
			t.Errorf("%s%s", first, second)
		}
	}),
	check("speaks in frames of its own", func(t *judge.T) {
		p, stream := t.Stream("behave", "echo")
		_, _ = stream.Write([]byte("frame\n"))
		var b [6]byte
		if _, err := io.ReadFull(stream, b[:]); err != nil || string(b[:]) != "frame\n" {
			t.Errorf("%q, %v", b, err)
		}
		p.CloseInput()
		if p.Wait() != 0 {
			t.Errorf("it goes on")
		}
	}),
	check("is told too much", func(t *judge.T) { t.Errorf("%s", strings.Repeat("x", 1<<20)) }),
	check("is not waited for", func(t *judge.T) { t.Start("behave", "sleep") }),
	{Step: "p1.2", Name: "takes too long", Rule: "it ends", Run: func(t *judge.T) { <-t.Context().Done() }},
}

// build builds the submission.
func build(t *testing.T) string {
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(bin, "behave"), "./testdata/behave")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return bin
}

// start starts the judge.
func start(t *testing.T, args ...string) (all []judge.Verdict, said string, code int) {
	self, err := os.Executable()
	require.NoError(t, err)
	var out, errs bytes.Buffer
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // its code tells
	for line := range strings.Lines(out.String()) {
		var v judge.Verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v), line)
		all = append(all, v)
	}
	return all, errs.String(), cmd.ProcessState.ExitCode()
}

func TestEveryCheckGetsTheVerdictThatItEarns(t *testing.T) {
	got, said, code := start(t, "-bin", build(t), "-step", "p1.1", "-idle", "500ms", "-cpu", "1s")
	require.Zero(t, code, said)
	require.Contains(t, said, "judge: the submission is boxed by: ")
	want := []struct {
		outcome judge.Outcome
		message string
	}{
		{judge.Passed, ""},
		{judge.Failed, "not equal\nsecond"},
		{judge.Failed, "failed"},
		{judge.NotJudged, "the judge failed: out of its mind"},
		{judge.NotJudged, "no disk"},
		{judge.Failed, "there is no program missing"},
		{judge.Failed, "behave did nothing for 500ms while it was waited for\nit ended with -1"},
		{judge.Failed, "behave used more than 1s of processor time"},
		{judge.Failed, "panic: as asked"},
		{judge.Passed, ""},
		{judge.Passed, ""},
		{judge.Passed, ""},
		{judge.Passed, ""},
		{judge.Passed, ""},
		{judge.Failed, "xxx"},
		{judge.Passed, ""},
	}
	require.Len(t, got, len(want))
	for i, w := range want {
		require.Equal(t, w.outcome, got[i].Outcome, "%s: %s", got[i].Check, got[i].Message)
		require.Contains(t, strings.ReplaceAll(got[i].Message, " \t", ""), w.message, got[i].Check)
		require.NotContains(t, got[i].Message, "Error Trace")
		require.Less(t, len(got[i].Message), 64<<10, got[i].Check)
	}
	require.Equal(t, "go test ./x", got[1].Replay)
	requireNoProcess(t, "behave")
}

func TestACheckThatTakesTooLongByTheClockIsNotJudged(t *testing.T) {
	got, said, code := start(t, "-bin", t.TempDir(), "-step", "2", "-wall", "100ms")
	require.Zero(t, code, said)
	require.Len(t, got, 1)
	require.Equal(t, judge.NotJudged, got[0].Outcome)
	require.Equal(t, "not finished after 100ms", got[0].Message)
}

func TestTheListIsTheChecksWithoutOutcomes(t *testing.T) {
	got, said, code := start(t, "-list")
	require.Zero(t, code, said)
	var want []judge.Verdict
	for _, c := range checks {
		want = append(want, judge.Verdict{Step: c.Step, Check: c.Name, Rule: c.Rule})
	}
	require.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreFields(judge.Verdict{}, "Took")))
}

func TestBadUsageIsNoVerdict(t *testing.T) {
	for _, args := range [][]string{{"-bin", "nowhere"}, {"-list", "-step", "p1.3"}, {"-list", "-what"}} {
		got, said, code := start(t, args...)
		require.Equal(t, 2, code, said)
		require.Empty(t, got)
	}
}

// requireNoProcess demands that no process of that name is left.
func requireNoProcess(t *testing.T, name string) {
	t.Helper()
	left := func() bool {
		files, _ := filepath.Glob("/proc/[0-9]*/comm")
		for _, file := range files {
			if text, _ := os.ReadFile(file); strings.TrimSpace(string(text)) == name {
				return true
			}
		}
		return false
	}
	require.Eventually(t, func() bool { return !left() }, 5*time.Second, 10*time.Millisecond)
}
