package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"dss.example/common/blob"
	"dss.example/p2-persist/head"
)

// Heads keeps what moves. A head.Store is one; its errors have their meaning here.
type Heads interface {
	// Get returns a head, or head.ErrNotFound.
	Get(name string) (head.Head, error)
	// Set points a head to a blob if its generation is still old (head.None: it must
	// not be there), and else returns head.ErrConflict. Every blob that was put
	// before is durable before the head can be seen; that is the promise on which
	// no branch ever leads to what a crash has taken away.
	Set(name string, old uint64, id blob.ID) (head.Head, error)
	// Delete removes a head if its generation is still old.
	Delete(name string, old uint64) error
	// List returns all heads in order of their names.
	List() ([]head.Head, error)
}

// Branches and tags stand among the heads under these prefixes, so that other heads may
// stand beside them.
const (
	branchPrefix = "branch/"
	tagPrefix    = "tag/"
)

// MaxName is the length of a branch's or tag's name in bytes, at most.
const MaxName = head.MaxName - len(branchPrefix)

// History is a store with its branches and tags. It may be used from many goroutines, if
// its two parts may.
type History struct {
	blobs blob.Store
	heads Heads
}

// New returns the history that stands in blobs and heads. There is nothing to close.
func New(blobs blob.Store, heads Heads) History {
	return History{blobs: blobs, heads: heads}
}

// Ref is a branch or a tag.
type Ref struct {
	Name string
	ID   blob.ID // of a snapshot
}

// CheckName returns ErrBadName with what would be right, unless name is one that a branch
// or tag can have: 1 to MaxName bytes of letters, digits, and "." "_" "-" "/" in between.
// So no name has what has a meaning in Resolve.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return fmt.Errorf("%w: %.80q, want 1 to %d bytes of UTF-8", ErrBadName, name, MaxName)
	}
	for i, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			continue
		}
		if !strings.ContainsRune("._-/", r) || i == 0 || i == len(name)-1 {
			return fmt.Errorf("%w: %q, want letters, digits, and any of \"._-/\" in between", ErrBadName, name)
		}
	}
	return nil
}

// Commit adds a snapshot to a branch and returns its ID. The snapshot's first parent is
// the branch's tip, as the caller has seen it; without parents it begins the branch. If
// it is not later than a parent, its time becomes the parent's and a nanosecond.
//
// The order is: the snapshot is put, all blobs are made durable, the branch moves. A
// crash leaves the branch as it was or as it is to be, with all that it leads to.
//
// Errors: ErrConflict if the tip is another one, and then nothing has changed: load the
// new tip and decide anew. ErrMalformed; ErrBadName; blob.ErrNotFound if the root or a
// parent is not there; those of the store and the heads. All of these but a conflict with
// somebody who was faster are found before the snapshot is put.
//
//ds:todo p2.9
func (h History) Commit(branch string, s Snapshot) (blob.ID, error) {
	if err := CheckName(branch); err != nil {
		return blob.ID{}, err
	}
	if err := s.Validate(); err != nil {
		return blob.ID{}, err
	}
	var seen blob.ID
	if len(s.Parents) > 0 {
		seen = s.Parents[0]
	}
	tip, err := h.expect(branchPrefix+branch, seen)
	if err != nil {
		return blob.ID{}, err
	}
	if s.Time, err = h.timeAfter(s); err != nil {
		return blob.ID{}, err
	}
	if err := h.demand(s.Root); err != nil {
		return blob.ID{}, err
	}
	id, err := Save(h.blobs, s)
	if err != nil {
		return blob.ID{}, err
	}
	return id, h.move(tip, id)
}

// expect returns a head if it points to id, or is missing and id is zero; else
// ErrConflict.
func (h History) expect(name string, id blob.ID) (head.Head, error) {
	now, err := h.heads.Get(name)
	if errors.Is(err, head.ErrNotFound) {
		now, err = head.Head{Name: name, Generation: head.None}, nil
	}
	if err == nil && now.ID != id {
		err = fmt.Errorf("%w: %q is at %s, not %s", ErrConflict, name, place(now.ID), place(id))
	}
	return now, err
}

