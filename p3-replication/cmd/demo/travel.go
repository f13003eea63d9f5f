//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"dss.example/common/check"
	"dss.example/common/demo"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

const (
	travellers = 4
	trips      = "trip/" // keys of travellers begin with it
	legs       = 5       // operations at a replica before a traveller moves on
	stride     = 8 * time.Millisecond
	steady     = 3 * time.Second // of an operation: the machine may be busy
	onTheRoad  = 2 * time.Second // of travels when all replicas can be reached
)

// travels are sessions that move from replica to replica, and all that they were told.
type travels struct {
	rec     check.Recorder
	all     []*traveller
	clients []*client.Client // to be closed
}

// traveller is one session. It carries a token from replica to replica.
type traveller struct {
	id    int
	token []byte
	rand  *rand.Rand
	steps int
	at    [replicas + 1]*client.Client
	rec   *check.Recorder
}

// depart makes travellers, who can reach every replica.
func (s *stage) depart(ctx context.Context) (*travels, error) {
	v := &travels{}
	for i := range travellers {
		t, err := s.traveller(ctx, v, i)
		if err != nil {
			v.close()
			return nil, err
		}
		v.all = append(v.all, t)
	}
	return v, nil
}

func (s *stage) traveller(ctx context.Context, v *travels, i int) (*traveller, error) {
	t := &traveller{id: i, rand: rand.New(rand.NewPCG(uint64(i), 3)), rec: &v.rec}
	for _, id := range anybody {
		c, err := s.open(ctx, steady, id)
		if err != nil {
			return nil, err
		}
		t.at[id], v.clients = c, append(v.clients, c)
	}
	return t, nil
}

func (v *travels) close() { closeAll(v.clients) }

// travel lets all travellers move until quit is closed or ctx ends: each among the replicas that
// where tells.
func (v *travels) travel(ctx context.Context, quit <-chan struct{}, where func(traveller int) []int) {
	var all sync.WaitGroup
	for _, t := range v.all {
		all.Go(func() { t.travel(ctx, quit, where(t.id)) })
	}
	all.Wait()
}

func (t *traveller) travel(ctx context.Context, quit <-chan struct{}, ids []int) {
	tick := time.NewTicker(stride)
	defer tick.Stop()
	at := ids[0]
	for {
		select {
		case <-tick.C:
		case <-quit:
			return
		case <-ctx.Done():
			return
		}
		if t.steps%legs == 0 {
			at = ids[t.rand.IntN(len(ids))]
		}
		t.steps++
		key := fmt.Sprint(trips, t.rand.IntN(4))
		if t.rand.IntN(2) == 0 {
			t.ask(ctx, at, kv.Get{Key: key})
		} else {
			t.ask(ctx, at, kv.Put{Key: key, Value: fmt.Appendf(nil, "step %d of %d", t.steps, t.id)})
		}
	}
}

// ask asks a replica within the session.
func (t *traveller) ask(ctx context.Context, id int, op kv.Op) *kv.Response {
	resp := t.rec.Do(ctx, t.id, t.at[id], &kv.Request{Level: kv.Session, Token: t.token, Op: op})
	if len(resp.Token) > 0 {
		t.token = resp.Token
	}
	return resp
}

// guarantees are the four of a session ('94), checked for a history.
func guarantees(h check.History) error {
	return errors.Join(check.ReadYourWrites(h), check.MonotonicReads(h), check.MonotonicWrites(h), check.WritesFollowReads(h))
}

// cross takes two sessions from the west to the others while nothing passes: one that wants all
// guarantees must be refused there, and one that wants none is shown the past, as the checker of
// guarantees must notice: so it can.
func (s *stage) cross(ctx context.Context, v *travels) (refused *traveller, err error) {
	t, err := s.traveller(ctx, v, travellers)
	if err != nil {
		return nil, err
	}
	row := demo.Row{What: "a session that wrote in the west asks in the north", Broken: "a partition", Note: "refused, not shown the past"}
	key := trips + "across"
	if wrote := t.ask(ctx, west[1], kv.Put{Key: key, Value: []byte("here")}); wrote.Status != kv.OK {
		row.Err = fmt.Errorf("the west does not take a write: %v", wrote)
	} else if read := t.ask(ctx, booker, kv.Get{Key: key}); read.Status != kv.Unsatisfied {
		row.Err = fmt.Errorf("it was answered: %v: want %v", read, kv.Unsatisfied)
	}
	s.Row(row)
	s.Row(s.careless(ctx, v))
	return t, nil
}

// careless is cross for a session that wants no guarantees. Its history is its own.
func (s *stage) careless(ctx context.Context, v *travels) demo.Row {
	row := demo.Row{What: "the same without guarantees", Broken: "a partition", Note: "shown the past, which the checker finds"}
	apart := &travels{}
	t, err := s.traveller(ctx, apart, 0)
	defer apart.close()
	if err != nil {
		row.Err = err
		return row
	}
	t.token = kv.Guarantees(0).Token()
	key := trips + "careless"
	wrote, read := t.ask(ctx, west[1], kv.Put{Key: key, Value: []byte("here")}), t.ask(ctx, booker, kv.Get{Key: key})
	switch {
	case wrote.Status != kv.OK || read.Status != kv.NotFound:
		row.Err = fmt.Errorf("it was told %v and %v: want %v and %v", wrote, read, kv.OK, kv.NotFound)
	case check.ReadYourWrites(apart.rec.History()) == nil:
		row.Err = errors.New("the checker finds nothing wrong with a session that does not read what it wrote")
	}
	return row
}

// arrive lets all travel among all replicas once more, and judges all that they were told.
func (s *stage) arrive(ctx context.Context, v *travels, crossed *traveller) {
	row := demo.Row{What: "the refused session asks there again", Note: "reads what it wrote"}
	if read := crossed.ask(ctx, booker, kv.Get{Key: trips + "across"}); read.Status != kv.OK {
		row.Err = fmt.Errorf("it was told: %v", read)
	}
	s.Row(row)
	v.travel(ctx, after(onTheRoad), func(int) []int { return anybody })
	h := v.rec.History()
	done, refused, unknown := outcomes(h)
	s.Row(demo.Row{
		What:   fmt.Sprintf("%d sessions moved between replicas: %d operations", travellers+1, len(h)),
		Broken: "a partition, kill -9",
		Note:   fmt.Sprintf("all four guarantees; %d refused, %d unknown", refused, unknown), Err: guarantees(h),
	})
	s.asked.Add(int64(done + refused + unknown))
}

// after returns a channel that is closed in a while.
func after(d time.Duration) <-chan struct{} {
	quit := make(chan struct{})
	time.AfterFunc(d, func() { close(quit) })
	return quit
}
