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
	mode, plain := session.ExactlyOnce, false
	simcmd.Main(simcmd.Stage{
		Number:  1,
		Command: "go run ./p1-kvrpc/cmd/sim",
		Flags: func(f *flag.FlagSet) {
			mode = session.ExactlyOnce
			f.BoolVar(&plain, "plain", false, "let callers only get, put, append, delete and scan")
			f.Func("mode", "let clients do `MODE` when no answer comes: exactly-once, at-most-once or at-least-once (default exactly-once)", func(s string) (err error) {
				mode, err = session.ParseMode(s)
				return err
			})
		},
		Chosen: func() (chosen string) {
			if plain {
				chosen = " -plain"
			}
			if mode != session.ExactlyOnce {
				chosen += " -mode " + mode.String()
			}
			return chosen
		},
		World: func() *sim.Config {
			if plain {
				return world.Plain(mode)
			}
			return world.New(mode)
		},
		Roles:  world.Roles(),
		Script: func() script.World { return world.Script(mode) },
		Explore: func(ctx context.Context, out io.Writer, progress func(string)) error {
			return world.Explore(ctx, mode, out, progress)
		},
	})
}
