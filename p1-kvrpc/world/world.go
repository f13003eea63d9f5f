// Package world describes stage 1 to the simulator: one server, a few clients that
// retry over a bad network, and a judge of what they were told.
package world

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
)

// Roles of the world's addresses.
const (
	RoleTable   = "table"
	RoleSession = "session"
)

// Server is the server's address.
func Server() machine.Addr { return machine.Addr{Node: 1, Role: RoleTable} }

// Client is the address of client i, from 0.
func Client(i int) machine.Addr {
	return machine.Addr{Node: machine.Node(11 + i), Role: RoleSession}
}

// Roles are the stage's protocols by role, for the judge's pipe and for replays.
func Roles() map[string]*machine.Protocol {
	return map[string]*machine.Protocol{RoleTable: table.Protocol(), RoleSession: session.Protocol()}
}

// Patient is how the clients of this world retry: faster than real ones, so that a
// run of 500 steps sees several attempts.
func Patient(mode session.Mode) session.Config {
	return session.Config{
		Servers: []session.Server{{Addr: Server()}}, Mode: mode,
		Attempt: 200 * machine.Millisecond, Backoff: 20 * machine.Millisecond, MaxDelay: machine.Second,
	}
}

// New describes the world: a server and three clients in the given mode. The server
// is volatile, so it is never crashed; the clients are.
func New(mode session.Mode) *sim.Config {
	cfg := &sim.Config{
		Faults: sim.AllFaults(),
		Judges: func() []sim.Judge { return []sim.Judge{judge{}} },
		Nodes: []sim.Node{{ID: Server().Node, Volatile: true, Roles: []sim.Role{
			{Name: RoleTable, Protocol: table.Protocol(), Remote: true},
		}}},
	}
	config := Patient(mode).AppendTo(nil)
	for i := range 3 {
		at := Client(i)
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: at.Node, Roles: []sim.Role{
			{Name: RoleSession, Protocol: session.Protocol(), Config: config, Remote: true},
		}})
		cfg.Clients = append(cfg.Clients, sim.Client{At: at, Next: next(i), Patience: 30 * machine.Second})
	}
	return cfg
}

// next makes client i's requests: a few keys that all clients share, values that
// never repeat.
func next(i int) func(int, *rand.Rand) machine.Data {
	return func(k int, r *rand.Rand) machine.Data {
		key := string(rune('a' + r.IntN(3)))
		value := fmt.Appendf(nil, "%d.%d.%x;", i, k, r.Uint32())
		req := &kv.Request{}
		switch r.IntN(12) {
		case 0, 1, 2:
			req.Op = kv.Get{Key: key}
		case 3, 4:
			req.Op = kv.Put{Key: key, Value: value}
		case 5, 6, 7:
			req.Op = kv.Append{Key: key, Value: value}
		case 8:
			req.Op = kv.CAS{Key: key, Value: value} // if it is absent
		case 9:
			req.Op = kv.Delete{Key: key}
		case 10:
			req.Op = kv.Txn{
				If:   []kv.Compare{{Key: key, Target: kv.TargetCount, Relation: kv.Less, Number: 3}},
				Then: []kv.Op{kv.Append{Key: key, Value: value}, kv.Get{Key: "a"}},
				Else: []kv.Op{kv.Delete{Key: key}},
			}
		default:
			req.Op = kv.Scan{}
		}
		return req
	}
}

// judge asks whether some order of all requests explains what clients were told.
type judge struct{}

// Step implements sim.Judge.
func (judge) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (judge) End(w *sim.World) error {
	return check.StrictlySerializable(History(w), table.Offers())
}

// History is what the clients of a world asked and were told.
func History(w *sim.World) check.History {
	var h check.History
	for _, x := range w.History() {
		op := check.Op{Client: x.Client, Call: x.Asked, Return: check.Never, Req: x.Cmd.(*kv.Request)}
		if resp, ok := x.Answer.(*kv.Response); ok {
			op.Return, op.Resp = x.Ended, resp
		}
		h = append(h, op)
	}
	return h
}

// Script is the world of golden scripts: the same nodes, driven by hand.
func Script(mode session.Mode) script.World {
	return script.World{Config: New(mode), Command: func(role string, words []string) (machine.Data, error) {
		return script.KV(words)
	}}
}

// Bound is within what virtual time every request is answered after the last fault.
const Bound = 60 * time.Second
