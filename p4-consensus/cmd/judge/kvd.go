package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"

	"dss.example/common/check"
	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

// kvdChecks start the server as people do, in three processes.
func kvdChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepWhole, Name: "three kvd lose nothing to kill -9", Run: killed,
			Rule: "While leaders are killed under load, again and again, all answers agree with one order of all requests; and every acknowledged write is there after all were killed at once.",
		},
		{
			Step: stepWhole, Name: "kvd ends in good order and the group comes back", Run: ends,
			Rule: "On SIGTERM each kvd ends with 0; started anew the group has what it had.",
		},
	}
}

// group is three of the submission's kvd, in one life after the other.
type group struct {
	t     *judge.T
	addrs []string
	procs []*judge.Process
	ctx   context.Context
}

// firstPort is below the ports that systems give to who connects: one of those could take a
// replica's port while it is down.
const firstPort = 21000

// startGroup starts three replicas that form a group.
func startGroup(t *judge.T) *group {
	g := &group{t: t, procs: make([]*judge.Process, 3), ctx: t.Context()}
	for port := firstPort; len(g.addrs) < len(g.procs); port++ {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if isFree(addr) {
			g.addrs = append(g.addrs, addr)
		} else if port > firstPort+1000 {
			t.NotJudged("no port is free")
		}
	}
	for i := range g.procs {
		g.procs[i] = t.Start("kvd", g.args(i)...)
	}
	for i := range g.procs {
		g.ready(i)
	}
	return g
}

func isFree(addr string) bool {
	ln, err := net.Listen("tcp", addr)
	return err == nil && ln.Close() == nil
}

func (g *group) args(i int) []string {
	var peers []string
	for n, addr := range g.addrs {
		peers = append(peers, fmt.Sprintf("%d=%s", n+1, addr))
	}
	return []string{"-id", fmt.Sprint(i + 1), "-peers", strings.Join(peers, ","), "-data", "data"}
}

// ready waits until a replica serves. The leader may be elected later.
func (g *group) ready(i int) {
	want := fmt.Sprintf("kvd stage=4 id=%d listening on %s", i+1, g.addrs[i])
	line, _ := g.procs[i].Line()
	switch {
	case line == want:
		return
	case !isFree(g.addrs[i]) && ended(g.procs[i]):
		g.t.NotJudged("somebody else listens on %s", g.addrs[i])
	}
	g.t.Fatalf("kvd should print %q when it is ready, but printed %q %s", want, line, g.procs[i].Errors())
}

