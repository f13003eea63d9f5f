package main

import (
	"fmt"
	"slices"
	"time"

	"dss.example/common/judge"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/cmd/sim/worlds"
)

// logChecks put the submission's replicas into the worlds of cmd/sim.
func logChecks() []judge.Check {
	all := worlds.All()
	usual, hopeful := all[:1], slices.DeleteFunc(worlds.All(), func(k worlds.Kind) bool { return k.Hopeless })
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
			Step: stepWhole, Name: "every request is answered within ten elections", Run: many(2, worlds.Soon, hopeful...),
			Rule: fmt.Sprintf("Within %v after the last fault every request has an answer.", time.Duration(worlds.Soon)),
		},
	}
}

// inFrame is how many worlds share a frame of the pipe.
const inFrame = 64

// many runs a share of the schedules of some kinds of worlds with the submission's replicas.
func many(share int, liveness machine.Time, some ...worlds.Kind) func(*judge.T) {
	return func(t *judge.T) {
		pipe := t.Pipe("sim", "-pipe")
		n := max(1, t.Schedules()/share/len(some))
		for _, k := range some {
			cfg := k.World()
			cfg.Liveness = liveness
			use := &uses{}
			cfg.Judges = func() []sim.Judge { return append(k.Judges(), use) }
			sum, err := pipe.Many(t.Context(), cfg, t.Seed(), n, inFrame)
			if err != nil {
				t.Fatalf("%v", err)
			}
			verdict(t, k, sum, n, liveness)
			if use.done < n && !k.Hopeless {
				t.Fatalf("in %d schedules of world %s %d requests were done: want one in each at least", n, k.Name, use.done)
			}
		}
	}
}

// verdict says what a submission's runs of a world show.
func verdict(t *judge.T, k worlds.Kind, sum *sim.Summary, n int, liveness machine.Time) {
	switch {
	case sum.Failed != nil && sum.Failed.Rule == worlds.NotChecked:
		t.NotJudged("world %s, seed %d: %v", k.Name, sum.Seed, sum.Failed)
	case sum.Failed != nil:
		t.Replay("go run ./p4-consensus/cmd/sim -world %s -seed %d -liveness %v -shrunk -print", k.Name, sum.Seed, time.Duration(liveness))
		t.Fatalf("world %s, seed %d: %v", k.Name, sum.Seed, sum.Failed)
	case sum.Schedules < n:
		t.NotJudged("only %d of %d schedules of world %s were run", sum.Schedules, n, k.Name)
	}
}

// uses counts in all runs of a world what was done for stage 1's clients: replicas that do
// nothing break no rule.
type uses struct{ done int }

// Step implements sim.Judge.
func (*uses) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (u *uses) End(w *sim.World) error {
	for _, x := range w.History() {
		if x.At.Role != worlds.Role && x.Answer != nil && !worlds.Refused(x.Answer) {
			u.done++
		}
	}
	return nil
}
