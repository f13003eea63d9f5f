package dir

import (
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/tree"
)

// What every directory carries.
const (
	kind    = "dir"
	version = 1
)

// node is a directory as it is stored: with entries or a tree.
type node struct {
	Version uint64   `cbor:"v"`
	Kind    string   `cbor:"kind"`
	Entries []record `cbor:"entries,omitempty"`
	Tree    blob.ID  `cbor:"tree,omitzero"`
}

// record is an Entry as it is stored; in a tree without name and link.
type record struct {
	Name   string  `cbor:"name,omitempty"`
	Kind   Kind    `cbor:"kind"`
	Mode   uint32  `cbor:"mode,omitempty"`
	Size   int64   `cbor:"size,omitempty"`
	Mtime  int64   `cbor:"mtime,omitempty"`
	Link   blob.ID `cbor:"link,omitzero"`
	Target string  `cbor:"target,omitempty"`
}

func (e Entry) record() record {
	return record{e.Name, e.Kind, uint32(e.Mode), e.Size, e.Mtime, e.Link, e.Target}
}

func (r record) entry() Entry {
	return Entry{r.Name, r.Kind, fs.FileMode(r.Mode), r.Size, r.Mtime, r.Link, r.Target}
}

// Save puts a directory with the given entries, in any order, and returns its ID: the same
// for the same entries. It is durable after a Sync of the store. Errors: ErrEntry, also
// for two entries of one name; those of the store.
func Save(store blob.Store, entries []Entry) (blob.ID, error) {
	byName := func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(entries, byName) {
		entries = slices.SortedFunc(slices.Values(entries), byName)
	}
	for i, e := range entries {
		if err := e.Validate(); err != nil {
			return blob.ID{}, err
		}
		if i > 0 && entries[i-1].Name == e.Name {
			return blob.ID{}, fmt.Errorf("%w: %q is there twice", ErrEntry, e.Name)
		}
	}
	n := node{Version: version, Kind: kind}
	if len(entries) <= MaxInline {
		for _, e := range entries {
			n.Entries = append(n.Entries, e.record())
		}
		return object.Save(store, n)
	}
	t, err := tree.Build(store, tree.Params{}, pairs(entries))
	if err != nil {
		return blob.ID{}, err
	}
	n.Tree = t.Root()
	return object.Save(store, n)
}

// pairs returns what stands in a tree of sorted entries.
func pairs(entries []Entry) iter.Seq2[tree.Pair, error] {
	return func(yield func(tree.Pair, error) bool) {
		for _, e := range entries {
			r := e.record()
			r.Name, r.Link = "", blob.ID{}
			b, err := object.Encode(r)
			value := tree.Value{Bytes: b, Link: e.Link}
			if !yield(tree.Pair{Key: []byte(e.Name), Value: value}, err) {
				return
			}
		}
	}
}

// fromPair is pairs backwards. It checks all that a stranger could have written.
func fromPair(key []byte, v tree.Value) (Entry, error) {
	var r record
	if err := object.Decode(v.Bytes, &r); err != nil {
		return Entry{}, fmt.Errorf("%w: %q: %w", ErrMalformed, key, err)
	}
	if r.Name != "" || !r.Link.IsZero() {
		return Entry{}, fmt.Errorf("%w: %q: name or link in a value of a tree", ErrMalformed, key)
	}
	r.Name, r.Link = string(key), v.Link
	e := r.entry()
	if err := e.Validate(); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return e, nil
}

// Directory is one directory of a store. It is an immutable small value, and may be used
// from many goroutines at once.
type Directory struct {
	id      blob.ID
	entries []Entry   // sorted, if it is one object
	tree    tree.Tree // if it is larger
	large   bool
}

// Load reads a directory: of a large one its root only. Errors: those of the store;
// ErrMalformed for what Save does not write.
func Load(store blob.Store, id blob.ID) (Directory, error) {
	d, err := load(store, id)
	if err != nil {
		return Directory{}, fmt.Errorf("directory %v: %w", id, err)
	}
	return d, nil
}

func load(store blob.Store, id blob.ID) (Directory, error) {
	b, err := store.Get(id)
	if err != nil {
		return Directory{}, err
	}
	var n node
	if id.Codec() != blob.DAGCBOR {
		return Directory{}, fmt.Errorf("%w: it is raw bytes", ErrMalformed)
	}
	if err := object.Decode(b, &n); err != nil {
		return Directory{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	d := Directory{id: id, large: !n.Tree.IsZero()}
	switch {
	case n.Kind != kind || n.Version != version:
		err = fmt.Errorf("%w: %.20q version %d, want %q version %d", ErrMalformed, n.Kind, n.Version, kind, version)
	case d.large && len(n.Entries) > 0:
		err = fmt.Errorf("%w: entries and a tree", ErrMalformed)
	case d.large:
		d.tree, err = openTree(store, n.Tree)
	default:
		d.entries, err = readEntries(n.Entries)
	}
	return d, err
}

// openTree opens the tree of a large directory, of the size and shape that Save gives it.
func openTree(store blob.Store, id blob.ID) (tree.Tree, error) {
	t, err := tree.Open(store, id)
	switch {
	case err != nil:
		return t, err
	case t.Len() <= MaxInline:
		return t, fmt.Errorf("%w: a tree of %d entries, want more than %d", ErrMalformed, t.Len(), MaxInline)
	case t.Params().Target != tree.DefaultTarget:
		return t, fmt.Errorf("%w: a tree of target %d, want %d", ErrMalformed, t.Params().Target, tree.DefaultTarget)
	}
	return t, nil
}

// readEntries checks the entries of a small directory, and their order.
func readEntries(records []record) ([]Entry, error) {
	if len(records) > MaxInline {
		return nil, fmt.Errorf("%w: %d entries in one object, want at most %d", ErrMalformed, len(records), MaxInline)
	}
	entries := make([]Entry, 0, len(records))
	for i, r := range records {
		e := r.entry()
		if err := e.Validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if i > 0 && entries[i-1].Name >= e.Name {
			return nil, fmt.Errorf("%w: %q does not come after %q", ErrMalformed, e.Name, entries[i-1].Name)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// ID returns the directory's ID.
func (d Directory) ID() blob.ID { return d.id }

// Len returns the number of entries.
func (d Directory) Len() uint64 {
	if d.large {
		return d.tree.Len()
	}
	return uint64(len(d.entries))
}

// Entries iterates over the entries in order of their names. An error is the last thing
// that it yields: those of the store, ErrMalformed, tree.ErrNode.
func (d Directory) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range d.entries {
			if !yield(e, nil) {
				return
			}
		}
		if !d.large {
			return
		}
		for p, err := range d.tree.Range(nil, nil) {
			var e Entry
			if err == nil {
				e, err = fromPair(p.Key, p.Value)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Lookup returns the entry of a name, and whether there is one. In a large directory it
// reads one path. Errors: those of Entries.
func (d Directory) Lookup(name string) (Entry, bool, error) {
	if d.large {
		return d.lookupTree(name)
	}
	i, found := slices.BinarySearchFunc(d.entries, name, func(e Entry, name string) int {
		return strings.Compare(e.Name, name)
	})
	if !found {
		return Entry{}, false, nil
	}
	return d.entries[i], true, nil
}

func (d Directory) lookupTree(name string) (Entry, bool, error) {
	if checkName(name) != nil {
		return Entry{}, false, nil
	}
	v, found, err := d.tree.Get([]byte(name))
	if err != nil || !found {
		return Entry{}, false, err
	}
	e, err := fromPair([]byte(name), v)
	return e, err == nil, err
}
