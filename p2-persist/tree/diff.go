package tree

import (
	"bytes"
	"iter"
)

// Difference is one key that two trees do not agree about.
type Difference struct {
	Key           []byte
	Before, After Value
	Added         bool // it is not in the first tree, and Before means nothing
	Removed       bool // it is not in the second tree, and After means nothing
}

// Diff iterates over what leads from tree a to tree b, in ascending order of keys. What
// the two have in common by its ID is not read, so that the time is that of the
// difference, not that of the trees; it takes trees of equal Params for that. An error is
// the last thing that it yields.
//
//ds:todo p2.5
func Diff(a, b Tree) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		d := diff{newCursor(a), newCursor(b)}
		for d.more() {
			found, err := d.step()
			if err != nil {
				yield(Difference{}, err)
				return
			}
			if found != nil && !yield(*found, nil) {
				return
			}
		}
	}
}

// diff walks two trees side by side. What one cursor has passed, the other has too.
type diff struct{ a, b *cursor }

func (d *diff) more() bool { return d.a.head() != nil || d.b.head() != nil }

// step moves on by one entry, on one side or on both:
//
//   - both stand before the same node: neither has to read it;
//   - else the one before the higher node goes down into it, so that nodes are compared
//     with nodes of the same level;
//   - both stand before pairs: the lesser key is missing on the other side.
//
//ds:todo p2.5
func (d *diff) step() (*Difference, error) {
	x, y := d.a.head(), d.b.head()
	high, low := d.a.level(), d.b.level()
	switch {
	case high > 0 && high == low && x.id == y.id:
		d.a.next()
		d.b.next()
		return nil, nil
	case high > 0 && high >= low:
		return nil, d.a.enter()
	case low > 0:
		return nil, d.b.enter()
	}
	return d.pair(x, y), nil
}

// pair compares two pairs, of which one may be missing (nil), and passes the lesser or
// both. It returns nil if both sides have the same under the same key.
//
//ds:todo p2.5
func (d *diff) pair(x, y *entry) *Difference {
	order := 0
	switch {
	case y == nil:
		order = -1
	case x == nil:
		order = +1
	default:
		order = bytes.Compare(x.key, y.key)
	}
	if order <= 0 {
		d.a.next()
	}
	if order >= 0 {
		d.b.next()
	}
	switch {
	case order < 0:
		return &Difference{Key: x.key, Before: x.value(), Removed: true}
	case order > 0:
		return &Difference{Key: y.key, After: y.value(), Added: true}
	case bytes.Equal(x.raw, y.raw):
		return nil
	}
	return &Difference{Key: x.key, Before: x.value(), After: y.value()}
}

// cursor stands before an entry of a tree, at any level.
type cursor struct {
	tree Tree
	path []place // from the root down; none: it has passed all
}

// place is a node and the entry in it that comes next.
type place struct {
	node *node
	i    int
}

// newCursor returns a cursor that stands before the root, as if the tree hung under a
// node of one child.
func newCursor(t Tree) *cursor {
	if t.Len() == 0 {
		return &cursor{tree: t}
	}
	above := &node{
		params: t.root.params, level: t.root.level + 1, last: true, count: t.root.count,
		entries: []entry{{key: t.root.entries[len(t.root.entries)-1].key, id: t.root.id, count: t.root.count}},
	}
	return &cursor{t, []place{{above, 0}}}
}

// head returns the entry that comes next; nil: there is none.
func (c *cursor) head() *entry {
	if len(c.path) == 0 {
		return nil
	}
	p := c.path[len(c.path)-1]
	return &p.node.entries[p.i]
}

// level returns the level of the node that holds the head: 0 means that the head is a
// pair, or that there is none.
func (c *cursor) level() int {
	if len(c.path) == 0 {
		return 0
	}
	return c.path[len(c.path)-1].node.level
}

// next passes the head, with all that is under it. Behind the last entry of a node it
// stands before what follows that node, higher up.
//
//ds:todo p2.5
func (c *cursor) next() {
	for len(c.path) > 0 {
		p := &c.path[len(c.path)-1]
		if p.i++; p.i < len(p.node.entries) {
			return
		}
		c.path = c.path[:len(c.path)-1]
	}
}

// enter goes down into the head, which is a child, to stand before its first entry.
//
//ds:todo p2.5
func (c *cursor) enter() error {
	p := c.path[len(c.path)-1]
	child, err := c.tree.child(p.node, p.i)
	if err != nil {
		return err
	}
	c.path = append(c.path, place{child, 0})
	return nil
}
