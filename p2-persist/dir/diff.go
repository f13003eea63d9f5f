package dir

import (
	"fmt"
	"iter"
	"strings"

	"dss.example/common/blob"
	"dss.example/p2-persist/tree"
)

// Change is one path that two trees of directories do not agree about.
type Change struct {
	Path          string
	Before, After *Entry // nil: it is not there
}

// Diff iterates over what leads from the directory a to the directory b: in order of
// names, a directory before what is in it. A directory that is in both is a Change of its
// own only if its mode or time has changed.
//
// Directories, and parts of large ones, that both have are not read: it takes the time of
// the difference. An error is the last thing that it yields: those of Walk.
func Diff(store blob.Store, a, b blob.ID) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		diff(store, "", a, b, 1, yield)
	}
}

// diff compares two directories at one path, of which one may be missing (zero). It is
// false if the iteration has ended.
func diff(store blob.Store, path string, a, b blob.ID, depth int, yield func(Change, error) bool) bool {
	if a == b {
		return true
	}
	if depth > MaxDepth {
		yield(Change{Path: path}, fmt.Errorf("%w: %s", ErrTooDeep, path))
		return false
	}
	for c, err := range diffOne(store, a, b) {
		if err != nil {
			yield(Change{Path: path}, err)
			return false
		}
		c.Path = join(path, c.Path)
		if !sameButContents(c.Before, c.After) && !yield(c, nil) {
			return false
		}
		if !diff(store, c.Path, directoryOf(c.Before), directoryOf(c.After), depth+1, yield) {
			return false
		}
	}
	return true
}

// sameButContents reports whether both are directories, and differ in what is in them at
// most.
func sameButContents(a, b *Entry) bool {
	if a == nil || b == nil || a.Kind != Dir || b.Kind != Dir {
		return false
	}
	x := *a
	x.Link = b.Link
	return x == *b
}

func directoryOf(e *Entry) blob.ID {
	if e == nil || e.Kind != Dir {
		return blob.ID{}
	}
	return e.Link
}

// diffOne iterates over the names that two directories do not agree about. Where both
// are trees, the trees know; else one is small, and their entries are merged.
func diffOne(store blob.Store, a, b blob.ID) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		from, err := loadOrEmpty(store, a)
		if err != nil {
			yield(Change{}, err)
			return
		}
		to, err := loadOrEmpty(store, b)
		switch {
		case err != nil:
			yield(Change{}, err)
		case from.large && to.large:
			diffTrees(from.tree, to.tree)(yield)
		default:
			merge(from, to, yield)
		}
	}
}

func loadOrEmpty(store blob.Store, id blob.ID) (Directory, error) {
	if id.IsZero() {
		return Directory{}, nil
	}
	return Load(store, id)
}

// diffTrees makes changes of the differences of two trees.
func diffTrees(a, b tree.Tree) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for d, err := range tree.Diff(a, b) {
			c := Change{Path: string(d.Key)}
			if err == nil && !d.Added {
				c.Before, err = entryOf(d.Key, d.Before)
			}
			if err == nil && !d.Removed {
				c.After, err = entryOf(d.Key, d.After)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func entryOf(key []byte, v tree.Value) (*Entry, error) {
	e, err := fromPair(key, v)
	return &e, err
}

// merge goes through two sorted lists of entries side by side.
func merge(a, b Directory, yield func(Change, error) bool) {
	nextA, stopA := iter.Pull2(a.Entries())
	defer stopA()
	nextB, stopB := iter.Pull2(b.Entries())
	defer stopB()
	x, err, moreA := nextA()
	y, err2, moreB := nextB()
	for moreA || moreB {
		if err == nil {
			err = err2
		}
		if err != nil {
			yield(Change{}, err)
			return
		}
		order := strings.Compare(x.Name, y.Name)
		takeA, takeB := moreA && (!moreB || order <= 0), moreB && (!moreA || order >= 0)
		c := Change{}
		if takeA {
			before := x
			c.Path, c.Before = x.Name, &before
			x, err, moreA = nextA()
		}
		if takeB {
			after := y
			c.Path, c.After = y.Name, &after
			y, err2, moreB = nextB()
		}
		if takeA && takeB && *c.Before == *c.After {
			continue
		}
		if !yield(c, nil) {
			return
		}
	}
}
