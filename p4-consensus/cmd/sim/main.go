// Sim runs stage 4 in the simulator: replicas of stage 1's table that agree by Paxos, and
// stage 1's clients before them.
package main

import (
	"flag"

	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/sim"
	"dss.example/common/sim/simcmd"

	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p4-consensus/cmd/sim/worlds"
)

func main() { simcmd.Main(stage()) }

// stage tells the command what stage 4 has.
func stage() simcmd.Stage {
	chosen := worlds.Usual()
	return simcmd.Stage{
		Number:  4,
		Command: "go run ./p4-consensus/cmd/sim",
		Flags: func(f *flag.FlagSet) {
			chosen = worlds.Usual()
			f.Func("world", "run the `WORLD`: "+worlds.Names()+" (default log)", func(name string) (err error) {
				chosen, err = worlds.Named(name)
				return err
			})
		},
		Chosen: func() string {
			if chosen.Name == worlds.Usual().Name {
				return ""
			}
			return " -world " + chosen.Name
		},
		World:   func() *sim.Config { return chosen.World() },
		Limits:  func(f sim.Faults) sim.Faults { return chosen.Limit(f) },
		Roles:   roles(),
		Script:  func() script.World { return scripted() },
		Explore: explored,
	}
}

// served is kvd's name for the role.
const served = "kv"

// roles are those of the worlds, and that under which kvd records.
func roles() map[string]*machine.Protocol {
	all := world.Roles()
	all[worlds.Role] = worlds.Language().Protocol()
	all[served] = worlds.LanguageOf(served, table.Config{}).Protocol()
	return all
}
