//go:build !unix

package readme

import (
	"os"
	"os/exec"
)

// inGroup does nothing: this system has no process groups.
func inGroup(*exec.Cmd) {}

// endGroup ends the one process that is known.
func endGroup(p *os.Process, _ bool) { _ = p.Kill() }
