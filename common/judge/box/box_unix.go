//go:build unix && !linux

package box

import (
	"os/exec"
	"syscall"
)

func attr(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// Layers lists what surrounds a boxed program here.
func Layers() []string { return []string{"process group"} }
