package tree

import (
	"bytes"
	"fmt"
	"iter"

	"dss.example/common/blob"
)

// Empty puts the one node of an empty tree of default Params.
func Empty(sink Sink) (Tree, error) {
	return Build(sink, Params{}, func(func(Pair, error) bool) {})
}

// Build puts the tree of the given pairs, whose keys must ascend (ErrOrder); it ends with
// the first error of theirs. It keeps one unfinished node of each level in memory,
// whatever the number of pairs. If it fails, nodes that nobody refers to may be left.
// Errors: also ErrKey, ErrValue, ErrTarget.
func Build(sink Sink, p Params, pairs iter.Seq2[Pair, error]) (Tree, error) {
	p, err := p.orDefault()
	if err != nil {
		return Tree{}, err
	}
	b := &builder{sink: sink, params: p}
	var last []byte
	for pair, err := range pairs {
		if err == nil {
			err = checkNext(last, pair.Key, pair.Value)
		}
		if err == nil {
			err = b.put(pair.Key, pair.Value)
		}
		if err != nil {
			return Tree{}, err
		}
		last = append(last[:0], pair.Key...)
	}
	return b.finish()
}

// checkNext checks a pair that comes behind the key last; nil: it is the first.
func checkNext(last, key []byte, v Value) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if bytes.Compare(last, key) >= 0 {
		return fmt.Errorf("%w: %x behind %x", ErrOrder, key, last)
	}
	return v.check()
}

// builder makes a tree from the left to the right. Each level has one open node, its
// window; one that ends is put, and its link is the next entry of the level above.
type builder struct {
	sink   Sink
	params Params
	levels [maxLevel + 2]window
	top    int    // the highest level that was pushed to
	spare  []byte // memory for the next entry or node that is encoded

	// old are the nodes of the tree being changed that were opened last, by level. A
	// node that comes out as it went in needs no Put.
	old [maxLevel + 1]*node
}

// window is an open node.
type window struct {
	raw     []byte // its entries, encoded
	entries int
	count   uint64  // pairs under it
	last    []byte  // the last key
	lastID  blob.ID // the last child
}

// put adds a pair to the leaf that is open.
func (b *builder) put(key []byte, v Value) error {
	e := newPair(b.spare[:0], key, v)
	b.spare = e.raw
	return b.push(0, e)
}

// push adds an entry to the open node of a level, and seals the node if it ends there.
// All that comes must be greater than what came. A child may be pushed only where the
// levels below are aligned: else its pairs would overtake those of an open node. The
// entry's memory is the caller's again when push returns. Beyond maxLevel it is ErrNode,
// "more than 64 levels".
//
//ds:todo p2.4
func (b *builder) push(level int, e entry) error {
	if level > maxLevel {
		return fmt.Errorf("%w: more than %d levels", ErrNode, maxLevel+1)
	}
	b.top = max(b.top, level)
	w := &b.levels[level]
	w.raw = append(w.raw, e.raw...)
	w.last = append(w.last[:0], e.key...)
	w.lastID = e.id
	w.entries++
	w.count += e.count
	if b.params.ends(level, w.entries, len(w.raw), len(e.raw), e.key) {
		return b.seal(level)
	}
	return nil
}

// aligned reports whether no node of this level or below is open.
//
//ds:todo p2.4
func (b *builder) aligned(level int) bool {
	for i := range b.levels[:level+1] {
		if b.levels[i].entries > 0 {
			return false
		}
	}
	return true
}

// seal stores the open node of a level, which is empty then, and pushes its link, an entry
// made by newChild, to the level above. The link may be made in spare, as put makes its
// entries.
//
//ds:todo p2.4
func (b *builder) seal(level int) error {
	id, err := b.store(level)
	if err != nil {
		return err
	}
	w := &b.levels[level]
	link := newChild(b.spare[:0], w.last, w.count, id)
	b.spare = link.raw
	w.raw, w.entries, w.count = w.raw[:0], 0, 0
	return b.push(level+1, link)
}

// store puts the open node of a level, unless it is an old one again.
func (b *builder) store(level int) (blob.ID, error) {
	w := &b.levels[level]
	raw := appendNode(b.spare[:0], b.params, level, w.entries, w.raw)
	b.spare = raw
	if old := b.old[level]; old != nil && bytes.Equal(old.raw, raw) {
		return old.id, nil
	}
	return b.sink.Put(blob.DAGCBOR, raw)
}

// finish ends the open nodes, level by level, until one level has only one node: that is
// the root. It opens what it has made by openLowest. Without any pair the root is a leaf
// of none. A level that has one child and no more is not put: the child is the root.
//
//ds:todo p2.4
func (b *builder) finish() (Tree, error) {
	level := 0
	for ; level < b.top; level++ {
		if b.levels[level].entries == 0 {
			continue
		}
		if err := b.seal(level); err != nil {
			return Tree{}, err
		}
	}
	if level > 0 && b.levels[level].entries == 1 {
		return openLowest(b.sink, b.levels[level].lastID)
	}
	id, err := b.store(level)
	if err != nil {
		return Tree{}, err
	}
	return openLowest(b.sink, id)
}

// openLowest opens the tree under a node that may be the only one of its level. The last
// node of a level may have but one child; when all before it are gone, that child is a
// level by itself.
func openLowest(s Source, id blob.ID) (t Tree, err error) {
	t.source = s
	t.root, err = readRoot(s, id)
	for err == nil && t.root.level > 0 && len(t.root.entries) == 1 {
		t.root, err = t.child(t.root, 0)
	}
	return t, err
}
