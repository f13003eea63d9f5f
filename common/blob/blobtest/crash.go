package blobtest

import (
	"bytes"
	"errors"
	"fmt"

	"dss.example/common/blob"
)

func checkReopen(s *subject) {
	s.putText("a", "b")
	s.sync()
	s.reopen()
	s.has(idOf("a"), []byte("a"))
	s.putText("c")
	s.sync()
	s.reopen()
	s.lists(10, infoOf("a"), infoOf("b"), infoOf("c"))
	for _, text := range []string{"a", "b", "c"} {
		s.has(idOf(text), []byte(text))
	}
}

func checkCrash(s *subject) {
	s.putText("a", "b")
	s.sync()
	s.putText("c")
	s.sync()
	s.crash()
	s.lists(10, infoOf("a"), infoOf("b"), infoOf("c"))
	s.putText("d")
	s.sync()
	s.crash()
	s.crash()
	for _, text := range []string{"a", "b", "c", "d"} {
		s.has(idOf(text), []byte(text))
	}
}

func checkSyncedDelete(s *subject) {
	s.putText("a", "b")
	s.sync()
	s.delete(idOf("a"))
	s.sync()
	s.crash()
	s.lacks(idOf("a"))
	s.lists(10, infoOf("b"))
	s.reopen()
	s.lacks(idOf("a"))
}

// checkSyncAgain: a Put that found its blob there is as durable as any, although the
// bytes came with another Put, and although a Delete stood between the two.
func checkSyncAgain(s *subject) {
	s.putText("a", "a")
	s.sync()
	s.crash()
	s.has(idOf("a"), []byte("a"))
	s.delete(idOf("a"))
	s.putText("a")
	s.sync()
	s.crash()
	s.has(idOf("a"), []byte("a"))
	s.delete(idOf("a"))
	s.sync()
	s.putText("a")
	s.sync()
	s.crash()
	s.has(idOf("a"), []byte("a"))
}

func checkUnsynced(s *subject) {
	s.putText("synced", "synced and deleted")
	s.sync()
	s.delete(idOf("synced and deleted"))
	texts := []string{"synced and deleted"}
	for i := range 20 {
		text := fmt.Sprint("not synced ", i, string(bytes.Repeat([]byte("x"), 300*i)))
		s.putText(text)
		texts = append(texts, text)
	}
	s.crash()
	kept := []blob.Info{infoOf("synced")}
	for _, text := range texts {
		if s.wholeOrGone(text) {
			kept = append(kept, infoOf(text))
		}
	}
	s.lists(4, kept...)
	s.sync()
	s.crash() // what was there once is there again
	s.lists(4, kept...)
	s.putText(texts...)
	s.sync()
	s.crash()
	for _, text := range texts {
		s.has(idOf(text), []byte(text))
	}
}

// wholeOrGone demands that a blob reads as it was put or is not there, and tells which.
func (s *subject) wholeOrGone(text string) bool {
	if s.err != nil {
		return false
	}
	if _, err := s.store.Get(idOf(text)); errors.Is(err, blob.ErrNotFound) {
		s.lacks(idOf(text))
		return false
	}
	s.has(idOf(text), []byte(text))
	return true
}

func checkDamage(s *subject) {
	texts := []string{"x", "a short one", string(bytes.Repeat([]byte("a long one "), 10_000))}
	var infos []blob.Info
	for _, text := range texts {
		s.putText("before "+text, text, "after "+text)
		infos = append(infos, infoOf("before "+text), infoOf(text), infoOf("after "+text))
	}
	for i, text := range texts {
		s.damage(idOf(text))
		for j, other := range texts {
			s.has(idOf("before "+other), []byte("before "+other))
			s.has(idOf("after "+other), []byte("after "+other))
			if j <= i {
				s.getFails(idOf(other), blob.ErrCorrupt)
				s.getFails(idOf(other), blob.ErrCorrupt) // asking again is no way around
				s.knows(idOf(other), len(other))
			}
		}
		s.lists(4, infos...)
	}
}

func checkRepair(s *subject) {
	s.putText("a", "spoilt", "b")
	s.damage(idOf("spoilt"))
	s.delete(idOf("spoilt"))
	s.lacks(idOf("spoilt"))
	s.putText("spoilt")
	s.has(idOf("spoilt"), []byte("spoilt"))
	s.sync()
	s.crash()
	s.has(idOf("spoilt"), []byte("spoilt"))
	s.lists(10, infoOf("a"), infoOf("b"), infoOf("spoilt"))
}

func checkFailedSync(s *subject) {
	s.putText("a")
	if s.err != nil {
		return
	}
	s.disk.FailSync()
	s.wants("the Sync that fails", s.store.Sync(), blob.ErrFailed)
	s.deadWith("after a failed Sync", blob.ErrFailed)
}

// deadWith demands the sentinel of every call but Close.
func (s *subject) deadWith(when string, want error) {
	a := []blob.ID{idOf("a")}
	s.wants("Sync "+when, s.store.Sync(), want)
	_, err := s.store.Put(blob.Raw, []byte("b"))
	s.wants("Put "+when, err, want)
	_, err = s.store.Put(blob.Raw, []byte("a"))
	s.wants("Put of what is there "+when, err, want)
	_, err = s.store.Get(a[0])
	s.wants("Get "+when, err, want)
	_, err = s.store.Stat(a)
	s.wants("Stat "+when, err, want)
	_, err = s.store.List(blob.ID{}, 1)
	s.wants("List "+when, err, want)
	s.wants("Delete "+when, s.store.Delete(a), want)
}

func checkAfterFailure(s *subject) {
	s.putText("synced")
	s.sync()
	s.putText("not synced")
	if s.err != nil {
		return
	}
	s.disk.FailSync()
	s.wants("the Sync that fails", s.store.Sync(), blob.ErrFailed)
	_ = s.store.Close()
	s.crash()
	s.has(idOf("synced"), []byte("synced"))
	s.wholeOrGone("not synced")
	s.putText("not synced")
	s.sync()
	s.crash()
	s.has(idOf("not synced"), []byte("not synced"))
}

func checkClosed(s *subject) {
	s.putText("a")
	s.sync()
	if s.err != nil {
		return
	}
	s.fine("Close", s.store.Close())
	s.deadWith("of a closed store", blob.ErrClosed)
	s.wants("the second Close", s.store.Close(), blob.ErrClosed)
	s.up()
	s.has(idOf("a"), []byte("a"))
}
