// Package met is servers that have met before a run begins: three of them, that know of each
// other's births, of which the first is the primary. So a judge sees what servers do before it is
// known whether they can be born.
package met

import (
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/world"
)

// Servers is how many have met, at the nodes from 1 on.
const Servers = 3

// Protocol is that of the servers of world.Usual, each of which behaves as if its disk had kept
// the records of then.
func Protocol() *machine.Protocol {
	p := world.Usual().Protocol()
	later := *p
	later.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := p.New(self, config)
		return &older{Machine: m, records: Records(self.Node)}, err
	}
	return &later
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

// Records are what the server at a node has saved then.
func Records(node machine.Node) []machine.Data {
	c := &catcher{}
	p := world.Met(&machine.Protocol{
		New: func(machine.Addr, []byte) (machine.Machine, error) { return c, nil },
	}, Servers)
	if m, err := p.New(machine.Addr{Node: node, Role: world.Role}, nil); err == nil {
		m.Step(machine.In{Event: machine.Ready{}}, &machine.Out{})
	}
	return c.records
}

// catcher keeps what it loads.
type catcher struct{ records []machine.Data }

// Step implements machine.Machine.
func (c *catcher) Step(in machine.In, _ *machine.Out) {
	if e, ok := in.Event.(machine.Load); ok {
		c.records = append(c.records, e.Record)
	}
}

// Judge lets a judge of package spec see a world of servers that have met: first how they met,
// and then, whenever one starts, the records of that before those that the world knows of.
func Judge(inner sim.Judge) sim.Judge {
	return &judge{Judge: inner, lives: map[machine.Node]int{}, records: map[machine.Node][]machine.Data{}}
}

type judge struct {
	sim.Judge
	lives   map[machine.Node]int // the last that was seen, from 1
	records map[machine.Node][]machine.Data
}

// Step implements sim.Judge.
func (j *judge) Step(s *sim.Step) error {
	if s.Addr.Role != world.Role {
		return j.Judge.Step(s)
	}
	if len(j.records) == 0 {
		if err := j.meet(); err != nil {
			return err
		}
	}
	later := *s
	later.Life++ // the first was before
	if err := j.wake(&later); err != nil {
		return err
	}
	before := uint64(len(j.records[s.Addr.Node]))
	switch e := s.In.Event.(type) {
	case machine.Load:
		e.Seq += before
		later.In.Event = e
	case machine.Ready:
		later.In.Event = machine.Ready{}
	}
	if s.Out.Trim > 0 {
		out := *s.Out
		out.Trim += before
		later.Out = &out
	}
	return j.Judge.Step(&later)
}

// wake loads the records of before, in a life that is new.
func (j *judge) wake(s *sim.Step) error {
	node := s.Addr.Node
	if j.lives[node] == s.Life {
		return nil
	}
	j.lives[node] = s.Life
	for i, rec := range j.records[node] {
		load := sim.Step{N: s.N, At: s.At, Addr: s.Addr, Life: s.Life, Out: &machine.Out{}}
		load.In.Event = machine.Load{Seq: uint64(i + 1), Record: rec}
		if err := j.Judge.Step(&load); err != nil {
			return err
		}
	}
	return nil
}

// meet lets the first server found the database and bear the others, which learn all of it.
func (j *judge) meet() error {
	for node := machine.Node(1); node <= Servers; node++ {
		j.records[node] = Records(node)
		if err := j.was(node, machine.Ready{Fresh: true}); err != nil {
			return err
		}
	}
	all := j.records[1]
	births := all[1 : 1+Servers]
	for i, rec := range births {
		node := machine.Node(i + 1)
		w := rec.(proto.Learned).Write
		number := proto.Committed{First: uint64(node), IDs: all[1+Servers].(proto.Committed).IDs[i : i+1]}
		saved := []machine.Data{rec, number}
		if node == 1 {
			saved = append([]machine.Data{all[0]}, saved...)
		}
		if err := j.was(1, machine.Recv{From: world.Server(int(node)), Msg: proto.Bear{Place: w.Place}}, saved...); err != nil {
			return err
		}
	}
	for node := machine.Node(2); node <= Servers; node++ {
		if err := j.was(node, machine.Recv{From: world.Server(1), Msg: proto.Batch{}}, j.records[node]...); err != nil {
			return err
		}
	}
	return nil
}

// was tells the judge what a server saved when something came in, in its life before all others.
func (j *judge) was(node machine.Node, e machine.Event, saved ...machine.Data) error {
	return j.Judge.Step(&sim.Step{
		Addr: world.Server(int(node)), In: machine.In{Event: e}, Out: &machine.Out{Save: saved},
	})
}
