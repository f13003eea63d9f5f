package stage4

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/client"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/logger"
	"github.com/lni/dragonboat/v4/statemachine"
	"github.com/lni/vfs"

	"dss.example/common/bench/harness"
)

// dragonboatNode is a replica of one shard, with a host of its own.
type dragonboatNode struct {
	host    *dragonboat.NodeHost
	session *client.Session
}

// What dragonboat counts in: a round trip, and how many of them.
const (
	shard              = 1
	roundTripMillis    = 10
	electionRoundTrips = 10
)

// openDragonboat starts a replica at an address of a group, all of which are known; in
// memory if fs is.
func openDragonboat(dir string, i int, addrs []string, fs vfs.FS) (*dragonboatNode, error) {
	for _, name := range []string{"config", "dragonboat", "gossip", "logdb", "pebblekv", "raft", "raftpb", "registry", "rsm", "server", "settings", "tan", "transport"} {
		logger.GetLogger(name).SetLevel(logger.CRITICAL)
	}
	host := config.NodeHostConfig{
		NodeHostDir: dir, RTTMillisecond: roundTripMillis, RaftAddress: addrs[i],
		Expert: config.ExpertConfig{FS: fs, LogDB: config.GetTinyMemLogDBConfig(), Engine: config.GetDefaultEngineConfig()},
	}
	nh, err := dragonboat.NewNodeHost(host)
	if err != nil {
		return nil, err
	}
	members := map[uint64]dragonboat.Target{}
	for k, addr := range addrs {
		members[uint64(k+1)] = addr
	}
	n := &dragonboatNode{host: nh, session: nh.GetNoOPSession(shard)}
	err = nh.StartReplica(members, false, func(uint64, uint64) statemachine.IStateMachine { return idle{} }, config.Config{
		ReplicaID: uint64(i + 1), ShardID: shard, CheckQuorum: true, ElectionRTT: electionRoundTrips, HeartbeatRTT: 1,
	})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// errNotCommitted tells that dragonboat has given up a command.
var errNotCommitted = errors.New("not committed")

// Propose implements node. Any replica takes a command.
func (n *dragonboatNode) Propose(command []byte) error {
	r, err := n.host.Propose(n.session, command, attemptWithin)
	if err != nil {
		return err
	}
	result := <-r.ResultC()
	if !result.Completed() {
		return fmt.Errorf("%w: timeout %v, dropped %v, terminated %v", errNotCommitted, result.Timeout(), result.Dropped(), result.Terminated())
	}
	r.Release()
	return nil
}

// Leader implements node.
func (n *dragonboatNode) Leader() uint64 {
	leader, _, known, err := n.host.GetLeaderID(shard)
	if err != nil || !known {
		return 0
	}
	return leader
}

// Close implements node.
func (n *dragonboatNode) Close() error {
	n.host.Close()
	return nil
}

// idle is a state machine that does nothing.
type idle struct{}

// Update implements statemachine.IStateMachine.
func (idle) Update(statemachine.Entry) (statemachine.Result, error) {
	return statemachine.Result{}, nil
}

// Lookup implements statemachine.IStateMachine.
func (idle) Lookup(any) (any, error) { return nil, nil }

// SaveSnapshot implements statemachine.IStateMachine.
func (idle) SaveSnapshot(io.Writer, statemachine.ISnapshotFileCollection, <-chan struct{}) error {
	return nil
}

// RecoverFromSnapshot implements statemachine.IStateMachine.
func (idle) RecoverFromSnapshot(io.Reader, []statemachine.SnapshotFile, <-chan struct{}) error {
	return nil
}

// Close implements statemachine.IStateMachine.
func (idle) Close() error { return nil }

func dragonboatGroup(dir string, durable bool) (group, error) {
	return openNodes(dir, func(dir string, i int, addrs []string, _ *atomic.Uint64) (node, error) {
		fs := vfs.Default
		if !durable {
			fs, dir = vfs.NewMem(), filepath.Join("/", filepath.Base(dir))
		}
		return openDragonboat(dir, i, addrs, fs)
	})
}

// dragonboatMember is a replica in a process of its own.
func dragonboatMember(m harness.Member) error {
	return serveMember(m, func(addrs []string) (node, error) { return openDragonboat(m.Dir, m.Index, addrs, vfs.Default) })
}
