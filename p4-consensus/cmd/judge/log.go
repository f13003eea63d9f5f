package main

import (
	"fmt"
	"slices"
	"time"

	"dss.example/common/judge"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

// logChecks put the submission's replicas into the worlds of cmd/sim.
func logChecks() []judge.Check {
	all := kinds()
	usual, hopeful := all[:1], slices.DeleteFunc(kinds(), func(k kind) bool { return k.hopeless })
	return []judge.Check{
		{
			Step: stepWhole, Name: "replicas break no rule of the log", Run: many(1, 0, usual...),
			Rule: "Whatever is lost, repeated, delayed or crashes, each step of each replica is one that the specification allows, and all answers agree with one order.",
		},
		{
			Step: stepWhole, Name: "replicas break no rule of the log in harder worlds", Run: many(1, 0, all[1:]...),
			Rule: "So it is with five replicas, with quorums of two sizes, duelling leaders, leases, changing members, damaged disks, transfers and local reads.",
		},
		{
			Step: stepWhole, Name: "every request is answered within ten elections", Run: many(2, soon, hopeful...),
			Rule: fmt.Sprintf("Within %v after the last fault every request has an answer.", time.Duration(soon)),
		},
	}
}

const (
	inFrame = 64                 // worlds that share a frame of the pipe
	soon    = 3 * machine.Second // ten elections after the last fault, for an answer
)

// many runs a share of the schedules of some kinds of worlds with the submission's replicas.
func many(share int, liveness machine.Time, some ...kind) func(*judge.T) {
	return func(t *judge.T) {
		pipe := t.Pipe("sim", "-pipe")
		n := max(1, t.Schedules()/share/len(some))
		for _, k := range some {
			cfg := k.world()
			cfg.Liveness = liveness
			done := 0
			cfg.Judges = func() []sim.Judge { return k.judges(&done) }
			sum, err := pipe.Many(t.Context(), cfg, t.Seed(), n, inFrame)
			if err != nil {
				t.Fatalf("%v", err)
			}
			k.verdict(t, sum, n, liveness)
			if done < n && !k.hopeless {
				t.Fatalf("in %d schedules of world %s %d requests were done: want one in each at least", n, k.name, done)
			}
		}
	}
}

// verdict says what a submission's runs of a world show.
func (k kind) verdict(t *judge.T, sum *sim.Summary, n int, liveness machine.Time) {
	switch {
	case sum.Failed != nil && sum.Failed.Rule == notChecked:
		t.NotJudged("world %s, seed %d: %v", k.name, sum.Seed, sum.Failed)
	case sum.Failed != nil:
		t.Replay("go run ./p4-consensus/cmd/sim -world %s -seed %d -liveness %v -shrunk -print", k.name, sum.Seed, time.Duration(liveness))
		t.Fatalf("world %s, seed %d: %v", k.name, sum.Seed, sum.Failed)
	case sum.Schedules < n:
		t.NotJudged("only %d of %d schedules of world %s were run", sum.Schedules, n, k.name)
	}
}
