package chain

import (
	"fmt"
	"math/rand/v2"

	"dss.example/common/machine"
	"dss.example/common/sim"
)

// World describes a log of three units, a sequencer and three clients, with a
// judge for what must hold: one value a position for ever, what was appended stays.
func World(bug Bug) *sim.Config {
	client := Client{Sequencer: machine.Addr{Node: 9, Role: "sequencer"}, Within: 50 * machine.Millisecond, Patience: 100 * machine.Millisecond, Bug: bug}
	cfg := &sim.Config{Faults: sim.AllFaults(), Judges: func() []sim.Judge { return []sim.Judge{judge{}} }}
	for n := machine.Node(1); n <= 3; n++ {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: n, Roles: []sim.Role{{Name: "unit", Protocol: UnitProtocol(bug), Remote: true}}})
		client.Units = append(client.Units, machine.Addr{Node: n, Role: "unit"})
	}
	cfg.Nodes = append(cfg.Nodes, sim.Node{ID: 9, Roles: []sim.Role{{Name: "sequencer", Protocol: SequencerProtocol(), Remote: true}}})
	for n := machine.Node(11); n <= 13; n++ {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: n, Roles: []sim.Role{{Name: "client", Protocol: ClientProtocol(client), Remote: true}}})
		cfg.Clients = append(cfg.Clients, sim.Client{At: machine.Addr{Node: n, Role: "client"}, Next: next(n)})
	}
	return cfg
}

// Roles are the toy's protocols by role, for the far end of a pipe.
func Roles(bug Bug) map[string]*machine.Protocol {
	roles := map[string]*machine.Protocol{}
	for _, n := range World(bug).Nodes {
		roles[n.Roles[0].Name] = n.Roles[0].Protocol
	}
	return roles
}

func next(n machine.Node) func(int, *rand.Rand) machine.Data {
	return func(k int, r *rand.Rand) machine.Data {
		if r.IntN(2) == 0 {
			return Cmd{Kind: Append, Value: fmt.Sprintf("%d/%d/%d", n, k, r.Uint32())}
		}
		return Cmd{Kind: Fetch, Pos: r.Uint64N(4)}
	}
}

// judge reads the finished history.
type judge struct{}

// Step implements sim.Judge.
func (judge) Step(*sim.Step) error { return nil }

// End implements sim.Judge: all answers about one position tell the same value.
func (judge) End(w *sim.World) error {
	at := map[uint64]Answer{}
	for _, x := range w.History() {
		a, ok := x.Answer.(Answer)
		if !ok {
			continue
		}
		if old, seen := at[a.Pos]; seen && old.Value != a.Value {
			return fmt.Errorf("position %d was %q and became %q", a.Pos, old.Value, a.Value)
		}
		at[a.Pos] = a
	}
	return nil
}
