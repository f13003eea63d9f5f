package main

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// formed is the protocol of replicas whose group has formed before the run begins, so that a
// script or a search has more to show than that. Each behaves as if its disk had kept the
// records of then; the world knows of them nothing.
func (k kind) formed() *machine.Protocol {
	p := *language().Protocol()
	fresh := p.New
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := fresh(self, config)
		return &older{Machine: m, records: k.before(self.Node)}, err
	}
	return &p
}

// before is what a replica has saved before the run.
func (k kind) before(self machine.Node) []machine.Data {
	g := proto.Group{Version: 1, Members: k.settings().Peers, Quorum1: k.settings().Quorum1, Quorum2: k.settings().Quorum2, Alpha: k.settings().Alpha}
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
