//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/check"
	"dss.example/common/demo"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

const (
	snapshotKills = 6  // of a program that takes a snapshot
	serverKills   = 36 // of a server under load
	writers       = 16
)

// interrupted kills a snapshot again and again. The one that is left alone must come to
// the same contents as that which nobody disturbed.
func (s *stage) interrupted(ctx context.Context) error {
	var want, got entry
	if err := s.newest(ctx, &want, s.store); err != nil {
		return err
	}
	dir, err := s.TempDir()
	if err != nil {
		return err
	}
	store := filepath.Join(dir, "store")
	step := s.Begin("kill snapshots in the middle", snapshotKills, "kills")
	killed := 0
	for i := range snapshotKills {
		p, err := s.Launch(s.blob, "-store", store, "snapshot", s.tree)
		if err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(i+1) * 25 * time.Millisecond):
			p.Kill()
			killed++
		case <-p.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
		step.Add(1)
	}
	step.End()
	if _, err := s.Run(ctx, s.blob, "-store", store, "snapshot", s.tree); err != nil {
		return err
	}
	if err := s.newest(ctx, &got, store); err != nil {
		return err
	}
	row := demo.Row{What: "the snapshot again, in a store of its own", Broken: fmt.Sprintf("kill -9 of %d before it", killed), Note: "the same root"}
	if got.Root != want.Root {
		row.Err = fmt.Errorf("its root is %s: want %s", got.Root, want.Root)
	} else if _, err := s.Run(ctx, s.blob, "-store", store, "fsck"); err != nil {
		row.Err = err
	}
	s.Row(row)
	return nil
}

// entry is a line of `blob log -json`.
type entry struct {
	Root string `json:"root"`
}

func (s *stage) newest(ctx context.Context, e *entry, store string) error {
	return s.ask(ctx, e, store, "log", "-json", "-n", "1")
}

// killed lets writers append to keys of the server, which is killed again and again and
// started anew, and then asks whether every append that was acknowledged is there once.
func (s *stage) killed(ctx context.Context) error {
	data, err := s.TempDir()
	if err != nil {
		return err
	}
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	start := func() (*demo.Process, error) { return s.Start(ctx, s.kvd, "-data", data, "-listen", addr) }
	server, err := start()
	if err != nil {
		return err
	}
	c, err := client.Open(ctx, client.Options{Addrs: []string{addr}, Session: session.Config{
		Timeout: 60 * machine.Second, Retries: 10_000, Backoff: 5 * machine.Millisecond, TTL: machine.Time(kv.MaxTTL),
	}})
	if err != nil {
		return err
	}
	defer c.Close()
	load := startLoad(ctx, c)
	step := s.Begin("kill the server under load", serverKills, "kills")
	random := rand.New(rand.NewPCG(seed, 0))
	for range serverKills {
		if err := load.await(ctx, 20+random.Int64N(200)); err != nil {
			return err
		}
		server.Kill()
		if server, err = start(); err != nil {
			return err
		}
		step.Add(1)
	}
	step.End()
	history := load.stop()
	if err := s.judge(ctx, c, history); err != nil {
		return err
	}
	return server.Stop(ctx)
}

// judge compares what the server holds with what its clients were told.
func (s *stage) judge(ctx context.Context, c *client.Client, h check.History) error {
	var items []kv.Item
	for item, err := range kv.NewClient(c).All(ctx, "log/", kv.PrefixEnd("log/")) {
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	s.Row(demo.Row{
		What:   fmt.Sprintf("%d appends of %d writers", len(h), writers),
		Broken: fmt.Sprintf("kill -9 of the server, %d times", serverKills),
		Err:    check.Appends(h, items), Note: "each once, none lost",
	})
	return nil
}

// load is writers at work.
type load struct {
	rec  check.Recorder
	done atomic.Int64
	end  context.CancelFunc
	all  sync.WaitGroup
}

func startLoad(ctx context.Context, c *client.Client) *load {
	l := &load{}
	ctx, l.end = context.WithCancel(ctx)
	for i := range writers {
		l.all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("log/%d/%d", i, n/500) // no value grows without bound
				l.rec.Do(ctx, i, c, &kv.Request{Op: kv.Append{Key: key, Value: fmt.Appendf(nil, "<%d.%d>", i, n)}})
				l.done.Add(1)
			}
		})
	}
	return l
}

// await waits until n more appends have ended.
func (l *load) await(ctx context.Context, n int64) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for until := l.done.Load() + n; l.done.Load() < until; {
		select {
		case <-tick.C:
		case <-late.C:
			return fmt.Errorf("the server did not do %d appends in 30 s", n)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *load) stop() check.History {
	l.end()
	l.all.Wait()
	return l.rec.History()
}

// freeAddress returns where nobody listens: a server that is started again must be where
// it was.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
