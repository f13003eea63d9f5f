package ledger

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"dss.example/common/machine"
	"dss.example/common/sim"
)

// At is the ledger's address.
func At() machine.Addr { return machine.Addr{Node: 1, Role: "ledger"} }

// World describes a ledger and two who use it, with a judge for what it promises.
func World(bug Bug) *sim.Config {
	cfg := &sim.Config{
		Nodes:  []sim.Node{{ID: At().Node, Roles: []sim.Role{{Name: At().Role, Protocol: Protocol(bug)}}}},
		Judges: func() []sim.Judge { return []sim.Judge{judge{}} },
		Events: 100,
	}
	for i := range 2 {
		cfg.Clients = append(cfg.Clients, sim.Client{At: At(), Next: next(i)})
	}
	return cfg
}

func next(i int) func(int, *rand.Rand) machine.Data {
	return func(k int, r *rand.Rand) machine.Data {
		if r.IntN(3) == 0 {
			return Read{}
		}
		return Append(fmt.Sprintf("%[1]d.%[2]d-%[1]d.%[2]d", i, k))
	}
}

// judge reads the finished history.
type judge struct{}

// Step implements sim.Judge.
func (judge) Step(*sim.Step) error { return nil }

// End implements sim.Judge: what is read was asked for, stands there once, and lacks
// nothing that was acknowledged before.
func (judge) End(w *sim.World) error {
	history := w.History()
	for _, x := range history {
		pages, ok := x.Answer.(Pages)
		if !ok {
			continue
		}
		count := map[string]int{}
		for _, entry := range strings.Fields(string(pages)) {
			count[entry]++
		}
		for _, other := range history {
			entry, ok := other.Cmd.(Append)
			n := count[string(entry)]
			delete(count, string(entry))
			acked := other.Answer == Done{} && other.Ended < x.Asked
			if ok && (n > 1 || n == 0 && acked) {
				return fmt.Errorf("entry %s is read %d times", entry, n)
			}
		}
		if len(count) > 0 {
			return fmt.Errorf("nobody has written all that is read: %v", count)
		}
	}
	return nil
}
