package main

import (
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/faultproxy"
	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/run/kvstore"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"
)

// three are replicas in this process, of one database.
type three struct {
	t       testing.TB
	addrs   [3]string // where they reach each other
	dial    func(context.Context, string) (net.Conn, error)
	stores  [3]*store
	servers [3]*server.Server
	served  [3]chan error
}

// start starts the replicas behind listeners, with shorter times than those of kvd, and
// returns when each has a name.
func (g *three) start(listeners [3]net.Listener) {
	for i := range g.stores {
		cfg := replica.Config{
			Self: machine.Node(i + 1), Log: stable.NewMemory(), Network: wire.PeerOptions{Dial: g.dial},
			Bayou: bayou.Config{
				Found: i == 0, Addr: g.addrs[i], Programs: programs.New,
				Tick: 5 * machine.Millisecond, Interval: 20 * machine.Millisecond,
			},
		}
		for n, addr := range g.addrs {
			if n != i {
				cfg.Bayou.Peers = append(cfg.Bayou.Peers, bayou.Peer{Node: machine.Node(n + 1), Addr: addr})
			}
		}
		r, err := replica.Start(g.t.Context(), cfg)
		require.NoError(g.t, err)
		g.stores[i] = &store{kvstore.New(r, replica.Offers()), r}
		g.servers[i] = server.New(g.stores[i], false, wire.ServerOptions{Peers: r.Peers(), Errors: replica.Errors()})
		require.NoError(g.t, r.Register(g.servers[i]))
		served := make(chan error, 1)
		g.served[i] = served
		go func() { served <- g.servers[i].Serve(listeners[i]) }()
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), long)
	defer cancel()
	for _, s := range g.stores {
		_, err := s.replica.Await(ctx, func(bayou.Report) bool { return s.replica.Ready() == nil })
		require.NoError(g.t, err)
	}
}

func (g *three) close() {
	for i := range g.stores {
		require.NoError(g.t, g.stores[i].Close())
		require.NoError(g.t, g.servers[i].Close())
		require.NoError(g.t, <-g.served[i])
	}
}

// settle waits until all hold the same, and nothing in it is tentative.
func (g *three) settle() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(long); !g.agree(); <-tick.C {
		require.True(g.t, time.Now().Before(end), "they do not come to agree in %v", long)
	}
}

func (g *three) agree() bool {
	var hashes []string
	for _, s := range g.stores {
		resp := s.Do(g.t.Context(), &kv.Request{Level: kv.Eventual, Op: kv.Stat{Hash: true}})
		require.Equal(g.t, kv.OK, resp.Status, resp.Detail)
		if !resp.Stable {
			return false
		}
		hashes = append(hashes, string(resp.Result.(kv.Stats).Hash))
	}
	return len(slices.Compact(hashes)) == 1
}

// inProcess is three replicas within a bubble, whose clients ask one of them each, without
// a network between.
func inProcess(t testing.TB) kvtest.World {
	network := &memnet.Network{}
	g := &three{t: t, addrs: [3]string{"one", "two", "three"}, dial: network.Dial}
	var listeners [3]net.Listener
	for i, addr := range g.addrs {
		ln, err := network.Listen(addr)
		require.NoError(t, err)
		listeners[i] = ln
	}
	g.start(listeners)
	w := kvtest.Local(func(client int) kv.Store { return g.stores[client%3] }, func(d time.Duration) { <-time.After(d) })
	w.OnSettle, w.OnClose = g.settle, g.close
	return w
}

func TestThreeReplicasInProcess(t *testing.T) {
	t.Parallel() // with the next two, which mostly wait
	settings := kvtest.FromFlags()
	settings.Ops = 300
	for _, c := range kvtest.Cases(replica.Offers()) {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.Do(t, settings, func() kvtest.World {
					w := inProcess(t)
					t.Cleanup(w.Close)
					return w
				})
			})
		})
	}
}

// overTheWire is three replicas on TCP. They reach each other through proxies that harm what
// passes. Clients, one server each, do not: a write whose answer was lost cannot be told here
// from another that says the same.
type overTheWire struct {
	three
	own     [3]string // where clients reach them
	proxies [3]*faultproxy.Proxy
	proxied [3]chan error
	clients []*client.Client
}

func (g *overTheWire) begin(seed uint64, rates faultproxy.Rates) {
	var listeners [3]net.Listener
	for i := range listeners {
		ln, front := listen(g.t), listen(g.t)
		listeners[i], g.own[i], g.addrs[i] = ln, ln.Addr().String(), front.Addr().String()
		g.proxies[i] = faultproxy.New(faultproxy.Config{
			Listen: front, Dial: func(ctx context.Context) (net.Conn, error) { return wire.Connect(ctx, ln.Addr().String()) },
			Seed: seed + uint64(i), Rates: rates, Times: faultproxy.Times{Longest: 20 * time.Millisecond, Late: 50 * time.Millisecond},
		})
		g.proxied[i] = make(chan error, 1)
		go func() { g.proxied[i] <- g.proxies[i].Serve() }()
	}
	g.start(listeners)
}

func (g *overTheWire) open(i int) *client.Client {
	ctx, cancel := context.WithTimeout(g.t.Context(), long)
	defer cancel()
	c, err := client.Open(ctx, client.Options{Addrs: []string{g.own[i%3]}, Session: session.Config{
		Mode: session.AtLeastOnce, Attempt: machine.Time(long), Timeout: machine.Time(long),
	}})
	require.NoError(g.t, err)
	g.clients = append(g.clients, c)
	return c
}

func (g *overTheWire) end() {
	for _, c := range g.clients {
		require.NoError(g.t, c.Close())
	}
	faults := 0
	for i, p := range g.proxies {
		require.NoError(g.t, p.Close())
		require.NoError(g.t, <-g.proxied[i])
		faults += int(p.Stats().Total())
	}
	g.close()
	tally.Add(g.t, "faults", faults)
}

func behindProxies(t testing.TB, seed uint64, rates faultproxy.Rates) kvtest.World {
	g := &overTheWire{three: three{t: t}}
	g.begin(seed, rates)
	w := kvtest.Local(func(client int) kv.Store { return g.open(client) }, func(d time.Duration) {
		<-time.After(min(d, 20*time.Millisecond)) // nothing here lives by a clock but the pace of the replicas
	})
	w.OnSettle, w.OnClose = g.settle, g.end
	return w
}

func TestThreeReplicasOverTheWire(t *testing.T) {
	t.Parallel()
	settings := kvtest.FromFlags()
	settings.Ops = 200
	kvtest.RunWith(t, settings, func(t testing.TB) kvtest.World {
		return behindProxies(t, 0, faultproxy.Rates{})
	}, replica.Offers())
}

func TestThreeReplicasOverTheWireWithFaults(t *testing.T) {
	t.Parallel()
	settings, seed := kvtest.FromFlags(), uint64(0)
	settings.Ops = 100
	kvtest.RunWith(t, settings, func(t testing.TB) kvtest.World {
		seed += 10
		return behindProxies(t, seed, faultproxy.Rates{Duplicate: 0.02, Cut: 0.005, Delay: 0.05, Reorder: 0.02, Drop: 0.02})
	}, replica.Offers())
}
