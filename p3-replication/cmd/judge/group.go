package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

// group is the submission's kvd, in one life after the other, numbered from 1.
type group struct {
	t     *judge.T
	addrs []string
	procs []*judge.Process
}

// firstPort is below the ports that systems give to who connects: one of those could take a
// server's port while it is down.
const firstPort = 22000

// startGroup finds places for so many servers, and starts three that know each other.
func startGroup(t *judge.T, places int) *group {
	g := &group{t: t}
	for port := firstPort; len(g.addrs) < places; port++ {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if isFree(addr) {
			g.addrs = append(g.addrs, addr)
		} else if port > firstPort+1000 {
			t.NotJudged("no port is free")
		}
	}
	for id := 1; id <= 3; id++ {
		g.procs = append(g.procs, t.Start("kvd", g.args(id)...))
	}
	for id := 1; id <= 3; id++ {
		g.ready(id)
	}
	return g
}

func isFree(addr string) bool {
	ln, err := net.Listen("tcp", addr)
	return err == nil && ln.Close() == nil
}

// args are the flags of a server. One beyond the first three joins at the first.
func (g *group) args(id int) []string {
	args := []string{"-id", fmt.Sprint(id), "-data", "data", "-interval", "100ms", "-peers"}
	if id > 3 {
		return append(args, fmt.Sprintf("%d=%s", id, g.addrs[id-1]), "-join", g.addrs[0])
	}
	var peers []string
	for i, addr := range g.addrs[:3] {
		peers = append(peers, fmt.Sprintf("%d=%s", i+1, addr))
	}
	return append(args, strings.Join(peers, ","))
}

// ready waits until a server listens. It may have no name yet.
func (g *group) ready(id int) {
	want := fmt.Sprintf("kvd stage=3 id=%d listening on %s", id, g.addrs[id-1])
	line, _ := g.procs[id-1].Line()
	switch {
	case line == want:
		return
	case !isFree(g.addrs[id-1]) && ended(g.procs[id-1]):
		g.t.NotJudged("somebody else listens on %s", g.addrs[id-1])
	}
	g.t.Fatalf("kvd should print %q when it is ready, but printed %q %s", want, line, g.procs[id-1].Errors())
}

func ended(p *judge.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// restart starts the next life of servers that have ended or were killed, with their data.
func (g *group) restart(ids ...int) {
	for _, id := range ids {
		g.procs[id-1].Wait()
		g.procs[id-1] = g.procs[id-1].Again(g.args(id)...)
	}
	for _, id := range ids {
		g.ready(id)
	}
}

// open opens staff's client of one server. It is patient: until it is told otherwise it asks again.
func (g *group) open(ctx context.Context, id int) (*client.Client, error) {
	return client.Open(ctx, client.Options{Addrs: []string{g.addrs[id-1]}, Session: session.Config{
		Mode: session.AtLeastOnce, Timeout: 300 * machine.Second, Attempt: 2 * machine.Second,
		Retries: 10_000, Backoff: 5 * machine.Millisecond,
	}})
}

// while returns a context that ends when a server ends by itself: whoever waits for it may wait
// for ever. The server's process may not sleep too long meanwhile. Its end must be called.
func (g *group) while(id int) (ctx context.Context, end func()) {
	p := g.procs[id-1]
	ctx, cancel := context.WithCancel(g.t.Context())
	unwatch := p.Watch()
	mourned := make(chan struct{})
	go func() {
		defer close(mourned)
		select {
		case <-p.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		unwatch()
		cancel()
		<-mourned
	}
}

// do asks one server, which must answer.
func (g *group) do(id int, req *kv.Request) *kv.Response {
	ctx, end := g.while(id)
	defer end()
	c, err := g.open(ctx, id)
	if err != nil {
		g.t.Fatalf("kvd %d cannot be asked %v: %v %s", id, req, err, g.procs[id-1].Errors())
	}
	defer c.Close()
	resp := c.Do(ctx, req)
	if ctx.Err() != nil {
		g.t.Fatalf("kvd %d has ended, and was asked %v", id, req)
	}
	return resp
}

// done demands that something is done at a server.
func (g *group) done(id int, op kv.Op) *kv.Response {
	resp := g.do(id, &kv.Request{Level: kv.Eventual, Op: op})
	if resp.Status != kv.OK {
		g.t.Fatalf("kvd %d answers %s with %v: want ok", id, kv.OpName(op), resp)
	}
	return resp
}

// Who waits for several servers asks so often, and lets them go on meanwhile: on a slow machine all
// of it takes longer.
const (
	rounds = 600
	pause  = 50 * time.Millisecond
)

// eventually asks until something is so.
func (g *group) eventually(what string, is func() bool) {
	for range rounds {
		if is() {
			return
		}
		select {
		case <-time.After(pause):
		case <-g.t.Context().Done():
			g.t.NotJudged("waiting for %s", what)
		}
	}
	g.t.Fatalf("was asked for %d times, and is not so: %s", rounds, what)
}

// agree waits until servers hold the same, and nothing in it is tentative.
func (g *group) agree(ids ...int) {
	g.eventually(fmt.Sprintf("kvd %v hold the same, all of it stable", ids), func() bool {
		var hashes [][]byte
		for _, id := range ids {
			resp := g.done(id, kv.Stat{Hash: true})
			st, _ := resp.Result.(kv.Stats)
			if !resp.Stable {
				return false
			}
			hashes = append(hashes, st.Hash)
		}
		return len(slices.CompactFunc(hashes, bytes.Equal)) == 1
	})
}

// reads returns what a server has at a key.
func (g *group) reads(id int, key string) string {
	resp := g.do(id, &kv.Request{Level: kv.Eventual, Op: kv.Get{Key: key}})
	it, _ := resp.Result.(kv.Item)
	return string(it.Value)
}
