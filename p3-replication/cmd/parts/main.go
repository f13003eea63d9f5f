// Parts serves the parts of stage 3's servers to a judge over its standard input and output, a
// step at a time: vectors, the order of writes, the state that writes make; and whole servers
// that have met before the run begins. Servers on empty disks are served by sim -pipe.
//
// It is a shell of staff's around what a submission makes, and knows nothing of what is right.
package main

import (
	"context"
	"io"

	"dss.example/common/daemon/cli"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/judged/asked"
	"dss.example/p3-replication/judged/met"
	"dss.example/p3-replication/world"
)

func main() {
	cli.Main(&cli.Command{
		Name:    "parts",
		Brief:   "serve the parts of stage 3's servers to a judge, over the standard input and output",
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
	all := asked.Roles()
	all[world.Role] = met.Protocol()
	return all
}
