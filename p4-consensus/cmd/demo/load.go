//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"dss.example/common/check"
	"dss.example/common/demo"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

const (
	loaders = 4 // client processes that share the load
	callers = 8
	between = 4 * time.Millisecond // two operations of a caller: the history must stay small
)

// load puts every file into the store, while leaders are killed.
func (s *stage) load(ctx context.Context) error {
	step := s.Begin("load Go's own source tree", int64(len(s.tree.Files)), "files")
	var clients []*demo.Process
	for i := range loaders {
		p, err := s.Launch(s.kv, "-s", strings.Join(s.fronts(first[:]...), ","), "-timeout", "60s", "load", "-quiet", "-prefix", "go/",
			"-shard", fmt.Sprintf("%d/%d", i, loaders), s.root)
		if err != nil {
			return err
		}
		clients = append(clients, p)
	}
	done, loaded := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(done)
		loaded <- finish(ctx, clients)
	}()
	overs, err := s.killLeaders(ctx, step, done)
	<-done
	step.Add(int64(len(s.tree.Files)) - step.Count())
	rate := step.End()
	if err := errors.Join(err, <-loaded); err != nil {
		return err
	}
	row := overRow(fmt.Sprintf("%d files loaded by %d client processes", len(s.tree.Files), loaders), fmt.Sprintf("kill -9 of %d leaders", len(overs)), overs)
	row.Rate = rate
	s.Row(row)
	return nil
}

// finish waits for clients that do a job.
func finish(ctx context.Context, clients []*demo.Process) (err error) {
	for _, p := range clients {
		select {
		case <-p.Done():
		case <-ctx.Done():
		}
		err = errors.Join(err, p.Stop(ctx))
	}
	return err
}

// sharers are callers of the same few keys, whose operations are kept.
type sharers struct {
	rec check.Recorder
	end context.CancelFunc
	all sync.WaitGroup
}

// share starts the callers.
func (s *stage) share(ctx context.Context) (*sharers, error) {
	h := &sharers{}
	ctx, h.end = context.WithCancel(ctx)
	for i := range callers {
		c, err := open(ctx, 10*time.Second, s.fronts(1+i%3, 1+(i+1)%3, 1+(i+2)%3, 4)...)
		if err != nil {
			h.stop()
			return nil, err
		}
		h.all.Go(func() { h.call(ctx, i, c) })
	}
	return h, nil
}

// call does operations until ctx ends: values are tokens that never repeat.
func (h *sharers) call(ctx context.Context, i int, c *client.Client) {
	defer c.Close()
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	tick := time.NewTicker(between)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		h.rec.Do(ctx, i, c, &kv.Request{Op: operation(r, fmt.Appendf(nil, "<%d.%d>", i, n), n)})
	}
}

func operation(r *rand.Rand, token []byte, n int) kv.Op {
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
	return kv.Append{Key: fmt.Sprintf("log/%d/%d", r.IntN(4), n/500), Value: token} // no value grows without bound
}

// stop ends the callers and returns what they asked and were told.
func (h *sharers) stop() check.History {
	h.end()
	h.all.Wait()
	return h.rec.History()
}

// judge judges all that the callers were told.
func (s *stage) judge(ctx context.Context, h check.History) error {
	const broken = "a pause, a partition, a wiped disk, a replacement"
	step := s.Begin("judge the history", int64(len(h)), "operations")
	err := check.Linearizable(h, kv.Caps{Level: kv.Linearizable, Has: kv.CapRevisions})
	step.Add(int64(len(h)))
	rate := step.End()
	unknown, appends := 0, 0
	for _, op := range h {
		if op.Resp.Status == kv.Maybe {
			unknown++
		}
		if _, ok := op.Req.Op.(kv.Append); ok {
			appends++
		}
	}
	s.Row(demo.Row{
		What: fmt.Sprintf("%d callers on 4 shared keys: %d operations", callers, len(h)), Broken: broken,
		Err: err, Note: fmt.Sprintf("linearizable; %d of unknown outcome", unknown), Rate: rate,
	})
	c, err := open(ctx, patience, s.fronts(s.running()...)...)
	if err != nil {
		return err
	}
	defer c.Close()
	var items []kv.Item
	for item, err := range kv.NewClient(c).All(ctx, "log/", kv.PrefixEnd("log/")) {
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	s.Row(demo.Row{What: fmt.Sprintf("%d appends of unique tokens", appends), Broken: broken, Err: check.Appends(h, items), Note: "each exactly once"})
	return nil
}

// compare reads every file back and compares every byte.
func (s *stage) compare(ctx context.Context) error {
	c, err := open(ctx, patience, s.fronts(s.running()...)...)
	if err != nil {
		return err
	}
	defer c.Close()
	rate, err := s.Check("compare every byte", s.tree, func(f demo.File) error { return same(ctx, c, f) })
	row := demo.Row{What: fmt.Sprintf("%d MB read back and compared", s.tree.Bytes>>20), Broken: "all of the above", Note: "every byte equal", Rate: rate, Err: err}
	s.Row(row)
	return nil
}

func same(ctx context.Context, c *client.Client, f demo.File) error {
	want, err := f.Read()
	if err != nil {
		return err
	}
	item, err := kv.NewClient(c).Get(ctx, "go/"+f.Key)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Key, err)
	}
	if string(item.Value) != string(want) {
		return fmt.Errorf("%s: %d bytes in the store, %d in the file, and not the same", f.Key, len(item.Value), len(want))
	}
	return nil
}
