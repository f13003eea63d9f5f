package harness

import (
	"context"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

// versions tells of Go, of the workspace's commit, and of the modules that are
// linked into this program: the peers.
func versions(ctx context.Context, root string) map[string]string {
	v := map[string]string{
		"go":        runtime.Version(),
		"workspace": firstLine(ctx, "git", "-C", root, "describe", "--always", "--dirty"),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Replace == nil { // else it is of the workspace
				v[m.Path] = m.Version
			}
		}
	}
	return v
}

// firstLine returns the first line that a command prints, or "unknown".
func firstLine(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
