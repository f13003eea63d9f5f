package blobtest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dss.example/common/blob"
)

// subject is the store under test on its disk. The first broken promise sticks in err
// and makes the rest of a check do nothing.
type subject struct {
	disk  Disk
	store blob.Store // nil only if err is not
	err   error
}

// failf keeps what is wrong if it is the first thing.
func (s *subject) failf(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// fine demands that err is nil.
func (s *subject) fine(what string, err error) {
	if err != nil {
		s.failf("%s: %w", what, err)
	}
}

// wants demands that got is the given sentinel.
func (s *subject) wants(what string, got, want error) {
	if !errors.Is(got, want) {
		s.failf("%s returned %v, want %w", what, got, want)
	}
}

func (s *subject) up() {
	if s.err != nil {
		return
	}
	store, err := s.disk.Open()
	s.fine("Open", err)
	if err == nil {
		s.store = store
	}
}

func (s *subject) reopen() {
	if s.err == nil {
		s.fine("Close", s.store.Close())
	}
	s.up()
}

func (s *subject) crash() {
	if s.err == nil {
		s.disk.Crash()
	}
	s.up()
}

// damage flips bits of a blob that was synced.
func (s *subject) damage(id blob.ID) {
	s.sync()
	if s.err == nil {
		s.fine("Close", s.store.Close())
	}
	if s.err == nil {
		s.fine("Damage", s.disk.Damage(id))
	}
	s.up()
}

func (s *subject) sync() {
	if s.err == nil {
		s.fine("Sync", s.store.Sync())
	}
}

// put demands that b gets the name that it must have.
func (s *subject) put(codec blob.Codec, b []byte) blob.ID {
	want := blob.Sum(codec, b)
	if s.err != nil {
		return want
	}
	id, err := s.store.Put(codec, b)
	s.fine("Put", err)
	if s.err == nil && id != want {
		s.failf("Put of %s returned %v, want %v", brief(b), id, want)
	}
	return want
}

// putText puts texts as raw blobs and returns their names.
func (s *subject) putText(texts ...string) []blob.ID {
	ids := make([]blob.ID, 0, len(texts))
	for _, text := range texts {
		ids = append(ids, s.put(blob.Raw, []byte(text)))
	}
	return ids
}

func (s *subject) delete(ids ...blob.ID) {
	if s.err == nil {
		s.fine("Delete", s.store.Delete(ids))
	}
}

// has demands that id reads as b, and that Stat knows.
func (s *subject) has(id blob.ID, b []byte) {
	if s.err != nil {
		return
	}
	got, err := s.store.Get(id)
	s.fine("Get of "+id.String(), err)
	if s.err == nil && !bytes.Equal(got, b) {
		s.failf("Get of %v returned %s, want %s", id, brief(got), brief(b))
	}
	s.knows(id, len(b))
}

// lacks demands that id is not there.
func (s *subject) lacks(id blob.ID) {
	s.getFails(id, blob.ErrNotFound)
	s.knows(id, -1)
}

// getFails demands that a Get of id returns the sentinel, wrapped with the ID that it is
// about.
func (s *subject) getFails(id blob.ID, want error) {
	if s.err != nil {
		return
	}
	b, err := s.store.Get(id)
	if !errors.Is(err, want) {
		s.failf("Get returned %s and %v, want %w: %v", brief(b), err, want, id)
	}
	if s.err == nil && !strings.Contains(err.Error(), id.String()) {
		s.failf("Get returned %q, which does not name the blob %v", err, id)
	}
}

// knows demands what Stat tells of one blob.
func (s *subject) knows(id blob.ID, size int) {
	s.stats([]blob.ID{id}, []blob.Info{{ID: id, Size: int64(size)}})
}

func (s *subject) stats(ids []blob.ID, want []blob.Info) {
	if s.err != nil {
		return
	}
	got, err := s.store.Stat(ids)
	s.fine("Stat", err)
	s.equal("Stat", got, want)
}

// lists demands that a listing in pages of max gives exactly these, in order.
func (s *subject) lists(max int, want ...blob.Info) {
	want = slices.SortedFunc(slices.Values(want), byID)
	s.equal(fmt.Sprintf("List in pages of %d", max), s.list(max, nil), want)
}

// list reads a whole listing. between, if any, is called after each page.
func (s *subject) list(max int, between func()) []blob.Info {
	var all []blob.Info
	for after := (blob.ID{}); s.err == nil; {
		page, err := s.store.List(after, max)
		s.fine("List", err)
		if len(page) > max {
			s.failf("List of at most %d blobs gave %d", max, len(page))
		}
		if s.err != nil || len(page) == 0 {
			break
		}
		for _, info := range page {
			if info.ID.Compare(after) <= 0 {
				s.failf("List gave %v after %v: out of order, or twice", info.ID, after)
			}
			after = info.ID
		}
		all = append(all, page...)
		if between != nil {
			between()
		}
	}
	return all
}

func (s *subject) equal(what string, got, want []blob.Info) {
	if s.err == nil && len(got) != len(want) {
		s.failf("%s gave %d blobs, want %d", what, len(got), len(want))
	}
	for i := 0; s.err == nil && i < len(got); i++ {
		if got[i] != want[i] {
			s.failf("%s gave at place %d %v of %d bytes, want %v of %d", what, i,
				got[i].ID, got[i].Size, want[i].ID, want[i].Size)
		}
	}
}

// infoOf says what a listing gives for a text put as a raw blob.
func infoOf(text string) blob.Info {
	return blob.Info{ID: idOf(text), Size: int64(len(text))}
}

func idOf(text string) blob.ID { return blob.Sum(blob.Raw, []byte(text)) }

func byID(a, b blob.Info) int {
	return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Size, b.Size))
}

// brief shows the beginning of a blob.
func brief(b []byte) string {
	if len(b) > 16 {
		return fmt.Sprintf("%d bytes beginning with %q", len(b), b[:16])
	}
	return fmt.Sprintf("%q", b)
}
