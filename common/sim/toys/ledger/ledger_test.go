package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

// world is a ledger's under faults of disks.
func world(bug Bug, f sim.Faults) *sim.Config {
	cfg := World(bug)
	cfg.Faults = f
	return cfg
}

func many(t *testing.T, cfg *sim.Config, n int) *sim.Summary {
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
	return sum
}

func TestTheRightLedgerHasNoFalseAlarm(t *testing.T) {
	sum := many(t, world(None, sim.AllFaults().Damaging()), 1000)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	for f := sim.FaultTorn; f <= sim.FaultMisplaced; f++ {
		require.Greater(t, sum.Faults[f], 10, "%v", f)
	}
}

// TestEachFaultOfADiskCatchesAWrongLedger lets one kind strike alone, with crashes where
// it needs them to be seen, and shows that those would not have done it.
func TestEachFaultOfADiskCatchesAWrongLedger(t *testing.T) {
	crash := sim.Faults{Crash: 0.02}
	for name, c := range map[string]struct {
		bug    Bug
		kind   sim.Fault
		with   sim.Faults
		before sim.Faults // without that kind
	}{
		"unsynced loss":   {Early, sim.FaultUnsynced, crash, sim.Faults{}},
		"torn write":      {Halves, sim.FaultTorn, crash, sim.Faults{}},
		"full disk":       {Early, sim.FaultFull, sim.Faults{Full: 0.05}, sim.Faults{}},
		"failed sync":     {Early, sim.FaultSyncError, sim.Faults{SyncError: 0.05}, sim.Faults{}},
		"slow disk":       {Hurry, sim.FaultSlowDisk, sim.Faults{Crash: 0.02, SlowDisk: 0.3}, crash},
		"bit flip":        {Skip, sim.FaultFlip, sim.Faults{Crash: 0.02, Flip: 0.3}, crash},
		"misplaced write": {Skip, sim.FaultMisplaced, sim.Faults{Crash: 0.02, Misplace: 0.3}, crash},
		"short read":      {Rewrite, sim.FaultShortRead, sim.Faults{Crash: 0.02, ShortRead: 0.3}, sim.Faults{}},
	} {
		t.Run(name, func(t *testing.T) {
			const schedules = 500
			cfg := world(c.bug, c.with)
			cfg.Scheduler = sim.Timed // in the other one every disk is slow
			sum := many(t, cfg, schedules)
			require.NotNil(t, sum.Failed)
			require.Positive(t, sum.Faults[c.kind])
			require.Equal(t, "ledger.judge", sum.Failed.Rule)

			small := sim.Shrink(cfg, sum.Seed, 2000)
			require.NotNil(t, small)
			require.LessOrEqual(t, len(small.Actions), 20)
			t.Logf("seed %d: %v\n%v", sum.Seed, small.Failure, sim.Describe(cfg, small.Actions))
			replay := sim.Replay(cfg, sum.Seed, small.Actions)
			defer replay.Close()
			require.Equal(t, small.Failure.Error(), replay.Run().Error())

			cfg = world(c.bug, c.before)
			cfg.Scheduler = sim.Timed
			require.Nil(t, many(t, cfg, schedules/2).Failed, "without this kind")
		})
	}
}

func TestAfterDisksHaveFailedEveryRequestIsAnswered(t *testing.T) {
	cfg := world(None, sim.AllFaults())
	cfg.Liveness = 10 * machine.Second
	sum := many(t, cfg, 500)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
}

