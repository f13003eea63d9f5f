// Sim runs stage 3 in the simulator: servers that take writes while they are cut off from each
// other, and come to agree.
package main

import (
	"flag"

	"dss.example/common/script"
	"dss.example/common/sim"
	"dss.example/common/sim/simcmd"

	"dss.example/p3-replication/world"
)

func main() { simcmd.Main(stage()) }

// stage tells the command what stage 3 has.
func stage() simcmd.Stage {
	chosen := world.Usual()
	return simcmd.Stage{
		Number:  3,
		Command: "go run ./p3-replication/cmd/sim",
		Flags: func(f *flag.FlagSet) {
			chosen = world.Usual()
			f.Func("world", "run the `WORLD`: "+world.Names()+" (default three)", func(name string) (err error) {
				chosen, err = world.Named(name)
				return err
			})
		},
		Chosen: func() string {
			if chosen.Name == world.Usual().Name {
				return ""
			}
			return " -world " + chosen.Name
		},
		World:  func() *sim.Config { return chosen.World() },
		Limits: func(f sim.Faults) sim.Faults { return chosen.Limit(f) },
		Roles:  roles(),
		Script: func() script.World { return scripted() },

		Explore: explored,
	}
}
