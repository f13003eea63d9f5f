package exam

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"dss.example/common/course/stage"
)

// Simulate builds the simulator of a stage of the workspace at root and runs it there,
// with the given streams, until it ends or ctx does. It returns the exit code; the
// error is ErrBuild, ctx's, or that of the machine.
//
// The process stays in the caller's group, so that it may read from the terminal.
func Simulate(ctx context.Context, root string, s *stage.Stage, in io.Reader, out, errs io.Writer, args ...string) (code int, err error) {
	dir, err := os.MkdirTemp("", "sim-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	r := &Room{root: root, stage: s, dir: dir, env: append(os.Environ(), "GOWORK="+filepath.Join(root, "go.work"))}
	file := filepath.Join(dir, "sim")
	if _, err := r.goCommand(ctx, slices.Concat(buildProgram, []string{"-o", file, "./" + r.simDir()})...); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = root, in, out, errs, outputTime
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	}
	return 0, err
}
