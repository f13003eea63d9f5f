package history

import (
	"fmt"
	"iter"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// MaxMarked bounds the blobs that one Mark goes through. It remembers them all, in some
// 100 bytes each.
const MaxMarked = 1 << 24

// Mark iterates over all heads' blobs and whatever they lead to: what a collector must
// keep. See the function Mark. If a head is damaged, nobody knows what it leads to, so
// that is an error, alone.
func (h History) Mark() iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		heads, err := h.heads.List()
		if err != nil {
			yield(blob.ID{}, err)
			return
		}
		roots := []blob.ID{}
		for _, one := range heads {
			roots = append(roots, one.ID)
		}
		Mark(h.blobs, roots...)(yield)
	}
}

// Mark iterates over the given blobs and all that can be reached from them by links, each
// once, a blob before what it alone leads to. Links are found in any object, whatever
// wrote it; raw blobs have none and are not read, so they may be missing.
//
// A blob that cannot be read, or is no object, comes with the error. Whoever goes on all
// the same gets the rest; a collector must not. Errors: those of the store,
// object.ErrInvalid; ErrTooMany, which is the last.
func Mark(store blob.Store, roots ...blob.ID) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		MarkBeside(map[blob.ID]struct{}{}, store, roots...)(yield)
	}
}

// MarkBeside is Mark without what has been seen already, and adds to that.
func MarkBeside(seen map[blob.ID]struct{}, store blob.Store, roots ...blob.ID) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		pending := []blob.ID{} // a stack; all in it are in seen
		push := func(id blob.ID) {
			if _, ok := seen[id]; !ok {
				seen[id] = struct{}{}
				pending = append(pending, id)
			}
		}
		for _, id := range roots {
			push(id)
		}
		for len(pending) > 0 {
			id := pending[len(pending)-1]
			pending = pending[:len(pending)-1]
			err := forLinks(store, id, push)
			if !yield(id, err) {
				return
			}
			if len(seen) > MaxMarked {
				yield(blob.ID{}, fmt.Errorf("%w: more than %d", ErrTooMany, MaxMarked))
				return
			}
		}
	}
}

// forLinks calls f for the links of a blob.
func forLinks(store blob.Store, id blob.ID, f func(blob.ID)) error {
	if id.Codec() == blob.Raw {
		return nil
	}
	b, err := store.Get(id)
	if err != nil {
		return err
	}
	for link, err := range object.Links(b) {
		if err != nil {
			return fmt.Errorf("%v: %w", id, err)
		}
		f(link)
	}
	return nil
}
