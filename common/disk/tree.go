package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// tree is what stands on a pretended disk: files and directories by number, so that what
// happens to a file's bytes has nothing to do with what happens to its name.
type tree map[inode]*node

type inode uint64

const rootInode inode = 1

// node is a file or a directory. It has at most one name.
type node struct {
	names map[string]inode // nil for a file
	in    inode            // the directory that it is in; 0: it has no name
	name  string

	size   int64
	data   []byte // those behind it, up to size, are zeros; those behind size do not count
	shared bool   // data is another tree's too: it is copied before it changes
}

func newTree() tree { return tree{rootInode: {names: map[string]inode{}}} }

// clone returns a tree that changes by itself.
func (t tree) clone() tree {
	c := make(tree, len(t))
	for i, n := range t {
		n.shared = true
		copied := *n
		copied.names = maps.Clone(n.names)
		c[i] = &copied
	}
	return c
}

// node returns the node of a number, which is made if only what made it was dropped.
func (t tree) node(i inode, dir bool) *node {
	n := t[i]
	if n == nil {
		n = new(node)
		if dir {
			n.names = map[string]inode{}
		}
		t[i] = n
	}
	return n
}

// apply lets an effect happen.
func (t tree) apply(e *Effect) {
	switch e.Kind {
	case Wrote:
		t.node(e.inode, false).write(e.data, e.Offset)
	case Grew:
		n := t.node(e.inode, false)
		n.size = max(n.size, e.Offset+e.Size)
	case Cut:
		t.node(e.inode, false).cut(e.Offset)
	case Made, Renamed:
		t.node(e.inode, e.dir)
		t.put(e.inode, e.to)
	case Removed:
		t.drop(e.from)
	case Flipped:
		if n := t.node(e.inode, false); e.Offset < n.size {
			n.write(nil, e.Offset+1) // so that the byte is there
			n.data[e.Offset] ^= e.data[0]
		}
	}
}

// place is a name in a directory.
type place struct {
	in   inode
	name string
}

// put gives a node a name in place of the one that it had and of the node that had it.
func (t tree) put(i inode, p place) {
	n := t[i]
	t.drop(place{n.in, n.name})
	t.drop(p)
	t.node(p.in, true).names[p.name] = i
	n.in, n.name = p.in, p.name
}

func (t tree) drop(p place) {
	dir := t[p.in]
	if dir == nil {
		return
	}
	if n := t[dir.names[p.name]]; n != nil {
		delete(dir.names, p.name)
		n.in, n.name = 0, ""
	}
}

// lookup returns the node at a path.
func (t tree) lookup(path string) (inode, Code) {
	if path == "." {
		return rootInode, OK
	}
	at := rootInode
	for element := range strings.SplitSeq(path, "/") {
		at = t[at].names[element] // of a file: none
		if at == 0 {
			return 0, NotFound
		}
	}
	return at, OK
}

// prune forgets what no name leads to, and bytes behind the end of a file.
func (t tree) prune() {
	reached := tree{}
	t.reach(rootInode, reached)
	maps.DeleteFunc(t, func(i inode, _ *node) bool { return reached[i] == nil })
	for _, n := range t {
		if int64(len(n.data)) > n.size {
			n.data = n.data[:n.size]
		}
	}
}

func (t tree) reach(i inode, reached tree) {
	n := t[i]
	reached[i] = n
	for _, below := range n.names {
		t.reach(below, reached)
	}
}

// sum is a hash of all names and contents that can be reached.
func (t tree) sum() [sha256.Size]byte { return sha256.Sum256(t.describe(nil, t[rootInode])) }

func (t tree) describe(b []byte, n *node) []byte {
	if n.names == nil {
		data := bytes.TrimRight(n.data, "\x00") // zeros are the same, kept or not
		b = binary.AppendUvarint(append(b, 'f'), uint64(n.size))
		return append(binary.AppendUvarint(b, uint64(len(data))), data...)
	}
	b = binary.AppendUvarint(append(b, 'd'), uint64(len(n.names)))
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		b = t.describe(b, t[n.names[name]])
	}
	return b
}

// own makes the data this node's alone.
func (n *node) own() {
	if n.shared {
		n.data, n.shared = slices.Clone(n.data), false
	}
}

func (n *node) write(b []byte, offset int64) {
	n.own()
	if more := int(offset) + len(b) - len(n.data); more > 0 {
		n.data = append(n.data, make([]byte, more)...)
	}
	if len(b) > 0 {
		copy(n.data[offset:], b)
	}
}

func (n *node) cut(size int64) {
	if n.size = min(n.size, size); int64(len(n.data)) > size {
		n.data = n.data[:size]
	}
}

func (n *node) read(offset, size int64) []byte {
	size = min(size, n.size-offset)
	if size <= 0 {
		return nil
	}
	b := make([]byte, size)
	if offset < int64(len(n.data)) {
		copy(b, n.data[offset:])
	}
	return b
}
