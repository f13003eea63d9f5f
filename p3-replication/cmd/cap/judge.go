//go:build unix

package main

import (
	"errors"
	"math"
	"time"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// outcome is what an operation has come to, for its caller.
type outcome int

// The outcomes.
const (
	answered outcome = iota
	refused          // it was not done
	unknown          // it was done, or will be, or never
	numOutcomes
)

// outcomeOf is what an answer, nil for none, has come to. That there is no such key is one.
func outcomeOf(resp *kv.Response) outcome {
	switch {
	case resp == nil:
		return unknown
	case resp.Status == kv.OK || resp.Status == kv.NotFound:
		return answered
	case resp.Status == kv.Maybe:
		return unknown
	}
	return refused
}

// tally counts operations by their outcomes.
type tally [numOutcomes]int

func (n tally) all() (sum int) {
	for _, k := range n {
		sum += k
	}
	return sum
}

// side is one of those that the partition makes.
type side int

// The sides.
const (
	alone side = iota // with the replica that gives the order
	most              // with all others
	numSides
)

func sideOf(client int) side {
	if homes[client] == first {
		return alone
	}
	return most
}

// verdict is what is known of a store after its run.
type verdict struct {
	stage  int
	counts [numPhases][numSides]tally
	reads  int // that were answered
	stale  int // of them: they show what was overwritten before they began

	linear    error // why the history is not linearizable; nil if it is, or if that was not asked
	across    error // the same of the few operations that cross the partition
	sessions  error // why a session guarantee is broken
	converged error // why the copies are not equal
	settled   time.Duration
}

// judge looks at all that the callers were told.
func (t *trial) judge() *verdict {
	h := t.rec.History()
	v := &verdict{stage: t.stage, settled: t.settled}
	p := before
	for i, op := range h {
		for i >= t.histories[p] {
			p++
		}
		v.counts[p][sideOf(op.Client)][outcomeOf(op.Resp)]++
	}
	v.reads, v.stale = staleness(h)
	linearizable := kv.Caps{Level: kv.Linearizable, Has: kv.CapRevisions}
	if t.stage == 4 {
		v.linear = check.Linearizable(h, linearizable)
	}
	v.across = check.Linearizable(t.across.History(), kv.Caps{Level: kv.Linearizable})
	v.sessions = guarantees(h)
	v.converged = check.Converged(t.finals)
	return v
}

// guarantees are the four of a session ('94).
func guarantees(h check.History) error {
	return errors.Join(check.ReadYourWrites(h), check.MonotonicReads(h), check.MonotonicWrites(h), check.WritesFollowReads(h))
}

// staleness counts the reads that were answered, and those that show a key as it was before a
// write of it: one that was acknowledged before the read began, and that itself began after the
// write that is shown had been acknowledged. One such read, and the history is not linearizable.
// Keys must be written by Puts only, each value once.
func staleness(h check.History) (reads, stale int) {
	ended := map[string]map[string]machine.Time{} // by key and value: until when a write may have taken effect
	acked := map[string][]check.Op{}
	for _, op := range h {
		put, ok := op.Req.Op.(kv.Put)
		if !ok || outcomeOf(op.Resp) == refused {
			continue
		}
		if ended[put.Key] == nil {
			ended[put.Key] = map[string]machine.Time{}
		}
		ended[put.Key][string(put.Value)] = math.MaxInt64
		if outcomeOf(op.Resp) == answered {
			ended[put.Key][string(put.Value)] = op.Return
			acked[put.Key] = append(acked[put.Key], op)
		}
	}
	for _, op := range h {
		get, ok := op.Req.Op.(kv.Get)
		if !ok || outcomeOf(op.Resp) != answered {
			continue
		}
		reads++
		shown := machine.Time(-1) // before all
		if item, ok := op.Resp.Result.(kv.Item); ok && op.Resp.Status == kv.OK {
			shown = ended[get.Key][string(item.Value)]
		}
		if overwritten(acked[get.Key], shown, op.Call) {
			stale++
		}
	}
	return reads, stale
}

// overwritten tells whether a write lies wholly between two instants.
func overwritten(writes []check.Op, from, to machine.Time) bool {
	for i := range writes {
		if writes[i].Call > from && writes[i].Return < to {
			return true
		}
	}
	return false
}
