//go:build !linux

package proc

import (
	"errors"
	"os/exec"
	"time"
)

// CPU returns errors.ErrUnsupported.
func CPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// guard does nothing.
func guard(*exec.Cmd) {}

// kill ends the command at once.
func kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }
