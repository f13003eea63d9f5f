package oracle_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
)

// program is the command blob, built, and run on a store.
type program struct{ path, store string }

func buildBlob(t *testing.T) program {
	t.Helper()
	p := program{filepath.Join(t.TempDir(), "blob"), t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.path, "./cmd/blob")
	build.Dir, build.Env = "..", append(os.Environ(), "GOWORK=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return p
}

// run returns what the command prints, in one line without its end.
func (p program) run(t *testing.T, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	c := exec.CommandContext(t.Context(), p.path, append([]string{"-store", p.store}, args...)...)
	c.Stderr = &said
	out, err := c.Output()
	require.NoError(t, err, "blob %v: %s", args, &said)
	return strings.TrimSpace(string(out))
}

func TestWhatTheProgramExportsTheyReadAndWhatTheyWriteItImports(t *testing.T) {
	ours := buildBlob(t)
	root, file := t.TempDir(), filepath.Join(t.TempDir(), "main.car")
	plant(t, root)
	ours.run(t, "snapshot", root)
	require.NoError(t, os.WriteFile(filepath.Join(root, "new"), []byte("new"), 0o644))
	tip, err := blob.Parse(ours.run(t, "snapshot", root))
	require.NoError(t, err)
	ours.run(t, "export", "-o", file, "main")

	b, err := os.ReadFile(file)
	require.NoError(t, err)
	inspect(t, b, len(traverse(t, b, tip)), tip)

	_, blocks, err := readTheirs(b)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, writeTheirs(t, []blob.ID{tip}, blocks), 0o600))
	other := program{ours.path, t.TempDir()}
	other.run(t, "import", "-branch", "main", file)
	require.Equal(t, "new", other.run(t, "cat", "main:new"))
	other.run(t, "verify")
	other.run(t, "fsck")
}
