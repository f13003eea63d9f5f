package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p2-persist/checkpoint/pulse"
	"dss.example/p2-persist/durable"
)

// wholeChecks run the durable machine in worlds of the judge's, and the server as people
// start it.
func wholeChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.9", Name: "a machine that crashes has promised nothing that it forgets", Run: schedules(newWorld),
			Rule: "Whatever crashes and whatever the network does, all answers agree with one order: what was answered is there after the crash.",
		},
		{
			Step: "p2.9", Name: "every request is answered soon after the last fault", Run: schedules(lively),
			Rule: fmt.Sprintf("Within %v after the last fault every request has an answer.", world.Bound),
		},
		{
			Step: "p2.9", Name: "kvd loses nothing to kill -9", Run: killed,
			Rule: "Killed under load, again and again, the server has all that it has acknowledged when it is started anew, once and in order.",
		},
		{
			Step: "p2.9", Name: "kvd ends in good order and comes back", Run: ends,
			Rule: "On SIGTERM kvd ends with 0; started anew it has what it had.",
		},
	}
}

// newWorld is stage 1's world with a server that crashes and forgets nothing. It is that
// of cmd/sim, but that no machine is made here: they are the submission's.
func newWorld() *sim.Config {
	return world.Behind(session.ExactlyOnce, durable.Protocol(pulse.Protocol(table.Protocol()), nil), table.Config{HistoryEvents: 20})
}

// lively is the world in which everybody must get an answer at last.
func lively() *sim.Config {
	cfg := newWorld()
	cfg.Liveness = machine.Time(world.Bound)
	return cfg
}

// inFrame is how many worlds share a frame of the pipe.
const inFrame = 64

// schedules runs many schedules with the submission's machine.
func schedules(make func() *sim.Config) func(*judge.T) {
	return func(t *judge.T) {
		sum, err := t.Pipe("sim", "-pipe").Many(t.Context(), make(), t.Seed(), t.Schedules(), inFrame)
		switch {
		case err != nil:
			t.Fatalf("%v", err)
		case sum.Failed != nil && sum.Failed.Rule == "not checked":
			t.NotJudged("seed %d: %v", sum.Seed, sum.Failed)
		case sum.Failed != nil:
			t.Replay("go run ./p2-persist/cmd/sim -seed %d -shrunk -print", sum.Seed)
			t.Fatalf("seed %d: %v", sum.Seed, sum.Failed)
		case sum.Schedules < t.Schedules():
			t.NotJudged("only %d of %d schedules were run", sum.Schedules, t.Schedules())
		}
	}
}

// server is the submission's kvd, in one life after the other.
type server struct {
	t    *judge.T
	p    *judge.Process
	addr string
}

var kvdArgs = []string{"-data", "data", "-listen", "127.0.0.1:0"}

func startServer(t *judge.T) *server {
	s := &server{t: t, p: t.Start("kvd", kvdArgs...)}
	s.addr = s.p.Ready("kvd stage=2 listening on ")
	return s
}

// again starts the next life in the same folder; the one before has ended.
func (s *server) again() {
	s.p = s.p.Again(kvdArgs...)
	s.addr = s.p.Ready("kvd stage=2 listening on ")
}

// with lets fn use clients, staff's, that give up when the server has ended.
func (s *server) with(fn func(ctx context.Context, c *client.Client)) {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-s.p.Done():
			cancel()
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel()
	defer s.p.Watch()()
	c, err := client.Open(ctx, client.Options{Addrs: []string{s.addr}, Session: session.Config{Timeout: 300 * machine.Second}})
	if err != nil {
		s.t.Errorf("connect to kvd: %v", err)
		return
	}
	fn(ctx, c)
	_ = c.Close()
}

// get reads a key; false if it was not answered.
func (s *server) get(key string) (value string, ok bool) {
	s.with(func(ctx context.Context, c *client.Client) {
		resp := c.Do(ctx, &kv.Request{Op: kv.Get{Key: key}})
		it, _ := resp.Result.(kv.Item)
		value, ok = string(it.Value), resp.Status == kv.OK || resp.Status == kv.NotFound
	})
	return value, ok
}

// writer appends numbers to a key of its own.
type writer struct {
	key          string
	acknowledged int
	begun        int
}

func (w *writer) write(ctx context.Context, c *client.Client, done func()) {
	for n := w.begun + 1; ctx.Err() == nil; n++ {
		w.begun = n
		if resp := c.Do(ctx, &kv.Request{Op: kv.Append{Key: w.key, Value: fmt.Appendf(nil, "%d,", n)}}); resp.Status != kv.OK {
			return
		}
		w.acknowledged = n
		done()
	}
}

// settle compares a key with what its writer knows, and goes on from there.
func (w *writer) settle(value string) error {
	n := 0
	for word := range strings.SplitSeq(strings.TrimSuffix(value, ","), ",") {
		if value == "" {
			break
		}
		if n++; word != fmt.Sprint(n) {
			return fmt.Errorf("write %d of %s is %q", n, w.key, word)
		}
	}
	if n < w.acknowledged || n > w.begun {
		return fmt.Errorf("%d writes of %s are there, %d were acknowledged, %d begun", n, w.key, w.acknowledged, w.begun)
	}
	w.acknowledged, w.begun = n, n
	return nil
}

// Under load are so many writers, and so many writes of them go before each kill.
const (
	writers   = 4
	kills     = 5
	perWriter = 20
)

func killed(t *judge.T) {
	t.Replay("go test ./p2-persist/cmd/kvd -run Kills")
	s := startServer(t)
	all := make([]*writer, writers)
	for i := range all {
		all[i] = &writer{key: fmt.Sprint("writer ", i)}
	}
	for range kills {
		s.load(all)
		s.p.Wait()
		s.again()
		for _, w := range all {
			value, ok := s.get(w.key)
			if !ok {
				t.Fatalf("%s is not answered after kill -9", w.key)
			}
			if err := w.settle(value); err != nil {
				t.Fatalf("after kill -9: %v", err)
			}
		}
	}
}

// load lets all write until the server is killed, which is when enough was acknowledged.
func (s *server) load(all []*writer) {
	s.with(func(ctx context.Context, c *client.Client) {
		var under sync.WaitGroup
		acknowledged := make(chan struct{})
		for _, w := range all {
			under.Go(func() {
				w.write(ctx, c, func() {
					select {
					case acknowledged <- struct{}{}:
					case <-ctx.Done():
					}
				})
			})
		}
		for n := 0; n < writers*perWriter && ctx.Err() == nil; n++ {
			select {
			case <-acknowledged:
			case <-ctx.Done():
				s.t.Errorf("kvd has ended under load: %s", s.p.Errors())
			}
		}
		s.p.Kill()
		under.Wait()
	})
}

func ends(t *judge.T) {
	t.Replay("go test ./p2-persist/cmd/kvd")
	s := startServer(t)
	s.with(func(ctx context.Context, c *client.Client) {
		if resp := c.Do(ctx, &kv.Request{Op: kv.Put{Key: "a", Value: []byte("x")}}); resp.Status != kv.OK {
			t.Fatalf("put: %v", resp)
		}
	})
	s.p.Terminate()
	if code := s.p.Wait(); code != 0 {
		t.Errorf("kvd ended with %d after SIGTERM", code)
	}
	s.again()
	if value, ok := s.get("a"); !ok || value != "x" {
		t.Errorf("after SIGTERM and a new start the value is %q, not the one that was put", value)
	}
}
