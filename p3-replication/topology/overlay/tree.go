package overlay

import (
	"cmp"
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// Edges returns the links that both ends tell of, each once, the nearest first. The rows are in
// order of nodes.
func Edges(rows []proto.Row) (all []proto.Edge) {
	for i := range rows {
		a := &rows[i]
		for _, l := range a.Links {
			if l.To <= a.Node {
				continue
			}
			if back, ok := link(rows, l.To, a.Node); ok {
				all = append(all, proto.Edge{A: a.Node, B: l.To, RTT: max(l.RTT, back)})
			}
		}
	}
	slices.SortFunc(all, func(e, f proto.Edge) int {
		return cmp.Or(cmp.Compare(e.RTT, f.RTT), byNodes(e, f))
	})
	return all
}

func byNodes(e, f proto.Edge) int { return cmp.Or(cmp.Compare(e.A, f.A), cmp.Compare(e.B, f.B)) }

// link returns how far one node is by another's row.
func link(rows []proto.Row, from, to machine.Node) (machine.Time, bool) {
	at, ok := find(rows, from)
	if !ok {
		return 0, false
	}
	links := rows[at].Links
	at, ok = slices.BinarySearchFunc(links, to, func(l proto.Link, n machine.Node) int { return cmp.Compare(l.To, n) })
	if !ok {
		return 0, false
	}
	return links[at].RTT, true
}

func find(rows []proto.Row, node machine.Node) (int, bool) {
	return slices.BinarySearchFunc(rows, node, func(r proto.Row, n machine.Node) int { return cmp.Compare(r.Node, n) })
}

// Spanning returns the edges of the spanning tree with the least sum, in order of nodes; a tree for
// each part if some cannot reach others (Kruskal 1956). The edges are as Edges returns them.
func Spanning(edges []proto.Edge) (tree []proto.Edge) {
	part := parts{}
	for _, e := range edges {
		if a, b := part.of(e.A), part.of(e.B); a != b {
			part[b] = a
			tree = append(tree, e)
		}
	}
	slices.SortFunc(tree, byNodes)
	return tree
}

// parts are sets of nodes: each has a member as its name, which the others lead to.
type parts map[machine.Node]machine.Node

// of returns the name of a node's set.
func (p parts) of(n machine.Node) machine.Node {
	for {
		up, ok := p[n]
		if !ok {
			return n
		}
		n = up
	}
}

// Around returns the edges of a tree that a node can reach, and its neighbours, in their order.
func Around(tree []proto.Edge, node machine.Node) (reached []proto.Edge, next []machine.Node) {
	part := parts{}
	for _, e := range tree {
		part[part.of(e.B)] = part.of(e.A)
		switch node {
		case e.A:
			next = append(next, e.B)
		case e.B:
			next = append(next, e.A)
		}
	}
	home := part.of(node)
	for _, e := range tree {
		if part.of(e.A) == home {
			reached = append(reached, e)
		}
	}
	slices.Sort(next)
	return reached, next
}
