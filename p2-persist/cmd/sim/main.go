// Sim runs stage 2 in the simulator: the server of stage 1 on a disk that loses what was
// not synced, and stage 1's clients before it.
package main

import (
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simcmd"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p2-persist/checkpoint/pulse"
	"dss.example/p2-persist/durable"
)

func main() {
	simcmd.Main(simcmd.Stage{
		Number:  2,
		Command: "go run ./p2-persist/cmd/sim",
		World:   newWorld,
		Roles:   roles(),
		Script:  scripted,
	})
}

// newWorld is stage 1's, with a server that crashes and forgets nothing.
func newWorld() *sim.Config {
	return world.Behind(session.ExactlyOnce, protocol(), table.Config{HistoryEvents: 20})
}

func roles() map[string]*machine.Protocol {
	all := world.Roles()
	all[world.RoleTable] = protocol()
	return all
}

// protocol is that of the table of stage 1 as a machine that survives a crash.
func protocol() *machine.Protocol {
	return durable.Protocol(pulse.Protocol(table.Protocol()), inside)
}

// inside configures the machine that survives, as the real server does.
func inside(self machine.Addr, config []byte) (durable.Config, error) {
	c, err := table.DecodeConfig(config)
	return durable.Config{
		Self: self, Inside: pulse.Wrap(self, table.NewMachine(self, c), machine.Second),
		Changes: durable.Changes, Refuse: durable.Refuse,
	}, err
}
