//go:build !unix

package box

import "os/exec"

func attr(*exec.Cmd) {}

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// Layers lists what surrounds a boxed program here: nothing.
func Layers() []string { return nil }
