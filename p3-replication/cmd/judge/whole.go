package main

import (
	"fmt"
	"time"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/world"
)

// wholeChecks put the submission's servers into the worlds of cmd/sim.
func wholeChecks() []judge.Check {
	check := func(name, rule string, kinds ...string) judge.Check {
		return judge.Check{Step: stepBirth, Name: name, Run: many(kinds...), Rule: rule}
	}
	return []judge.Check{
		check("servers are born, write and agree", fmt.Sprintf(
			"On empty disks one founds the database and bears the others; each step is one that the specification allows, and within %v after the last fault all agree.", time.Duration(world.Soon)),
			"three", "five", "far", "order"),
		check("servers come and go", "A server that comes later is borne by any other; who retires is forgotten when all it wrote is known, and writes nothing more.", "births"),
		check("who loses its disk comes back under another name", "What was durable may be lost: nobody speaks under a name whose past it does not know.", "disks"),
		check("sessions that travel among newborn servers keep their guarantees", "So it is while servers are born too.", "sessions"),
	}
}

// inFrame is how many worlds share a frame of the pipe: few, for where servers are never done all
// of them go on to the end of their time.
const inFrame = 16

// many runs a share of the schedules in some kinds of worlds, half of them so that all must be well
// soon after the last fault.
func many(kinds ...string) func(*judge.T) {
	return func(t *judge.T) {
		pipe := t.Pipe("sim", "-pipe")
		n := max(2, t.Schedules()/2/len(kinds))
		for _, name := range kinds {
			k, err := world.Named(name)
			if err != nil {
				panic(err) // a mistake of the judge's
			}
			use := &uses{}
			for _, liveness := range []machine.Time{0, world.Soon} {
				cfg := k.World()
				cfg.Liveness = liveness
				cfg.Judges = func() []sim.Judge { return append(k.Judges(), use) }
				sum, err := pipe.Many(t.Context(), cfg, t.Seed(), n/2, inFrame)
				if err != nil {
					t.Fatalf("%v", err)
				}
				verdict(t, name, sum, n/2, liveness)
			}
			if use.done < n {
				t.Fatalf("in %d schedules of world %s %d requests were done: want one in each at least", n, name, use.done)
			}
		}
	}
}

// verdict says what a submission's runs of a world show.
func verdict(t *judge.T, name string, sum *sim.Summary, n int, liveness machine.Time) {
	switch {
	case sum.Failed != nil:
		t.Replay("go run ./p3-replication/cmd/sim -world %s -seed %d -liveness %v -shrunk -print", name, sum.Seed, time.Duration(liveness))
		t.Fatalf("world %s, seed %d: %v", name, sum.Seed, sum.Failed)
	case sum.Schedules < n:
		t.NotJudged("only %d of %d schedules of world %s were run", sum.Schedules, n, name)
	}
}

// uses counts in all runs of a world what was done for clients: servers that do nothing break no
// rule.
type uses struct{ done int }

// Step implements sim.Judge.
func (*uses) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (u *uses) End(w *sim.World) error {
	for _, x := range w.History() {
		if resp, ok := x.Answer.(*kv.Response); ok && x.At.Role == world.Role && (resp.Status == kv.OK || resp.Status == kv.NotFound) {
			u.done++
		}
	}
	return nil
}
