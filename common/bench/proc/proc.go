// Package proc is what the benchmarks ask of the operating system: processes that do
// not outlive who started them, the time that they use, and where. Off Linux
// the times are unknown, and a child's own children are its own affair.
package proc

import (
	"os"
	"regexp"
	"time"
)

// Self returns the processor time that this process has used, 0 if unknown.
func Self() time.Duration {
	used, _ := CPU(os.Getpid())
	return used
}

// Model returns the processor's name, or "unknown".
func Model() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	if m := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return "unknown"
}
