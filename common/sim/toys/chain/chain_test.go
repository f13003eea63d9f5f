package chain

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

func TestTheRightChainHasNoFalseAlarm(t *testing.T) {
	sum := sim.Many(t.Context(), World(None), 1, 2000, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
	t.Logf("%d schedules, %.2f M events/s\n%s", sum.Schedules, float64(sum.Steps)/sum.Elapsed.Seconds()/1e6, sum.Table())
}

func TestEachWrongChainIsCaught(t *testing.T) {
	for _, bug := range []Bug{Overwrite, AckLoser, BlindFill, Forget} {
		t.Run(string(bug), func(t *testing.T) {
			sum := sim.Many(t.Context(), World(bug), 1, 20_000, nil)
			require.NotNil(t, sum.Failed)
			small := sim.Shrink(World(bug), sum.Seed, 2000)
			require.NotNil(t, small)
			t.Logf("seed %d after %d schedules, %d actions of %d in %d runs: %v", sum.Seed, sum.Schedules, len(small.Actions), small.Before, small.Runs, small.Failure)
			require.LessOrEqual(t, len(small.Actions), 80)
		})
	}
}

func TestAfterTheFaultsEveryReaderGetsAnAnswer(t *testing.T) {
	cfg := World(None)
	cfg.Liveness = 60 * machine.Second
	sum := sim.Many(t.Context(), cfg, 1, 500, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
}

func TestAHoleThatIsNeverFilledIsALivenessFailure(t *testing.T) {
	cfg := World(NoFill)
	cfg.Liveness = 60 * machine.Second
	sum := sim.Many(t.Context(), cfg, 1, 500, nil)
	require.NotNil(t, sum.Failed)
	require.Equal(t, "liveness", sum.Failed.Rule)
}
