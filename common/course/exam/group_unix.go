//go:build unix

package exam

import (
	"os"
	"os/exec"
	"syscall"
)

// inGroup gives cmd a process group of its own, which all that it starts joins.
func inGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends all processes of p's group. None may be left, which is fine.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
