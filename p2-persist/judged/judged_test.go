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

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob/blobtest"
	"dss.example/common/judge"
	"dss.example/common/stable/stabletest"
)

// onlyCheck is the variable that tells the test binary as a judge to carry out one check.
const onlyCheck = "DSS_TEST_CHECK"

// TestMain lets the test binary be the judge too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-bin" {
		judge.Main("p2", slices.DeleteFunc(Checks(), func(c judge.Check) bool {
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
	require.Len(t, steps, 9, "p2.1 to p2.9")
}

func TestEveryPromiseOfASuiteIsInOneCheck(t *testing.T) {
	var want, got []string
	for _, c := range blobtest.Checks() {
		want = append(want, c.Name)
	}
	for _, g := range group(blobPromises(), blobtest.Checks(), func(c blobtest.Check) string { return c.Name }) {
		require.NotEmpty(t, g.checks, g.name)
		for _, c := range g.checks {
			got = append(got, c.Name)
			require.Contains(t, g.rule, c.Name[1:])
		}
	}
	for _, c := range stabletest.Checks() {
		want = append(want, c.Name)
	}
	for _, g := range group(logPromises(), stabletest.Checks(), func(c stabletest.Check) string { return c.Name }) {
		require.NotEmpty(t, g.checks, g.name)
		for _, c := range g.checks {
			got = append(got, c.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Empty(t, cmp.Diff(want, got))
}

// build builds programs of the stage, with the text right replaced in a file of the
// stage if file is not empty.
func build(t *testing.T, file, right, wrong string, programs ...string) (bin string) {
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
	cmd := exec.Command("go", append(args, programs...)...)
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
	cmd := exec.Command(self, append([]string{"-bin", bin, "-step", step, "-cpu", "20s"}, args...)...)
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

func TestTheReferencePassesEveryCheck(t *testing.T) {
	bin := build(t, "", "", "", "../cmd/parts")
	steps := []string{"all"}
	if testing.Short() {
		steps = []string{"p2.2", "p2.6", "p2.9"} // what takes little
	}
	for _, step := range steps {
		for _, v := range verdicts(t, bin, step, "") {
			require.Equal(t, judge.Passed, v.Outcome, "%s %s: %s", v.Step, v.Check, v.Message)
		}
	}
}

// Each is a wrong program that somebody would write, and the check that is made for it.
func TestWhatIsBrokenFailsWhereItShould(t *testing.T) {
	for name, c := range map[string]struct{ file, right, wrong, caught string }{
		"keys that are no text are taken":       {"../object/check.go", "it.key && it.major != majorText", "it.key && it.major == majorTag", "what is not canonical is refused"},
		"a link after the first is lost":        {"../object/check.go", "!yield(id, err) {", "!yield(id, err) || true {", "links are found in order"},
		"cuts follow the reads":                 {"../chunk/stream.go", "s.err == nil && s.end-s.start < s.max", "s.err == nil && s.end == s.start", "the same cuts for any split of the reads"},
		"the size of a blob is not looked at":   {"../file/span.go", "v.node.Level != level || size != p.Size", "v.node.Level != level", "a file that lies is malformed"},
		"a node ends by its size alone":         {"../tree/rule.go", "rank(level, key) < ", "0 == ", "the same pairs have the same root"},
		"proofs with too much are believed":     {"../tree/proof.go", "err == nil && len(path.rest) > 0", "err == nil && len(path.rest) > 9", "only a true proof is believed"},
		"a failed sync is tried again":          {"../segment/writer.go", "if err := w.segment.file.Sync(); err != nil {\n\t\treturn w.fail(err)", "if err := w.segment.file.Sync(); err != nil {\n\t\treturn err", "after a failed sync nothing is done"},
		"damage in the middle is the end":       {"../segment/scan.go", "return sc.at >= sc.synced || sc.at > sc.last, nil", "return true, nil", "torn is not damaged"},
		"the directory is not synced":           {"../segment/writer.go", "return w.fail(fs.SyncDir(path.Dir(name)))", "return nil", "a crash leaves a prefix"},
		"a segment is left without a sync":      {"../wal/log.go", "if err := l.last.Sync(); err != nil {", "if err := l.last.Flush(); err != nil {", "every crash leaves what the twin could leave"},
		"a head is seen before its blobs":       {"../head/store.go", "return s.blobs.Sync()", "return nil", "no head before its blobs"},
		"the hash is not looked at":             {"../pack/record.go", "return b, id.Check(b)", "return b, nil", "only the hash is believed"},
		"the bytes of a put are not copied":     {"../pack/store.go", "bytes: bytes.Clone(b)}", "bytes: bytes.TrimSuffix(b, nil)}", "a blob is what was put"},
		"a commit is no later than its parents": {"../history/history.go", "time = max(time, p.Time+1)", "time = max(time, p.Time)", "a commit moves its branch"},
	} {
		if testing.Short() && !strings.HasPrefix(c.file, "../segment") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			bin := build(t, c.file, c.right, c.wrong, "../cmd/parts")
			got := verdicts(t, bin, "all", c.caught, "-cpu", "3s")
			require.Len(t, got, 1)
			require.Equal(t, judge.Failed, got[0].Outcome, got[0].Message)
			t.Log(got[0].Message)
		})
	}
}

// marked copies the program that misbehaves to a folder, with a word of 16 bytes behind
// its end that tells it how.
func marked(t *testing.T, program []byte, how string) (bin string) {
	bin = t.TempDir()
	program = fmt.Appendf(slices.Clip(program), "%16s", how)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "parts"), program, 0o700))
	return bin
}

// Nothing that a program says in the place of an answer is worth a point.
func TestProgramsThatDoNotAnswerGetNothing(t *testing.T) {
	program, err := os.ReadFile(filepath.Join(build(t, "", "", "", "./testdata/parts"), "parts"))
	require.NoError(t, err)
	step := "all"
	if testing.Short() {
		step = "p2.5"
	}
	for how, c := range map[string]struct{ check, message string }{ // no check: all of the step
		"agrees":  {"", ""},
		"refuses": {"", ""},
		"echoes":  {"", ""},
		"ends":    {"time travel", "the program has ended"},
		"talks":   {"one value has one encoding", "no answer of parts"},
		"claims":  {"fixed cuts", "frame of 4294967295 bytes"},
		"sleeps":  {"a diff tells what differs", "did nothing for 300ms while it was waited for"},
		"is slow": {"zeros are holes", "used more than 1s of processor time"},
		"floods":  {"a log comes back", "malformed CBOR"},
		"asks":    {"a crash leaves a prefix", "and did not end"},
		"writes":  {"torn is not damaged", "and did not end"},
	} {
		t.Run(how, func(t *testing.T) {
			args := []string{"-idle", "300ms", "-cpu", "1s"}
			if c.check == "" {
				args = append(args, "-step", step)
			}
			for _, v := range verdicts(t, marked(t, program, how), "all", c.check, args...) {
				require.NotEqual(t, judge.Passed, v.Outcome, v.Check)
				require.Equal(t, judge.Failed, v.Outcome, "%s: %s", v.Check, v.Message)
				require.Contains(t, v.Message, c.message, v.Check)
			}
		})
	}
}
