package table

import (
	"sort"

	"github.com/tidwall/btree"
)

// items are the present records of a table. A tree has them in order, and a map beside
// it finds one by its key: a search of the tree compares a dozen keys that lie
// anywhere in memory, and most operations name their key.
//
// Map and slot cost some 60 bytes a key. The map keeps the room of the most keys that
// there ever were until there are none.
type items struct {
	order      *btree.Map[string, *slot]
	index      map[string]*slot
	generation uint64 // of snapshots: one more for each taken
}

// slot is the place of a key, the same one in tree and map, so that a write to a key
// that is there is no search of the tree.
type slot struct {
	*record
	generation uint64 // of snapshots when it was made: an older one may be seen by a snapshot
}

func newItems() items {
	return items{order: new(btree.Map[string, *slot]), index: map[string]*slot{}}
}

func (i *items) len() int { return i.order.Len() }

// get returns the item of a key, or nil.
func (i *items) get(key string) *record {
	if s := i.index[key]; s != nil {
		return s.record
	}
	return nil
}

func (i *items) set(key string, r *record) {
	s := i.index[key]
	if s != nil && s.generation == i.generation {
		s.record = r
		return
	}
	s = &slot{record: r, generation: i.generation}
	i.index[key] = s
	i.order.Set(key, s)
}

func (i *items) delete(key string) {
	i.order.Delete(key)
	delete(i.index, key)
	if len(i.index) == 0 {
		i.index = map[string]*slot{}
	}
}

// rank returns how many keys are less than key; empty answers for the empty key.
func (i *items) rank(key string, empty int) int {
	if key == "" {
		return empty
	}
	return sort.Search(i.order.Len(), func(n int) bool {
		k, _, _ := i.order.GetAt(n)
		return k >= key
	})
}

// snapshot returns the items as they are now, in O(1), whatever is set later.
func (i *items) snapshot() *btree.Map[string, *slot] {
	i.generation++
	return i.order.Copy()
}
