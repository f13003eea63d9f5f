package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p4-consensus/paxos/door"
)

var (
	update    = flag.Bool("update", false, "write the golden files anew")
	schedules = flag.Int("schedules", 5000, "schedules of the first world; most others have a tenth of it each")
)

// enough is how many schedules a world is tried with.
func enough(k kind) int {
	n := *schedules
	if k.name != kinds()[0].name && k.name != "duels" { // what goes wrong with many ballots is rare
		n /= 10
	}
	if testing.Short() {
		n /= 25
	}
	return max(n, 40)
}

func TestNoScheduleBreaksARuleOfTheLogOrTheLevelThatStage4Promises(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			sum := sim.Many(t.Context(), k.world(), 1, enough(k), nil)
			require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
			require.Greater(t, sum.Faults[sim.FaultRestart], sum.Schedules/3, "replicas and clients came back")
			require.Greater(t, sum.Answers, sum.Schedules, "and were of use")
			t.Logf("\n%s", sum.Table())
			tally.Add(t, "schedules", sum.Schedules)
			tally.Add(t, "faults", sum.Total())
		})
	}
}

// soon is within what time every request is answered after the last fault: ten elections.
const soon = 3 * machine.Second

func TestEveryRequestIsAnsweredWithinTenElectionsAfterTheLastFault(t *testing.T) {
	for _, k := range kinds() {
		if k.hopeless {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			cfg := k.world()
			cfg.Liveness = soon
			sum := sim.Many(t.Context(), cfg, 1, max(enough(k)/5, 20), nil)
			require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
			tally.Add(t, "schedules", sum.Schedules)
			tally.Add(t, "faults", sum.Total())
		})
	}
}

func TestAHundredSeedsGiveTheHashesOfTheGoldenFile(t *testing.T) {
	const golden = "testdata/hashes.txt"
	var b strings.Builder
	for seed := range uint64(100) {
		k := kinds()[seed%uint64(len(kinds()))]
		w := sim.NewWorld(k.world(), seed)
		require.Nil(t, w.Run())
		fmt.Fprintf(&b, "%s %d %016x\n", k.name, seed, w.Hash())
		w.Close()
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
}

func TestAThousandSeedsThroughThePipeGiveTheHashOfTheirRunsHere(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 40
	}
	judge, student := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- sim.ServePipe(student, roles()) }()
	cfg := kinds()[0].world()
	far, err := sim.NewPipe(judge).Many(t.Context(), cfg, 1, n, 100)
	require.NoError(t, err)
	require.Nil(t, far.Failed)
	require.NoError(t, judge.Close())
	require.NoError(t, <-served)
	require.Equal(t, sim.Many(t.Context(), cfg, 1, n, nil).Hash, far.Hash)
	tally.Add(t, "schedules", n)
}

// Callers ask the replicas themselves, each another one, over a perfect network.
func TestThreeReplicasInTheSimulator(t *testing.T) {
	offers := door.Offers(table.Offers())
	seed := uint64(0)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		seed++
		cfg := kinds()[0].world()
		cfg.Faults, cfg.Scheduler = sim.Faults{}, sim.Timed
		return visited(t, cfg, seed, offers, func(client int) machine.Addr { return replica(client%3 + 1) })
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
		if r := &cfg.Nodes[i].Roles[0]; r.Name == role {
			r.Protocol = languageOf(role, table.Config{HistoryEvents: 3000}).Protocol()
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
	k := kinds()[0]
	cfg := k.world()
	cfg.Nodes = k.nodes()
	for i := range n {
		c := world.Patient(session.ExactlyOnce)
		c.Timeout, c.Servers = 120*machine.Second, nil
		for s := range k.replicas {
			c.Servers = append(c.Servers, session.Server{Addr: replica((i+s)%k.replicas + 1)})
		}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: world.Client(i).Node, Roles: []sim.Role{
			{Name: world.RoleSession, Protocol: session.Protocol(), Config: c.AppendTo(nil)},
		}})
	}
	return cfg
}
