package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"dss.example/common/blob"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/tree"
)

// list is the condemned, as they stand in the store. The tree has under each ID the time
// since when, in nanoseconds since 1970, as eight bytes, big-endian.
type list struct {
	generation uint64               // of the head; head.None: there is no list
	root       blob.ID              // of the tree
	entries    []entry              // in order of IDs
	nodes      map[blob.ID]struct{} // of the tree
}

// entry is a blob that is condemned, and since when.
type entry struct {
	id    blob.ID
	since int64 // in nanoseconds since 1970
}

// since returns since when a blob is condemned, and whether it is.
func (l *list) since(id blob.ID) (int64, bool) {
	i, ok := slices.BinarySearchFunc(l.entries, id, func(e entry, id blob.ID) int { return e.id.Compare(id) })
	if !ok {
		return 0, false
	}
	return l.entries[i].since, true
}

// loadList reads the list, if there is one and it is needed.
func (c *collection) loadList() error {
	if c.o.Grace == 0 {
		return nil
	}
	h, err := c.heads.Get(Head)
	switch {
	case errors.Is(err, head.ErrNotFound):
		return nil
	case errors.Is(err, head.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrList, err)
	case err != nil:
		return err
	}
	c.list, err = readList(c.blobs, h)
	for _, e := range []error{tree.ErrNode, blob.ErrCorrupt, blob.ErrNotFound} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", ErrList, err)
		}
	}
	return err
}

// readList reads the list that a head leads to.
func readList(blobs tree.Source, h head.Head) (list, error) {
	l := list{generation: h.Generation, root: h.ID}
	t, err := tree.Open(blobs, h.ID)
	if err != nil {
		return l, err
	}
	if l.nodes, err = nodesOf(t); err != nil {
		return l, err
	}
	for p, err := range t.Range(nil, nil) {
		if err != nil {
			return l, err
		}
		e, err := parseEntry(p)
		if err == nil && len(l.entries) == MaxCondemned {
			err = fmt.Errorf("%w: more than %d entries", ErrList, MaxCondemned)
		}
		if err != nil {
			return l, err
		}
		l.entries = append(l.entries, e)
	}
	return l, nil
}

// nodesOf returns the blobs that a tree consists of.
func nodesOf(t tree.Tree) (map[blob.ID]struct{}, error) {
	nodes := map[blob.ID]struct{}{}
	err := t.Walk(func(id blob.ID, _ int) (bool, error) {
		nodes[id] = struct{}{}
		return true, nil
	})
	return nodes, err
}

// pair is how an entry stands in the tree.
func (e entry) pair() tree.Pair {
	return tree.Pair{Key: e.id[:], Value: tree.Value{Bytes: binary.BigEndian.AppendUint64(nil, uint64(e.since))}}
}

// parseEntry is pair backwards. It returns ErrList for all else.
func parseEntry(p tree.Pair) (entry, error) {
	id, err := blob.ParseBytes(p.Key)
	if err != nil || len(p.Value.Bytes) != 8 || !p.Value.Link.IsZero() {
		return entry{}, fmt.Errorf("%w: the entry %x is none", ErrList, p.Key)
	}
	return entry{id, int64(binary.BigEndian.Uint64(p.Value.Bytes))}, nil
}

// saveList points the head to the next list, durably, and returns that one's nodes. It
// writes nothing if nothing has changed. An empty list has no head.
func (c *collection) saveList() (map[blob.ID]struct{}, error) {
	switch {
	case len(c.next) == 0 && c.list.generation == head.None:
		return nil, nil
	case len(c.next) == 0:
		return nil, c.heads.Delete(Head, c.list.generation)
	}
	t, err := tree.Build(c.blobs, tree.Params{}, pairs(c.next))
	if err != nil {
		return nil, err
	}
	if t.Root() != c.list.root {
		if _, err := c.heads.Set(Head, c.list.generation, t.Root()); err != nil {
			return nil, err
		}
	}
	return nodesOf(t)
}

func pairs(entries []entry) iter.Seq2[tree.Pair, error] {
	return func(yield func(tree.Pair, error) bool) {
		for _, e := range entries {
			if !yield(e.pair(), nil) {
				return
			}
		}
	}
}
