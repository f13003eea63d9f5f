package main

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/faultproxy"
	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm"
)

// three are replicas in this process, which form a group.
type three struct {
	t       testing.TB
	addrs   [3]string
	clock   run.Clock
	dial    func(context.Context, string) (net.Conn, error)
	stores  [3]*store
	servers [3]*server.Server
	served  [3]chan error
}

// start starts the replicas behind listeners, with other settings than those of kvd.
func (g *three) start(listeners [3]net.Listener, heartbeat, election machine.Time) {
	for i := range g.stores {
		cfg := rsm.Config{
			Self: machine.Node(i + 1), Language: language(), Log: stable.NewMemory(), Clock: g.clock,
			Network: wire.PeerOptions{Dial: g.dial},
		}
		cfg.Paxos.Heartbeat, cfg.Paxos.Election = heartbeat, election
		for n, addr := range g.addrs {
			cfg.Paxos.Peers = append(cfg.Paxos.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(n + 1)}, Addr: addr})
		}
		replica, err := rsm.Start(g.t.Context(), cfg)
		require.NoError(g.t, err)
		g.stores[i] = &store{kvstore.New(replica, offers()), replica}
		g.servers[i] = server.New(g.stores[i], false, wire.ServerOptions{Peers: replica.Peers()})
		served := make(chan error, 1)
		g.served[i] = served
		go func() { served <- g.servers[i].Serve(listeners[i]) }()
	}
}

func (g *three) close() {
	for i := range g.stores {
		require.NoError(g.t, g.stores[i].Close()) // which answers what would wait for a majority
	}
	for i := range g.servers {
		require.NoError(g.t, g.servers[i].Close())
		require.NoError(g.t, <-g.served[i])
	}
}

// isLed tells whether one of them leads.
func (g *three) isLed() bool {
	for _, s := range g.stores {
		if s.replica.Report().Role == "leader" {
			return true
		}
	}
	return false
}

// inProcess is three replicas within a bubble, whose clients ask one of them each, without
// a network between.
func inProcess(t testing.TB) kvtest.World {
	const heartbeat = 10 * machine.Millisecond // every tick of a minute's lease costs time
	network := &memnet.Network{}
	g := &three{t: t, addrs: [3]string{"one", "two", "three"}, dial: network.Dial}
	var listeners [3]net.Listener
	for i, addr := range g.addrs {
		ln, err := network.Listen(addr)
		require.NoError(t, err)
		listeners[i] = ln
	}
	g.start(listeners, heartbeat, 20*heartbeat)
	for !g.isLed() {
		<-time.After(time.Millisecond)
	}
	w := kvtest.Local(func(client int) kv.Store { return g.stores[client%3] }, func(d time.Duration) {
		<-time.After(d + 3*time.Duration(heartbeat)) // what is due is proposed with a tick
	})
	w.OnClose = g.close
	return w
}

