//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/check"
	"dss.example/common/demo"
	"dss.example/common/demo/group"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

// The replicas. The first one gives the order, and is cut off alone.
const (
	replicas = 3
	first    = 1
	callers  = 6
	keys     = 4
	shared   = "shared/" // their keys begin with it
)

// homes are the callers' nearest replicas: half of the callers are with the one that is cut off.
var homes = [callers]int{1, 1, 1, 2, 2, 3}

// The times of a run.
const (
	pace     = 10 * time.Millisecond // two operations of a caller
	patience = time.Second           // of an operation
	calm     = 2 * time.Second       // before the partition, and after it
	parted   = 8 * time.Second       // at least lasts the partition
	forEver  = 24 * time.Hour        // lasts a cut that is ended by healing
	enough   = 50                    // answers that the larger side must get in the partition
)

// phase is a part of a run.
type phase int

// The phases.
const (
	before phase = iota
	during
	after
	numPhases
)

func (p phase) String() string { return [...]string{"before", "parted", "healed"}[p] }

// trial is a store's run.
type trial struct {
	*demo.Show
	stage    int
	group    *group.Group
	sessions [callers]*caller
	clients  [callers]*client.Client // those of the present phase
	answered atomic.Int64            // operations on the larger side, in this phase

	histories [numPhases]int // operations when each phase had ended
	rec       check.Recorder
	across    check.Recorder // the few operations that cross the partition on purpose
	finals    [][]kv.Item    // what each replica holds at last
	settled   time.Duration  // from the last write until the copies were seen to be equal
}

// caller is a session. Its token, if the store gives any, goes from server to server.
type caller struct {
	id     int
	token  []byte
	rand   *rand.Rand
	writes int
}

// run parts a store's replicas, and heals them.
func run(ctx context.Context, s *demo.Show, stage int, program string) (*trial, error) {
	t := &trial{Show: s, stage: stage}
	for i := range t.sessions {
		t.sessions[i] = &caller{id: i, rand: rand.New(rand.NewPCG(uint64(i), 7))}
	}
	var err error
	if t.group, err = group.New(s, group.Options{Program: program, Size: replicas}); err != nil {
		return nil, err
	}
	defer t.group.Close()
	defer t.hangUp(after)
	if err := t.form(ctx); err != nil {
		return nil, err
	}
	if err := t.phases(ctx); err != nil {
		return nil, err
	}
	for _, id := range t.group.All() {
		t.group.Kill(id)
	}
	return t, ctx.Err()
}

// form starts the replicas, and makes the first one the one that gives the order.
func (t *trial) form(ctx context.Context) error {
	if err := t.group.StartAll(ctx); err != nil {
		return err
	}
	c, err := t.open(ctx, patience, t.group.All()...)
	if err != nil {
		return err
	}
	defer c.Close()
	typed := kv.NewClient(c)
	return group.Await(ctx, fmt.Sprintf("replica %d does not come to lead all", first), func() bool {
		g, err := typed.Members(ctx)
		if err != nil || len(g.Members) != replicas || g.Leader == 0 {
			return false
		}
		if g.Leader != first {
			_ = typed.Transfer(ctx, first) // looked at again
		}
		return g.Leader == first
	})
}

func (t *trial) phases(ctx context.Context) error {
	if err := t.call(ctx, before, calm, 0); err != nil {
		return err
	}
	t.Say("stage %d: from now on nothing passes between replica %d, which gives the order, and the others", t.stage, first)
	t.group.Cut(forEver, first)
	if err := t.call(ctx, during, parted, enough); err != nil {
		return err
	}
	if err := t.cross(ctx); err != nil {
		return err
	}
	t.group.Heal()
	if err := t.call(ctx, after, calm, 0); err != nil {
		return err
	}
	ended := time.Now()
	if err := group.Await(ctx, fmt.Sprintf("the copies of stage %d do not become equal", t.stage), func() bool { return t.equal(ctx) }); err != nil {
		return err
	}
	t.settled = time.Since(ended)
	return nil
}

// reach are the replicas that a caller can speak to, the nearest first. Who will be alone with the
// first one speaks to it alone until the partition is over.
func reach(home int, p phase) []int {
	ids := []int{home}
	for id := 1; id <= replicas; id++ {
		switch {
		case id == home, p != after && home == first, p == during && id == first:
		default:
			ids = append(ids, id)
		}
	}
	return ids
}

