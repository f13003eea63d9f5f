package sim_test

import (
	"testing"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/toys/chain"
)

// beat is a message of a chattering node: how often it has beaten.
type beat struct{ n, heard uint64 }

func (m beat) AppendTo(b []byte) []byte {
	return cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(b, 2), m.n), m.heard)
}

func decodeBeat(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	r.Fixed(2)
	m := beat{r.Uint(), r.Uint()}
	return m, r.Close()
}

// chatterer tells all others every ten milliseconds that it lives, as the leader of
// a replicated log would.
type chatterer struct {
	self  machine.Addr
	peers []machine.Addr
	last  beat
}

func (c *chatterer) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ready:
		out.Timer(c.self, 10*machine.Millisecond, c.last)
	case machine.Recv:
		if e.From != c.self {
			c.last.heard++
			return
		}
		c.last.n++
		for _, p := range c.peers {
			out.SendTo(p, c.last)
		}
		out.Timer(c.self, 10*machine.Millisecond, c.last)
	}
}

func chatter(n int) *sim.Config {
	cfg := &sim.Config{Events: 20_000}
	for i := range n {
		self := machine.Addr{Node: machine.Node(i + 1), Role: "chatter"}
		protocol := &machine.Protocol{Name: "chatter", Message: decodeBeat, New: func(machine.Addr, []byte) (machine.Machine, error) {
			c := &chatterer{self: self}
			for p := range n {
				if p != i {
					c.peers = append(c.peers, machine.Addr{Node: machine.Node(p + 1), Role: "chatter"})
				}
			}
			return c, nil
		}}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: self.Node, Roles: []sim.Role{{Name: "chatter", Protocol: protocol}}})
	}
	return cfg
}

// Events a second on one core, with real encodings: run it with -cpu 1.
func BenchmarkMachines(b *testing.B) { events(b, chatter(5)) }

func BenchmarkMachinesUnderFaults(b *testing.B) {
	cfg := chatter(5)
	cfg.Faults = sim.AllFaults()
	events(b, cfg)
}

func BenchmarkFlows(b *testing.B) { events(b, chain.World(chain.None)) }

func events(b *testing.B, cfg *sim.Config) {
	var sum sim.Stats
	for seed := uint64(1); b.Loop(); seed++ {
		w := run(cfg, seed)
		sum.Add(w.Stats())
	}
	b.ReportMetric(float64(sum.Steps)/b.Elapsed().Seconds()/1e6, "Mevents/s")
	b.ReportMetric(float64(sum.Virtual)/float64(b.Elapsed()), "virtual_s/s")
}
