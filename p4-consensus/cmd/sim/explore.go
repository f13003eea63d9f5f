package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim/explore"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

// explored tries every run of two small worlds: one value, in all runs; and the log, in all
// that are short.
func explored(ctx context.Context, out io.Writer, progress func(string)) error {
	if err := single.Explore(ctx, out, progress); err != nil {
		return err
	}
	result, err := search(ctx, kinds()[0], depth, func(p explore.Progress) {
		progress(fmt.Sprintf("%d worlds, depth %d", p.Worlds, p.Depth))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the log: %d worlds, %d steps of machines: all runs of up to %d actions\n", result.Worlds, result.Steps, depth)
	if err := result.Err(); !errors.Is(err, explore.ErrNotExhausted) || result.Depth < depth {
		return err
	}
	return nil
}

// depth is how many actions a run of the log has that is tried.
const depth = 10

// search tries every run of up to so many actions of three replicas, two of which may come to
// lead, and of two commands.
func search(ctx context.Context, k kind, depth int, progress func(explore.Progress)) (explore.Result, error) {
	return searchOf(ctx, k, depth, k.formed(), progress)
}

// searchOf is search for replicas of any protocol.
func searchOf(ctx context.Context, k kind, depth int, p *machine.Protocol, progress func(explore.Progress)) (explore.Result, error) {
	c := explore.Config{
		Mortal: []machine.Node{}, Timers: 2, MaxDepth: depth, Invariant: k.agree,
		Asks: []explore.Ask{
			{To: replica(1), Cmd: &kv.Request{Op: kv.Put{Key: "x", Value: []byte("A")}}},
			{To: replica(2), Cmd: &kv.Request{Op: kv.Put{Key: "x", Value: []byte("B")}}},
		},
		Progress: func(p explore.Progress) bool {
			if progress != nil {
				progress(p)
			}
			return ctx.Err() == nil
		},
	}
	for i := range k.replicas {
		config := k.settings()
		config.Heartbeat = 3 * config.Election // so that the first timer ends the wait for a leader
		c.Places = append(c.Places, explore.Place{Addr: replica(i + 1), Protocol: p, Config: config.AppendTo(nil)})
	}
	return explore.Search(c)
}

// agree accuses two values that are chosen for one slot, or stand in one ballot of it.
func (k kind) agree(w explore.World) error {
	type place struct {
		slot   uint64
		ballot proto.Ballot
	}
	values, votes, chosen := map[place]string{}, map[place]int{}, map[uint64]string{}
	for i := range k.replicas {
		for rec := range w.Saved(replica(i + 1)) {
			v, ok := rec.(proto.Voted)
			if !ok {
				continue
			}
			at, id := place{v.Slot, v.Ballot}, string(proto.Learned{Value: v.Value}.AppendTo(nil))
			if before, ok := values[at]; ok && before != id {
				return fmt.Errorf("ballot %v has two values for slot %d", v.Ballot, v.Slot)
			}
			values[at] = id
			votes[at]++
			if votes[at]*2 <= k.replicas {
				continue
			}
			if before, ok := chosen[v.Slot]; ok && before != id {
				return fmt.Errorf("two values are chosen for slot %d", v.Slot)
			}
			chosen[v.Slot] = id
		}
	}
	return nil
}
