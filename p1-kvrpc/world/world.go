// Package world describes stage 1 to the simulator: one server, a few clients that
// retry over a bad network, and a judge of what they were told.
package world

import (
	"errors"
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

// hasty is Patient for a client that gives up soon, and asks of two callers at the
// same time.
func hasty(mode session.Mode) session.Config {
	c := Patient(mode)
	c.Timeout = machine.Second
	return c
}

// New describes the world: a server and three clients in the given mode, one of which
// is hasty and serves two callers. The server is volatile, so it is never crashed;
// the clients are.
func New(mode session.Mode) *sim.Config {
	cfg := &sim.Config{
		Faults: sim.AllFaults(),
		Judges: func() []sim.Judge { return []sim.Judge{newServed(), judge{}} },
		Nodes: []sim.Node{{ID: Server().Node, Volatile: true, Roles: []sim.Role{
			{Name: RoleTable, Protocol: table.Protocol(), Config: table.Config{HistoryEvents: 20}.AppendTo(nil), Remote: true},
		}}},
	}
	for i, config := range []session.Config{Patient(mode), Patient(mode), hasty(mode)} {
		cfg.Nodes = append(cfg.Nodes, client(i, config))
	}
	for i, at := range []machine.Addr{Client(0), Client(1), Client(2), Client(2)} {
		cfg.Clients = append(cfg.Clients, sim.Client{At: at, Next: next(i), Patience: 30 * machine.Second})
	}
	return cfg
}

func client(i int, config session.Config) sim.Node {
	return sim.Node{ID: Client(i).Node, Roles: []sim.Role{
		{Name: RoleSession, Protocol: session.Protocol(), Config: config.AppendTo(nil), Remote: true},
	}}
}

// Fleeting is New with sessions that expire on the way. Clocks do not jump: clients
// count on the server's being no faster than twice theirs (see package session).
func Fleeting(mode session.Mode) *sim.Config {
	cfg := New(mode)
	cfg.Faults.Jump = 0
	for i := range 3 {
		config := hasty(mode)
		config.TTL = 300 * machine.Millisecond
		cfg.Nodes[1+i] = client(i, config)
	}
	return cfg
}

// Plain is New with callers that only get, put, append, delete and scan: what a
// server without transactions can answer.
func Plain(mode session.Mode) *sim.Config {
	cfg := New(mode)
	for i := range cfg.Clients {
		cfg.Clients[i].Next = nextPlain(i)
	}
	return cfg
}

// Behind is New with another server for the same requests, one that keeps what it has
// answered and may crash. It is judged by what clients were told, and by no more: what a
// server did and lost again before it answered is its own business.
func Behind(mode session.Mode, protocol *machine.Protocol, config machine.Data) *sim.Config {
	cfg := New(mode)
	cfg.Judges = judges
	cfg.Nodes[0] = sim.Node{ID: Server().Node, Roles: []sim.Role{
		{Name: RoleTable, Protocol: protocol, Config: config.AppendTo(nil), Remote: true},
	}}
	return cfg
}

// nextPlain makes caller i's requests in Plain.
func nextPlain(i int) func(int, *rand.Rand) machine.Data {
	return func(k int, r *rand.Rand) machine.Data {
		key := string(rune('a' + r.IntN(3)))
		value := fmt.Appendf(nil, "%d.%d.%x;", i, k, r.Uint32())
		switch r.IntN(8) {
		case 0:
			return &kv.Request{Op: kv.Get{Key: key}}
		case 1, 2:
			return &kv.Request{Op: kv.Put{Key: key, Value: value}}
		case 3:
			return &kv.Request{Op: kv.Delete{Key: key}}
		case 4:
			return &kv.Request{Op: kv.Scan{}}
		default:
			return &kv.Request{Op: kv.Append{Key: key, Value: value}}
		}
	}
}

// next makes caller i's requests: a few keys that all callers share, values that
// never repeat, unless they are empty.
func next(i int) func(int, *rand.Rand) machine.Data {
	return func(k int, r *rand.Rand) machine.Data {
		key := string(rune('a' + r.IntN(3)))
		value := fmt.Appendf(nil, "%d.%d.%x;", i, k, r.Uint32())
		some := kv.Version{Lo: 1 + r.Uint64N(40)}
		req := &kv.Request{}
		switch r.IntN(16) {
		case 0, 1:
			req.Op = kv.Get{Key: key}
		case 2:
			req.Op = kv.Get{Key: "e"}
		case 3, 4:
			req.Op = kv.Put{Key: key, Value: value}
		case 5:
			req.Op = kv.Put{Key: "e"} // empty, on a key of its own: values tell the checker what happened
		case 6, 7, 8:
			req.Op = kv.Append{Key: key, Value: value}
		case 9:
			req.Op = kv.CAS{Key: key, Value: value} // if it is absent
			if k%2 == 1 {
				req.Op = kv.CAS{Key: key, Old: some, Value: value}
			}
		case 10:
			req.Op, req.At = kv.Scan{}, some
		case 11:
			req.Op = kv.Delete{Key: key}
		case 12:
			req.Op = kv.Txn{
				If:   []kv.Compare{{Key: key, Target: kv.TargetCount, Relation: kv.Less, Number: 3}},
				Then: []kv.Op{kv.Append{Key: key, Value: value}, kv.Get{Key: "a"}, kv.Put{Key: "d", Value: value}},
				Else: []kv.Op{kv.Delete{Key: key}},
			}
		case 13:
			req.Op, req.Wait = kv.Events{From: key}, time.Duration(1+r.IntN(100))*time.Millisecond
		case 14:
			req.Op = kv.Events{From: "b", After: some, Max: 1 + r.IntN(3)}
		default:
			req.Op = kv.Scan{}
		}
		return req
	}
}

// judges are those that hold for requests of all kinds.
func judges() []sim.Judge { return []sim.Judge{judge{}} }

// judge asks whether some order of all requests explains what clients were told.
type judge struct{}

// Step implements sim.Judge.
func (judge) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (judge) End(w *sim.World) error {
	steps := searchSteps
	if w.Replaying() {
		steps = 3000 // a list cut at random leaves much unknown: nothing is lost if one of many is not judged
	}
	err := check.StrictlySerializableWithin(History(w), table.Offers(), steps)
	if errors.Is(err, check.ErrNotChecked) {
		return unchecked{err}
	}
	return err
}

// searchSteps bounds the search for what requests of unknown outcome did.
const searchSteps = 300_000

// unchecked is a fault of the judge, not of what is judged.
type unchecked struct{ error }

// Rule keeps it apart from a broken order.
func (unchecked) Rule() string { return "not checked" }

// Unwrap returns check.ErrNotChecked.
func (u unchecked) Unwrap() error { return u.error }

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
	cfg := New(mode)
	cfg.Judges = judges                // a person may write a value twice,
	cfg.Nodes[0].Roles[0].Config = nil // to a server like a real one
	return script.World{Config: cfg, Command: func(role string, words []string) (machine.Data, error) {
		return script.KV(words)
	}}
}

// Bound is within what virtual time every request is answered after the last fault.
const Bound = 60 * time.Second
