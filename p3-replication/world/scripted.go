package world

import (
	"slices"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Scripted is the world of golden scripts: three servers that a person drives, of which the first
// is the primary, and which have agreed on their births before, and a fourth node on which there
// is nothing yet. Who has news offers it to all others when time goes on ("advance 0s"). Nothing
// else happens by itself, but that node 4 seeks a name every minute. Each server keeps four
// committed writes for those who lag.
func Scripted() *sim.Config {
	const minute = 60 * machine.Second
	k := Kind{Servers: 3, Later: 1}
	cfg := &sim.Config{}
	for i := 1; i <= k.Servers+k.Later; i++ {
		c := k.Settings(i)
		c.Found, c.Retain, c.Keep, c.Eager, c.Batch, c.Patience = false, 4, 1<<20, k.Servers, 300, minute
		c.Tick = 1000 * minute
		if i > k.Servers {
			c.Tick = minute
		}
		n := k.node(i)
		n.Roles[0].Protocol, n.Roles[0].Config = Met(k.Protocol(), k.Servers), c.AppendTo(nil)
		cfg.Nodes = append(cfg.Nodes, n)
	}
	return cfg
}

// Met makes of a protocol that of servers that have met before the run begins: each of the first
// n behaves as if its disk had kept the records of then, and speaks to nobody when it starts. The
// world knows of them nothing.
func Met(p *machine.Protocol, n int) *machine.Protocol {
	later := *p
	later.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := p.New(self, config)
		return &older{Machine: m, self: self, records: before(self.Node, n)}, err
	}
	return &later
}

// before is what a server has saved: who it is, and the births of all n, by the first.
func before(self machine.Node, n int) []machine.Data {
	if int(self) > n {
		return nil
	}
	var births []machine.Data
	numbers := proto.Committed{First: 1}
	me := proto.Named{Database: 1, Name: vector.Root}
	for i := range uint64(n) {
		node := machine.Node(i + 1)
		w := proto.Write{
			ID: vector.Stamp{Time: i + 1, Server: vector.Root}, Kind: proto.Birth,
			Place: proto.Place{Node: node, Life: uint64(node), Addr: addr(int(node)), Zone: "z"},
		}
		births, numbers.IDs = append(births, proto.Learned{Write: w}), append(numbers.IDs, w.ID)
		if node == self {
			me.Place = w.Place
			me.Name, _ = w.Child() // at the first level there is always one
		}
	}
	return append(append([]machine.Data{me}, births...), numbers)
}

// older is a machine that has saved records of which its world does not know.
type older struct {
	machine.Machine
	self    machine.Addr
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
		in.Event = machine.Ready{Fresh: e.Fresh && n == 0}
	}
	m.Machine.Step(in, out)
	out.Trim -= min(out.Trim, n)
	if _, starts := in.Event.(machine.Ready); starts {
		m.quiet(in, out)
	}
}

// quiet lets a machine that starts say to itself at once what it has to, and drops what it says to
// others: that is the same in every script.
func (m *older) quiet(in machine.In, out *machine.Out) {
	for i := 0; i < len(out.Send); {
		e := out.Send[i]
		if e.After > 0 {
			i++
			continue
		}
		out.Send = slices.Delete(out.Send, i, i+1)
		if e.To == m.self {
			in.Event = machine.Recv{From: m.self, Msg: e.Msg}
			m.Machine.Step(in, out)
		}
	}
}
