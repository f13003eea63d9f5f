package pack

import (
	"bytes"
	"encoding/binary"
	"slices"

	"dss.example/common/blob"
)

// index says where every blob is. It takes about 62 bytes a blob, and has no pointers in
// it for the garbage collector to follow.
type index struct {
	raw, object table
}

// entry is what the index knows of one blob: 52 bytes.
type entry struct {
	hash    [32]byte
	place   place
	touched uint32 // the mark after which it was put last
	damaged bool   // a read has found something else at its place
}

// prefixSize is what stands before the hash in an ID.
const prefixSize = blob.IDSize - 32

func hashOf(id blob.ID) [32]byte { return [32]byte(id[prefixSize:]) }

// of returns the table of one codec. id is valid.
func (x *index) of(id blob.ID) *table {
	if id.Codec() == blob.Raw {
		return &x.raw
	}
	return &x.object
}

// find returns the entry of a blob, or nil. It is good until the next add or remove.
func (x *index) find(id blob.ID) *entry {
	t := x.of(id)
	bucket, i, found := t.search(hashOf(id))
	if !found {
		return nil
	}
	return &t.buckets[bucket][i]
}

// add returns the entry of a blob that is not there yet, to be filled.
func (x *index) add(id blob.ID) *entry { return x.of(id).add(hashOf(id)) }

// remove takes out a blob, if it is there.
func (x *index) remove(id blob.ID) { x.of(id).remove(hashOf(id)) }

// from calls fn with the blobs whose IDs are greater than after, in order, until it
// returns false. fn must not add or remove.
func (x *index) from(after blob.ID, fn func(blob.ID, *entry) bool) {
	for _, codec := range []blob.Codec{blob.Raw, blob.DAGCBOR} {
		id := blob.Sum(codec, nil)
		order := bytes.Compare(after[:prefixSize], id[:prefixSize])
		if order > 0 {
			continue
		}
		bucket, i, found := 0, 0, false
		t := x.of(id)
		if order == 0 {
			bucket, i, found = t.search(hashOf(after))
		}
		if found {
			i++
		}
		for ; bucket < len(t.buckets); bucket, i = bucket+1, 0 {
			for ; i < len(t.buckets[bucket]); i++ {
				e := &t.buckets[bucket][i]
				copy(id[prefixSize:], e.hash[:])
				if !fn(id, e) {
					return
				}
			}
		}
	}
}

// Buckets are split when they hold this many entries on the average, and grow by a few at
// a time, for space that is not used counts double here.
const (
	bucketSize = 64
	bucketStep = 8
)

// table is an ordered set of entries. Hashes are evenly spread, so their first bits say
// which of 2^bits sorted buckets an entry is in.
type table struct {
	buckets [][]entry
	bits    uint
	count   int
}

// search returns where an entry is, or belongs.
func (t *table) search(hash [32]byte) (bucket, i int, found bool) {
	if t.buckets == nil {
		return 0, 0, false
	}
	bucket = t.bucketOf(&hash)
	i, found = slices.BinarySearchFunc(t.buckets[bucket], hash, func(e entry, hash [32]byte) int {
		return bytes.Compare(e.hash[:], hash[:])
	})
	return bucket, i, found
}

func (t *table) bucketOf(hash *[32]byte) int {
	return int(binary.BigEndian.Uint32(hash[:]) >> (32 - t.bits))
}

func (t *table) add(hash [32]byte) *entry {
	if t.count >= bucketSize<<t.bits && t.bits < 32 || t.buckets == nil {
		t.split()
	}
	bucket, i, _ := t.search(hash)
	b := t.buckets[bucket]
	if len(b) == cap(b) {
		b = append(make([]entry, 0, len(b)+bucketStep), b...)
	}
	t.buckets[bucket] = slices.Insert(b, i, entry{hash: hash})
	t.count++
	return &t.buckets[bucket][i]
}

// split makes two buckets of each, or the first one.
func (t *table) split() {
	old := t.buckets
	if old != nil {
		t.bits++
	}
	t.buckets = make([][]entry, 1<<t.bits)
	for n, b := range old {
		middle := slices.IndexFunc(b, func(e entry) bool { return t.bucketOf(&e.hash) > 2*n })
		if middle < 0 {
			middle = len(b)
		}
		t.buckets[2*n], t.buckets[2*n+1] = slices.Clone(b[:middle]), slices.Clone(b[middle:])
	}
}

func (t *table) remove(hash [32]byte) {
	bucket, i, found := t.search(hash)
	if found {
		t.buckets[bucket] = slices.Delete(t.buckets[bucket], i, i+1)
		t.count--
	}
}
