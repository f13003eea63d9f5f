package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim/explore"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
	"dss.example/p3-replication/world"
)

// pair is how many servers the small world has.
const pair = 2

// depth bounds the actions of a run in the small world: it is about what both servers need to have
// told each other of everything.
const depth = 15

// explored tries every short run of two servers that have met, with a write at each and a crash:
// each order in which their sessions may go.
func explored(ctx context.Context, out io.Writer, progress func(string)) error {
	result, err := explore.Search(smallWorld(ctx, world.Usual().Protocol(), depth, progress))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "two servers, two writes, a crash: %d worlds, %d steps of machines: all runs of up to %d actions\n",
		result.Worlds, result.Steps, depth)
	if err := result.Err(); !errors.Is(err, explore.ErrNotExhausted) || result.Depth < depth {
		return err
	}
	return nil
}

// smallWorld is that world, of servers of a protocol.
func smallWorld(ctx context.Context, p *machine.Protocol, depth int, progress func(string)) explore.Config {
	c := explore.Config{
		Crashes: 1, MaxDepth: depth, Invariant: agrees,
		Progress: func(p explore.Progress) bool {
			progress(fmt.Sprintf("%d worlds, depth %d", p.Worlds, p.Depth))
			return ctx.Err() == nil
		},
	}
	there := explore.Prompted(world.Met(p, pair))
	k := world.Kind{Servers: pair}
	for i := range pair {
		at := world.Server(i + 1)
		c.Places = append(c.Places, explore.Place{Addr: at, Protocol: there, Config: k.Settings(i + 1).AppendTo(nil)})
		c.Asks = append(c.Asks, explore.Ask{To: at, Cmd: &kv.Request{Op: kv.Put{Key: "x", Value: []byte{'1' + byte(i)}}}})
	}
	return c
}

// agrees accuses a number that is two writes', a stamp that is, a number of what its server has
// not saved, and numbers that are not all those up to the last.
func agrees(w explore.World) error {
	numbers, writes := map[uint64]vector.Stamp{}, map[vector.Stamp]string{}
	for i := range pair {
		at := world.Server(i + 1)
		mine, last := map[vector.Stamp]bool{}, uint64(0)
		given := map[uint64]vector.Stamp{}
		for rec := range w.Saved(at) {
			switch r := rec.(type) {
			case proto.Learned:
				mine[r.Write.ID] = true
				if before, ok := writes[r.Write.ID]; ok && before != r.Write.String() {
					return fmt.Errorf("%v names two writes, %s and %v", r.Write.ID, before, r.Write)
				}
				writes[r.Write.ID] = r.Write.String()
			case proto.Committed:
				for n, id := range r.IDs {
					given[r.First+uint64(n)] = id
					last = max(last, r.First+uint64(n))
				}
			}
		}
		for n := uint64(pair + 1); n <= last; n++ { // those before are of the births
			id, ok := given[n]
			if before, other := numbers[n]; !ok || !mine[id] || other && before != id {
				return fmt.Errorf("%v has number %d for %v, elsewhere it is %v's", at, n, id, before)
			}
			numbers[n] = id
		}
	}
	return nil
}
