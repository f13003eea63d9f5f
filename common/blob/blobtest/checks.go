package blobtest

import (
	"bytes"
	"fmt"

	"dss.example/common/blob"
)

// Checks returns every promise of a blob.Store, the simplest first.
func Checks() []Check {
	return []Check{
		promise("an empty store holds nothing", checkEmpty),
		promise("Put names a blob by the hash of all its bytes", checkName),
		promise("the codec separates blobs with the same bytes", checkCodec),
		promise("blobs of 0, 1 and MaxSize bytes are kept, a larger one refused", checkSizes),
		promise("a blob that is there is not stored again", checkTwice),
		promise("Put copies the caller's bytes", checkCopyIn),
		promise("Get gives bytes that are the caller's own", checkCopyOut),
		promise("what cannot name a blob is refused", checkBadIDs),
		promise("Stat answers in the order of the question", checkStat),
		promise("List gives every blob once, in order", checkList),
		promise("a listing goes on while blobs are put and deleted", checkMovingList),
		promise("a deleted blob is gone", checkDelete),
		promise("a deleted blob can be put again", checkPutAgain),
		promise("a reopened store holds what was synced", checkReopen),
		promise("a crash loses no blob that was synced", checkCrash),
		promise("a synced Delete is for good", checkSyncedDelete),
		promise("Sync covers a blob that was put again", checkSyncAgain),
		promise("a crash loses or keeps what was not synced, and damages nothing", checkUnsynced),
		promise("a flipped bit is never returned", checkDamage),
		promise("a damaged blob can be deleted and put again", checkRepair),
		promise("a failed Sync kills the store", checkFailedSync),
		promise("after a failed Sync what was synced before is still there", checkAfterFailure),
		promise("a closed store answers ErrClosed", checkClosed),
		promise("many callers at once see one store", checkConcurrent),
		promise("random operations do what a map would do", checkRandom),
	}
}

// promise makes a check that opens the store first and closes it at its end.
func promise(name string, check func(*subject)) Check {
	return Check{name, func(d Disk) error {
		s := &subject{disk: d}
		s.up()
		check(s)
		if s.store != nil {
			_ = s.store.Close() // what has to be said of it, the checks of Close say
		}
		return s.err
	}}
}

func checkEmpty(s *subject) {
	s.lists(blob.MaxBatch)
	s.lacks(idOf("a"))
	s.delete(idOf("a"))
	s.sync()
	s.lists(1)
}

// checkName looks for hashes of a prefix, of a suffix, of the length, and cut short:
// blobs that agree in all of that must keep apart.
func checkName(s *subject) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 8192)
	blobs := [][]byte{long}
	for _, i := range []int{0, 511, 512, 4096, 65536, len(long) - 1} {
		b := bytes.Clone(long)
		b[i] ^= 1
		blobs = append(blobs, b)
	}
	blobs = append(blobs, long[:len(long)-1], long[1:])
	var ids []blob.ID
	for _, b := range blobs {
		ids = append(ids, s.put(blob.Raw, b))
	}
	for i, b := range blobs {
		s.has(ids[i], b)
	}
}

func checkCodec(s *subject) {
	b := []byte{0x80} // any bytes, and an empty list
	raw := s.put(blob.Raw, b)
	s.lacks(blob.Sum(blob.DAGCBOR, b))
	object := s.put(blob.DAGCBOR, b)
	s.has(raw, b)
	s.has(object, b)
	s.lists(10, blob.Info{ID: raw, Size: 1}, blob.Info{ID: object, Size: 1})
	s.delete(raw)
	s.lacks(raw)
	s.has(object, b)
}

func checkSizes(s *subject) {
	largest := bytes.Repeat([]byte("x"), blob.MaxSize)
	blobs := [][]byte{{}, {0}, largest}
	var infos []blob.Info
	for _, b := range blobs {
		infos = append(infos, blob.Info{ID: s.put(blob.Raw, b), Size: int64(len(b))})
	}
	if s.err == nil {
		_, err := s.store.Put(blob.Raw, append(largest, 'x'))
		s.wants("Put of MaxSize+1 bytes", err, blob.ErrTooLarge)
	}
	s.sync()
	s.crash()
	for i, b := range blobs {
		s.has(infos[i].ID, b)
	}
	s.lists(10, infos...)
	s.put(blob.Raw, nil) // is what no bytes are
	s.lists(10, infos...)
}

func checkTwice(s *subject) {
	s.putText("a", "b", "a")
	s.lists(10, infoOf("a"), infoOf("b"))
	s.sync()
	s.putText("a")
	s.reopen()
	s.putText("b")
	s.lists(10, infoOf("a"), infoOf("b"))
	s.delete(idOf("a"))
	s.lacks(idOf("a"))
	s.lists(10, infoOf("b"))
}

func checkCopyIn(s *subject) {
	b := []byte("kept")
	id := s.put(blob.Raw, b)
	copy(b, "lost")
	s.has(id, []byte("kept"))
	s.sync()
	s.crash()
	s.has(id, []byte("kept"))
}

