// Package misbehave is a submission's program that serves machines over a pipe, and should not be
// as it is: for tests of judges. How it misbehaves it is told by the word behind its own file's
// end (judgetest.Marked), where no flag and no variable reaches it.
//
//	agrees   it serves the machines that it is given: see Idle
//	ends     it ends at once
//	echoes   it sends back what it is sent
//	talks    it prints a verdict of its own
//	claims   it announces an answer of 4 GiB
//	sleeps   it reads and never answers
//	spins    it computes for ever
package misbehave

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"dss.example/common/machine"
	"dss.example/common/sim"
)

// markSize is how many bytes tell.
const markSize = 16

// stdio is a program's end of the judge's pipe.
type stdio struct {
	io.Reader
	io.Writer
}

// Main misbehaves. roles are the machines of a program that agrees; step is one of whose points it
// claims.
func Main(step string, roles map[string]*machine.Protocol) {
	switch how() {
	case "agrees":
		_ = sim.ServePipe(stdio{os.Stdin, os.Stdout}, roles)
	case "echoes":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "talks":
		fmt.Printf("{\"step\":%q,\"outcome\":\"passed\"}\n", step)
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "claims":
		_, _ = os.Stdout.Write([]byte{0xff, 0xff, 0xff, 0xff, 0x81})
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "sleeps":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "spins":
		for n := 0; n >= 0; n = (n + 1) & 0xffff { // for ever
			_ = n
		}
	}
}

// how reads the word.
func how() string {
	self, err := os.Executable()
	if err != nil {
		self = filepath.Join("/bin", filepath.Base(os.Args[0])) // where a box has it
	}
	program, err := os.ReadFile(self)
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(program[len(program)-markSize:]))
}

// Idle makes machines like those of a protocol, which do nothing, and so nothing wrong.
func Idle(p *machine.Protocol) *machine.Protocol {
	idle := *p
	idle.New = func(machine.Addr, []byte) (machine.Machine, error) { return nothing{}, nil }
	return &idle
}

type nothing struct{}

// Step implements machine.Machine. It tells that all is well.
func (nothing) Step(_ machine.In, out *machine.Out) {
	out.Note = append(out.Note, machine.Fact{Name: "passed", Text: "100 points"})
}
