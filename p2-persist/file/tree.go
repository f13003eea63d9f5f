package file

import (
	"fmt"

	"dss.example/common/blob"
)

// tree builds the nodes of one file bottom up, while its parts come in. It holds one
// unfinished node a level.
type tree struct {
	store blob.Store
	open  []Node // open[i] is the unfinished node of level i+1
	bytes []byte // of the node that was stored last; kept for its memory
}

// add appends a part to the node of a level that is unfinished, from level 1 on; a hole
// behind a hole makes that one larger. Errors: ErrTooLarge beyond MaxLevel; the store's.
//
// A finished node is stored only when the next part comes: until then a hole at its end
// may still grow, and a root may turn out to be one.
//
//ds:todo p2.3
func (t *tree) add(level int, p Part) error {
	if level > MaxLevel {
		return ErrTooLarge
	}
	if level > len(t.open) {
		t.open = append(t.open, Node{Level: level})
	}
	parts := t.open[level-1].Parts
	if last := len(parts) - 1; last >= 0 && p.Hole() && parts[last].Hole() {
		parts[last].Size += p.Size
		return nil
	}
	if finished(parts) {
		if err := t.finish(level); err != nil {
			return err
		}
	}
	n := &t.open[level-1]
	n.Parts = append(n.Parts, p)
	return nil
}

// finished reports whether a node ends after these parts: see "Same bytes, same ID" in the
// package comment. A hole ends a node only at MaxParts.
//
//ds:todo p2.3
func finished(parts []Part) bool {
	if len(parts) < MinParts {
		return false
	}
	last := parts[len(parts)-1]
	return len(parts) == MaxParts || !last.Hole() && last.Link[blob.IDSize-1]&0x7f == 0
}

// finish stores the unfinished node of a level and adds it to the level above.
//
//ds:todo p2.3
func (t *tree) finish(level int) error {
	p, err := t.put(level)
	if err != nil {
		return err
	}
	t.open[level-1].Parts = t.open[level-1].Parts[:0]
	return t.add(level+1, p)
}

// put stores the unfinished node of a level.
func (t *tree) put(level int) (Part, error) {
	n := t.open[level-1]
	t.bytes = n.Append(t.bytes[:0])
	id, err := t.store.Put(blob.DAGCBOR, t.bytes)
	if err != nil {
		return Part{}, fmt.Errorf("put a node: %w", err)
	}
	return Part{n.Size(), id}, nil
}

// root stores what is unfinished, from the bottom up, and returns the ID of the file. A
// root with one link would say nothing: what it links to is the file. The empty file is
// the empty chunk.
//
//ds:todo p2.3
func (t *tree) root() (blob.ID, error) {
	if len(t.open) == 0 {
		return t.store.Put(blob.Raw, nil)
	}
	for level := 1; level < len(t.open); level++ {
		if err := t.finish(level); err != nil {
			return blob.ID{}, err
		}
	}
	top := t.open[len(t.open)-1]
	if len(top.Parts) == 1 && !top.Parts[0].Hole() {
		return top.Parts[0].Link, nil
	}
	p, err := t.put(top.Level)
	return p.Link, err
}
