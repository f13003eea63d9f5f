//go:build unix

package main

import (
	"context"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/faultproxy"
	"dss.example/common/kv"
	"dss.example/common/wire"
)

func TestALeaderWithALeaseReadsWithoutAskingAnybody(t *testing.T) {
	g := newGroup(t, 3, "-election", "30s", "-lease", "30s").form()
	g.put("key", "value", 1)
	leader := g.leader()
	c := kv.NewClient(g.client(leader))
	_, err := c.Get(t.Context(), "key")
	require.NoError(t, err)
	for _, id := range others(3, leader) {
		require.NoError(t, g.procs[id].Process.Signal(syscall.SIGSTOP))
	}
	item, err := c.Get(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(item.Value))
}

func TestALeaderThatSleptLongerThanItsLeaseReadsNothingOld(t *testing.T) {
	// Whoever wakes up finds that its lease is over long before it steps down by itself.
	g := newGroup(t, 3, "-election", "2s", "-lease", "300ms")
	proxy := g.behindProxy(1)
	g.form()
	g.lead(1)
	g.put("key", "old", 1)
	c := g.clientFor(time.Second, 1)
	read := func() *kv.Response { return c.Do(t.Context(), &kv.Request{Op: kv.Get{Key: "key"}}) }
	require.Equal(t, kv.OK, read().Status)

	require.NoError(t, g.procs[1].Process.Signal(syscall.SIGSTOP))
	require.NoError(t, proxy.Close()) // it hears nothing of what comes
	g.put("key", "new", 2, 3)
	var all sync.WaitGroup
	var told [16]*kv.Response
	for i := range told {
		all.Go(func() { told[i] = read() })
	}
	require.NoError(t, g.procs[1].Process.Signal(syscall.SIGCONT))
	all.Wait()
	for _, resp := range told {
		require.Equal(t, kv.Unavailable, resp.Status, "%v", resp.Result)
	}
}

// behindProxy lets the others reach a server through a proxy only.
func (g *group) behindProxy(id int) *faultproxy.Proxy {
	own, front := freeAddress(g.t), listen(g.t)
	g.addrs[id-1], g.own[id] = front.Addr().String(), own
	p := faultproxy.New(faultproxy.Config{
		Listen: front, Dial: func(ctx context.Context) (net.Conn, error) { return wire.Connect(ctx, own) },
	})
	served := make(chan error, 1)
	go func() { served <- p.Serve() }()
	g.t.Cleanup(func() {
		require.NoError(g.t, p.Close())
		require.NoError(g.t, <-served)
	})
	return p
}

// lead lets one of three lead.
func (g *group) lead(id int) {
	admin := kv.NewClient(g.client(1, 2, 3)) // whoever leads by then
	for g.leader() != id {
		require.NoError(g.t, admin.Transfer(g.t.Context(), kv.ReplicaID(id)))
	}
}
