// Sim runs stage 4 in the simulator: replicas of stage 1's table that agree by Paxos, and
// stage 1's clients before them.
package main

import (
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simcmd"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/paxos/proto"
)

func main() {
	simcmd.Main(simcmd.Stage{
		Number:  4,
		Command: "go run ./p4-consensus/cmd/sim",
		World:   newWorld,
		Roles:   roles(),
	})
}

const role = "paxos"

func language() *paxos.Language {
	return door.Language(role, func() door.Store { return table.New(table.Config{HistoryEvents: 20}) })
}

func replica(i int) machine.Addr { return machine.Addr{Node: machine.Node(i), Role: role} }

// config is that of a replica of the world: quicker than a real one, so that a run of some
// hundred steps sees elections, snapshots and what comes after.
func config(n int) paxos.Config {
	c := paxos.Config{
		Heartbeat: 50 * machine.Millisecond, Election: 300 * machine.Millisecond,
		Alpha: 4, Batch: 200, Snapshot: 600, Retain: 2,
	}
	for i := range n {
		c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}})
	}
	return c
}

// newWorld is three replicas and stage 1's clients.
func newWorld() *sim.Config {
	protocol := language().Protocol()
	cfg := world.Behind(session.ExactlyOnce, protocol, config(3))
	var nodes []sim.Node
	for i := range 3 {
		nodes = append(nodes, sim.Node{ID: machine.Node(i + 1), Roles: []sim.Role{
			{Name: role, Protocol: protocol, Config: config(3).AppendTo(nil), Remote: true},
		}})
	}
	for i, n := range cfg.Nodes[1:] {
		c := world.Patient(session.ExactlyOnce)
		c.Servers = nil
		for k := range 3 {
			c.Servers = append(c.Servers, session.Server{Addr: replica((i+k)%3 + 1)})
		}
		if i == 2 {
			c.Timeout = machine.Second
		}
		n.Roles[0].Config = c.AppendTo(nil)
		nodes = append(nodes, n)
	}
	cfg.Nodes = nodes
	cfg.Faults.Down = 1
	return cfg
}

func roles() map[string]*machine.Protocol {
	all := world.Roles()
	all[role] = language().Protocol()
	return all
}
