// Parts serves the machines of single-decree Paxos to a judge over its standard input and
// output, a step at a time: an acceptor, a proposer, a learner; and each of them once more
// under a name by which it notes its state, for a judge that searches all runs; and the windows
// that remember which commands were executed. The replicas of the log are served by sim -pipe.
//
// It is a shell of staff's around what package single makes, and knows nothing of what is
// right.
package main

import (
	"context"
	"io"

	"dss.example/common/daemon/cli"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/judged/watched"
	"dss.example/p4-consensus/judged/windows"
	"dss.example/p4-consensus/paxos/single"
)

func main() {
	cli.Main(&cli.Command{
		Name:    "parts",
		Brief:   "serve the machines of single-decree Paxos to a judge, over the standard input and output",
		Detail:  "It ends with its input. Nobody but a judge has a use for it.",
		Example: "judge -bin bin   # starts parts",
		Run: func(_ context.Context, _ []string, std cli.Std) error {
			return sim.ServePipe(stream{std.In, std.Out}, roles())
		},
	})
}

// stream joins what is read and what is written.
type stream struct {
	io.Reader
	io.Writer
}

// roles are all that are served, by name.
func roles() map[string]*machine.Protocol {
	all := single.Roles()
	for role, p := range single.Roles() {
		all[watched.Role(role)] = watched.Protocol(role, p)
	}
	all[windows.Role] = windows.Protocol()
	return all
}
