package tree

import "bytes"

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
	e := editor{builder: builder{sink: sink, params: t.root.params}, tree: t, changes: changes}
	e.open(t.root)
	for len(e.path) > 0 {
		if err := e.step(); err != nil {
			return Tree{}, err
		}
	}
	return e.finish()
}

// editor builds a tree from the nodes of another and changes, both from left to right.
type editor struct {
	builder
	tree    Tree
	changes []Change // those that lie ahead
	path    []at     // nodes that were opened, the root first
}

// at is a place in an open node: what is before it was pushed.
type at struct {
	node *node
	next int
}

func (e *editor) open(n *node) {
	e.old[n.level] = n
	e.path = append(e.path, at{node: n})
}

// step pushes one entry of the lowest open node or opens it, or closes the node. A leaf is
// closed when the changes that are for it are made.
func (e *editor) step() error {
	here := &e.path[len(e.path)-1]
	n, i := here.node, here.next
	if i == len(n.entries) && (n.level > 0 || !n.last || len(e.changes) == 0) {
		e.path = e.path[:len(e.path)-1]
		return nil
	}
	if n.level == 0 {
		return e.pair(here)
	}
	here.next++
	child := &n.entries[i]
	last := n.last && here.next == len(n.entries)
	if !e.touches(child.key, last) && e.aligned(n.level-1) {
		return e.push(n.level, *child)
	}
	c, err := e.tree.child(n, i)
	if err != nil {
		return err
	}
	e.open(c)
	return nil
}

// touches reports whether the next change is for a node that ends with the given key.
func (e *editor) touches(key []byte, last bool) bool {
	return len(e.changes) > 0 && (last || bytes.Compare(e.changes[0].Key, key) <= 0)
}

// pair pushes the next pair of a leaf, or makes the next change, whichever key is less.
func (e *editor) pair(here *at) error {
	order := -1 // of the pair's key to the change's
	switch {
	case here.next == len(here.node.entries):
		order = +1
	case len(e.changes) > 0:
		order = bytes.Compare(here.node.entries[here.next].key, e.changes[0].Key)
	}
	if order < 0 {
		here.next++
		return e.push(0, here.node.entries[here.next-1])
	}
	if order == 0 {
		here.next++
	}
	c := e.changes[0]
	e.changes = e.changes[1:]
	if c.Delete {
		return nil
	}
	return e.put(c.Key, c.Value)
}
