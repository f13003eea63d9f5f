// Parts is what a submission's cmd/parts should not be. The last bytes of its own file tell
// it how to misbehave.
package main

import (
	"io"
	"os"
	"strings"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/judged/watched"
	"dss.example/p4-consensus/paxos/single"
)

// markSize is how many bytes tell.
const markSize = 16

// stdio is a program's end of the judge's pipe.
type stdio struct {
	io.Reader
	io.Writer
}

func main() {
	self, err := os.Executable()
	if err != nil {
		self = "/bin/parts" // where a box has it
	}
	program, err := os.ReadFile(self)
	if err != nil {
		panic(err)
	}
	switch strings.TrimSpace(string(program[len(program)-markSize:])) {
	case "agrees":
		_ = sim.ServePipe(stdio{os.Stdin, os.Stdout}, roles())
	case "echoes":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "talks":
		_, _ = os.Stdout.WriteString(`{"step":"p4.1","outcome":"passed"}` + "\n")
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

// roles are machines that do nothing, and so nothing wrong.
func roles() map[string]*machine.Protocol {
	all := map[string]*machine.Protocol{}
	for role, p := range single.Roles() {
		idle := *p
		idle.New = func(machine.Addr, []byte) (machine.Machine, error) { return nothing{}, nil }
		all[role], all[watched.Role(role)] = &idle, watched.Protocol(role, &idle)
	}
	return all
}

type nothing struct{}

// Step implements machine.Machine. It tells that all is well.
func (nothing) Step(_ machine.In, out *machine.Out) {
	out.Note = append(out.Note, machine.Fact{Name: "passed", Text: string(cbor.AppendText(nil, "100 points"))})
}
