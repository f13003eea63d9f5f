package world

import (
	"flag"
	"fmt"
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

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
)

var (
	update    = flag.Bool("update", false, "write the golden files anew")
	schedules = flag.Int("schedules", 5000, "schedules of the safety run")
)

func TestNoScheduleBreaksTheLevelThatStage1Promises(t *testing.T) {
	n := *schedules
	if testing.Short() {
		n = 200
	}
	sum := sim.Many(t.Context(), New(session.ExactlyOnce), 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	t.Logf("%.2f M steps/s\n%s", float64(sum.Steps)/sum.Elapsed.Seconds()/1e6, sum.Table())
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
}

func TestSessionsThatExpireOnTheWayExecuteNothingTwice(t *testing.T) {
	n := 1500
	if testing.Short() {
		n = 100
	}
	sum := sim.Many(t.Context(), Fleeting(session.ExactlyOnce), 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
}

func TestEveryRequestIsAnsweredSoonAfterTheLastFault(t *testing.T) {
	cfg := New(session.ExactlyOnce)
	cfg.Liveness = machine.Time(Bound)
	n := 1000
	if testing.Short() {
		n = 50
	}
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
}

func TestARetryWithoutASessionExecutesTwice(t *testing.T) {
	sum := sim.Many(t.Context(), New(session.AtLeastOnce), 1, 2000, nil)
	require.NotNil(t, sum.Failed, "at least once should show a duplicate")
	small := sim.Shrink(New(session.AtLeastOnce), sum.Seed, 3000)
	require.NotNil(t, small)
	require.LessOrEqual(t, len(small.Actions), 40)
	t.Logf("seed %d: %d actions of %d: %v", sum.Seed, len(small.Actions), small.Before, small.Failure)
}

func TestAtMostOnceLosesRequestsButNeverRepeatsThem(t *testing.T) {
	cfg := New(session.AtMostOnce)
	sum := sim.Many(t.Context(), cfg, 1, 500, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	lost := 0
	for seed := range uint64(50) {
		w := sim.NewWorld(cfg, seed)
		require.Nil(t, w.Run())
		for _, op := range History(w) {
			if op.Resp != nil && op.Resp.Status == kv.Maybe {
				lost++
			}
		}
		w.Close()
	}
	require.Positive(t, lost)
}

func TestAHundredSeedsGiveTheHashesOfTheGoldenFile(t *testing.T) {
	const golden = "testdata/hashes.txt"
	var b strings.Builder
	for seed := range uint64(100) {
		w := sim.NewWorld(New(session.ExactlyOnce), seed)
		require.Nil(t, w.Run())
		fmt.Fprintf(&b, "%d %016x\n", seed, w.Hash())
		w.Close()
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
}

func TestEveryRunOfASmallWorldAppendsOnce(t *testing.T) {
	result, err := Search(t.Context(), session.ExactlyOnce, nil)
	require.NoError(t, err)
	require.NoError(t, result.Err())
	t.Logf("%d worlds, %d steps", result.Worlds, result.Steps)

	result, err = Search(t.Context(), session.AtLeastOnce, nil)
	require.NoError(t, err)
	require.NotNil(t, result.Violation)
	t.Logf("at least once: %d actions", len(result.Violation.Path))
}

// A Driver asks the table itself: all its capabilities, and a perfect network.
func TestTheTableInTheSimulator(t *testing.T) {
	seed := uint64(0)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		seed++
		cfg := New(session.ExactlyOnce)
		cfg.Faults, cfg.Scheduler, cfg.Judges = sim.Faults{}, sim.Timed, nil // kvtest judges
		cfg.Nodes[0].Roles[0].Config = table.Config{FirstID: 1}.AppendTo(nil)
		w := simkv.New(cfg, seed, table.Offers(), func(int) machine.Addr { return Server() }, machine.Second)
		t.Cleanup(func() { require.NoError(t, w.Err()) })
		return w
	}, table.Offers())
}

// Through the clients, over a network that loses and repeats. Its partitions may
// outlast a lease, so the runs of whole schedules have those.
func TestTheStoreThroughItsClientsInTheSimulator(t *testing.T) {
	offers := table.Offers()
	offers.Has &^= kv.CapSessions
	seed := uint64(0)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		seed++
		cfg := withClients(kvtest.MaxClients)
		cfg.Faults, cfg.Scheduler = sim.Faults{Drop: 0.1, Duplicate: 0.2, Delay: 0.02}, sim.Timed
		cfg.Judges = nil
		cfg.Nodes[0].Roles[0].Config = table.Config{FirstID: 1}.AppendTo(nil)
		w := simkv.New(cfg, seed, offers, Client, machine.Second)
		t.Cleanup(func() {
			require.NoError(t, w.Err())
			stats := w.Stats()
			tally.Add(t, "faults", stats.Total())
		})
		return w
	}, offers)
}

func withClients(n int) *sim.Config {
	cfg := New(session.ExactlyOnce)
	config := Patient(session.ExactlyOnce)
	config.Timeout = 120 * machine.Second
	cfg.Nodes = cfg.Nodes[:1]
	for i := range n {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: Client(i).Node, Roles: []sim.Role{
			{Name: RoleSession, Protocol: session.Protocol(), Config: config.AppendTo(nil)},
		}})
	}
	return cfg
}

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../testdata/*.txt", func() script.World { return Script(session.ExactlyOnce) })
	scripttest.Run(t, "../testdata/at-least-once/*.txt", func() script.World { return Script(session.AtLeastOnce) })
}
