package tree

import (
	"bytes"
	"fmt"
	"iter"

	"dss.example/common/blob"
)

// Get returns the value of a key, and whether there is one. It reads at most one node of
// each level.
//
//ds:todo p2.4
func (t Tree) Get(key []byte) (v Value, found bool, err error) {
	n := t.root
	for n.level > 0 {
		i, _ := n.search(key)
		if i == len(n.entries) {
			return Value{}, false, nil
		}
		if n, err = t.child(n, i); err != nil {
			return Value{}, false, err
		}
	}
	if i, ok := n.search(key); ok {
		return n.entries[i].value(), true, nil
	}
	return Value{}, false, nil
}

// child reads the i-th child of n and checks that it is what n says of it.
func (t Tree) child(n *node, i int) (*node, error) {
	b, err := t.source.Get(n.entries[i].id)
	if err != nil {
		return nil, fmt.Errorf("node of level %d: %w", n.level-1, err)
	}
	return n.adopt(i, b)
}

// Range iterates over the pairs whose keys are from (inclusive) to (exclusive), in
// ascending order. No from means from the first, no to means to the end. An error is the
// last thing that it yields. It holds one node of each level.
func (t Tree) Range(from, to []byte) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		s := scan{t, from, to, yield}
		s.ascend(t.root)
	}
}

// Backward is Range in descending order.
func (t Tree) Backward(from, to []byte) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		s := scan{t, from, to, yield}
		s.descend(t.root)
	}
}

// scan is one iteration over a range. Its methods return whether it goes on.
type scan struct {
	tree     Tree
	from, to []byte
	yield    func(Pair, error) bool
}

func (s *scan) ascend(n *node) bool {
	first, _ := n.search(s.from)
	for i := first; i < len(n.entries); i++ {
		e := &n.entries[i]
		switch {
		case n.level > 0:
			if !s.enter(n, i, s.ascend) {
				return false
			}
		case len(s.to) > 0 && bytes.Compare(e.key, s.to) >= 0:
			return false
		case !s.yield(Pair{e.key, e.value()}, nil):
			return false
		}
	}
	return true
}

func (s *scan) descend(n *node) bool {
	first := len(n.entries) - 1
	if len(s.to) > 0 {
		i, _ := n.search(s.to)
		if n.level == 0 {
			i-- // the last key before to; a child that ends at to or later may hold it
		}
		first = min(i, first)
	}
	for i := first; i >= 0; i-- {
		e := &n.entries[i]
		switch {
		case bytes.Compare(e.key, s.from) < 0:
			return false
		case n.level > 0:
			if !s.enter(n, i, s.descend) {
				return false
			}
		case !s.yield(Pair{e.key, e.value()}, nil):
			return false
		}
	}
	return true
}

func (s *scan) enter(n *node, i int, visit func(*node) bool) bool {
	c, err := s.tree.child(n, i)
	if err != nil {
		s.yield(Pair{}, err)
		return false
	}
	return visit(c)
}

// Rank returns how many keys are less than key: the position at which key stands, or
// would stand.
func (t Tree) Rank(key []byte) (uint64, error) {
	var before uint64
	for n := t.root; ; {
		i, _ := n.search(key)
		for _, e := range n.entries[:i] {
			before += e.count
		}
		if n.level == 0 || i == len(n.entries) {
			return before, nil
		}
		var err error
		if n, err = t.child(n, i); err != nil {
			return 0, err
		}
	}
}

// At returns the pair at a position, the first at 0, or ErrIndex.
func (t Tree) At(position uint64) (Pair, error) {
	if position >= t.Len() {
		return Pair{}, fmt.Errorf("%w: %d of %d", ErrIndex, position, t.Len())
	}
	n := t.root
	for {
		i := 0
		for ; position >= n.entries[i].count; i++ {
			position -= n.entries[i].count
		}
		if n.level == 0 {
			return Pair{n.entries[i].key, n.entries[i].value()}, nil
		}
		var err error
		if n, err = t.child(n, i); err != nil {
			return Pair{}, err
		}
	}
}

// Walk calls visit for the nodes of the tree, parents first; level 0 are the leaves. It
// goes down from a node only if visit says so: a collector that has seen the node
// before has seen all under it. Leaves are named but not read; the links in their values
// are found by Range. It ends with the first error of visit.
func (t Tree) Walk(visit func(id blob.ID, level int) (enter bool, err error)) error {
	enter, err := visit(t.root.id, t.root.level)
	if err != nil || !enter {
		return err
	}
	return t.walk(t.root, visit)
}

func (t Tree) walk(n *node, visit func(blob.ID, int) (bool, error)) error {
	if n.level == 0 {
		return nil
	}
	for i, e := range n.entries {
		enter, err := visit(e.id, n.level-1)
		if err != nil {
			return err
		}
		if !enter || n.level == 1 {
			continue
		}
		c, err := t.child(n, i)
		if err != nil {
			return err
		}
		if err := t.walk(c, visit); err != nil {
			return err
		}
	}
	return nil
}

// Verify reads all nodes and returns nil if the tree is the very one that Build makes of
// its pairs, else ErrNode or ErrShape. Reading needs no Verify: whatever the shape, every
// node that is read is checked against its parent. But a stranger may hide the same pairs
// under other roots; so verify his tree before its root is compared or it is changed.
func (t Tree) Verify() error { return t.verify(t.root) }

func (t Tree) verify(n *node) error {
	if err := n.checkShape(); err != nil || n.level == 0 {
		return err
	}
	for i := range n.entries {
		c, err := t.child(n, i)
		if err != nil {
			return err
		}
		if err := t.verify(c); err != nil {
			return err
		}
	}
	return nil
}
