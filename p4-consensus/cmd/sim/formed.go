package main

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/cmd/sim/worlds"
	"dss.example/p4-consensus/paxos/proto"
)

// formed makes of a protocol that of replicas whose group has formed before the run begins, so
// that a script or a search has more to show than that. Each behaves as if its disk had kept the
// records of then, and those that are left to it; the world knows of them nothing.
func formed(p *machine.Protocol, k worlds.Kind, left map[machine.Node][]machine.Data) *machine.Protocol {
	later := *p
	later.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := p.New(self, config)
		return &older{Machine: m, records: append(before(k, self.Node), left[self.Node]...)}, err
	}
	return &later
}

// before is what a replica has saved when its group has formed.
func before(k worlds.Kind, self machine.Node) []machine.Data {
	c := k.Settings()
	g := proto.Group{Version: 1, Members: c.Peers, Quorum1: c.Quorum1, Quorum2: c.Quorum2, Alpha: c.Alpha}
	for i := range g.Members {
		g.Members[i].Disk = uint64(g.Members[i].Node)
	}
	return []machine.Data{proto.Born{Disk: uint64(self), Life: 1, New: true}, proto.Formed{Group: g}}
}

// older is a machine that has saved records of which its world does not know.
type older struct {
	machine.Machine
	records []machine.Data
	loaded  bool
}

// Step implements machine.Machine.
func (m *older) Step(in machine.In, out *machine.Out) {
	n := uint64(len(m.records))
	if !m.loaded {
		m.loaded = true
		for i, r := range m.records {
			m.Machine.Step(machine.In{Now: in.Now, Event: machine.Load{Seq: uint64(i + 1), Record: r}}, out)
		}
	}
	switch e := in.Event.(type) {
	case machine.Load:
		e.Seq += n
		in.Event = e
	case machine.Ready:
		in.Event = machine.Ready{}
	}
	m.Machine.Step(in, out)
	out.Trim -= min(out.Trim, n)
}
