//go:build unix

package demo

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Build builds commands, given by their import paths, with the go command of the
// workspace around the working directory. It returns where the programs are, in
// the same order; they are removed at the end of the Show. Its error has what the
// compiler said.
func (s *Show) Build(ctx context.Context, packages ...string) ([]string, error) {
	var programs []string
	for _, pkg := range packages {
		dir, err := s.TempDir() // of its own: every stage has a kvd
		if err != nil {
			return nil, err
		}
		program := filepath.Join(dir, path.Base(pkg))
		if _, err := goCommand(ctx, "build", "-o", program, pkg); err != nil {
			return nil, err
		}
		programs = append(programs, program)
	}
	return programs, nil
}

// GoRoot returns the root of the Go tree that the go command uses.
func GoRoot(ctx context.Context) (string, error) {
	out, err := goCommand(ctx, "env", "GOROOT")
	return strings.TrimSpace(out), err
}

// goCommand runs the go command and returns its standard output. When ctx ends,
// the compilers that it has started end too.
func goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var out strings.Builder
	var complaints tail
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &complaints, outputTime
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return out.String(), nil
}
