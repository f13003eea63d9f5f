package toy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/course/toy"
	"dss.example/common/house/mutant"
)

// run runs the go command in a workspace and returns all it says.
func run(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=-trimpath")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestReferenceAndRightVariantPassAllThatTheStageHas(t *testing.T) {
	root := toy.Write(t)
	right, err := filepath.Glob(filepath.Join(root, "p1-toy/mutants/right/*"))
	require.NoError(t, err)
	require.NotEmpty(t, right)
	for _, variant := range append([]string{""}, right...) {
		tree := toy.Write(t)
		if variant != "" {
			text, err := os.ReadFile(filepath.Join(variant, "tally/tally.go"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(tree, "p1-toy/tally/tally.go"), text, 0o600))
		}
		bin := t.TempDir()
		for _, args := range []string{
			"vet ./p1-toy/...", "test -vet=off -ldflags=-s ./p1-toy/...",
			"build -ldflags=-s -o " + bin + " ./p1-toy/cmd/tally ./p1-toy/cmd/sim ./p1-toy/cmd/judge",
		} {
			out, err := run(t, tree, strings.Fields(args)...)
			require.NoError(t, err, out)
		}
		sim, err := exec.Command(filepath.Join(bin, "sim"), "-schedules", "300", "-quiet").CombinedOutput()
		require.NoError(t, err, string(sim))
		require.Regexp(t, `^hash=[0-9a-f]{16}\n$`, string(sim))
		verdicts, err := exec.Command(filepath.Join(bin, "judge"), "-bin", bin).Output()
		require.NoError(t, err)
		require.Equal(t, 4, strings.Count(string(verdicts), `"outcome":"passed"`), string(verdicts))
	}
}

func TestMutantsFitAndSayWhatIsWrong(t *testing.T) {
	root := toy.Write(t)
	all, err := mutant.Load(filepath.Join(root, "p1-toy/mutants"))
	require.NoError(t, err)
	require.Len(t, all, 3)
	for _, m := range all {
		if m.Instrument == "S" {
			changed, err := m.Apply(root)
			require.NoError(t, err)
			for name, text := range changed {
				require.NoError(t, os.WriteFile(filepath.Join(root, name), text, 0o600))
			}
			out, err := run(t, root, "run", "-ldflags=-s", "./p1-toy/cmd/sim", "-schedules", "300", "-quiet")
			require.Error(t, err)
			require.Contains(t, out, m.Message)
			require.Regexp(t, `replay: go run ./p1-toy/cmd/sim -orders 20 -seed [0-9]+\n`, out)
			continue
		}
		v, err := m.Test(t.Context(), root, root, "./p1-toy/...")
		require.NoError(t, err)
		require.True(t, v.Killed && v.Said, v.Output)
	}
}