// connect makes the clients of a phase. Those that will be alone keep theirs, and what they have
// begun with it, when the partition begins.
func (t *trial) connect(ctx context.Context, p phase) (err error) {
	t.hangUp(p)
	for i, home := range homes {
		if t.clients[i] != nil {
			continue
		}
		if t.clients[i], err = t.open(ctx, patience, reach(home, p)...); err != nil {
			return err
		}
	}
	return nil
}

// hangUp closes the clients that have no place in a phase.
func (t *trial) hangUp(p phase) {
	for i, c := range t.clients {
		if c != nil && (p != during || homes[i] != first) {
			_ = c.Close() // a session that nobody has closed expires
			t.clients[i] = nil
		}
	}
}

// call lets all callers read and write for a phase, which lasts for a while, and until the larger
// side has got some answers.
func (t *trial) call(ctx context.Context, p phase, lasts time.Duration, answers int64) error {
	step := t.Begin(fmt.Sprintf("stage %d, %v", t.stage, p), 0, "operations")
	t.answered.Store(0)
	if err := t.connect(ctx, p); err != nil {
		return err
	}
	quit := make(chan struct{})
	var all sync.WaitGroup
	for i, c := range t.clients {
		all.Go(func() { t.sessions[i].call(ctx, t, c, step, quit) })
	}
	select {
	case <-time.After(lasts):
	case <-ctx.Done():
	}
	err := group.Await(ctx, "the larger side gets no answers", func() bool { return t.answered.Load() >= answers })
	close(quit)
	all.Wait()
	step.End()
	t.histories[p] = len(t.rec.History())
	return err
}

// call reads and writes keys that all share, one operation after the other.
func (c *caller) call(ctx context.Context, t *trial, s kv.Store, step *demo.Step, quit <-chan struct{}) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-quit:
			return
		case <-ctx.Done():
			return
		}
		var op kv.Op = kv.Get{Key: c.key()}
		if c.rand.IntN(2) == 0 {
			c.writes++
			op = kv.Put{Key: c.key(), Value: fmt.Appendf(nil, "%d.%d", c.id, c.writes)}
		}
		resp := c.ask(ctx, &t.rec, s, op)
		if homes[c.id] != first && outcomeOf(resp) == answered {
			t.answered.Add(1)
		}
		step.Add(1)
	}
}

func (c *caller) key() string { return fmt.Sprint(shared, c.rand.IntN(keys)) }

func (c *caller) ask(ctx context.Context, rec *check.Recorder, s kv.Store, op kv.Op) *kv.Response {
	resp := rec.Do(ctx, c.id, s, &kv.Request{Token: c.token, Op: op})
	if len(resp.Token) > 0 {
		c.token = resp.Token
	}
	return resp
}

// cross writes at each side of the partition and reads it at the other, with sessions of their
// own: the shortest history that shows what a store gives up.
func (t *trial) cross(ctx context.Context) error {
	var sides [2]*client.Client
	for i, ids := range [][]int{{first}, {2, 3}} {
		c, err := t.open(ctx, 2*patience, ids...) // each of these few counts
		if err != nil {
			return err
		}
		defer c.Close()
		sides[i] = c
	}
	for i, c := range sides {
		writer, reader := &caller{id: callers + 2*i}, &caller{id: callers + 2*i + 1}
		key := fmt.Sprint("across/", i)
		writer.ask(ctx, &t.across, c, kv.Put{Key: key, Value: []byte("written")})
		reader.ask(ctx, &t.across, sides[1-i], kv.Get{Key: key})
	}
	return nil
}

// equal reads what each replica holds, and tells whether it is the same. Of a replica that lags
// it is old, so this is asked again.
func (t *trial) equal(ctx context.Context) bool {
	t.finals = nil
	for _, id := range t.group.All() {
		c, err := t.open(ctx, patience, id)
		if err != nil {
			return false
		}
		items, err := contents(ctx, c)
		c.Close()
		if err != nil {
			return false
		}
		t.finals = append(t.finals, items)
	}
	return check.Converged(t.finals) == nil
}

// contents is all that a replica holds.
func contents(ctx context.Context, s kv.Store) (items []kv.Item, err error) {
	for item, err := range kv.NewClient(s).With(kv.Eventual).All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// open returns a client of some replicas.
func (t *trial) open(ctx context.Context, patience time.Duration, ids ...int) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, group.Late)
	defer cancel()
	return client.Open(ctx, client.Options{Addrs: t.group.Addrs(ids...), Session: session.Config{
		Timeout: machine.Time(patience), Attempt: machine.Time(patience) / 2, Backoff: 2 * machine.Millisecond,
		MaxDelay: 50 * machine.Millisecond, Retries: 10_000,
	}})
}