func place(id blob.ID) string {
	if id.IsZero() {
		return "no snapshot"
	}
	return id.String()
}

// timeAfter returns a snapshot's time, moved behind those of its parents if need be.
func (h History) timeAfter(s Snapshot) (int64, error) {
	time := s.Time
	for _, id := range s.Parents {
		p, err := Load(h.blobs, id)
		if err != nil {
			return 0, fmt.Errorf("parent: %w", err)
		}
		time = max(time, p.Time+1)
	}
	return time, nil
}

// demand returns blob.ErrNotFound if the blob is not there.
func (h History) demand(id blob.ID) error {
	infos, err := h.blobs.Stat([]blob.ID{id})
	if err == nil && infos[0].Size < 0 {
		err = fmt.Errorf("%w: %v", blob.ErrNotFound, id)
	}
	return err
}

// move points a head to another snapshot, unless somebody was faster.
func (h History) move(now head.Head, id blob.ID) error {
	_, err := h.heads.Set(now.Name, now.Generation, id)
	if errors.Is(err, head.ErrConflict) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}

// SetBranch points a branch to a snapshot that is there, if it is still at old; with the
// zero ID as old it makes the branch. It is for a new branch and for taking steps back:
// what the branch has left, no branch may lead to any more. Errors: those of Commit.
func (h History) SetBranch(name string, old, id blob.ID) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := Load(h.blobs, id); err != nil {
		return err
	}
	now, err := h.expect(branchPrefix+name, old)
	if err != nil {
		return err
	}
	return h.move(now, id)
}

// DeleteBranch removes a branch, if it is still at old. Errors: ErrBadName, ErrUnknown,
// ErrConflict, those of the heads.
func (h History) DeleteBranch(name string, old blob.ID) error {
	return h.remove(branchPrefix, name, &old)
}

// Tag gives a snapshot that is there a name for good. Errors: ErrExists, unless the tag is
// there and names this very snapshot; ErrBadName, ErrMalformed, those of the store and
// the heads.
func (h History) Tag(name string, id blob.ID) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := Load(h.blobs, id); err != nil {
		return err
	}
	_, err := h.heads.Set(tagPrefix+name, head.None, id)
	if !errors.Is(err, head.ErrConflict) {
		return err
	}
	if now, err := h.heads.Get(tagPrefix + name); err != nil || now.ID != id {
		return errors.Join(fmt.Errorf("%w: %q is %v", ErrExists, name, now.ID), err)
	}
	return nil
}

// DeleteTag removes a tag. Errors: ErrBadName, ErrUnknown, those of the heads.
func (h History) DeleteTag(name string) error {
	return h.remove(tagPrefix, name, nil)
}

// remove deletes a head, if it points to old or old is nil.
func (h History) remove(prefix, name string, old *blob.ID) error {
	if err := CheckName(name); err != nil {
		return err
	}
	now, err := h.heads.Get(prefix + name)
	switch {
	case errors.Is(err, head.ErrNotFound):
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	case err != nil:
		return err
	case old != nil && now.ID != *old:
		return fmt.Errorf("%w: %q is at %v, not %s", ErrConflict, name, now.ID, place(*old))
	}
	err = h.heads.Delete(prefix+name, now.Generation)
	if errors.Is(err, head.ErrConflict) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}

// Branches returns all branches in order of their names.
func (h History) Branches() ([]Ref, error) { return h.list(branchPrefix) }

// Tags returns all tags in order of their names.
func (h History) Tags() ([]Ref, error) { return h.list(tagPrefix) }

func (h History) list(prefix string) ([]Ref, error) {
	heads, err := h.heads.List()
	refs := []Ref{}
	for _, one := range heads {
		if name, ok := strings.CutPrefix(one.Name, prefix); ok {
			refs = append(refs, Ref{Name: name, ID: one.ID})
		}
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs, err
}
