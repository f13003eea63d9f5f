package mutant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrBuild means that a mutant does not compile, which is no kill.
var ErrBuild = errors.New("mutant does not build")

// maxOutput bounds what is kept of a test's output, in bytes.
const maxOutput = 1 << 20

// Verdict is what a test run said of a mutant.
type Verdict struct {
	Killed bool          // a test failed
	Said   bool          // and the output holds the mutant's message
	Output string        // of go test, its first MiB
	Took   time.Duration // building included
}

// Test lays the mutant over the tree at root and runs "go test" with the given
// arguments in the folder dir. The error is ErrStale, ErrBuild, ctx's, or that go
// could not run: in all of them nothing was tried.
func (m *Mutant) Test(ctx context.Context, root, dir string, args ...string) (Verdict, error) {
	changed, err := m.Apply(root)
	if err != nil {
		return Verdict{}, err
	}
	work, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return Verdict{}, err
	}
	defer os.RemoveAll(work)
	overlay, err := writeOverlay(work, root, changed)
	if err != nil {
		return Verdict{}, err
	}
	begun := time.Now()
	output, err := goTest(ctx, dir, append([]string{"-overlay=" + overlay, "-count=1", "-vet=off", "-ldflags=-s -w"}, args...))
	v := Verdict{Output: output, Took: time.Since(begun)}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return v, nil
	case ctx.Err() != nil:
		return v, fmt.Errorf("mutant %s: %w", m.ID, ctx.Err())
	case !errors.As(err, &exit):
		return v, fmt.Errorf("mutant %s: %w", m.ID, err)
	case !strings.Contains(output, "\nFAIL\t") && !strings.HasPrefix(output, "FAIL\t"),
		strings.Contains(output, "[build failed]"), strings.Contains(output, "[setup failed]"):
		return v, fmt.Errorf("%w: %s:\n%s", ErrBuild, m.ID, output)
	}
	v.Killed, v.Said = true, strings.Contains(output, m.Message)
	return v, nil
}

// writeOverlay writes the changed files and the map that go build's -overlay
// reads, whose name it returns.
func writeOverlay(work, root string, changed map[string][]byte) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for name, content := range changed {
		file := filepath.Join(work, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(name))] = file
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(work, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

func goTest(ctx context.Context, dir string, args []string) (string, error) {
	var out limited
	cmd := exec.CommandContext(ctx, "go", append([]string{"test"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	cmd.WaitDelay = 5 * time.Second // a test binary may outlive a killed go command
	err := cmd.Run()
	return out.kept.String(), err
}

// limited keeps the first maxOutput bytes. It hides the buffer's ReadFrom, which
// would keep all.
type limited struct{ kept bytes.Buffer }

// Write never fails, so that the command goes on.
func (l *limited) Write(b []byte) (int, error) {
	l.kept.Write(b[:min(len(b), maxOutput-l.kept.Len())])
	return len(b), nil
}
