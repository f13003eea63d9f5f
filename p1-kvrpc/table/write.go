package table

import (
	"dss.example/common/kv"
)

// write does op if it is one of the writes that may stand in a transaction, and
// returns nil if it is not. A write that is refused has changed nothing.
func (t *Table) write(op kv.Op) *kv.Response {
	switch op := op.(type) {
	case kv.Put:
		return t.put(op.Key, op.Value, uint64(op.Lease))
	case kv.Delete:
		return t.remove(op.Key)
	case kv.Append:
		return t.append(op)
	case kv.CAS:
		return t.cas(op)
	}
	return nil
}

// put makes a value the value of a key, under a lease or, for 0, under none: then it is
// under none any more. It keeps a copy of its own. room says when it is refused.
//
//ds:todo p1.3
func (t *Table) put(key string, value []byte, lease uint64) *kv.Response {
	before := t.last(key)
	if bad := t.room(key, before, len(value), lease); bad != nil {
		return bad
	}
	t.set(key, before, clone(value), lease)
	return ok(nil)
}

// remove deletes a key: NotFound if it does not exist. What it leaves is a tombstone: a
// record with count 0 and the revision and the number of the event that deletes it.
//
//ds:todo p1.3
func (t *Table) remove(key string) *kv.Response {
	before := t.last(key)
	if !before.exists() {
		return &kv.Response{Status: kv.NotFound}
	}
	t.change(key, before, &record{mod: t.rev + 1, event: t.nextChange})
	return ok(nil)
}

// append extends the value of a key, which it makes if it does not exist, and answers
// with the new length. The key stays under its lease. A value of more than kv.MaxValue
// bytes is refused as TooLarge; room says when else.
//
//ds:todo p1.3
func (t *Table) append(op kv.Append) *kv.Response {
	before := t.last(op.Key)
	var value []byte
	if before.exists() {
		value = before.value
	}
	n := len(value) + len(op.Value)
	if n > kv.MaxValue {
		return kv.Refuse(kv.TooLarge, "value of %d bytes after the append: at most %d", n, kv.MaxValue)
	}
	if bad := t.room(op.Key, before, n, 0); bad != nil {
		return bad
	}
	// The new value may grow into spare room behind the old one, which makes many
	// small appends cheap: nobody but the newest record of a key extends it, and a
	// record never looks beyond its own length.
	t.set(op.Key, before, append(value, op.Value...), before.under())
	return ok(kv.Length{Bytes: n})
}

// cas is put on condition that the key's mod version is op.Old; the zero version wants a
// key that does not exist. Else it answers Conflict, with the item if there is one.
//
//ds:todo p1.4
func (t *Table) cas(op kv.CAS) *kv.Response {
	before := t.last(op.Key)
	switch {
	case !before.exists():
		if !op.Old.IsZero() {
			return &kv.Response{Status: kv.Conflict}
		}
	case op.Old != kv.Version{Lo: before.mod}:
		return &kv.Response{Status: kv.Conflict, Result: before.item(op.Key, true)}
	}
	if bad := t.room(op.Key, before, len(op.Value), uint64(op.Lease)); bad != nil {
		return bad
	}
	t.set(op.Key, before, clone(op.Value), uint64(op.Lease))
	return ok(nil)
}

// last returns the newest record of a key: an item, a tombstone, or nil.
func (t *Table) last(key string) *record {
	if r := t.live.get(key); r != nil {
		return r
	}
	if t.ghost.Len() == 0 {
		return nil
	}
	r, _ := t.ghost.Get(key)
	return r
}

// room refuses a value of n bytes that the bounds do not allow, or under a lease
// that does not exist. Lease 0 is none, or one that the key is under already.
func (t *Table) room(key string, before *record, n int, id uint64) *kv.Response {
	after := t.bytes + uint64(len(key)+n)
	if before.exists() {
		after -= uint64(len(key) + len(before.value))
	}
	if after > t.config.Bytes && after > t.bytes {
		return kv.Refuse(kv.Overloaded, "store of %d bytes would grow to %d: at most %d", t.bytes, after, t.config.Bytes)
	}
	if id == 0 {
		return nil
	}
	l, ok := t.leases.Get(id)
	if !ok {
		return kv.Refuse(kv.NoLease, "lease %d", id)
	}
	if before.under() != id && l.keys.Len() >= t.config.LeaseKeys {
		return kv.Refuse(kv.Overloaded, "lease %d has %d keys: at most %d", id, l.keys.Len(), t.config.LeaseKeys)
	}
	return nil
}

// set makes value, which now belongs to the table, the value of a key where before stood.
// The record is of the next revision, made by the next event; it counts the writes since
// the key was made, and knows when that was. change puts it into the state.
//
//ds:todo p1.3
func (t *Table) set(key string, before *record, value []byte, lease uint64) {
	after := &record{value: value, mod: t.rev + 1, create: t.rev + 1, count: 1, lease: lease, event: t.nextChange}
	if before.exists() {
		after.create, after.count = before.create, before.count+1
	}
	t.change(key, before, after)
}

// change is the one way by which operations change keys: it is remembered.
func (t *Table) change(key string, before, after *record) {
	t.replace(key, before, after)
	t.add(key, before, after)
}

// replace puts the record to in the place of from, with all that hangs on it.
func (t *Table) replace(key string, from, to *record) {
	switch {
	case to.exists():
		t.live.set(key, to)
		t.bytes += uint64(len(key) + len(to.value))
	case from.exists():
		t.live.delete(key)
	}
	switch {
	case from.exists():
		t.bytes -= uint64(len(key) + len(from.value))
	case from != nil:
		t.ghost.Delete(key)
	}
	if to != nil && !to.exists() {
		t.ghost.Set(key, to)
	}
	if was, is := from.under(), to.under(); was != is {
		t.detach(was, key)
		t.attach(is, key)
	}
}
