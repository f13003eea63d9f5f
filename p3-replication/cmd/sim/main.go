// Sim runs stage 3 in the simulator: servers that take writes while they are cut off from each
// other, and come to agree.
package main

import (
	"flag"

	"dss.example/common/kv"
	"dss.example/common/script"
	"dss.example/common/sim"
	"dss.example/common/sim/simcmd"

	"dss.example/p3-replication/world"
)

func main() { simcmd.Main(stage()) }

// stage tells the command what stage 3 has.
func stage() simcmd.Stage {
	chosen, waived := world.Usual(), kv.Guarantees(0)
	return simcmd.Stage{
		Number:  3,
		Command: "go run ./p3-replication/cmd/sim",
		Flags: func(f *flag.FlagSet) {
			chosen, waived = world.Usual(), 0
			f.Func("world", "run the `WORLD`: "+world.Names()+" (default three)", func(name string) (err error) {
				chosen, err = world.Named(name)
				return err
			})
			f.Func("waive", "let sessions do without `LIST`, some of ryw, mr, wfr and mw, in worlds with travellers: their judge finds what that breaks", func(list string) (err error) {
				waived, err = kv.ParseGuarantees(list)
				return err
			})
		},
		Chosen: func() (flags string) {
			if chosen.Name != world.Usual().Name {
				flags = " -world " + chosen.Name
			}
			if waived != 0 {
				flags += " -waive " + waived.String()
			}
			return flags
		},
		World: func() *sim.Config {
			chosen.Waived = waived
			return chosen.World()
		},
		Limits: func(f sim.Faults) sim.Faults { return chosen.Limit(f) },
		Roles:  roles(),
		Script: func() script.World { return scripted() },

		Explore: explored,
	}
}
