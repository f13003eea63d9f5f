package main

import (
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/gossip"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/overlay"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

// way is one to tell all.
type way struct {
	name    string
	sure    bool // nothing is lost for good
	roles   func(self machine.Node, l *topology.Layout, servers int) []sim.Role
	publish func(name string) machine.Data
}

// role is the machine's that publishes; on its node may be others.
const role = "news"

// beat is how often a server turns to another without news, whatever the way.
const beat = 200 * machine.Millisecond

func ways() []way {
	epidemic := gossip.Config{
		Rumours: gossip.PushPull, Fade: gossip.Fade{K: 2}, Period: beat,
		Entropy: gossip.PushPull, Every: 5, Compare: gossip.Checksum,
	}
	mail := gossip.Config{Mail: true, Period: beat, Entropy: gossip.PushPull, Every: 5, Compare: gossip.Checksum}
	item := func(name string) machine.Data { return proto.Publish{Body: []byte(name)} }
	put := func(name string) machine.Data { return gossip.Put{Key: name} }
	return []way{
		{"tree", false, tree(false), item},
		{"tree, lazy gossip", true, tree(true), item},
		{"rumours, uniform", true, sites(epidemic, 0), put},
		{"rumours, d^-2", true, sites(epidemic, 2), put},
		{"direct mail", true, sites(mail, 0), put},
	}
}

// tree makes a server of an overlay, and its probe.
func tree(lazy bool) func(machine.Node, *topology.Layout, int) []sim.Role {
	return func(self machine.Node, l *topology.Layout, servers int) []sim.Role {
		p := probe.Config{Zone: l.Zone(self), Tell: role}
		for _, n := range everyone(servers) {
			if n != self {
				p.Peers = append(p.Peers, proto.Place{Node: n})
			}
		}
		c := overlay.Config{Every: beat, Lazy: lazy}
		return []sim.Role{
			{Name: "probe", Protocol: mortal(probe.Protocol()), Config: p.AppendTo(nil)},
			{Name: role, Protocol: mortal(overlay.Protocol()), Config: c.AppendTo(nil)},
		}
	}
}

// sites makes one of package gossip, that chooses partners by a distribution.
func sites(c gossip.Config, a float64) func(machine.Node, *topology.Layout, int) []sim.Role {
	return func(self machine.Node, l *topology.Layout, servers int) []sim.Role {
		c.Peers = everyone(servers)
		c.Weights = l.Weights(self, topology.Spatial{A: a}, c.Peers)
		return []sim.Role{{Name: role, Protocol: mortal(gossip.Protocol()), Config: c.AppendTo(nil)}}
	}
}

func everyone(servers int) (all []machine.Node) {
	for i := range servers {
		all = append(all, machine.Node(i+1))
	}
	return all
}

// mortal lets the machines of a protocol die for good: to a die.
func mortal(p *machine.Protocol) *machine.Protocol {
	own := p.New
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := own(self, config)
		return &life{machine: m}, err
	}
	return p
}

type life struct {
	machine machine.Machine
	over    bool
}

func (l *life) Step(in machine.In, out *machine.Out) {
	if l.over {
		return
	}
	if e, ok := in.Event.(machine.Ask); ok && e.Cmd == (die{}) {
		l.over = true
		out.Answer(e.ID, die{})
		return
	}
	l.machine.Step(in, out)
}

// die is a command, and its answer.
type die struct{}

// AppendTo implements machine.Data.
func (die) AppendTo(b []byte) []byte { return append(b, "die"...) }
