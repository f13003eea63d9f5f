package tree

import (
	"bytes"
	"slices"
)

// Change puts a value under a key, or deletes the key. Deleting a key that is not there
// changes nothing.
type Change struct {
	Key    []byte
	Value  Value // of a put
	Delete bool
}

// Apply returns the tree with the changes made, whose keys must ascend (ErrOrder). The
// old tree stays as it is. New nodes are put into sink, from where the new tree reads
// them; the nodes that both have in common must be there already. If nothing changes,
// nothing is put and the root is the same.
//
// One pass reads and writes what lies on the way from the root to the changes, and right
// of that the few nodes up to where old and new nodes end at the same key again: one
// change of one key writes about one node a level. If Apply fails, nodes that nobody
// refers to may be left. Errors: also ErrKey, ErrValue.
//
//ds:todo p2.4
func (t Tree) Apply(sink Sink, changes []Change) (Tree, error) {
	var last []byte
	for _, c := range changes {
		if err := checkNext(last, c.Key, c.Value); err != nil {
			return Tree{}, err
		}
		last = c.Key
	}
	if len(changes) == 0 {
		return Tree{sink, t.root}, nil
	}
	e := editor{builder{sink: sink, params: t.root.params}, t, changes}
	if err := e.rebuild(t.root); err != nil {
		return Tree{}, err
	}
	return e.finish()
}

// editor builds a tree from the nodes of another and changes, both from left to right.
type editor struct {
	builder
	tree    Tree
	changes []Change // those that lie ahead
}

// rebuild pushes what is under n, changed. The builder is told of n, in old: it may come
// out again.
//
//ds:todo p2.4
func (e *editor) rebuild(n *node) error {
	e.old[n.level] = n
	if n.level == 0 {
		return e.merge(n)
	}
	for i := range n.entries {
		if err := e.take(n, i); err != nil {
			return err
		}
	}
	return nil
}

// take pushes what is under the i-th child of n: as it is, if nothing in it changes and
// no open node has to be filled from it first; else pair by pair.
//
//ds:todo p2.4
func (e *editor) take(n *node, i int) error {
	link := n.entries[i]
	last := n.last && i == len(n.entries)-1
	if e.ahead(link.key, last) == 0 && e.aligned(n.level-1) {
		return e.push(n.level, link)
	}
	child, err := e.tree.child(n, i)
	if err != nil {
		return err
	}
	return e.rebuild(child)
}

// ahead returns how many changes are for a node that ends with the given key; the last
// of its level takes all.
//
//ds:todo p2.4
func (e *editor) ahead(key []byte, last bool) int {
	if last {
		return len(e.changes)
	}
	i, exact := slices.BinarySearchFunc(e.changes, key, func(c Change, key []byte) int {
		return bytes.Compare(c.Key, key)
	})
	if exact {
		i++
	}
	return i
}

// merge pushes the pairs of a leaf with the changes that are for it, in ascending order,
// and passes these changes.
//
//ds:todo p2.4
func (e *editor) merge(leaf *node) error {
	pairs := leaf.entries
	var last []byte
	if len(pairs) > 0 {
		last = pairs[len(pairs)-1].key
	}
	here := e.changes[:e.ahead(last, leaf.last)]
	e.changes = e.changes[len(here):]
	for _, c := range here {
		for len(pairs) > 0 && bytes.Compare(pairs[0].key, c.Key) < 0 {
			if err := e.push(0, pairs[0]); err != nil {
				return err
			}
			pairs = pairs[1:]
		}
		if len(pairs) > 0 && bytes.Equal(pairs[0].key, c.Key) {
			pairs = pairs[1:]
		}
		if c.Delete {
			continue
		}
		if err := e.put(c.Key, c.Value); err != nil {
			return err
		}
	}
	for _, p := range pairs {
		if err := e.push(0, p); err != nil {
			return err
		}
	}
	return nil
}
