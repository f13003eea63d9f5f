// Sim runs stage 4 in the simulator: replicas of stage 1's table that agree by Paxos, and
// stage 1's clients before them.
package main

import (
	"flag"
	"fmt"
	"strings"

	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/sim"
	"dss.example/common/sim/simcmd"

	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
)

func main() { simcmd.Main(stage()) }

// stage tells the command what stage 4 has.
func stage() simcmd.Stage {
	chosen := kinds()[0]
	return simcmd.Stage{
		Number:  4,
		Command: "go run ./p4-consensus/cmd/sim",
		Flags: func(f *flag.FlagSet) {
			chosen = kinds()[0]
			f.Func("world", "run the `WORLD`: "+names()+" (default log)", func(name string) (err error) {
				chosen, err = parseKind(name)
				return err
			})
		},
		Chosen: func() string {
			if chosen.name == kinds()[0].name {
				return ""
			}
			return " -world " + chosen.name
		},
		World:   func() *sim.Config { return chosen.world() },
		Limits:  func(f sim.Faults) sim.Faults { return chosen.limit(f) },
		Roles:   roles(),
		Script:  func() script.World { return scripted() },
		Explore: explored,
	}
}

// roles are those of the worlds, and that under which kvd records.
func roles() map[string]*machine.Protocol {
	all := world.Roles()
	all[role] = language().Protocol()
	all[served] = languageOf(served, table.Config{}).Protocol()
	return all
}

// names lists the worlds for people.
func names() string {
	var all []string
	for _, k := range kinds() {
		all = append(all, k.name)
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

func parseKind(name string) (kind, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("no world %q: want %s", name, names())
}