func checkCopyOut(s *subject) {
	id := s.putText("kept")[0]
	for range 2 {
		if s.err != nil {
			break
		}
		b, err := s.store.Get(id)
		s.fine("Get", err)
		copy(b, "lost")
		s.has(id, []byte("kept"))
		s.sync()
	}
}

func checkBadIDs(s *subject) {
	good := s.putText("a")[0]
	for i, wrong := range []byte{0, 0x70, 0x13, 20} { // version, codec, hash function, length
		bad := good
		bad[i] = wrong
		s.refuses(bad, good)
	}
	s.refuses(blob.ID{}, good)
	if s.err == nil {
		_, err := s.store.Put(0x70, []byte("a"))
		s.wants("Put with an unknown codec", err, blob.ErrBadID)
	}
	s.has(good, []byte("a"))
	s.lists(10, infoOf("a"))
}

// refuses demands ErrBadID of every call about bad, and that nothing is done for the
// good one beside it.
func (s *subject) refuses(bad, good blob.ID) {
	if s.err != nil {
		return
	}
	_, err := s.store.Get(bad)
	s.wants(fmt.Sprintf("Get of %x", bad[:]), err, blob.ErrBadID)
	_, err = s.store.Stat([]blob.ID{good, bad})
	s.wants(fmt.Sprintf("Stat of %x", bad[:]), err, blob.ErrBadID)
	s.wants(fmt.Sprintf("Delete of %x", bad[:]), s.store.Delete([]blob.ID{good, bad}), blob.ErrBadID)
}

func checkStat(s *subject) {
	s.putText("a", "bb", "ccc")
	absent := idOf("absent")
	s.stats(nil, nil)
	s.stats([]blob.ID{idOf("ccc"), absent, idOf("a"), idOf("ccc"), idOf("bb")},
		[]blob.Info{infoOf("ccc"), {ID: absent, Size: -1}, infoOf("a"), infoOf("ccc"), infoOf("bb")})
	ids, want := make([]blob.ID, blob.MaxBatch), make([]blob.Info, blob.MaxBatch)
	for i := range ids {
		ids[i], want[i] = idOf("bb"), infoOf("bb")
	}
	s.stats(ids, want)
	if s.err == nil {
		_, err := s.store.Stat(append(ids, idOf("bb")))
		s.wants("Stat of MaxBatch+1 blobs", err, blob.ErrBatch)
	}
}

func checkList(s *subject) {
	var want []blob.Info
	for i := range 100 {
		text := fmt.Sprint("blob ", i)
		s.putText(text)
		want = append(want, infoOf(text))
	}
	for _, max := range []int{1, 3, 100, blob.MaxBatch} {
		s.lists(max, want...)
	}
	for _, max := range []int{-1, 0, blob.MaxBatch + 1} {
		if s.err == nil {
			_, err := s.store.List(blob.ID{}, max)
			s.wants(fmt.Sprintf("List of at most %d", max), err, blob.ErrBatch)
		}
	}
	s.sync()
	s.reopen()
	s.lists(7, want...)
}

func checkMovingList(s *subject) {
	stay := map[blob.ID]bool{}
	for i := range 60 {
		stay[s.putText(fmt.Sprint("stays ", i))[0]] = true
		s.putText(fmt.Sprint("goes ", i))
	}
	page := 0
	listed := s.list(5, func() {
		s.delete(idOf(fmt.Sprint("goes ", 2*page)), idOf(fmt.Sprint("goes ", 2*page+1)))
		s.putText(fmt.Sprint("comes ", page))
		page++
	})
	for _, info := range listed {
		delete(stay, info.ID)
	}
	if len(stay) > 0 {
		s.failf("a listing missed %d of 60 blobs that were there all the time", len(stay))
	}
}

func checkDelete(s *subject) {
	s.putText("a", "b", "c")
	s.sync()
	s.has(idOf("a"), []byte("a"))
	s.delete(idOf("a"), idOf("never there"), idOf("a"))
	s.lacks(idOf("a"))
	s.lists(10, infoOf("b"), infoOf("c"))
	if s.err == nil {
		many := make([]blob.ID, blob.MaxBatch+1)
		for i := range many {
			many[i] = idOf("b")
		}
		s.wants("Delete of MaxBatch+1 blobs", s.store.Delete(many), blob.ErrBatch)
	}
	s.has(idOf("b"), []byte("b"))
}

func checkPutAgain(s *subject) {
	s.putText("a", "b")
	s.lacks(idOf("c")) // what remembers absence must forget it
	s.putText("c")
	s.has(idOf("c"), []byte("c"))
	for range 3 {
		s.delete(idOf("a"))
		s.lacks(idOf("a"))
		s.putText("a")
		s.has(idOf("a"), []byte("a"))
		s.lists(10, infoOf("a"), infoOf("b"), infoOf("c"))
		s.sync()
	}
}