func TestThreeReplicasInProcess(t *testing.T) {
	t.Parallel() // with the next two, which mostly wait
	settings := kvtest.FromFlags()
	settings.Ops = 200
	for _, c := range kvtest.Cases(offers()) {
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

// overTheWire is three replicas on TCP, each behind a proxy that harms what passes, other
// replicas' frames too. Each client knows them all.
type overTheWire struct {
	three
	clock   *run.Manual
	proxies [3]*faultproxy.Proxy
	proxied [3]chan error
	clients []*client.Client
	pumped  chan struct{}
}

const (
	slowHeartbeat = 5 * machine.Millisecond
	slowElection  = 2 * machine.Second
)

func (g *overTheWire) begin(seed uint64, rates faultproxy.Rates) {
	var listeners [3]net.Listener
	for i := range listeners {
		ln, front := listen(g.t), listen(g.t)
		listeners[i], g.addrs[i] = ln, front.Addr().String()
		g.proxies[i] = faultproxy.New(faultproxy.Config{
			Listen: front, Dial: func(ctx context.Context) (net.Conn, error) { return wire.Connect(ctx, ln.Addr().String()) },
			Seed: seed + uint64(i), Rates: rates, Times: faultproxy.Times{Longest: 20 * time.Millisecond, Late: 50 * time.Millisecond},
		})
		g.proxied[i] = make(chan error, 1)
		go func() { g.proxied[i] <- g.proxies[i].Serve() }()
	}
	g.three.clock = g.clock
	g.start(listeners, slowHeartbeat, slowElection)
}

func listen(t testing.TB) net.Listener {
	ln, err := wire.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

// elect lets the replicas' time pass in haste until one of them leads: nothing else waits yet.
func (g *overTheWire) elect() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(long); !g.isLed(); <-tick.C {
		require.True(g.t, time.Now().Before(end), "no leader in %v", long)
		g.clock.Advance(slowHeartbeat)
	}
}

// pump lets the replicas' time pass until ctx ends, at a tenth of the speed of the real one:
// a lease should not end because a machine is busy.
func (g *overTheWire) pump(ctx context.Context) {
	defer close(g.pumped)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.clock.Advance(machine.Millisecond)
		case <-ctx.Done():
			return
		}
	}
}

func (g *overTheWire) open(first int) *client.Client {
	ctx, cancel := context.WithTimeout(g.t.Context(), long)
	defer cancel()
	var addrs []string
	for i := range g.addrs {
		addrs = append(addrs, g.addrs[(first+i)%3])
	}
	c, err := client.Open(ctx, client.Options{Addrs: addrs, Session: session.Config{
		Attempt: 200 * machine.Millisecond, Backoff: 5 * machine.Millisecond, Timeout: machine.Time(long), Retries: 1000, TTL: machine.Time(kv.MaxTTL),
	}})
	require.NoError(g.t, err)
	g.clients = append(g.clients, c)
	return c
}

// sleep lets time pass in steps that no election comes of, each until a command that changes
// nothing has come through the log, behind what is due.
func (g *overTheWire) sleep(pacer *client.Client, d time.Duration) {
	for left := machine.Time(d) + 2*slowHeartbeat; left > 0; left -= slowElection / 4 {
		g.clock.Advance(min(left, slowElection/4))
		pacer.Do(g.t.Context(), &kv.Request{Op: kv.Delete{Key: "pace"}})
	}
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
	g := &overTheWire{three: three{t: t}, clock: &run.Manual{}, pumped: make(chan struct{})}
	g.begin(seed, rates)
	g.elect()
	ctx, cancel := context.WithCancel(context.Background())
	go g.pump(ctx)
	pacer := g.open(0)
	w := kvtest.Local(func(client int) kv.Store { return g.open(client) }, func(d time.Duration) { g.sleep(pacer, d) })
	w.OnSettle = func() {
		for _, p := range g.proxies {
			p.Heal()
		}
	}
	w.OnClose = func() {
		g.end()
		cancel()
		<-g.pumped
	}
	return w
}

// throughClients is what is left of the promises when a client uses the sessions.
func throughClients() kv.Caps {
	caps := offers()
	caps.Has &^= kv.CapSessions
	return caps
}

func TestThreeReplicasOverTheWire(t *testing.T) {
	t.Parallel()
	settings := kvtest.FromFlags()
	settings.Ops = 200
	kvtest.RunWith(t, settings, func(t testing.TB) kvtest.World {
		return behindProxies(t, 0, faultproxy.Rates{})
	}, throughClients())
}

func TestThreeReplicasOverTheWireWithFaults(t *testing.T) {
	t.Parallel()
	settings, seed := kvtest.FromFlags(), uint64(0)
	settings.Ops = 100
	kvtest.RunWith(t, settings, func(t testing.TB) kvtest.World {
		seed += 10
		return behindProxies(t, seed, faultproxy.Rates{Duplicate: 0.01, Cut: 0.001, Delay: 0.02, Reorder: 0.01, Drop: 0.002})
	}, throughClients())
}