// TestAReadThatComesShortKeepsWhatTheLoadingHadSaved tells it from a crash of the system,
// by schedules that differ in nothing else.
func TestAReadThatComesShortKeepsWhatTheLoadingHadSaved(t *testing.T) {
	pages := func(cause sim.Fault) machine.Data {
		cfg := world(Rewrite, sim.Faults{})
		cfg.Judges = nil
		w := sim.Replay(cfg, 1, []sim.Action{
			{Kind: sim.ActAsk, Cmd: Append("a-a")},
			{Kind: sim.ActSync, Addr: At()},
			{Kind: sim.ActCrash, Node: At().Node, Cause: sim.FaultCrash},
			{Kind: sim.ActRestart, Node: At().Node, Stop: 2, Cause: cause},
			{Kind: sim.ActRestart, Node: At().Node, Stop: -1},
			{Kind: sim.ActAsk, Cmd: Read{}},
			{Kind: sim.ActSync, Addr: At()},
		})
		defer w.Close()
		require.Nil(t, w.Run())
		stats := w.Stats()
		require.Equal(t, 1, stats.Faults[cause])
		return w.History()[1].Answer
	}
	require.Equal(t, Pages("a-a a-a"), pages(sim.FaultShortRead))
	require.Equal(t, Pages("a-a"), pages(sim.FaultRecoveryCrash))
}

func TestNoMoreDisksLoseRecordsThanTheWorldAllows(t *testing.T) {
	cfg := world(Skip, sim.Faults{Crash: 0.2, Flip: 1, Down: 1})
	cfg.Events = 400
	second := cfg.Nodes[0]
	second.ID = 2
	cfg.Nodes = append(cfg.Nodes, second)
	cfg.Clients[1].At.Node = 2
	struck := 0
	for seed := range uint64(100) {
		damaged := map[machine.Node]bool{}
		cfg.Judges = func() []sim.Judge { return []sim.Judge{witness{damaged}} }
		w := sim.NewWorld(cfg, seed)
		require.Nil(t, w.Run())
		w.Close()
		require.LessOrEqual(t, len(damaged), 1)
		struck += len(damaged)
	}
	require.Positive(t, struck)
}

// A log cannot tell damage to the records of the last sync from a tail that was never
// synced. Here two entries are written, the second when the first is durable.
func TestTheRecordsOfTheLastSyncAreSpared(t *testing.T) {
	cfg := world(None, sim.Faults{Crash: 0.1, Flip: 1, Misplace: 1})
	cfg.Judges = func() []sim.Judge { return []sim.Judge{spared{}} }
	cfg.Clients = cfg.Clients[:1]
	cfg.Clients[0].Next = func(k int, _ *rand.Rand) machine.Data {
		if k < 2 {
			return Append("a-a")
		}
		return Read{}
	}
	sum := many(t, cfg, 300)
	require.Nil(t, sum.Failed)
	require.Positive(t, sum.Faults[sim.FaultFlip])
	require.Positive(t, sum.Faults[sim.FaultMisplaced])
}

// spared demands that no record of the second entry is damaged.
type spared struct{}

func (spared) Step(s *sim.Step) error {
	if e, ok := s.In.Event.(machine.Load); ok && e.Damaged && e.Seq > 2 {
		return fmt.Errorf("record %d is damaged", e.Seq)
	}
	return nil
}

func (spared) End(*sim.World) error { return nil }

// witness notes whose disks have damaged records.
type witness struct{ damaged map[machine.Node]bool }

func (j witness) Step(s *sim.Step) error {
	if e, ok := s.In.Event.(machine.Load); ok && e.Damaged {
		j.damaged[s.Addr.Node] = true
	}
	return nil
}

func (witness) End(*sim.World) error { return nil }

func TestDataIsReadBackAndNothingElse(t *testing.T) {
	p := Protocol(None)
	for decode, all := range map[*func([]byte) (machine.Data, error)][]machine.Data{
		&p.Message: {wake(7)},
		&p.Record:  {half{true, "x"}, half{}},
		&p.Command: {Append("x"), Append(""), Read{}},
		&p.Answer:  {Pages(""), Pages("x"), Done{}, Lost{}},
	} {
		for _, d := range all {
			got, err := (*decode)(d.AppendTo(nil))
			require.NoError(t, err)
			require.Equal(t, d, got)
		}
		_, err := (*decode)([]byte{0x02, 0x00})
		require.Error(t, err)
	}
}
