package proc

import (
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time, user and system, that all threads of a process
// have used. It reads the clock of the process (clock_getcpuclockid(3)), which
// counts nanoseconds where /proc/PID/stat counts hundredths of a second.
func CPU(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED: what the scheduler has counted
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}

// guard puts the command, before it starts, into a group of its own, so that an
// interrupt at the terminal reaches its parent only, and ties its life to the
// parent's.
func guard(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// kill ends a guarded command and all that it has started, at once.
func kill(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
