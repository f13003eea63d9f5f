package stage4

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// etcdRaft is three nodes of etcd's raft, driven as its documentation says: messages go
// through channels, and each node's log is in the MemoryStorage and in etcd's write-ahead
// log. Nothing is compacted: a turn is short.
type etcdRaft struct {
	closers
	syncs  atomic.Uint64
	nodes  [replicas]*raftNode
	leader *raftNode // when the group was opened: all commands are proposed there
}

// raftNode is one of them.
type raftNode struct {
	raft.Node
	group   *etcdRaft
	storage *raft.MemoryStorage
	wal     *wal.WAL      // nil: nothing is durable
	hard    *pb.HardState // the last one that was saved
	inbox   chan *pb.Message
	end     chan struct{}
	running sync.WaitGroup
	leads   bool // as run knows

	mu      sync.Mutex            // guards what follows
	number  uint64                // of the last proposal here
	waiting map[uint64]chan error // who proposed what is not applied yet
}

// What raft counts in: a tick, and how many of them.
const (
	raftTick      = 10 * time.Millisecond
	electionTicks = 10
	inboxMessages = 1024 // more are lost, as on a network
)

func openEtcdRaft(dir string, durable bool) (group, error) {
	g := &etcdRaft{}
	var peers []raft.Peer
	for i := range g.nodes {
		peers = append(peers, raft.Peer{ID: uint64(i + 1)})
		n := &raftNode{
			group: g, storage: raft.NewMemoryStorage(), hard: &pb.HardState{}, inbox: make(chan *pb.Message, inboxMessages),
			end: make(chan struct{}), waiting: make(map[uint64]chan error),
		}
		g.nodes[i] = n
		if !durable {
			continue
		}
		w, err := wal.Create(nil, filepath.Join(dir, fmt.Sprint(i+1)), nil)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		n.wal = w
		g.add(w.Close)
	}
	for i, n := range g.nodes {
		n.Node = raft.StartNode(raftConfig(peers[i].ID, n.storage), peers)
		g.add(n.stop)
	}
	for _, n := range g.nodes {
		n.running.Go(n.run)
		n.running.Go(n.receive)
	}
	if err := await(g.elected); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func raftConfig(id uint64, storage raft.Storage) *raft.Config {
	return &raft.Config{
		ID: id, ElectionTick: electionTicks, HeartbeatTick: 1, Storage: storage, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256,
		CheckQuorum: true, PreVote: true, Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	}
}

// elected looks for the leader.
func (g *etcdRaft) elected() bool {
	lead := g.nodes[0].Status().Lead
	if lead == 0 {
		return false
	}
	g.leader = g.nodes[lead-1]
	return true
}

// Propose implements group.
func (g *etcdRaft) Propose(command []byte) error {
	return retry(func() error { return g.leader.propose(command) })
}

// Syncs implements group.
func (g *etcdRaft) Syncs() uint64 { return g.syncs.Load() }

// propose returns when the command is applied here, whoever leads by then. It marks the
// command with its number here, by which its proposer is found again.
func (n *raftNode) propose(command []byte) error {
	done := make(chan error, 1)
	n.mu.Lock()
	n.number++
	number := n.number
	n.waiting[number] = done
	n.mu.Unlock()
	marked := append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(command)), number), command...)
	ctx, cancel := context.WithTimeout(context.Background(), attemptWithin)
	defer cancel()
	if err := n.Node.Propose(ctx, marked); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run obeys the node until it is stopped.
func (n *raftNode) run() {
	tick := time.NewTicker(raftTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n.Tick()
		case rd := <-n.Ready():
			if err := n.obey(rd); err != nil {
				n.fail(err)
				return
			}
			n.Advance()
		case <-n.end:
			return
		}
	}
}

// obey does as etcd does: who leads sends beside its own write.
func (n *raftNode) obey(rd raft.Ready) error {
	if rd.SoftState != nil {
		n.leads = rd.RaftState == raft.StateLeader
	}
	if n.leads {
		n.send(rd.Messages)
	}
	if err := n.save(rd); err != nil {
		return err
	}
	if !n.leads {
		n.send(rd.Messages)
	}
	for _, e := range rd.CommittedEntries {
		if err := n.apply(e); err != nil {
			return err
		}
	}
	return nil
}

func (n *raftNode) save(rd raft.Ready) error {
	if n.wal != nil {
		if rd.MustSync {
			n.group.syncs.Add(1)
		}
		if err := n.wal.Save(rd.HardState, rd.Entries); err != nil {
			return err
		}
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		if err := n.storage.SetHardState(rd.HardState); err != nil {
			return err
		}
	}
	return n.storage.Append(rd.Entries)
}

func (n *raftNode) send(messages []*pb.Message) {
	for _, m := range messages {
		select {
		case n.group.nodes[m.GetTo()-1].inbox <- m:
		default: // lost
		}
	}
}

// receive takes messages until the node is stopped.
func (n *raftNode) receive() {
	for {
		select {
		case m := <-n.inbox:
			_ = n.Step(context.Background(), m) // an error is a message that came too late
		case <-n.end:
			return
		}
	}
}

// apply answers whose command was committed, at the one node where commands are proposed.
func (n *raftNode) apply(e *pb.Entry) error {
	if e.GetType() == pb.EntryType_EntryConfChange {
		var change pb.ConfChange
		if err := proto.Unmarshal(e.GetData(), &change); err != nil {
			return err
		}
		n.ApplyConfChange(&change)
		return nil
	}
	if len(e.GetData()) < 8 { // the first of a term
		return nil
	}
	number := binary.BigEndian.Uint64(e.GetData())
	n.mu.Lock()
	defer n.mu.Unlock()
	if done := n.waiting[number]; done != nil {
		done <- nil
		delete(n.waiting, number)
	}
	return nil
}

// fail ends all who wait.
func (n *raftNode) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for number, done := range n.waiting {
		done <- err
		delete(n.waiting, number)
	}
}

// stop returns when nothing of the node runs any more.
func (n *raftNode) stop() error {
	close(n.end)
	n.running.Wait()
	n.Stop()
	return nil
}
