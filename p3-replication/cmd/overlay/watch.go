package main

import (
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/cmd/epidemic/cycles"
	"dss.example/p3-replication/gossip"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/proto"
)

// watch is a judge that objects to nothing: it counts what is sent, and notes when items arrive.
type watch struct {
	layout *topology.Layout
	dead   machine.Node

	news   map[string]*news
	sent   int // messages to other nodes
	copies int // of items, to other nodes
	far    int // of these, to another zone
}

// news is one item.
type news struct {
	published machine.Time
	reached   map[machine.Node]machine.Time
}

// Step implements sim.Judge.
func (w *watch) Step(s *sim.Step) error {
	if s.Addr.Node == w.dead || s.Addr.Role != role && s.Addr.Role != "probe" {
		return nil
	}
	for _, env := range s.Out.Send {
		if env.To.Node != s.Addr.Node {
			w.count(s.Addr.Node, env)
		}
	}
	switch e := s.In.Event.(type) {
	case machine.Recv:
		if i, ok := e.Msg.(proto.Item); ok {
			w.arrive(string(i.Body), s)
		}
	case machine.Ask:
		if p, ok := e.Cmd.(proto.Publish); ok {
			w.arrive(string(p.Body), s)
		}
	}
	for _, r := range s.Out.Save {
		if k, ok := r.(gossip.Kept); ok {
			w.arrive(k.Item.Key, s)
		}
	}
	return nil
}

// End implements sim.Judge.
func (w *watch) End(*sim.World) error { return nil }

func (w *watch) count(from machine.Node, env machine.Envelope) {
	w.sent++
	n := cycles.Copies(env.Msg)
	if _, ok := env.Msg.(proto.Item); ok {
		n = 1
	}
	w.copies += n
	if w.layout.Zone(from) != w.layout.Zone(env.To.Node) {
		w.far += n
	}
}

// arrive notes that an item is at a server, the first time. Who has it first has published it.
func (w *watch) arrive(name string, s *sim.Step) {
	n := w.news[name]
	if n == nil {
		n = &news{published: s.At, reached: map[machine.Node]machine.Time{}}
		w.news[name] = n
	}
	if _, known := n.reached[s.Addr.Node]; !known {
		n.reached[s.Addr.Node] = s.At
	}
}
