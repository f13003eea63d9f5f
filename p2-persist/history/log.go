package history

import (
	"cmp"
	"iter"
	"slices"

	"dss.example/common/blob"
)

// maxWidth bounds the snapshots that Log holds at a time.
const maxWidth = 1024

// Entry is a snapshot and its name.
type Entry struct {
	ID blob.ID
	Snapshot
}

// compare orders entries by time, and those of one time by ID.
func (e Entry) compare(f Entry) int {
	return cmp.Or(cmp.Compare(e.Time, f.Time), e.ID.Compare(f.ID))
}

// Log iterates over a snapshot and all that came before it, newest first: each once,
// and none before one that came after it. An error is the last thing that it yields.
//
// It holds the lines of history that it follows side by side, each by its next snapshot,
// and takes the newest of them. Because a parent is older than its children, all children
// of a snapshot were taken when its turn comes, and no line can bring it up again.
//
// Errors: those of the store, ErrMalformed, ErrTooWide.
func Log(store blob.Store, from blob.ID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		first, err := Load(store, from)
		if err != nil {
			yield(Entry{ID: from}, err)
			return
		}
		lines := frontier{{from, first}}
		for len(lines) > 0 {
			e := lines.pop()
			if !yield(e, nil) {
				return
			}
			if err := lines.addParents(store, e); err != nil {
				yield(Entry{}, err)
				return
			}
		}
	}
}

// frontier is entries in ascending order, each once.
type frontier []Entry

// pop takes the newest entry.
func (f *frontier) pop() Entry {
	last := len(*f) - 1
	e := (*f)[last]
	*f = (*f)[:last]
	return e
}

// addParents adds the parents of e, each in its place, but for those that are there. A
// parent that is not older than e is ErrMalformed, and more than maxWidth are ErrTooWide.
//
//ds:todo p2.9
func (f *frontier) addParents(store blob.Store, e Entry) error {
	for _, id := range e.Parents {
		p, err := loadParent(store, id, e.Snapshot)
		if err != nil {
			return err
		}
		parent := Entry{id, p}
		i, found := slices.BinarySearchFunc(*f, parent, Entry.compare)
		if found {
			continue
		}
		if len(*f) == maxWidth {
			return ErrTooWide
		}
		*f = slices.Insert(*f, i, parent)
	}
	return nil
}
