//go:build !linux

package box

import (
	"errors"
	"os/exec"
	"path/filepath"
)

var errNotHere = errors.New("not on this system")

// Start starts a program, in a process group of its own if there are such.
func Start(cmd *exec.Cmd, _ Limits) error {
	attr(cmd)
	return cmd.Start()
}

// Confine is Start with paths below root.
func Confine(cmd *exec.Cmd, root string, l Limits) error {
	cmd.Path, cmd.Dir = filepath.Join(root, cmd.Path), filepath.Join(root, cmd.Dir)
	cmd.Env = Environment(cmd.Dir)
	return Start(cmd, l)
}

// Enter does nothing on this system.
func Enter() {}

// Seal is not to be had on this system.
func Seal() error { return errNotHere }

// Adopt is not to be had on this system.
func Adopt() error { return errNotHere }

// Sweep finds nothing on this system.
func Sweep(...int) int { return 0 }

// Look sees nothing on this system.
func Look(int) (Usage, bool) { return Usage{}, false }

// Looks reports that Look does not work.
func Looks() bool { return false }
