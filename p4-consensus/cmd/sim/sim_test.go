package main

import (
	"flag"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"
	"dss.example/common/sim/simtest"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p4-consensus/cmd/sim/worlds"
	"dss.example/p4-consensus/paxos/door"
)

var (
	update    = flag.Bool("update", false, "write the golden files anew")
	schedules = flag.Int("schedules", 5000, "schedules of the first world; most others have a tenth of it each")
)

// enough is how many schedules a world is tried with.
func enough(k worlds.Kind) int {
	n := *schedules
	if k.Name != worlds.Usual().Name && k.Name != "duels" { // what goes wrong with many ballots is rare
		n /= 10
	}
	if testing.Short() {
		n /= 25
	}
	return max(n, 40)
}

func TestNoScheduleBreaksARuleOfTheLogOrTheLevelThatStage4Promises(t *testing.T) {
	var all sim.Stats
	var changed changes
	for _, k := range worlds.All() {
		t.Run(k.Name, func(t *testing.T) {
			cfg := k.World()
			cfg.Judges = func() []sim.Judge { return append(k.Judges(), &changed) }
			sum := simtest.Run(t, cfg, enough(k))
			require.Greater(t, sum.Faults[sim.FaultRestart], sum.Schedules/3, "replicas and clients came back")
			require.Greater(t, sum.Answers, sum.Schedules, "and were of use")
			all.Add(sum.Stats)
			t.Logf("\n%s", sum.Table())
		})
	}
	t.Logf("all worlds, %d changes of members\n%s", changed.Load(), all.Table())
	if testing.Short() {
		return // so few do not meet what is rare
	}
	require.NotZero(t, changed.Load(), "members change")
	for fault, n := range all.Faults {
		require.NotZero(t, n, "%v occurs in some world", sim.Fault(fault))
	}
}

// changes counts, over all runs, the changes of members that were told to be done. It objects
// to nothing.
type changes struct{ atomic.Int64 }

// Step implements sim.Judge.
func (*changes) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (c *changes) End(w *sim.World) error {
	for _, x := range w.History() {
		_, change := x.Cmd.(*kv.Request).Op.(kv.Change)
		if resp, ok := x.Answer.(*kv.Response); ok && change && resp.Status == kv.OK {
			c.Add(1)
		}
	}
	return nil
}

func TestEveryRequestIsAnsweredWithinTenElectionsAfterTheLastFault(t *testing.T) {
	for _, k := range worlds.All() {
		if k.Hopeless {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			cfg := k.World()
			cfg.Liveness = worlds.Soon
			simtest.Run(t, cfg, max(enough(k)/5, 20))
		})
	}
}

func TestAThousandSeedsOfAThousandGiveTheSameRunAgain(t *testing.T) {
	simtest.Replays(t, worlds.Usual().World(), thousand())
}

func TestAThousandSeedsThroughThePipeGiveTheHashOfTheirRunsHere(t *testing.T) {
	simtest.ThroughPipe(t, worlds.Usual().World(), roles(), thousand())
}

func thousand() int {
	if testing.Short() {
		return 40
	}
	return 1000
}

func TestAHundredSeedsGiveTheHashesOfTheGoldenFile(t *testing.T) {
	var all []simtest.Named
	for _, k := range worlds.All() {
		all = append(all, simtest.Named{Name: k.Name, World: k.World()})
	}
	simtest.Golden(t, "testdata/hashes.txt", *update, all)
}

// Callers ask the replicas themselves, each another one, over a perfect network.
func TestThreeReplicasInTheSimulator(t *testing.T) {
	offers := door.Offers(table.Offers())
	seed := uint64(0)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		seed++
		cfg := worlds.Usual().World()
		cfg.Faults, cfg.Scheduler = sim.Faults{}, sim.Timed
		return visited(t, cfg, seed, offers, func(client int) machine.Addr { return worlds.Replica(client%3 + 1) })
	}, offers)
}

// Through stage 1's clients, over a network that loses and repeats.
func TestThreeReplicasThroughTheirClientsInTheSimulator(t *testing.T) {
	offers := door.Offers(table.Offers())
	offers.Has &^= kv.CapSessions
	seed := uint64(0)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		seed++
		cfg := withClients(kvtest.MaxClients)
		cfg.Faults, cfg.Scheduler = sim.Faults{Drop: 0.1, Duplicate: 0.2, Delay: 0.02}, sim.Timed
		return visited(t, cfg, seed, offers, world.Client)
	}, offers)
}

func visited(t testing.TB, cfg *sim.Config, seed uint64, offers kv.Caps, at func(int) machine.Addr) kvtest.World {
	cfg.Judges = nil // kvtest judges, and reads further back
	for i := range cfg.Nodes {
		if r := &cfg.Nodes[i].Roles[0]; r.Name == worlds.Role {
			r.Protocol = worlds.LanguageOf(worlds.Role, table.Config{HistoryEvents: 3000}).Protocol()
		}
	}
	w := simkv.New(cfg, seed, offers, at, machine.Second)
	t.Cleanup(func() {
		require.NoError(t, w.Err())
		stats := w.Stats()
		tally.Add(t, "faults", stats.Total())
	})
	return w
}

func withClients(n int) *sim.Config {
	k := worlds.Usual()
	cfg := k.World()
	cfg.Nodes = cfg.Nodes[:k.Replicas]
	for i := range n {
		c := world.Patient(session.ExactlyOnce)
		c.Timeout, c.Servers = 120*machine.Second, nil
		for s := range k.Replicas {
			c.Servers = append(c.Servers, session.Server{Addr: worlds.Replica((i+s)%k.Replicas + 1)})
		}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: world.Client(i).Node, Roles: []sim.Role{
			{Name: world.RoleSession, Protocol: session.Protocol(), Config: c.AppendTo(nil)},
		}})
	}
	return cfg
}
