package stage4

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	raftwal "github.com/hashicorp/raft-wal"

	"dss.example/common/bench/harness"
)

// hashicorpStore opens the log of one node, which is what its votes are kept in too.
type hashicorpStore func(dir string, syncs *atomic.Uint64) (store, error)

// store is both of what a node keeps.
type store interface {
	raft.LogStore
	raft.StableStore
}

// hashicorpNode is one node, with a TCP transport.
type hashicorpNode struct {
	closers
	*raft.Raft
	ids []raft.ServerID
}

// How hashicorp/raft is set up. What is not here is its preset.
const (
	cachedLogs  = 512 // in front of a log, as its documentation recommends
	pooledConns = 3
	ioWithin    = 10 * time.Second
)

// openHashicorp starts a node at an address of a group, all of which are known.
func openHashicorp(dir string, i int, addrs []string, open hashicorpStore, syncs *atomic.Uint64) (n *hashicorpNode, err error) {
	n = &hashicorpNode{}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.closers.Close())
		}
	}()
	s, err := open(dir, syncs)
	if err != nil {
		return n, err
	}
	if c, ok := s.(io.Closer); ok {
		n.add(c.Close)
	}
	logs, err := raft.NewLogCache(cachedLogs, s)
	if err != nil {
		return n, err
	}
	trans, err := raft.NewTCPTransport(addrs[i], nil, pooledConns, ioWithin, io.Discard)
	if err != nil {
		return n, err
	}
	n.add(trans.Close)
	config, snaps := raft.DefaultConfig(), raft.NewDiscardSnapshotStore()
	config.LocalID, config.Logger = raft.ServerID(addrs[i]), hclog.NewNullLogger()
	members := n.members(addrs)
	if err := raft.BootstrapCluster(config, logs, s, snaps, trans, members); err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return n, err
	}
	if n.Raft, err = raft.NewRaft(config, discard{}, logs, s, snaps, trans); err != nil {
		return n, err
	}
	n.add(func() error { return n.Shutdown().Error() })
	return n, nil
}

// members makes the addresses the names of all nodes.
func (n *hashicorpNode) members(addrs []string) (c raft.Configuration) {
	for _, addr := range addrs {
		n.ids = append(n.ids, raft.ServerID(addr))
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(addr), Address: raft.ServerAddress(addr)})
	}
	return c
}

// Propose implements node.
func (n *hashicorpNode) Propose(command []byte) error { return n.Apply(command, attemptWithin).Error() }

// Leader implements node.
func (n *hashicorpNode) Leader() uint64 {
	_, id := n.LeaderWithID()
	return uint64(slices.Index(n.ids, id) + 1)
}

// discard is a state machine that does nothing.
type discard struct{}

// Apply implements raft.FSM.
func (discard) Apply(*raft.Log) any { return nil }

// Snapshot implements raft.FSM.
func (discard) Snapshot() (raft.FSMSnapshot, error) { return discard{}, nil }

// Restore implements raft.FSM.
func (discard) Restore(r io.ReadCloser) error { return r.Close() }

// Persist implements raft.FSMSnapshot.
func (discard) Persist(sink raft.SnapshotSink) error { return sink.Close() }

// Release implements raft.FSMSnapshot.
func (discard) Release() {}

// boltStore keeps everything in BoltDB. A commit of it syncs twice.
func boltStore(dir string, syncs *atomic.Uint64) (store, error) {
	s, err := raftboltdb.NewBoltStore(filepath.Join(dir, "raft.db"))
	return countedStore{s, syncs, 2}, err
}

// walStore keeps everything in hashicorp's write-ahead log.
func walStore(dir string, syncs *atomic.Uint64) (store, error) {
	s, err := raftwal.Open(dir)
	return countedStore{s, syncs, 1}, err
}

// memoryStore keeps nothing.
func memoryStore(string, *atomic.Uint64) (store, error) { return raft.NewInmemStore(), nil }

// countedStore counts the syncs of logs, so many for each change; those of votes are few.
type countedStore struct {
	store
	syncs *atomic.Uint64
	each  uint64
}

// StoreLogs implements raft.LogStore.
func (s countedStore) StoreLogs(logs []*raft.Log) error {
	s.syncs.Add(s.each)
	return s.store.StoreLogs(logs)
}

// IsMonotonic implements raft.MonotonicLogStore.
func (s countedStore) IsMonotonic() bool {
	m, ok := s.store.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// Close closes the store.
func (s countedStore) Close() error { return s.store.(io.Closer).Close() }

// hashicorpGroup opens three nodes in this process, whose logs are in memory if they need
// not be durable.
func hashicorpGroup(open hashicorpStore) opener {
	return func(dir string, durable bool) (group, error) {
		open := open
		if !durable {
			open = memoryStore
		}
		return openNodes(dir, func(dir string, i int, addrs []string, syncs *atomic.Uint64) (node, error) {
			return openHashicorp(dir, i, addrs, open, syncs)
		})
	}
}

// hashicorpMember is a node on BoltDB in a process of its own.
func hashicorpMember(m harness.Member) error {
	return serveMember(m, func(raftAddrs []string) (node, error) {
		return openHashicorp(m.Dir, m.Index, raftAddrs, boltStore, new(atomic.Uint64))
	})
}
