package run

import (
	"context"
	"fmt"
	"sync"

	"dss.example/common/machine"
)

// Node joins the loops of one node: they hear each other without a network, and
// when one fails the others stop, for a node crashes as a whole.
type Node struct {
	id   machine.Node
	send func(from, to machine.Addr, frame []byte)
	done chan struct{}

	mu       sync.RWMutex // guards what follows
	loops    map[string]*Loop
	order    []*Loop // as started
	running  int     // loops that were started, or are being, and have not ended
	stopping bool
	err      error // of the loop that failed first
}

// NewNode returns a node without loops. send sends to other nodes, under the rules
// of Config.Send; nil loses everything.
func NewNode(id machine.Node, send func(from, to machine.Addr, frame []byte)) *Node {
	return &Node{id: id, send: send, done: make(chan struct{}), loops: make(map[string]*Loop)}
}

// Start starts a loop on the node, under a role that is not taken. cfg.Send is the
// node's. Messages for the loop are lost until it has started.
func (n *Node) Start(cfg Config) (*Loop, error) {
	if err := n.enter(cfg.Self); err != nil {
		return nil, err
	}
	self := cfg.Self
	cfg.Send = func(to machine.Addr, frame []byte) { n.Send(self, to, frame) }
	l, err := start(cfg, n.ended)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		delete(n.loops, self.Role)
		n.leave()
		return nil, err
	}
	n.loops[self.Role] = l
	n.order = append(n.order, l)
	if n.stopping {
		l.inbox.close(stopped(n.err))
	}
	return l, nil
}

// enter takes the role.
func (n *Node) enter(self machine.Addr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return stopped(n.err)
	}
	if _, taken := n.loops[self.Role]; taken || self.Node != n.id {
		return fmt.Errorf("run: node %d has no place for %d/%s", n.id, self.Node, self.Role)
	}
	n.loops[self.Role] = nil
	n.running++
	return nil
}

// leave counts a loop that has ended. The mutex is held.
func (n *Node) leave() {
	if n.running--; n.running == 0 && n.stopping {
		close(n.done)
	}
}

// ended is called by a loop that has ended.
func (n *Node) ended(l *Loop) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if cause := l.Err(); cause != nil {
		if n.err == nil {
			n.err = cause
		}
		n.halt()
	}
	n.leave()
}

// halt tells every loop to end, the one started last first. The mutex is held.
func (n *Node) halt() {
	n.stopping = true
	for i := len(n.order) - 1; i >= 0; i-- {
		n.order[i].inbox.close(stopped(n.err))
	}
}

// Send takes a frame from an address of this node: to a loop of the node, or to the
// send function. A role that nobody has loses it.
func (n *Node) Send(from, to machine.Addr, frame []byte) {
	if to.Node == n.id {
		n.deliver(from, to, frame)
	} else if n.send != nil {
		n.send(from, to, frame)
	}
}

// Recv takes a frame from the network: from is what the transport authenticated.
// A frame for another node, or one that claims to be from this one, is dropped.
func (n *Node) Recv(from, to machine.Addr, frame []byte) {
	if to.Node == n.id && from.Node != n.id {
		n.deliver(from, to, frame)
	}
}

func (n *Node) deliver(from, to machine.Addr, frame []byte) {
	n.mu.RLock()
	l := n.loops[to.Role]
	n.mu.RUnlock()
	if l != nil {
		l.Recv(from, frame)
	}
}

// Link gives the hint to every loop.
func (n *Node) Link(peer machine.Node, up bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, l := range n.order {
		l.Link(peer, up)
	}
}

// Stop ends every loop and waits until all have ended, or ctx has. The error is
// ctx's.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	if !n.stopping && n.running == 0 {
		close(n.done)
	}
	n.halt()
	n.mu.Unlock()
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when every loop has ended, after Stop or because one failed.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err tells why the first loop failed: nil while none has.
func (n *Node) Err() error {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.err
}
