package client_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/faultproxy"
	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
)

// newStore is a stage 1 store whose time moves only when a test says so.
func newStore(t testing.TB) (*kvstore.Store, *run.Manual) {
	clock := &run.Manual{}
	self := machine.Addr{Node: 1, Role: "table"}
	owner, err := run.NewLock(run.Config{
		Self: self, Machine: table.NewMachine(self, table.Config{FirstID: 1}), Protocol: table.Protocol(), Clock: clock,
	})
	require.NoError(t, err)
	return kvstore.New(owner, table.Offers()), clock
}

func advance(clock *run.Manual) func(time.Duration) {
	return func(d time.Duration) { clock.Advance(machine.Time(d)) }
}

func TestTheStoreInProcess(t *testing.T) {
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		store, clock := newStore(t)
		w := kvtest.Local(func(int) kv.Store { return store }, advance(clock))
		w.OnClose = func() { require.NoError(t, store.Close()) }
		return w
	}, table.Offers())
}

// behind makes a world of clients that reach one server by dial. Their sessions
// outlive every sleep, for the clients live by the real clock.
func behind(t testing.TB, ln net.Listener, o wire.ServerOptions, addr string, c wire.ClientOptions, patience session.Config) kvtest.World {
	store, clock := newStore(t)
	srv := server.New(store, true, o)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	var clients []*client.Client
	patience.TTL = machine.Time(kv.MaxTTL)
	open := func() *client.Client {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		opened, err := client.Open(ctx, client.Options{Addrs: []string{addr}, Session: patience, Wire: c})
		require.NoError(t, err)
		clients = append(clients, opened)
		return opened
	}
	// A sleep is over when a request has gone there and back: else the server's time
	// would be up before what was sent earlier could arrive.
	pacer := open()
	w := kvtest.Local(func(int) kv.Store { return open() }, func(d time.Duration) {
		clock.Advance(machine.Time(d))
		pacer.Do(t.Context(), &kv.Request{Op: kv.Get{Key: "pace"}})
	})
	w.OnClose = func() {
		for _, c := range clients {
			require.NoError(t, c.Close())
		}
		require.NoError(t, srv.Shutdown(context.Background()))
		require.NoError(t, <-served)
		require.NoError(t, store.Close())
	}
	return w
}

// throughClients is what is left of the promises when a client uses the sessions.
func throughClients() kv.Caps {
	caps := table.Offers()
	caps.Has &^= kv.CapSessions
	return caps
}

func TestTheStoreOverPipes(t *testing.T) {
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		network := &memnet.Network{}
		ln, err := network.Listen("server")
		require.NoError(t, err)
		return behind(t, ln, wire.ServerOptions{}, "server", wire.ClientOptions{Dial: network.Dial}, session.Config{})
	}, throughClients())
}

func listen(t testing.TB) net.Listener {
	ln, err := wire.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

func TestTheStoreOverTCPWithFaults(t *testing.T) {
	seed := uint64(0)
	settings := kvtest.FromFlags()
	settings.Ops = 300
	kvtest.RunWith(t, settings, func(t testing.TB) kvtest.World {
		ln, front := listen(t), listen(t)
		seed++
		proxy := faultproxy.New(faultproxy.Config{
			Listen: front, Dial: func(ctx context.Context) (net.Conn, error) { return wire.Connect(ctx, ln.Addr().String()) },
			Seed: seed, // No frame is dropped: the server's clock stands still between sleeps, so that a
			// poll whose answer is lost would be asked again only after its wait in real time.
			Rates: faultproxy.Rates{Duplicate: 0.02, Cut: 0.005, Delay: 0.02, Reorder: 0.02},
			Times: faultproxy.Times{Longest: 20 * time.Millisecond, Late: 50 * time.Millisecond},
		})
		served := make(chan error, 1)
		go func() { served <- proxy.Serve() }()
		patience := session.Config{Attempt: 50 * machine.Millisecond, Backoff: 5 * machine.Millisecond, Timeout: 60 * machine.Second, Retries: 1000}
		w := behind(t, ln, wire.ServerOptions{}, front.Addr().String(), wire.ClientOptions{}, patience)
		w.(*kvtest.LocalWorld).OnSettle = proxy.Heal
		t.Cleanup(func() {
			require.NoError(t, proxy.Close())
			require.NoError(t, <-served)
			stats := proxy.Stats()
			tally.Add(t, "faults", int(stats.Total()))
		})
		return w
	}, throughClients())
}

func TestTheStoreOverMutualTLS(t *testing.T) {
	authority := wiretest.NewAuthority(t)
	config := func(files wire.TLSFiles, make func(wire.TLSFiles) (*tls.Config, error)) *tls.Config {
		c, err := make(files)
		require.NoError(t, err)
		return c
	}
	serverTLS := config(authority.Issue(wiretest.Leaf{}), wire.TLSFiles.Server)
	clientTLS := config(authority.Issue(wiretest.Leaf{}), wire.TLSFiles.Client)
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		ln := listen(t)
		return behind(t, ln, wire.ServerOptions{TLS: serverTLS}, ln.Addr().String(), wire.ClientOptions{TLS: clientTLS}, session.Config{})
	}, throughClients())
}
