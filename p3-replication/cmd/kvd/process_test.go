package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/daemontest"
	"dss.example/common/faultproxy"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

// TestMain lets the test binary be the server too.
func TestMain(m *testing.M) {
	if os.Getenv("KVD_UNDER_TEST") == "1" {
		main()
	}
	os.Exit(m.Run())
}

const long = daemontest.Long

// start starts a server.
func start(t testing.TB, args ...string) *daemontest.Process {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "KVD_UNDER_TEST=1")
	return daemontest.Start(t, cmd)
}

// group is servers of one database, numbered from 1.
type group struct {
	t     testing.TB
	dir   string         // of their data
	addrs []string       // where they reach each other
	own   map[int]string // where one listens, if that is elsewhere
	tls   func(id int) wire.TLSFiles
	procs map[int]*daemontest.Process
}

// newGroup makes the addresses of a group, the first three of which know each other.
func newGroup(t testing.TB, size int) *group {
	g := &group{t: t, dir: t.TempDir(), own: map[int]string{}, procs: map[int]*daemontest.Process{}}
	for range size {
		g.addrs = append(g.addrs, daemontest.FreeAddress(t))
	}
	return g
}

func (g *group) data(id int) string { return filepath.Join(g.dir, fmt.Sprint(id)) }

// listens is where a server listens.
func (g *group) listens(id int) string { return cmp.Or(g.own[id], g.addrs[id-1]) }

// peers is the flag of that name.
func (g *group) peers(ids ...int) string {
	var words []string
	for _, id := range ids {
		words = append(words, fmt.Sprintf("%d=%s", id, g.addrs[id-1]))
	}
	return strings.Join(words, ",")
}

// start starts servers of the first three.
func (g *group) start(ids ...int) *group {
	for _, id := range ids {
		g.launch(id, "-peers", g.peers(1, 2, 3))
	}
	return g
}

func (g *group) launch(id int, more ...string) *daemontest.Process {
	args := []string{"-id", fmt.Sprint(id), "-data", g.data(id), "-interval", "100ms"}
	if g.tls != nil {
		files := g.tls(id)
		args = append(args, "-tls-cert", files.Cert, "-tls-key", files.Key, "-tls-ca", files.CA)
	}
	if g.own[id] != "" {
		args = append(args, "-listen", g.own[id])
	}
	p := start(g.t, append(args, more...)...)
	require.Equal(g.t, fmt.Sprintf("kvd stage=3 id=%d listening on %s", id, g.listens(id)), p.Line, p.Said())
	g.procs[id] = p
	return p
}

// form starts the first three, and returns when each has a name.
func (g *group) form() *group {
	g.start(1, 2, 3)
	for id := 1; id <= 3; id++ {
		g.named(id)
	}
	return g
}

// named waits until a server has a name.
func (g *group) named(id int) {
	c := g.client(id)
	daemontest.Eventually(g.t, fmt.Sprint("a name for ", id), func() bool { return g.inspect(c).Role != kv.Joining })
	require.NoError(g.t, c.Close())
}

func (g *group) kill(ids ...int) {
	for _, id := range ids {
		g.procs[id].Kill(g.t)
		delete(g.procs, id)
	}
}

// behindProxy lets the others reach a server through a proxy only.
func (g *group) behindProxy(id int) *faultproxy.Proxy {
	own, front := daemontest.FreeAddress(g.t), listen(g.t)
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

// client asks some of the servers, and no others, and is patient.
func (g *group) client(ids ...int) *client.Client {
	o := client.Options{Session: session.Config{
		Mode: session.AtLeastOnce, Timeout: machine.Time(long), Attempt: 2 * machine.Second,
		Retries: 10_000, Backoff: 5 * machine.Millisecond,
	}}
	if g.tls != nil {
		config, err := g.tls(0).Client()
		require.NoError(g.t, err)
		o.Wire.TLS = config
	}
	for _, id := range ids {
		o.Addrs = append(o.Addrs, g.listens(id))
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), long)
	defer cancel()
	c, err := client.Open(ctx, o)
	require.NoError(g.t, err)
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

// with lets do ask one server, as one who takes what it has.
func (g *group) with(id int, do func(c *kv.Client)) {
	c := g.client(id)
	do(kv.NewClient(c).With(kv.Eventual))
	require.NoError(g.t, c.Close())
}

// inspect asks one server about itself.
func (g *group) inspect(c *client.Client) kv.Replica {
	ctx, cancel := context.WithTimeout(g.t.Context(), long)
	defer cancel()
	r, err := kv.NewClient(c).Inspect(ctx)
	require.NoError(g.t, err)
	return r
}

func (g *group) put(id int, key, value string) (v kv.Version) {
	g.with(id, func(c *kv.Client) {
		var err error
		v, err = c.Put(g.t.Context(), key, []byte(value))
		require.NoError(g.t, err)
	})
	return v
}

// get returns what a server has at a key, or an error's text.
func (g *group) get(id int, key string) (value string) {
	g.with(id, func(c *kv.Client) {
		item, err := c.Get(g.t.Context(), key)
		if value = string(item.Value); err != nil {
			value = err.Error()
		}
	})
	return value
}

// spreads waits until servers have a value at a key.
func (g *group) spreads(key, value string, ids ...int) {
	g.t.Helper()
	for _, id := range ids {
		daemontest.Eventually(g.t, fmt.Sprintf("%q at %d", value, id), func() bool { return g.get(id, key) == value })
	}
}

// agree waits until servers hold the same, and nothing in it is tentative. It returns the hash.
func (g *group) agree(ids ...int) (hash string) {
	g.t.Helper()
	daemontest.Eventually(g.t, "agreement", func() bool {
		same := true
		for i, id := range ids {
			g.with(id, func(c *kv.Client) {
				resp, err := c.Do(g.t.Context(), kv.Request{Op: kv.Stat{Hash: true}})
				require.NoError(g.t, err)
				its := string(resp.Result.(kv.Stats).Hash)
				same = same && resp.Stable && (i == 0 || its == hash)
				hash = its
			})
		}
		return same
	})
	return hash
}

func listen(t testing.TB) net.Listener {
	ln, err := wire.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

// since tells how long something took, for people.
func since(t testing.TB, what string, began time.Time) {
	t.Logf("%s took %v", what, time.Since(began).Round(time.Millisecond))
}
