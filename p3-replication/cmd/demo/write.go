//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"dss.example/common/check"
	"dss.example/common/demo"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

const (
	files    = "go/"     // keys of files begin with it
	loadTime = "10m"     // of a client process at most: a machine may be busy
	ledgers  = "ledger/" // keys of ledgers begin with it
	between  = 15 * time.Millisecond
	patience = 10 * time.Second // of a writer: its replica may be gone for a while
)

// loading is a part of the source tree that is put into the store at one replica.
type loading struct {
	dir string
	at  int
}

// load puts parts of the source tree into the store, all at once.
func (s *stage) load(ctx context.Context, when string, parts ...loading) error {
	var clients []*demo.Process
	total := 0
	for _, l := range parts {
		dir := filepath.Join(s.src, l.dir)
		tree, err := demo.ListFiles(dir)
		if err != nil {
			return err
		}
		total += len(tree.Files)
		p, err := s.Launch(s.kv, "-s", s.group.Addrs(l.at)[0], "-timeout", loadTime, "load", "-quiet", "-prefix", files+l.dir+"/", dir)
		if err != nil {
			return err
		}
		clients = append(clients, p)
	}
	step := s.Begin(fmt.Sprintf("load the source tree, %s: %s", when, places(parts)), int64(total), "files")
	var err error
	for _, p := range clients {
		select {
		case <-p.Done():
		case <-ctx.Done():
		}
		err = errors.Join(err, p.Stop(ctx))
	}
	if err != nil {
		return err
	}
	step.Add(int64(total))
	step.End()
	s.loaded = append(s.loaded, parts...)
	s.asked.Add(int64(total))
	return nil
}

func places(parts []loading) (text string) {
	for i, l := range parts {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s at %d", l.dir, l.at)
	}
	return text
}

// ledger is what writers write, each at a replica of its own and to keys of its own: what each
// has been told is known exactly.
type ledger struct {
	rec  check.Recorder
	quit chan struct{}
	all  sync.WaitGroup

	mu   sync.Mutex // guards acks, which are by replica
	acks [replicas + 1][]ack
}

// ack is a write that a replica has acknowledged.
type ack struct {
	key   string
	write kv.Version
}

// keep lets writers write until they are stopped or ctx ends.
func (s *stage) keep(ctx context.Context) (*ledger, error) {
	l := &ledger{quit: make(chan struct{})}
	for _, id := range anybody {
		c, err := s.open(ctx, patience, id)
		if err != nil {
			l.stop()
			return nil, err
		}
		l.all.Go(func() {
			defer c.Close()
			l.write(ctx, id, c)
		})
	}
	return l, nil
}

// write writes one entry after the other.
func (l *ledger) write(ctx context.Context, id int, c *client.Client) {
	tick := time.NewTicker(between)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-l.quit:
			return
		case <-ctx.Done():
			return
		}
		key := fmt.Sprintf("%s%d/%06d", ledgers, id, n)
		resp := l.rec.Do(ctx, id, c, &kv.Request{Op: kv.Put{Key: key, Value: fmt.Appendf(nil, "entry %d of replica %d", n, id)}})
		if resp.Status == kv.OK {
			l.mu.Lock()
			l.acks[id] = append(l.acks[id], ack{key, resp.Rev})
			l.mu.Unlock()
		}
	}
}

// acked returns what a replica has acknowledged so far.
func (l *ledger) acked(id int) []ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acks[id][:len(l.acks[id]):len(l.acks[id])]
}

// stop ends the writers.
func (l *ledger) stop() {
	close(l.quit)
	l.all.Wait()
}

// outcomes counts what was acknowledged in a history, what was refused, and what nobody knows.
func outcomes(h check.History) (done, refused, unknown int) {
	for _, op := range h {
		switch {
		case op.Resp == nil || op.Resp.Status == kv.Maybe:
			unknown++
		case op.Resp.Status == kv.OK || op.Resp.Status == kv.NotFound:
			done++
		default:
			refused++
		}
	}
	return done, refused, unknown
}
