package main

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/script/scripttest"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"
	"dss.example/common/sim/simtest"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/world"
)

var (
	update    = flag.Bool("update", false, "write the golden files anew")
	schedules = flag.Int("schedules", 700, "schedules of each world")
)

// enough is how many schedules a world is tried with: fewer if its programs are Starlark,
// which takes most of the time.
func enough(k world.Kind) int {
	n := *schedules
	if k.Name == "programs" {
		n /= 5
	}
	if testing.Short() {
		return max(n/20, 20)
	}
	return n
}

func TestNoScheduleBreaksARule(t *testing.T) {
	var all sim.Stats
	for _, k := range world.All() {
		t.Run(k.Name, func(t *testing.T) {
			sum := simtest.Run(t, k.World(), enough(k))
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
			simtest.Run(t, cfg, max(enough(k)/5, 20))
		})
	}
}

// What a session does without breaks sooner or later, and the checker of just that notices.
func TestASessionBreaksTheGuaranteeThatItDoesWithout(t *testing.T) {
	for waived, name := range map[kv.Guarantees]string{
		kv.ReadYourWrites: "read your writes", kv.MonotonicReads: "monotonic reads",
		kv.WritesFollowReads: "writes follow reads", kv.MonotonicWrites: "monotonic writes",
	} {
		t.Run(name, func(t *testing.T) {
			k, err := world.Named("sessions")
			require.NoError(t, err)
			k.Waived = waived
			sum := sim.Many(t.Context(), k.World(), 1, 3000, nil)
			require.NotNil(t, sum.Failed, "in %d schedules", sum.Schedules)
			require.Contains(t, sum.Failed.Error(), name+": ")
		})
	}
}

func TestAHundredSeedsGiveTheHashesOfTheGoldenFile(t *testing.T) {
	var all []simtest.Named
	for _, k := range world.All() {
		all = append(all, simtest.Named{Name: k.Name, World: k.World()})
	}
	simtest.Golden(t, "testdata/hashes.txt", *update, all)
}

func TestAThousandSeedsOfAThousandGiveTheSameRunAgain(t *testing.T) {
	simtest.Replays(t, world.Usual().World(), thousand())
}

func TestAThousandSeedsThroughThePipeGiveTheHashOfTheirRunsHere(t *testing.T) {
	simtest.ThroughPipe(t, world.Usual().World(), roles(), thousand())
}

func thousand() int {
	if testing.Short() {
		return 40
	}
	return 1000
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
