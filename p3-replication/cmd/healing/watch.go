package main

import (
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
)

const role = "bayou"

// network is the servers of a trial, and what is between them.
type network struct {
	servers []*bayou.Server // by node, from 0: node 1
	west    int             // nodes 1 to west are on one side
	cut     bool

	counting        bool // what follows is counted
	messages, bytes int
	buf             []byte
}

// parts tells whether a cut is between two nodes.
func (n *network) parts(a, b machine.Node) bool {
	return n.cut && (int(a) <= n.west) != (int(b) <= n.west)
}

// Step implements sim.Judge: it objects to nothing, and counts what is sent to others.
func (n *network) Step(s *sim.Step) error {
	if !n.counting {
		return nil
	}
	for _, e := range s.Out.Send {
		if e.To.Node != s.Addr.Node {
			n.buf = machine.AppendMessage(n.buf[:0], e.Msg)
			n.messages++
			n.bytes += len(n.buf)
		}
	}
	return nil
}

// End implements sim.Judge.
func (n *network) End(*sim.World) error { return nil }

// reached is a server that hears of the other side nothing while there is a cut.
type reached struct {
	*bayou.Server
	self    machine.Node
	network *network
}

// Step implements machine.Machine.
func (r *reached) Step(in machine.In, out *machine.Out) {
	if m, ok := in.Event.(machine.Recv); ok && r.network.parts(m.From.Node, r.self) {
		return
	}
	r.Server.Step(in, out)
}

// world is the servers' world, where a message takes as long as any other.
func (n *network) world() *sim.Config {
	const oneWay = 5 * machine.Millisecond
	cfg := &sim.Config{
		Scheduler: sim.Timed, Latency: func(machine.Node, machine.Node) machine.Time { return oneWay },
		Judges: func() []sim.Judge { return []sim.Judge{n} },
	}
	p := *bayou.Protocol(role, bayou.Config{Programs: programs.New})
	make := p.New
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := make(self, config)
		if err != nil {
			return nil, err
		}
		s := m.(*bayou.Server)
		n.servers[self.Node-1] = s
		return &reached{s, self.Node, n}, nil
	}
	for i := range n.servers {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: machine.Node(i + 1), Roles: []sim.Role{
			{Name: role, Protocol: &p, Config: n.settings(i + 1).AppendTo(nil)},
		}})
	}
	return cfg
}

// settings are those of a server at a node: as kvd has them.
func (n *network) settings(self int) bayou.Config {
	c := bayou.Config{Found: self == 1, Addr: place(self), Zone: "z"}
	for i := 1; i <= len(n.servers); i++ {
		if i != self {
			c.Peers = append(c.Peers, bayou.Peer{Node: machine.Node(i), Addr: place(i)})
		}
	}
	return c
}

func place(node int) string { return "server-" + string(rune('0'+node)) }

// equal tells whether no server has a tentative write, and all know as many commit numbers.
func (n *network) equal() bool {
	first := n.servers[0].Report()
	for _, s := range n.servers {
		if r := s.Report(); r.Tentative > 0 || r.Commit != first.Commit || r.Name == "" {
			return false
		}
	}
	return true
}

// costs are what each server has done so far to put writes in order.
func (n *network) costs() (all []bayou.Cost) {
	for _, s := range n.servers {
		all = append(all, s.Report().Cost)
	}
	return all
}
