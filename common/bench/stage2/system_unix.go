//go:build unix

package stage2

import (
	"syscall"
	"time"
)

// childCPU returns the processor time that commands which have ended, and theirs, have
// used.
func childCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
