//go:build unix

package demo

import "syscall"

// ownGroup makes a process the leader of a group that dies with its parent.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
