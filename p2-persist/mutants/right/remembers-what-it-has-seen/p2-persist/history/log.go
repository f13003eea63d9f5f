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
// It remembers every snapshot that it has come upon, and tells the newest of those that it
// has not told.
//
// Errors: those of the store, ErrMalformed, ErrTooWide.
func Log(store blob.Store, from blob.ID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		first, err := Load(store, from)
		if err != nil {
			yield(Entry{ID: from}, err)
			return
		}
		pending, seen := []Entry{{from, first}}, map[blob.ID]bool{from: true}
		for len(pending) > 0 {
			slices.SortFunc(pending, Entry.compare)
			last := len(pending) - 1
			e := pending[last]
			pending = pending[:last]
			if !yield(e, nil) {
				return
			}
			for _, id := range e.Parents {
				p, err := loadParent(store, id, e.Snapshot)
				if err == nil && !seen[id] && len(pending) == maxWidth {
					err = ErrTooWide
				}
				if err != nil {
					yield(Entry{}, err)
					return
				}
				if !seen[id] {
					seen[id] = true
					pending = append(pending, Entry{id, p})
				}
			}
		}
	}
}
