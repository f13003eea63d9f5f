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
	"dss.example/common/script"
	"dss.example/common/script/scripttest"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/world"
)

var (
	update    = flag.Bool("update", false, "write the golden files anew")
	schedules = flag.Int("schedules", 1500, "schedules of each world")
)

// enough is how many schedules a world is tried with.
func enough() int {
	if testing.Short() {
		return max(*schedules/40, 30)
	}
	return *schedules
}

// run runs the first n schedules of a world, of which none may fail.
func run(t *testing.T, cfg *sim.Config, n int) *sim.Summary {
	t.Helper()
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
	return sum
}

func TestNoScheduleBreaksARule(t *testing.T) {
	var all sim.Stats
	for _, k := range world.All() {
		t.Run(k.Name, func(t *testing.T) {
			sum := run(t, k.World(), enough())
			require.Greater(t, sum.Faults[sim.FaultRestart], sum.Schedules/3, "servers came back")
			require.Greater(t, sum.Answers, 50*sum.Schedules, "and were of use")
			all.Add(sum.Stats)
		})
	}
	t.Logf("all worlds\n%s", all.Table())
	if testing.Short() {
		return // so few do not meet what is rare
	}
	for fault, n := range all.Faults {
		require.NotZero(t, n, "%v occurs in some world", sim.Fault(fault))
	}
}

func TestAllServersAgreeSoonAfterTheLastFault(t *testing.T) {
	for _, k := range world.All() {
		t.Run(k.Name, func(t *testing.T) {
			cfg := k.World()
			cfg.Liveness = world.Soon
			run(t, cfg, max(enough()/5, 20))
		})
	}
}

func TestAHundredSeedsGiveTheHashesOfTheGoldenFile(t *testing.T) {
	const golden = "testdata/hashes.txt"
	var b strings.Builder
	for seed := range uint64(100) {
		k := world.All()[seed%uint64(len(world.All()))]
		fmt.Fprintf(&b, "%s %d %016x\n", k.Name, seed, hash(k.World(), seed))
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
}

// hash is that of the run of a seed.
func hash(cfg *sim.Config, seed uint64) uint64 {
	w := sim.NewWorld(cfg, seed)
	defer w.Close()
	if fail := w.Run(); fail != nil {
		return 0
	}
	return w.Hash()
}

func TestSeedsThroughThePipeGiveTheHashOfTheirRunsHere(t *testing.T) {
	n := max(enough()/5, 20)
	judge, student := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- sim.ServePipe(student, roles()) }()
	cfg := world.Usual().World()
	far, err := sim.NewPipe(judge).Many(t.Context(), cfg, 1, n, 100)
	require.NoError(t, err)
	require.Nil(t, far.Failed)
	require.NoError(t, judge.Close())
	require.NoError(t, <-served)
	require.Equal(t, run(t, cfg, n).Hash, far.Hash)
}

// Callers ask the servers themselves, each another one, over a perfect network.
func TestThreeServersInTheSimulator(t *testing.T) {
	offers := bayou.Offers()
	k, err := world.Named("programs") // the suite's are Starlark
	require.NoError(t, err)
	seed := uint64(0)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		seed++
		cfg := k.World()
		cfg.Judges, cfg.Faults, cfg.Scheduler = nil, sim.Faults{}, sim.Timed // kvtest judges
		w := simkv.New(cfg, seed, offers, func(client int) machine.Addr { return world.Server(client%3 + 1) }, 3*machine.Second)
		t.Cleanup(func() { require.NoError(t, w.Err()) })
		w.Sleep(2e9)
		for i := range 3 {
			resp := w.Store(i).Do(t.Context(), &kv.Request{Op: kv.Get{Key: "x"}})
			require.Equal(t, kv.NotFound.String(), resp.Status.String(), resp.Detail)
		}
		return w
	}, offers)
}

func TestScripts(t *testing.T) { scripttest.Run(t, "../../testdata/*.txt", scripted) }

func TestAMistakeInAScriptIsTold(t *testing.T) {
	for line, want := range map[string]string{
		"retire":                  "want the number of a node",
		"transfer x":              "want the number of a node",
		"transfer 0":              "want the number of a node",
		"guard x":                 "want guard CHECK put K V",
		"guard x put a 1 else b":  "want guard CHECK put K V",
		"guard x get a 1 or b=1":  "want guard CHECK put K V",
		"stable nonsense":         "nonsense",
		"stable transfer nowhere": "want the number of a node",
	} {
		_, err := script.Run("ask 1/bayou "+line, scripted(), nil)
		require.ErrorIs(t, err, script.ErrScript, line)
		require.ErrorContains(t, err, want, line)
	}
}
