//go:build unix

package readme

import (
	"os"
	"os/exec"
	"syscall"
)

// inGroup gives cmd a process group of its own, which all that it starts joins.
func inGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup signals all processes of p's group. None may be left, which is fine.
func endGroup(p *os.Process, force bool) {
	signal := syscall.SIGTERM
	if force {
		signal = syscall.SIGKILL
	}
	_ = syscall.Kill(-p.Pid, signal)
}
