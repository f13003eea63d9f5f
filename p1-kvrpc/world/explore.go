package world

import (
	"context"
	"fmt"
	"io"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim/explore"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
)

// Explore tries every run of a small world: one client of the given mode that
// appends twice, a network that loses and repeats as it likes, one time-out. It
// looks at what a student's first client gets wrong: an append that is executed
// twice.
func Explore(ctx context.Context, mode session.Mode, out io.Writer, progress func(string)) error {
	result, err := Search(ctx, mode, func(p explore.Progress) {
		progress(fmt.Sprintf("%d worlds, depth %d", p.Worlds, p.Depth))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d worlds, %d steps of machines, depth %d\n", result.Worlds, result.Steps, result.Depth)
	return result.Err()
}

// Search is Explore for clients of any mode.
func Search(ctx context.Context, mode session.Mode, progress func(explore.Progress)) (explore.Result, error) {
	config := Patient(mode)
	return explore.Search(explore.Config{
		Places: []explore.Place{
			{Addr: Server(), Protocol: table.Protocol()},
			{Addr: Client(0), Protocol: session.Protocol(), Config: config.AppendTo(nil)},
		},
		Asks: []explore.Ask{
			{To: Client(0), Cmd: &kv.Request{Op: kv.Append{Key: "x", Value: []byte("A")}}},
			{To: Client(0), Cmd: &kv.Request{Op: kv.Append{Key: "x", Value: []byte("B")}}},
		},
		Mortal:    []machine.Node{},
		Timers:    1,
		Calls:     2,
		Invariant: once,
		Progress: func(p explore.Progress) bool {
			if progress != nil {
				progress(p)
			}
			return ctx.Err() == nil
		},
	})
}

// once accuses an append that the server was seen to execute twice: after two
// appends of one byte no value is longer than two. Time may pass at the server alone
// here; runs in which a session ended by that are not judged, because the client
// counts on clocks that run alike (see package session).
func once(w explore.World) error {
	longest := 0
	for m := range w.Sent() {
		ret, ok := m.Msg.(machine.Return)
		if !ok {
			continue
		}
		resp := ret.Data.(*kv.Response)
		if resp.Status == kv.NoSession {
			return nil
		}
		if n, ok := resp.Result.(kv.Length); ok {
			longest = max(longest, n.Bytes)
		}
	}
	if longest > 2 {
		return fmt.Errorf("two appends of one byte made a value of %d bytes", longest)
	}
	return nil
}
