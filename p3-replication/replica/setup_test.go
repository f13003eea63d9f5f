package replica_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run/kvstore"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"
)

// cluster is replicas on a network in memory, within a bubble: its time passes only when
// everybody waits.
type cluster struct {
	t       *testing.T
	size    machine.Node
	network memnet.Network
	logs    map[machine.Node]*stable.Memory
	nodes   map[machine.Node]*node
}

// node is a replica in one of its lives.
type node struct {
	*replica.Replica
	server *wire.Server
	served chan error
	failed chan error
}

// inBubble runs a test with a cluster that ends with it.
func inBubble(t *testing.T, size machine.Node, test func(t *testing.T, c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, size: size, logs: map[machine.Node]*stable.Memory{}, nodes: map[machine.Node]*node{}}
		defer func() {
			for id := range c.nodes {
				c.crash(id)
			}
		}()
		test(t, c)
	})
}

func addr(id machine.Node) string { return fmt.Sprintf("n%d", id) }

// config is that of a replica which has been told of the first ones, of which 1 makes the
// database.
func (c *cluster) config(id machine.Node) replica.Config {
	if c.logs[id] == nil {
		c.logs[id] = stable.NewMemory()
	}
	cfg := replica.Config{Self: id, Log: c.logs[id], Network: wire.PeerOptions{Dial: c.network.Dial}}
	cfg.Bayou = bayou.Config{Found: id == 1, Addr: addr(id), Programs: programs.New}
	for n := machine.Node(1); n <= c.size; n++ {
		if n != id {
			cfg.Bayou.Peers = append(cfg.Bayou.Peers, bayou.Peer{Node: n, Addr: addr(n)})
		}
	}
	return cfg
}

// join is the config of a replica that is in nobody's, and knows an address or two.
func (c *cluster) join(id machine.Node) replica.Config {
	cfg := c.config(id)
	cfg.Bayou.Peers, cfg.Bayou.Found, cfg.Join = nil, false, []string{addr(1), addr(2)}
	return cfg
}

func (c *cluster) start(cfg replica.Config) *node { return c.startAt(addr(cfg.Self), cfg) }

func (c *cluster) startAt(addr string, cfg replica.Config) *node {
	failed := make(chan error, 10)
	cfg.Fail = func(err error) { failed <- err }
	r, err := replica.Start(c.t.Context(), cfg)
	require.NoError(c.t, err)
	return c.serve(addr, cfg.Self, &node{Replica: r, failed: failed})
}

// serve lets a replica that runs be reached.
func (c *cluster) serve(addr string, id machine.Node, n *node) *node {
	ln, err := c.network.Listen(addr)
	require.NoError(c.t, err)
	n.server = wire.NewServer(wire.ServerOptions{Peers: n.Peers(), Errors: replica.Errors()})
	n.served = make(chan error, 1)
	require.NoError(c.t, n.Register(n.server))
	go func() { n.served <- n.server.Serve(ln) }()
	c.nodes[id] = n
	return n
}

// begin starts all of the first ones, and returns when each has a name.
func (c *cluster) begin() *cluster {
	for id := machine.Node(1); id <= c.size; id++ {
		c.start(c.config(id))
	}
	for id := machine.Node(1); id <= c.size; id++ {
		c.ready(c.nodes[id])
	}
	return c
}

// crash ends a replica without a word. What it has not synced is lost.
func (c *cluster) crash(id machine.Node) {
	n := c.nodes[id]
	delete(c.nodes, id)
	require.NoError(c.t, n.Loop.Stop(context.Background()))
	synctest.Wait() // until what it has said has arrived: then its connections break
	require.NoError(c.t, n.server.Close())
	require.NoError(c.t, <-n.served)
	require.NoError(c.t, n.Stop(context.Background()))
	c.logs[id] = c.logs[id].Crash(0)
}

// wipe makes the disk of a replica that does not run an empty one.
func (c *cluster) wipe(id machine.Node) { c.logs[id] = stable.NewMemory() }

// cut leaves of the disk of a replica that does not run the records before the first of some sort.
func (c *cluster) cut(id machine.Node, sort func(machine.Data) bool) {
	short, p := stable.NewMemory(), replica.Protocol(bayou.Config{})
	found := false
	require.NoError(c.t, c.logs[id].Replay(func(_ uint64, record []byte, _ bool) error {
		rec, err := p.Record(record)
		require.NoError(c.t, err)
		if found = found || sort(rec); !found {
			_, err = short.Append(record)
		}
		return err
	}))
	require.True(c.t, found)
	require.NoError(c.t, short.Sync())
	c.logs[id] = short
}

// client asks one replica, as one who takes what it has.
func (n *node) client() *kv.Client {
	return kv.NewClient(kvstore.New(n, replica.Offers())).With(kv.Eventual)
}

func (c *cluster) put(n *node, key, value string) kv.Version {
	c.t.Helper()
	v, err := n.client().Put(c.t.Context(), key, []byte(value))
	require.NoError(c.t, err)
	return v
}

// get returns what a replica has at a key; nothing if there is none.
func (n *node) get(key string) string {
	item, err := n.client().Get(context.Background(), key)
	if err != nil {
		return err.Error()
	}
	return string(item.Value)
}

// await waits until a replica's report holds.
func (c *cluster) await(n *node, holds func(bayou.Report) bool) bayou.Report {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	rep, err := n.Await(ctx, holds)
	require.NoError(c.t, err, "%+v", rep)
	return rep
}

// ready waits until a replica takes requests.
func (c *cluster) ready(n *node) *node {
	c.t.Helper()
	c.await(n, func(bayou.Report) bool { return n.Ready() == nil })
	return n
}

// agree waits until all replicas hold the same, and nothing in it is tentative.
func (c *cluster) agree() {
	c.t.Helper()
	for range 1000 {
		hashes, stable := map[string]bool{}, true
		for _, n := range c.nodes {
			resp, err := n.client().Do(c.t.Context(), kv.Request{Op: kv.Stat{Hash: true}})
			require.NoError(c.t, err)
			hashes[string(resp.Result.(kv.Stats).Hash)] = true
			stable = stable && resp.Stable
		}
		if len(hashes) == 1 && stable {
			<-time.After(time.Second) // and have told of it
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	require.FailNow(c.t, "they do not come to agree")
}

// failure waits for what a replica says when it cannot go on, or need not.
func (c *cluster) failure(n *node) error {
	select {
	case err := <-n.failed:
		return err
	case <-time.After(time.Minute):
		require.FailNow(c.t, "it goes on", "%+v", n.Report())
		return nil
	}
}
