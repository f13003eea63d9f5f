package tree

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"dss.example/common/blob"
	"dss.example/common/cbor"
)

// A node is one blob in DAG-CBOR, an array of four:
//
//	["tree", target, 0,     [key, value, key, value, …]]              a leaf
//	["tree", target, level, [last key, count, link, last key, …]]     an inner node
//
// Keys are byte strings. A value is a byte string, or [byte string, link] if it has a
// link. An inner node says of each child what its last key is and how many pairs lie
// under it.
const kind = "tree"

// maxLevel bounds the height: with two children a node, that is all that can be counted.
const maxLevel = 63

// leastEntry is about what an entry takes in bytes, when there are many.
const leastEntry = 4

// node is a blob that was read and checked, and what its place in the tree says of it.
// It is never changed.
type node struct {
	id      blob.ID
	raw     []byte // the blob
	params  Params
	level   int // 0: a leaf
	entries []entry
	count   uint64 // pairs under it

	low  []byte // all keys under it are greater; nil: no such bound
	last bool   // it is the last of its level
}

// entry is a pair in a leaf, or a child in an inner node.
type entry struct {
	key   []byte  // of the pair, or the last one under the child
	raw   []byte  // the whole entry, encoded: its length is its weight
	bytes []byte  // of the pair's value
	id    blob.ID // the pair's link or zero, or the child
	count uint64  // pairs under the child; 1 for a pair
}

func (e *entry) value() Value { return Value{e.bytes, e.id} }

// search returns the position of the first entry whose key is not less than key, and
// whether it is equal. In an inner node that is the one child that can hold the key.
func (n *node) search(key []byte) (int, bool) {
	return slices.BinarySearchFunc(n.entries, key, func(e entry, key []byte) int {
		return bytes.Compare(e.key, key)
	})
}

// appendNode appends a node whose entries are encoded already.
func appendNode(b []byte, p Params, level, entries int, raw []byte) []byte {
	b = cbor.AppendArray(b, 4)
	b = cbor.AppendText(b, kind)
	b = cbor.AppendUint(b, uint64(p.Target))
	b = cbor.AppendUint(b, uint64(level))
	b = cbor.AppendArray(b, entries*itemsPerEntry(level))
	return append(b, raw...)
}

func itemsPerEntry(level int) int {
	if level == 0 {
		return 2 // key, value
	}
	return 3 // last key, count, link
}

// newPair returns the entry of a leaf, encoded into b.
func newPair(b, key []byte, v Value) entry {
	b = cbor.AppendBytes(b, key)
	if !v.Link.IsZero() {
		b = cbor.AppendArray(b, 2)
	}
	b = cbor.AppendBytes(b, v.Bytes)
	if !v.Link.IsZero() {
		b = blob.AppendLink(b, v.Link)
	}
	return entry{key: key, raw: b, bytes: v.Bytes, id: v.Link, count: 1}
}

// newChild returns the entry of an inner node, encoded into b.
func newChild(b, last []byte, count uint64, id blob.ID) entry {
	b = cbor.AppendBytes(b, last)
	b = cbor.AppendUint(b, count)
	b = blob.AppendLink(b, id)
	return entry{key: last, raw: b, id: id, count: count}
}

// decode takes a node apart and checks all that can be told from the node alone:
// canonical bytes, order, lengths, counts, links, and that it did not grow beyond where
// every node ends, which bounds what decoding allocates.
func decode(id blob.ID, b []byte) (*node, error) {
	n := &node{id: id, raw: b}
	r := cbor.NewReader(b)
	n.readHead(&r)
	n.readEntries(&r)
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrNode, id, err)
	}
	return n, nil
}

func (n *node) readHead(r *cbor.Reader) {
	if n.id.Codec() != blob.DAGCBOR {
		r.Fail("codec %v", n.id.Codec())
	}
	r.Fixed(4)
	if r.Text() != kind {
		r.Fail("does not begin with %q", kind)
	}
	target, level := r.Uint(), r.Uint()
	if target < MinTarget || target > MaxTarget {
		r.Fail("target of %d bytes", target)
	}
	if level > maxLevel {
		r.Fail("level %d", level)
	}
	n.params, n.level = Params{int(target)}, int(level)
}

