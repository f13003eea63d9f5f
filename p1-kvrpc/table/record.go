package table

import (
	"slices"

	"dss.example/common/kv"
)

// record is one version of a key: an item, or a tombstone. It is never changed once
// others can see it.
type record struct {
	value  []byte
	mod    uint64 // revision of the write
	create uint64 // revision of the write that made the key; mod ≥ create
	count  uint64 // writes since then; 0 marks a tombstone
	lease  uint64
	event  uint64 // number of the event that made it; right as long as history holds that event
}

// exists reports whether r is an item: neither a tombstone nor nil.
func (r *record) exists() bool { return r != nil && r.count != 0 }

// under returns the lease of r, 0 for what does not exist.
func (r *record) under() uint64 {
	if !r.exists() {
		return 0
	}
	return r.lease
}

// itemOverhead is more than what an item takes on the wire beside key and value.
const itemOverhead = 80

// maxAnswer bounds the items in one answer, in bytes, so that a Response with them
// is at most kv.MaxMessage.
const maxAnswer = kv.MaxMessage - 1<<10

// size is what r takes in an answer, in bytes.
func (r *record) size(key string, withValue bool) int {
	n := len(key) + itemOverhead
	if withValue && r.exists() {
		n += len(r.value)
	}
	return n
}

// item returns r as callers see it, with r's own value; nil for an empty one.
func (r *record) item(key string, withValue bool) kv.Item {
	item := kv.Item{
		Key:    key,
		Mod:    kv.Version{Lo: r.mod},
		Create: kv.Version{Lo: r.create},
		Count:  r.count,
		Lease:  kv.LeaseID(r.lease),
	}
	if withValue {
		item.Value = slices.Clip(r.value) // append may have left room behind it
	}
	return item
}

// clone copies b; nil stands for the empty value.
func clone(b []byte) []byte { return append([]byte(nil), b...) }
