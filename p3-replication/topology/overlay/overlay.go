package overlay

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// Overlay is the machine.
type Overlay struct {
	self machine.Addr
	cfg  Config
	life uint64 // of this process

	up    []machine.Node // others that the probe says are up, in order
	rows  []proto.Row    // its own among them, in order of nodes; at most proto.MaxPlaces
	stale bool           // the tree is that of older rows
	tree  []proto.Edge   // of what can be reached
	next  []machine.Node // its neighbours in the tree, in order

	items  items
	seq    uint64 // of what was published last
	absent []absence

	now  machine.Time
	rand machine.Dice
}

// New returns an Overlay. The error wraps ErrConfig.
func New(self machine.Addr, c Config) (*Overlay, error) {
	c = c.complete()
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Overlay{self: self, cfg: c, items: items{keep: c.Keep}}, nil
}

// Step implements machine.Machine.
func (o *Overlay) Step(in machine.In, out *machine.Out) {
	o.now, o.rand = in.Now, machine.Dice(in.Rand)
	switch e := in.Event.(type) {
	case machine.Ready:
		o.life = o.rand.Roll()
		o.rows = []proto.Row{{Node: o.self.Node, Version: proto.Version{Count: 1, Life: o.life}}}
		out.Timer(o.self, o.cfg.Every, proto.Tick{})
	case machine.Recv:
		o.receive(e.From, e.Msg, out)
	case machine.Ask:
		o.ask(e.ID, e.Cmd, out)
	}
}

func (o *Overlay) receive(from machine.Addr, msg machine.Data, out *machine.Out) {
	if from.Node == o.self.Node {
		o.receiveOwn(from, msg, out)
		return
	}
	if from.Role != o.self.Role {
		return
	}
	switch m := msg.(type) {
	case proto.Rows:
		o.learn(m.List, out)
	case proto.Hello:
		o.greeted(from, m, out)
	case proto.Lack:
		o.give(from, m, out)
	case proto.Item:
		o.arrive(from.Node, m, out)
	}
}

// receiveOwn takes what comes from this node: its timer, and what its probe sees.
func (o *Overlay) receiveOwn(from machine.Addr, msg machine.Data, out *machine.Out) {
	switch m := msg.(type) {
	case proto.Tick:
		if from == o.self {
			o.tick(out)
		}
	case proto.Sight:
		if from.Role == o.cfg.Probe {
			o.see(m, out)
		}
	}
}

// tick says Hello to any who is up, and asks for what has not come.
func (o *Overlay) tick(out *machine.Out) {
	out.Timer(o.self, o.cfg.Every, proto.Tick{})
	o.grow(out)
	o.demand(out)
	if len(o.up) > 0 {
		o.greet(o.up[o.rand.Roll()%uint64(len(o.up))], out)
	}
}

func (o *Overlay) ask(id uint64, cmd machine.Data, out *machine.Out) {
	switch c := cmd.(type) {
	case proto.Publish:
		out.Answer(id, o.publish(c.Body, out))
	case proto.Read:
		out.Answer(id, o.items.read(c.After))
	case proto.Look:
		o.grow(out)
		out.Answer(id, proto.Outline{
			Tree: slices.Clone(o.tree), Next: slices.Clone(o.next), Heard: o.items.heard, Copies: o.items.copies,
		})
	}
}

func (o *Overlay) addr(node machine.Node) machine.Addr {
	return machine.Addr{Node: node, Role: o.self.Role}
}
