package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p2-persist/durable"
)

func TestNoScheduleBreaksTheLevelThatStage2Promises(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 200
	}
	sum := sim.Many(t.Context(), newWorld(), 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	require.Greater(t, sum.Faults[sim.FaultRestart], n/2, "servers and clients came back")
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
}

func TestEveryRequestIsAnsweredSoonAfterTheLastFault(t *testing.T) {
	cfg := newWorld()
	cfg.Liveness = machine.Time(world.Bound)
	n := 500
	if testing.Short() {
		n = 50
	}
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
}

// TestAServerThatForgetsToSaveIsFound shows that the judge can fail.
func TestAServerThatForgetsToSaveIsFound(t *testing.T) {
	for name, changes := range map[string]func(machine.Data) bool{
		"nothing is": func(machine.Data) bool { return false },
		"compare-and-swap is not": func(cmd machine.Data) bool {
			_, isCAS := cmd.(*kv.Request).Op.(kv.CAS)
			return durable.Changes(cmd) && !isCAS
		},
		"sessions are not": func(cmd machine.Data) bool {
			_, opens := cmd.(*kv.Request).Op.(kv.OpenSession)
			return durable.Changes(cmd) && !opens
		},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := durable.Protocol(table.Protocol(), func(self machine.Addr, _ []byte) (durable.Config, error) {
				return durable.Config{
					Self: self, Inside: table.NewMachine(self, table.Config{}), Changes: changes, Refuse: durable.Refuse,
				}, nil
			})
			sum := sim.Many(t.Context(), world.Behind(session.ExactlyOnce, wrong, table.Config{}), 1, 3000, nil)
			require.NotNil(t, sum.Failed)
			t.Logf("found after %d schedules: %v", sum.Schedules, sum.Failed)
		})
	}
}
