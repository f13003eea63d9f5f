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

	"dss.example/common/judge"
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

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	steps, seen := map[string]bool{}, map[string]bool{}
	for _, c := range Checks() {
		require.NotEmpty(t, c.Rule, c.Name)
		require.False(t, seen[c.Step+c.Name], "%s %s is there twice", c.Step, c.Name)
		seen[c.Step+c.Name], steps[c.Step] = true, true
	}
	require.Len(t, steps, 9, "p1.0 to p1.8")
}

// TestMain lets the test binary be the judge too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-bin" {
		judge.Main("p1", Checks())
	}
	os.Exit(m.Run())
}

// build builds the stage's programs, with the text right replaced in a file of the
// stage if file is not empty.
func build(t *testing.T, file, right, wrong string) (bin string) {
	bin = t.TempDir()
	args := []string{"build", "-ldflags=-s -w", "-o", bin + string(filepath.Separator)}
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
	cmd := exec.Command("go", append(args, "../cmd/sim", "../cmd/kvd", "../cmd/kv", "../cmd/newton", "../cmd/rpc")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return bin
}

// failed judges programs and returns the checks that did not pass.
func failed(t *testing.T, bin, step string) (names []string) {
	self, err := os.Executable()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd := exec.Command(self, "-bin", bin, "-step", step, "-schedules", "40", "-cpu", "20s")
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	for line := range strings.Lines(string(out)) {
		var v judge.Verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		if v.Outcome != judge.Passed {
			t.Logf("%s: %s", v.Check, v.Message)
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
				bin := build(t, "", "", "")
				for _, step := range []string{"p1.0", "p1.1", "p1.2", "p1.5", "p1.6"} {
					require.Empty(t, failed(t, bin, step))
				}
				return
			}
			require.Contains(t, failed(t, build(t, c.file, c.right, c.wrong), c.step), c.caught)
		})
	}
}
