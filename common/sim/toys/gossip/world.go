package gossip

import (
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

// Offers is what the toy promises.
func Offers() kv.Caps { return kv.Caps{Level: kv.Session, Has: kv.CapDurable} }

// World describes the two replicas.
func World(bug Bug) *sim.Config {
	cfg := &sim.Config{}
	for n := machine.Node(1); n <= 2; n++ {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: n, Roles: []sim.Role{{Name: "replica", Protocol: Protocol(bug)}}})
	}
	return cfg
}

// At is the replica of a client.
func At(client int) machine.Addr {
	return machine.Addr{Node: machine.Node(client%2 + 1), Role: "replica"}
}
