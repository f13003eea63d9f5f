package dir

import (
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"dss.example/common/blob"
)

// rootMode is the mode of a topmost directory, which has no entry that says it.
const rootMode fs.FileMode = 0o755

// Item is an entry and where it stands.
type Item struct {
	Path string // names from the root, with "/" between them
	Entry
}

// rootEntry returns the entry that the topmost directory does not have.
func rootEntry(root blob.ID) Entry {
	return Entry{Name: ".", Kind: Dir, Mode: rootMode, Link: root}
}

// join returns the path of a name in a directory; that of the root is "" or ".".
func join(path, name string) string {
	if path == "" || path == "." {
		return name
	}
	return path + "/" + name
}

// Find returns the entry at a path below the directory root, "." for the root itself. It
// follows no symbolic links. Errors: fs.ErrNotExist; fs.ErrInvalid for a path that is none
// (see fs.ValidPath); those of Load.
func Find(store blob.Store, root blob.ID, path string) (Entry, error) {
	if !fs.ValidPath(path) {
		return Entry{}, fmt.Errorf("%w: path %q", fs.ErrInvalid, path)
	}
	e := rootEntry(root)
	if path == "." {
		return e, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		var err error
		if e, err = step(store, e, name); err != nil {
			return Entry{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	return e, nil
}

// step returns what a name stands for in the directory e.
func step(store blob.Store, e Entry, name string) (Entry, error) {
	if e.Kind != Dir {
		return Entry{}, fmt.Errorf("%w: %q is no directory", fs.ErrNotExist, e.Name)
	}
	d, err := Load(store, e.Link)
	if err != nil {
		return Entry{}, err
	}
	next, found, err := d.Lookup(name)
	if err == nil && !found {
		err = fmt.Errorf("%w: %q", fs.ErrNotExist, name)
	}
	return next, err
}

// Walk iterates over all that is below the directory root: in order of names, each
// directory before what is in it. It follows no symbolic links.
//
// A directory that cannot be read comes again with the error, where what is in it should
// follow; whoever goes on gets the rest. Errors: those of Load and Directory.Entries,
// ErrTooDeep.
func Walk(store blob.Store, root blob.ID) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		walk(store, Item{Path: "", Entry: rootEntry(root)}, 1, yield)
	}
}

// walk walks through one directory, the depth-th on its path. It is false if the walk has
// ended.
func walk(store blob.Store, in Item, depth int, yield func(Item, error) bool) bool {
	if depth > MaxDepth {
		return yield(in, fmt.Errorf("%w: %s", ErrTooDeep, in.Path))
	}
	d, err := Load(store, in.Link)
	if err != nil {
		return yield(in, err)
	}
	for e, err := range d.Entries() {
		if err != nil {
			return yield(in, err)
		}
		item := Item{join(in.Path, e.Name), e}
		if !yield(item, nil) || e.Kind == Dir && !walk(store, item, depth+1, yield) {
			return false
		}
	}
	return true
}
