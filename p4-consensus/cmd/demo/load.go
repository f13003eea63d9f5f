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
	loaders  = 4     // client processes that share the load
	loadTime = "10m" // of each at most: a machine may be busy

	shared   = "shared/"            // keys of the callers begin with it
	callers  = 8                    // whose operations are kept
	readers  = 3                    // of them, that only read, each at a replica of its own
	restless = 2 * time.Second      // how long these try: their replica may be gone
	between  = 4 * time.Millisecond // two operations of a caller: the history must stay small
	padding  = 512                  // bytes at most, of a value beside its token
)

// load puts every file into the store, while leaders are killed.
func (s *stage) load(ctx context.Context) error {
	step := s.Begin("load Go's own source tree", int64(len(s.tree.Files)), "files")
	var clients []*demo.Process
	for i := range loaders {
		p, err := s.Launch(s.kv, "-s", strings.Join(s.fronts(first[:]...), ","), "-timeout", loadTime, "load", "-quiet", "-prefix", "go/",
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
	prefix string // of their keys
	every  time.Duration
	rec    check.Recorder
	quit   chan struct{}
	all    sync.WaitGroup
}

// callers opens a client for each caller: each asks another replica first. Those that only
// read ask no other: who was cut off and does not know it has somebody to mislead.
func (s *stage) callers(ctx context.Context, timeout time.Duration) ([]*client.Client, error) {
	var all []*client.Client
	for i := range callers {
		addrs, timeout := s.fronts(1+i%3, 1+(i+1)%3, 1+(i+2)%3, 4), timeout
		if i < readers {
			addrs, timeout = addrs[:1], restless
		}
		c, err := open(ctx, timeout, addrs...)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func closeAll(clients []*client.Client) {
	for _, c := range clients {
		_ = c.Close() // a session that nobody has closed expires
	}
}

// share lets callers do operations, each one at a time, until ctx ends or they are stopped.
// Their keys begin with a prefix; what they do is drawn from the seed and from salt.
func (s *stage) share(ctx context.Context, clients []*client.Client, prefix string, every time.Duration, salt uint64) *sharers {
	h := &sharers{prefix: prefix, every: every, quit: make(chan struct{})}
	for i, c := range clients {
		r := rand.New(rand.NewPCG(s.seed, salt<<8|uint64(i)))
		h.all.Go(func() { h.call(ctx, i, c, r) })
	}
	return h
}

// call does operations: values begin with tokens that never repeat.
func (h *sharers) call(ctx context.Context, i int, c *client.Client, r *rand.Rand) {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-h.quit:
			return
		case <-ctx.Done():
			return
		}
		op := h.operation(r, fmt.Appendf(nil, "<%d.%d>", i, n), n)
		if i < readers {
			op = kv.Get{Key: h.key(r)}
		}
		h.rec.Do(ctx, i, c, &kv.Request{Op: op})
	}
}

func (h *sharers) key(r *rand.Rand) string { return fmt.Sprintf("%sshared/%d", h.prefix, r.IntN(4)) }

func (h *sharers) operation(r *rand.Rand, token []byte, n int) kv.Op {
	key := h.key(r)
	switch r.IntN(8) {
	case 0, 1, 2:
		return kv.Get{Key: key}
	case 3, 4:
		return kv.Put{Key: key, Value: append(token, make([]byte, r.IntN(padding))...)}
	case 5:
		return kv.CAS{Key: key, Value: token}
	case 6:
		return kv.Delete{Key: key}
	}
	return kv.Append{Key: fmt.Sprintf("%slog/%d/%d", h.prefix, r.IntN(4), n/500), Value: token} // no value grows without bound
}

// stop ends the callers and returns what they asked and were told.
func (h *sharers) stop() check.History {
	close(h.quit)
	h.all.Wait()
	return h.rec.History()
}

// outcomes counts the operations of a history whose outcome is not known, and the appends.
func outcomes(h check.History) (unknown, appends int) {
	for _, op := range h {
		if op.Resp.Status == kv.Maybe {
			unknown++
		}
		if _, ok := op.Req.Op.(kv.Append); ok {
			appends++
		}
	}
	return unknown, appends
}

func linearizable(h check.History) error {
	return check.Linearizable(h, kv.Caps{Level: kv.Linearizable, Has: kv.CapRevisions})
}

// kept checks what a history has left below a prefix: each acknowledged append once, and the
// last of the writes.
func (s *stage) kept(ctx context.Context, h check.History, prefix string) ([]kv.Item, error) {
	c, err := open(ctx, patience, s.fronts(s.running()...)...)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var items []kv.Item
	for item, err := range kv.NewClient(c).All(ctx, prefix, kv.PrefixEnd(prefix)) {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, errors.Join(check.Appends(h, items), check.NoLostWrites(h, items))
}

// judge judges all that the callers were told.
func (s *stage) judge(ctx context.Context, h check.History) {
	const broken = "a pause, a partition, a wiped disk, a replacement"
	step := s.Begin("judge the history", int64(len(h)), "operations")
	unknown, appends := outcomes(h)
	row := demo.Row{
		What: fmt.Sprintf("%d callers on 4 shared keys: %d operations", callers, len(h)), Broken: broken,
		Note: fmt.Sprintf("linearizable; %d of unknown outcome", unknown), Err: linearizable(h),
	}
	step.Add(int64(len(h)))
	row.Rate = step.End()
	s.Row(row)
	_, err := s.kept(ctx, h, shared)
	s.Row(demo.Row{What: fmt.Sprintf("%d appends of unique tokens", appends), Broken: broken, Err: err, Note: "each exactly once"})
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
