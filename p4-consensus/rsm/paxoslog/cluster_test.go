package paxoslog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p4-consensus/logs"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm"
)

const replicas = 3

// cluster is replicas in this process, on a network and disks in memory.
type cluster struct {
	t        testing.TB
	language *paxos.Language
	config   paxos.Config
	network  memnet.Network
	disks    [replicas]*stable.Memory

	mu    sync.Mutex // guards nodes
	nodes [replicas]*node
}

// node is a replica in one of its lives.
type node struct {
	*rsm.Replica
	server *wire.Server
	served chan error
}

// newCluster returns replicas that have begun; whoever is asked waits for a leader.
func newCluster(t testing.TB, l *paxos.Language, cfg paxos.Config) *cluster {
	c := &cluster{t: t, language: l, config: cfg}
	for i := range replicas {
		m := proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}, Addr: addr(i)}
		c.config.Peers = append(c.config.Peers, m)
	}
	for i := range replicas {
		c.disks[i] = stable.NewMemory()
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range replicas {
			c.crash(i)
		}
	})
	return c
}

func addr(i int) string { return fmt.Sprintf("n%d", i) }

func (c *cluster) start(i int) {
	replica, err := rsm.Start(context.Background(), rsm.Config{
		Self: machine.Node(i + 1), Language: c.language, Paxos: c.config, Log: c.disks[i],
		Network: wire.PeerOptions{Dial: c.network.Dial},
	})
	require.NoError(c.t, err)
	ln, err := c.network.Listen(addr(i))
	require.NoError(c.t, err)
	n := &node{Replica: replica, served: make(chan error, 1)}
	n.server = wire.NewServer(wire.ServerOptions{Peers: n.Peers()})
	go func() { n.served <- n.server.Serve(ln) }()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[i] = n
}

// crash ends a replica, if it runs. What it has not synced is lost.
func (c *cluster) crash(i int) {
	n := c.node(i)
	if n == nil {
		return
	}
	c.mu.Lock()
	c.nodes[i] = nil
	c.mu.Unlock()
	require.NoError(c.t, n.Stop(context.Background()))
	require.NoError(c.t, n.server.Close())
	require.NoError(c.t, <-n.served)
	c.disks[i] = c.disks[i].Crash(0)
}

func (c *cluster) node(i int) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[i]
}

// leader waits until a replica leads, and returns its number.
func (c *cluster) leader() int {
	for range 10_000 {
		for i := range replicas {
			if n := c.node(i); n != nil && n.Report().Role == "leader" {
				return i
			}
		}
		<-time.After(5 * time.Millisecond)
	}
	require.FailNow(c.t, "nobody leads")
	return 0
}

// restart makes every replica that is down run again.
func (c *cluster) restart() {
	for i := range replicas {
		if c.node(i) == nil {
			c.start(i)
		}
	}
}

// inBubble runs a test with a cluster, whose time passes only when everybody waits, and which
// takes many snapshots.
func inBubble(t *testing.T, test func(t *testing.T, c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		test(t, newCluster(t, logs.Language("log"), paxos.Config{Snapshot: 64 << 10, Retain: 4}))
	})
}