func ended(p *judge.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// restart starts the next life of replicas that have ended or were killed, with their data.
func (g *group) restart(replicas ...int) {
	for _, i := range replicas {
		g.procs[i].Wait()
		g.procs[i] = g.procs[i].Again(g.args(i)...)
		g.ready(i)
	}
}

// watch says that a request waits: a replica that sleeps meanwhile, for too long, is ended.
func (g *group) watch() (stop func()) {
	var stops []func()
	for _, p := range g.procs {
		stops = append(stops, p.Watch())
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// open opens staff's client of some of the replicas. It is patient.
func (g *group) open(replicas ...int) *client.Client {
	o := client.Options{Session: session.Config{
		Timeout: 300 * machine.Second, Attempt: 2 * machine.Second, Retries: 10_000, Backoff: 5 * machine.Millisecond, TTL: machine.Time(kv.MaxTTL),
	}}
	for _, i := range replicas {
		o.Addrs = append(o.Addrs, g.addrs[i])
	}
	ctx, stop := g.mourning(nobody)
	defer stop()
	defer g.watch()()
	c, err := client.Open(ctx, o)
	switch {
	case err != nil && ctx.Err() != nil:
		g.t.FailNow() // it was said why
	case err != nil:
		g.t.Fatalf("connect to kvd: %v", err)
	}
	return c
}

// leader asks each replica whether it leads. When none says so it is the one of that round.
func (g *group) leader(round int) int {
	for i := range g.procs {
		c := g.open(i)
		stop := g.watch()
		r, err := kv.NewClient(c).Inspect(g.ctx)
		stop()
		_ = c.Close()
		if err == nil && r.Role == kv.Leader {
			return i
		}
	}
	return round % len(g.procs)
}

// Under load are so many callers, and each does so many operations in a round, in the middle
// of which the leader is killed.
const (
	callers  = 4
	rounds   = 4
	perRound = 60
)

func killed(t *judge.T) {
	t.Replay("go test ./p4-consensus/cmd/kvd -run KillingTheLeader")
	g := startGroup(t)
	var rec check.Recorder
	for round := range rounds {
		victim := g.leader(round)
		g.round(&rec, round, victim)
		g.restart(victim)
	}
	for _, p := range g.procs {
		p.Kill() // a disk is all that is left of each
	}
	g.restart(0, 1, 2)
	h := rec.History()
	err := errors.Join(check.Linearizable(h, kv.Caps{Level: kv.Linearizable, Has: kv.CapRevisions}), check.Appends(h, g.appended()))
	switch {
	case errors.Is(err, check.ErrNotChecked):
		t.NotJudged("%v", err)
	case err != nil:
		t.Fatalf("%v", err)
	}
}

// appended reads all that callers have appended.
func (g *group) appended() (items []kv.Item) {
	c := g.open(0, 1, 2)
	defer c.Close()
	defer g.watch()()
	for item, err := range kv.NewClient(c).All(g.ctx, "log/", kv.PrefixEnd("log/")) {
		if err != nil {
			g.t.Fatalf("read all back: %v", err)
		}
		items = append(items, item)
	}
	return items
}

// round lets all callers do their operations, and kills one replica meanwhile. When another
// ends by itself they give up.
func (g *group) round(rec *check.Recorder, round, victim int) {
	clients := make([]*client.Client, callers)
	for i := range clients {
		clients[i] = g.open(i%3, (i+1)%3, (i+2)%3)
		defer clients[i].Close()
	}
	ctx, stop := g.mourning(victim)
	defer stop()
	var under sync.WaitGroup
	done := make(chan struct{}, callers*perRound)
	for i, c := range clients {
		under.Go(func() {
			if !g.call(ctx, rec, i, round, c, done) {
				stop()
			}
		})
	}
	for range callers * perRound / 2 {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	g.procs[victim].Kill()
	under.Wait()
	if ctx.Err() != nil {
		g.t.FailNow() // it was said why
	}
}

const nobody = -1

// mourning returns a context that ends when a replica ends that nobody kills: any but the
// victim. Whoever waits for one that has ended may wait for ever. Its end must be called.
func (g *group) mourning(victim int) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(g.ctx)
	var mourners sync.WaitGroup
	for i := range g.procs {
		if i != victim {
			mourners.Go(func() { g.mourn(ctx, i, cancel) })
		}
	}
	return ctx, func() {
		cancel()
		mourners.Wait()
	}
}

// mourn calls end when a replica has ended before ctx, and says so.
func (g *group) mourn(ctx context.Context, i int, end func()) {
	select {
	case <-g.procs[i].Done():
		g.t.Errorf("kvd %d has ended, and nobody has killed it", i+1)
		end()
	case <-ctx.Done():
	}
}

// call does one caller's operations of a round. As long as a majority lives each is answered,
// and by more than a refusal; false if one was not.
func (g *group) call(ctx context.Context, rec *check.Recorder, caller, round int, c *client.Client, done chan<- struct{}) bool {
	r := rand.New(rand.NewPCG(g.t.Seed(), uint64(round*callers+caller)))
	for n := 0; n < perRound && ctx.Err() == nil; n++ {
		op := operation(r, fmt.Appendf(nil, "<%d.%d.%d>", caller, round, n))
		stop := g.watch()
		resp := rec.Do(ctx, caller, c, &kv.Request{Op: op})
		stop()
		switch resp.Status {
		case kv.OK, kv.NotFound, kv.Conflict:
		default:
			if ctx.Err() == nil {
				g.t.Errorf("with two replicas of three alive, %v is answered with: %v", &kv.Request{Op: op}, resp)
			}
			return false
		}
		done <- struct{}{}
	}
	return ctx.Err() == nil
}

// operation makes one of few keys, with a value that never repeats.
func operation(r *rand.Rand, token []byte) kv.Op {
	key := fmt.Sprintf("shared/%d", r.IntN(4))
	switch r.IntN(8) {
	case 0, 1, 2:
		return kv.Get{Key: key}
	case 3, 4:
		return kv.Put{Key: key, Value: token}
	case 5:
		return kv.CAS{Key: key, Value: token}
	case 6:
		return kv.Delete{Key: key}
	}
	return kv.Append{Key: fmt.Sprintf("log/%d", r.IntN(4)), Value: token}
}

func ends(t *judge.T) {
	t.Replay("go test ./p4-consensus/cmd/kvd -run ThreeReplicas")
	g := startGroup(t)
	g.do(kv.Put{Key: "a", Value: []byte("x")})
	for _, p := range g.procs {
		p.Terminate()
	}
	for i, p := range g.procs {
		if code := p.Wait(); code != 0 {
			t.Errorf("kvd %d ended with %d after SIGTERM", i+1, code)
		}
	}
	g.restart(0, 1, 2)
	if it, _ := g.do(kv.Get{Key: "a"}).Result.(kv.Item); string(it.Value) != "x" {
		t.Errorf("after SIGTERM and a new start the value is %q, not the one that was put", it.Value)
	}
}

// do asks any of the replicas. It must be done.
func (g *group) do(op kv.Op) *kv.Response {
	c := g.open(0, 1, 2)
	defer c.Close()
	ctx, stop := g.mourning(nobody)
	defer stop()
	defer g.watch()()
	resp := c.Do(ctx, &kv.Request{Op: op})
	if resp.Status != kv.OK {
		g.t.Fatalf("%v is answered with: %v", &kv.Request{Op: op}, resp)
	}
	return resp
}
