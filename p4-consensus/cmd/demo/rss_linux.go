package main

import (
	"fmt"
	"os"
	"strings"
)

// residentBytes is the memory that a process has in use.
func residentBytes(pid int) (uint64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	var kib uint64
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		return 0, fmt.Errorf("/proc/%d/status tells no VmRSS: %w", pid, err)
	}
	return kib << 10, nil
}
