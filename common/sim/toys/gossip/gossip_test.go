package gossip

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"
)

// The replicas lose messages, repeat them and are cut from each other, and never
// crash: a Driver's callers ask a replica directly and could not tell a lost answer.
func faults() sim.Faults {
	return sim.NetworkFaults()
}

func open(bug Bug, seed uint64) *simkv.World {
	cfg := World(bug)
	cfg.Faults = faults()
	return simkv.New(cfg, seed, Offers(), At, 5*machine.Second)
}

func TestTheGossipingStoreKeepsItsPromisesThroughTheDoor(t *testing.T) {
	seed := uint64(0)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		seed++
		w := open(None, seed)
		t.Cleanup(func() { require.NoError(t, w.Err()) })
		return w
	}, Offers())
}

func TestEachWrongGossipFailsSomeCase(t *testing.T) {
	for _, bug := range []Bug{IgnoreToken, OldToken, ByArrival, StuckClock} {
		t.Run(string(bug), func(t *testing.T) {
			var failed []string
			for _, c := range kvtest.Cases(Offers()) {
				if fails(c, bug) {
					failed = append(failed, c.Name)
				}
			}
			require.NotEmpty(t, failed)
			t.Logf("caught by %q", failed)
		})
	}
}

func fails(c kvtest.Case, bug Bug) bool {
	var worlds []*simkv.World
	v := &verdict{}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(v) {
				panic(r)
			}
		}()
		c.Do(v, kvtest.Settings{Seed: 1}, func() kvtest.World {
			worlds = append(worlds, open(bug, uint64(len(worlds)+1)))
			return worlds[len(worlds)-1]
		})
	}()
	for _, w := range worlds {
		w.Close()
	}
	return v.failed
}

// verdict notes that a case failed, and ends it by a panic.
type verdict struct{ failed bool }

func (v *verdict) Helper()               {}
func (v *verdict) Logf(string, ...any)   {}
func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) FailNow()              { v.failed = true; panic(v) }
