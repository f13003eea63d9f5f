// Sim runs stage 1 in the simulator.
package main

import (
	"context"
	"flag"
	"io"

	"dss.example/common/script"
	"dss.example/common/sim"
	"dss.example/common/sim/simcmd"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/world"
)

func main() {
	mode := session.ExactlyOnce
	simcmd.Main(simcmd.Stage{
		Number:  1,
		Command: "go run ./p1-kvrpc/cmd/sim",
		Flags: func(f *flag.FlagSet) {
			mode = session.ExactlyOnce
			f.Func("mode", "let clients do `MODE` when no answer comes: exactly-once, at-most-once or at-least-once (default exactly-once)", func(s string) (err error) {
				mode, err = session.ParseMode(s)
				return err
			})
		},
		Chosen: func() string {
			if mode == session.ExactlyOnce {
				return ""
			}
			return " -mode " + mode.String()
		},
		World:  func() *sim.Config { return world.New(mode) },
		Roles:  world.Roles(),
		Script: func() script.World { return world.Script(mode) },
		Explore: func(ctx context.Context, out io.Writer, progress func(string)) error {
			return world.Explore(ctx, mode, out, progress)
		},
	})
}