func (n *node) readEntries(r *cbor.Reader) {
	items, each := r.Array(), itemsPerEntry(n.level)
	if items%each != 0 {
		r.Fail("%d items, want a multiple of %d", items, each)
	}
	if r.Err() != nil {
		return
	}
	n.entries = make([]entry, 0, min(items/each, n.params.most()/leastEntry))
	var last []byte
	for size := 0; len(n.entries) < items/each && r.Err() == nil; {
		if size >= n.params.most() && len(n.entries) > min(n.level, 1) {
			r.Fail("more entries behind %d bytes of them, which end every node", size)
		}
		start := r.Offset()
		e := n.readEntry(r)
		if e.raw = n.raw[start:r.Offset()]; bytes.Compare(last, e.key) >= 0 {
			r.Fail("keys do not ascend")
		}
		last, size = e.key, size+len(e.raw)
		n.entries = append(n.entries, e)
	}
}

func (n *node) readEntry(r *cbor.Reader) entry {
	e := entry{key: r.Bytes(), count: 1}
	if len(e.key) == 0 || len(e.key) > MaxKey {
		r.Fail("key of %d bytes", len(e.key))
	}
	if n.level == 0 {
		e.readValue(r)
	} else {
		e.readChild(r)
	}
	if e.count > math.MaxUint64-n.count {
		r.Fail("counts overflow")
	}
	n.count += e.count
	return e
}

func (e *entry) readValue(r *cbor.Reader) {
	const array = 4 // the major type
	rest := r.Rest()
	linked := len(rest) > 0 && rest[0]>>5 == array
	if linked {
		r.Fixed(2)
	}
	if e.bytes = r.Bytes(); len(e.bytes) > MaxValue {
		r.Fail("value of %d bytes", len(e.bytes))
	}
	if linked {
		e.id = blob.ReadLink(r)
	}
}

func (e *entry) readChild(r *cbor.Reader) {
	if e.count = r.Uint(); e.count == 0 {
		r.Fail("child without pairs")
	}
	if e.id = blob.ReadLink(r); e.id.Codec() != blob.DAGCBOR {
		r.Fail("child of codec %v", e.id.Codec())
	}
}

// readRoot reads a node that nothing is known of but its ID.
func readRoot(s Source, id blob.ID) (*node, error) {
	b, err := s.Get(id)
	if err != nil {
		return nil, fmt.Errorf("root of a tree: %w", err)
	}
	n, err := decode(id, b)
	if err != nil {
		return nil, err
	}
	n.last = true
	return n, nil
}

// adopt makes a node of b, which is what the i-th link of n names. It checks all that n
// says of it: its level and shape, the keys it may hold, the last one, and the count.
func (n *node) adopt(i int, b []byte) (*node, error) {
	link := &n.entries[i]
	c, err := decode(link.id, b)
	if err != nil {
		return nil, err
	}
	c.low, c.last = n.low, n.last && i == len(n.entries)-1
	if i > 0 {
		c.low = n.entries[i-1].key
	}
	switch {
	case c.level != n.level-1 || c.params != n.params:
		err = fmt.Errorf("level %d, target %d under level %d, target %d", c.level, c.params.Target, n.level, n.params.Target)
	case c.count != link.count:
		err = fmt.Errorf("%d pairs, its parent says %d", c.count, link.count)
	case bytes.Compare(c.entries[0].key, c.low) <= 0:
		err = fmt.Errorf("begins with key %x, its left neighbour ends with %x", c.entries[0].key, c.low)
	case !bytes.Equal(c.entries[len(c.entries)-1].key, link.key):
		err = fmt.Errorf("does not end with key %x, as its parent says", link.key)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrNode, link.id, err)
	}
	return c, nil
}
