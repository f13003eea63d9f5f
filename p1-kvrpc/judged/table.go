package judged

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"dss.example/common/check"
	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
)

// tableChecks are what no case of kvtest asks of a table.
func tableChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p1.5", Name: "what is acknowledged needs no room", Run: acknowledged,
			Rule: "An answer that was acknowledged is forgotten: a client that acknowledges is never told Overloaded, and memory does not grow with the number of requests.",
		},
		{
			Step: "p1.5", Name: "clients that repeat their requests see one order", Run: schedules("table", func() *sim.Config { return within("p1.5", world.New(session.ExactlyOnce)) }),
			Rule: "However the network loses, repeats and delays, and whichever client crashes, each write is executed once and all answers agree with one order.",
		},
		{
			Step: "p1.7", Name: "watchers and readers of the past see one order", Run: schedules("table", func() *sim.Config { return world.New(session.ExactlyOnce) }),
			Rule: "The same with reads of the past and long polls: a watch misses nothing, whatever is lost on the way.",
		},
		{
			Step: "p1.7", Name: "sessions that end on the way execute nothing twice", Run: schedules("table", func() *sim.Config { return world.Fleeting(session.ExactlyOnce) }),
			Rule: "When sessions expire while requests are under way, no write is executed twice.",
		},
		{
			Step: "p1.7", Name: "every request is answered soon after the last fault", Run: schedules("table", lively),
			Rule: fmt.Sprintf("Within %v after the last fault every request has an answer.", world.Bound),
		},
		{
			Step: "p1.8", Name: "a lease ends by an operation and never by a clock", Run: unhurried,
			Rule: "A lease whose time is over lives until Expire is applied, which has its place among the writes; keeping it alive before that revives it.",
		},
	}
}

// unhurried steps a table by hand, so that time passes and nobody has told the table:
// its timer has not arrived yet.
func unhurried(t *judge.T) {
	m, err := t.Far(world.Roles(), "sim", "-pipe").Protocol(world.RoleTable).New(world.Server(), table.Config{FirstID: 1}.AppendTo(nil))
	if err != nil {
		t.Fatalf("%v", err)
	}
	asks := uint64(0)
	ask := func(now machine.Time, op kv.Op) *kv.Response {
		asks++
		var out machine.Out
		m.Step(machine.In{Now: now, Rand: 1, Event: machine.Ask{ID: asks, Cmd: &kv.Request{Op: op}}}, &out)
		for _, a := range out.Reply {
			if resp, ok := a.Data.(*kv.Response); ok && a.ID == asks {
				return resp
			}
		}
		t.Fatalf("%v was not answered at once", &kv.Request{Op: op})
		return nil
	}
	info, _ := ask(machine.Second, kv.Grant{TTL: time.Second}).Result.(kv.LeaseInfo)
	ask(machine.Second, kv.Put{Key: "a", Value: []byte("x"), Lease: info.ID})
	for _, op := range []kv.Op{kv.Get{Key: "a"}, kv.KeepAlive{Lease: info.ID}, kv.Get{Key: "a"}} {
		if resp := ask(10*machine.Second, op); resp.Status != kv.OK {
			t.Fatalf("the time of a lease is over, but it has not ended yet: %v answered %v", &kv.Request{Op: op}, resp.Status)
		}
	}
}

// lively is the world in which everybody must get an answer at last.
func lively() *sim.Config {
	cfg := world.New(session.ExactlyOnce)
	cfg.Liveness = machine.Time(world.Bound)
	return cfg
}

// within lets the callers of a world ask only for what a table offers at a step.
func within(step string, cfg *sim.Config) *sim.Config {
	has := caps(step, 0).Has
	for i := range cfg.Clients {
		all := cfg.Clients[i].Next
		cfg.Clients[i].Next = func(k int, r *rand.Rand) machine.Data {
			for {
				req := all(k, r)
				if has.Has(check.Needs(req.(*kv.Request))) {
					return req
				}
			}
		}
	}
	return cfg
}

// inFrame is how many worlds share a frame of the pipe.
const inFrame = 64

// schedules runs many schedules in which the machines of one role are the
// submission's; all others are staff's.
func schedules(role string, make func() *sim.Config) func(*judge.T) {
	return func(t *judge.T) {
		cfg := make()
		for i := range cfg.Nodes {
			for k := range cfg.Nodes[i].Roles {
				r := &cfg.Nodes[i].Roles[k]
				r.Remote = r.Name == role
			}
		}
		sum, err := t.Pipe("sim", "-pipe").Many(t.Context(), cfg, t.Seed(), t.Schedules(), inFrame)
		switch {
		case err != nil:
			t.Fatalf("%v", err)
		case sum.Failed != nil && sum.Failed.Rule == "not checked":
			t.NotJudged("seed %d: %v", sum.Seed, sum.Failed)
		case sum.Failed != nil:
			replay := fmt.Sprintf("go run ./p1-kvrpc/cmd/sim -seed %d", sum.Seed)
			if cfg.Liveness > 0 {
				replay += fmt.Sprintf(" -liveness %v", time.Duration(cfg.Liveness))
			}
			t.Replay("%s -shrunk -print", replay)
			t.Fatalf("seed %d: %v", sum.Seed, sum.Failed)
		case sum.Schedules < t.Schedules():
			t.NotJudged("only %d of %d schedules were run", sum.Schedules, t.Schedules())
		}
	}
}

// acknowledged sends far more answers through a session than it may remember.
func acknowledged(t *judge.T) {
	far := t.Far(world.Roles(), "sim", "-pipe")
	cfg := alone(far, table.Config{FirstID: 1, Answers: 8, AnswerBytes: 64 << 10, AllAnswers: 128 << 10})
	w := simkv.New(cfg, t.Seed(), caps("p1.5", 0), func(int) machine.Addr { return world.Server() }, machine.Second)
	defer w.Close()
	do := func(want kv.Status, req kv.Request) *kv.Response {
		resp := w.Store(0).Do(context.Background(), &req)
		if resp.Status != want {
			t.Fatalf("request %d of session %d, the one before it acknowledged: answered %v: want %v %v", req.Seq, req.Session, resp.Status, want, orNothing(w.Err()))
		}
		return resp
	}
	do(kv.OK, kv.Request{Op: kv.Put{Key: "k", Value: bytes.Repeat([]byte("v"), 4<<10)}})
	for range 3 {
		info, ok := do(kv.OK, kv.Request{Op: kv.OpenSession{TTL: time.Hour}}).Result.(kv.SessionInfo)
		if !ok {
			t.Fatalf("a session was opened without an ID")
		}
		for seq := uint64(1); seq <= 300; seq++ { // each answer shows the item: 4 KiB
			do(kv.Conflict, kv.Request{Session: info.ID, Seq: seq, Acked: seq - 1, Op: kv.CAS{Key: "k", Value: []byte("x")}})
		}
	}
}

func orNothing(err error) string {
	if err == nil {
		return ""
	}
	return "(" + err.Error() + ")"
}
