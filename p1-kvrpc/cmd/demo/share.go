//go:build unix

package main

import (
	"context"
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
	callers = 8
	sharing = 8 * time.Second
)

// share lets callers read and write the same few keys over harmed connections, and
// judges what they were told.
func (s *stage) share(ctx context.Context) error {
	before := s.stats()
	var rec check.Recorder
	step := s.Begin("share keys", 0, "operations")
	end := time.Now().Add(sharing)
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { errs[i] = s.caller(ctx, i, end, &rec, step) })
	}
	all.Wait()
	rate := step.End()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	h := rec.History()
	unknown := 0
	for _, op := range h {
		if op.Resp.Status == kv.Maybe {
			unknown++
		}
	}
	step = s.Begin("judge the history", 0, "")
	err := check.Linearizable(h, kv.Caps{Level: kv.Linearizable, Has: kv.CapRevisions})
	step.End()
	s.Row(demo.Row{
		What:   fmt.Sprintf("%d callers on 4 shared keys: %d operations", callers, len(h)),
		Broken: s.harm(before), Err: err, Note: fmt.Sprintf("linearizable; %d of unknown outcome", unknown), Rate: rate,
	})
	return s.once(ctx, h)
}

// caller does operations until the end: values are tokens that never repeat.
func (s *stage) caller(ctx context.Context, i int, end time.Time, rec *check.Recorder, step *demo.Step) error {
	c, err := s.open(ctx, i)
	if err != nil {
		return err
	}
	defer c.Close()
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	for n := 0; time.Now().Before(end) && ctx.Err() == nil; n++ {
		rec.Do(ctx, i, c, &kv.Request{Op: operation(r, fmt.Appendf(nil, "<%d.%d>", i, n), n)})
		step.Add(1)
	}
	return ctx.Err()
}

func operation(r *rand.Rand, token []byte, n int) kv.Op {
	key := fmt.Sprintf("shared/%d", r.IntN(4))
	// Appends go to keys of their own, a new one now and then, so that no value grows
	// without bound.
	log := fmt.Sprintf("log/%d/%d", r.IntN(4), n/500)
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
	return kv.Append{Key: log, Value: token}
}

// once checks that each appended token is there exactly as often as its caller was
// told: lost and repeated messages must not show.
func (s *stage) once(ctx context.Context, h check.History) error {
	c, err := s.open(ctx, -1)
	if err != nil {
		return err
	}
	defer c.Close()
	items, err := logs(ctx, c)
	if err != nil {
		return err
	}
	appends := 0
	for _, op := range h {
		if _, ok := op.Req.Op.(kv.Append); ok {
			appends++
		}
	}
	s.Row(demo.Row{What: fmt.Sprintf("%d appends of unique tokens", appends), Broken: "the same", Err: check.Appends(h, items), Note: "each exactly once"})
	return nil
}

func logs(ctx context.Context, c *client.Client) (items []kv.Item, err error) {
	for item, err := range kv.NewClient(c).All(ctx, "log/", kv.PrefixEnd("log/")) {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}
