package stage4

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"sync/atomic"

	"dss.example/common/bench/harness"
)

// node is a replica of a library, which knows whether it leads.
type node interface {
	// Propose returns when the command is committed and applied here. A node that does not
	// lead may refuse.
	Propose(command []byte) error
	// Leader tells which node this one believes to lead, from 1; 0: none.
	Leader() uint64
	Close() error
}

// nodes is a group of them in this process.
type nodes struct {
	closers
	syncs  atomic.Uint64
	all    []node
	leader atomic.Uint64 // its place in all, from 1
}

// openNodes opens a node in a directory and at an address of its own for each replica, and
// waits for a leader.
func openNodes(dir string, open func(dir string, i int, addrs []string, syncs *atomic.Uint64) (node, error)) (group, error) {
	addrs, err := harness.FreeAddrs(replicas)
	if err != nil {
		return nil, err
	}
	g := &nodes{}
	for i := range addrs {
		own := replicaDir(dir, i)
		if err := os.MkdirAll(own, 0o700); err != nil {
			return nil, errors.Join(err, g.Close())
		}
		n, err := open(own, i, addrs, &g.syncs)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		g.all = append(g.all, n)
		g.add(n.Close)
	}
	if err := await(g.elected); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// elected looks for a node that leads, as it says itself.
func (g *nodes) elected() bool {
	for _, n := range g.all {
		if leader := n.Leader(); leader != 0 && g.all[leader-1].Leader() == leader {
			g.leader.Store(leader)
			return true
		}
	}
	return false
}

// Propose implements group.
func (g *nodes) Propose(command []byte) error {
	return retry(func() error {
		err := g.all[g.leader.Load()-1].Propose(command)
		if err != nil {
			g.elected()
		}
		return err
	})
}

// Syncs implements group.
func (g *nodes) Syncs() uint64 { return g.syncs.Load() }

// Door is what a node in a process of its own answers to clients, over net/rpc. It is
// exported for net/rpc.
type Door struct {
	node node
	self uint64
}

// Who is which node this is, and which one leads as far as it knows. It is exported for
// net/rpc.
type Who struct{ Self, Leader uint64 }

// Put proposes.
func (d Door) Put(command []byte, _ *struct{}) error { return d.node.Propose(command) }

// Who asks for a Who.
func (d Door) Who(_ struct{}, who *Who) error {
	*who = Who{d.self, d.node.Leader()}
	return nil
}

// addrsOfMember are, in this order, for the group and for clients.
const addrsOfMember = 2

// addrsFor returns one address of each member.
func addrsFor(m harness.Member, which int) (addrs []string) {
	for i := range replicas {
		addrs = append(addrs, m.Own(i, replicas)[which])
	}
	return addrs
}

func check(m harness.Member) error {
	if len(m.Addrs) != replicas*addrsOfMember || m.Index < 0 || m.Index >= replicas {
		return fmt.Errorf("member %d with %d addresses: want one of %d with %d each", m.Index, len(m.Addrs), replicas, addrsOfMember)
	}
	return nil
}

// serveMember opens a node and its door. It returns with an error only.
func serveMember(m harness.Member, open func(addrs []string) (node, error)) error {
	if err := check(m); err != nil {
		return err
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	n, err := open(addrsFor(m, 0))
	if err != nil {
		return err
	}
	defer n.Close()
	ln, err := net.Listen("tcp", addrsFor(m, 1)[m.Index])
	if err != nil {
		return err
	}
	s := rpc.NewServer()
	if err := s.RegisterName("Group", Door{n, uint64(m.Index + 1)}); err != nil {
		return err
	}
	s.Accept(ln) // the process is ended while it does
	return ln.Close()
}
