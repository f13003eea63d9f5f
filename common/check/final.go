package check

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"dss.example/common/kv"
)

// Prefix checks that each read of h shows the contents after some prefix of one
// order of writes, and that no client goes back: neither behind what it has read
// nor behind its own writes. Real time between clients plays no part.
//
// With CapRevisions the order is the one that the answers give. Without, one client
// must have made all writes, all of known outcome, and their order is its own;
// else ErrNotChecked.
func Prefix(h History, caps kv.Caps) error {
	if err := wellFormed(h); err != nil {
		return err
	}
	witnessed := caps.Has.Has(kv.CapRevisions)
	all, err := steps(h, !witnessed)
	if err != nil {
		return err
	}
	if !witnessed {
		return prefixOfOne(present(all))
	}
	if err := neverBack(h); err != nil {
		return err
	}
	known, open := ordered(all)
	if err := oneWriteEach(known); err != nil {
		return err
	}
	return replayOrdered(known, open, nil, searchSteps)
}

// neverBack checks that the revisions which a client was told never fall.
func neverBack(h History) error {
	byCall := slices.Clone(h)
	sort.SliceStable(byCall, func(i, j int) bool { return byCall[i].Call < byCall[j].Call })
	last := map[int]*Op{}
	for i := range byCall {
		o := &byCall[i]
		if o.fate() != done || !onKeys(o.Req.Op) || !o.Req.At.IsZero() {
			continue
		}
		if before := last[o.Client]; before != nil && before.Return < o.Call && o.Resp.Rev.Compare(before.Resp.Rev) < 0 {
			return fmt.Errorf("a client went back to an older prefix: %s after %s", o, before)
		}
		last[o.Client] = o
	}
	return nil
}

func oneWriteEach(known []step) error {
	for i := range known {
		if prev := writeAt(known, i-1, known[i].place()); prev != nil && known[i].wrote() && prev.op != known[i].op {
			return fmt.Errorf("two writes of one revision: %s, and %s", prev.op, known[i].op)
		}
	}
	return nil
}

// prefixOfOne lets every reader walk forward through the states that the one
// writer made. To take the earliest state that fits never hurts later reads.
func prefixOfOne(all []step) error {
	sort.SliceStable(all, func(i, j int) bool { return all[i].op.Call < all[j].op.Call })
	r, s := newReplay(all), space(nil)
	states, made := []space{nil}, map[*Op]int{}
	writer := -1
	for i := range all {
		st := &all[i]
		if kv.ReadOnly(st.do) {
			continue
		}
		if st.resp == nil || writer >= 0 && writer != st.op.Client {
			return fmt.Errorf("%w: without revisions one client must make all writes, and know of each: %s", ErrNotChecked, st.op)
		}
		writer = st.op.Client
		next, want, ok := r.apply(s, st)
		if !ok {
			return fmt.Errorf("%s should have answered %s: the one writer's state is %s",
				st.op, responseText(&kv.Response{Status: want.Status, Result: want.Result}), s)
		}
		s = next
		states, made[st.op] = append(states, s), len(states)
	}
	at := map[int]int{} // client -> the earliest state it can be in
	for i := range all {
		st := &all[i]
		n, wrote := made[st.op]
		if !wrote {
			for n = at[st.op.Client]; ; n++ {
				if n == len(states) {
					return fmt.Errorf("%s: no prefix of client %d's writes that is not older than what this client had seen shows that", st.op, writer)
				}
				if _, _, ok := r.apply(states[n], st); ok {
					break
				}
			}
		}
		at[st.op.Client] = n
	}
	return nil
}

// Converged checks that all replicas hold the same: finals[i] is what a scan of
// replica i found when writes had stopped and the replicas had talked.
func Converged(finals [][]kv.Item) error {
	for i := 1; i < len(finals); i++ {
		a, b := finals[0], finals[i]
		for j := range max(len(a), len(b)) {
			switch {
			case j >= len(a):
				return fmt.Errorf("replicas differ: %d has %s, replica 0 has not", i, itemText(&b[j]))
			case j >= len(b):
				return fmt.Errorf("replicas differ: 0 has %s, replica %d has not", itemText(&a[j]), i)
			case a[j].Key != b[j].Key || !sameBytes(a[j].Value, b[j].Value):
				return fmt.Errorf("replicas differ: 0 has %s, replica %d has %s", itemText(&a[j]), i, itemText(&b[j]))
			}
		}
	}
	return nil
}

// SameHash checks that all replicas tell one hash, and not an empty one.
func SameHash(hashes [][]byte) error {
	for i, h := range hashes {
		if len(h) == 0 {
			return fmt.Errorf("replica %d tells no hash", i)
		}
		if !sameBytes(h, hashes[0]) {
			return fmt.Errorf("replicas differ: 0 has hash %x, replica %d has %x", hashes[0], i, h)
		}
	}
	return nil
}

// NoLostWrites checks final, the contents after the last operation of h, against
// the Puts, CASes and Deletes of h: the value of each key must come from a write
// after which no acknowledged one began. It uses real time, so between clients of
// one key it holds only for stores that are linearizable; where each key is written
// by one client it holds for all. Keys that anybody appends to or uses in a
// transaction or a guarded write are not judged.
func NoLostWrites(h History, final []kv.Item) error {
	if err := wellFormed(h); err != nil {
		return err
	}
	byKey, skip := map[string][]*Op{}, map[string]bool{}
	for i := range h {
		o := &h[i]
		if o.fate() == refused || o.fate() == done && o.Resp.Status != kv.OK || kv.ReadOnly(o.Req.Op) {
			continue
		}
		for _, key := range touched(o.Req.Op, nil) {
			byKey[key] = append(byKey[key], o)
			switch o.Req.Op.(type) {
			case kv.Append, kv.Txn, kv.Guarded:
				skip[key] = true
			}
		}
	}
	holds := map[string]*kv.Item{}
	for i := range final {
		holds[final[i].Key] = &final[i]
	}
	for _, key := range sortedKeys(byKey) {
		if skip[key] {
			continue
		}
		if err := lastWrite(byKey[key], holds[key]); err != nil {
			return err
		}
	}
	return nil
}

// lastWrite checks that one of the writes of a key may have been the last one and
// left what the key holds.
func lastWrite(writes []*Op, holds *kv.Item) error {
	var newest *Op // the acknowledged write that was called last
	for _, w := range writes {
		if w.fate() == done {
			newest = latestCall(newest, w)
		}
	}
	if holds == nil && newest == nil {
		return nil // nothing need have happened
	}
	for _, w := range writes {
		overtaken := w.fate() == done && newest != nil && w.Return < newest.Call
		if !overtaken && leaves(w, holds) {
			return nil
		}
	}
	is := "absent"
	if holds != nil {
		is = itemText(holds)
	}
	if newest == nil {
		return fmt.Errorf("the key ends as %s, which nobody wrote", is)
	}
	return fmt.Errorf("a write was lost: %s was acknowledged, but the key ends as %s", newest, is)
}

func leaves(w *Op, holds *kv.Item) bool {
	switch op := w.Req.Op.(type) {
	case kv.Put:
		return holds != nil && sameBytes(op.Value, holds.Value)
	case kv.CAS:
		return holds != nil && sameBytes(op.Value, holds.Value)
	}
	return holds == nil
}

// Appends checks that each Append of h took effect as often as its answer allows:
// acknowledged once, refused never, of unknown outcome at most once; and that the
// values of final hold nothing else. Each appended value must be a token that
// cannot be mistaken for another, nor for parts of two others; the keys must be
// written by Appends only.
func Appends(h History, final []kv.Item) error {
	if err := wellFormed(h); err != nil {
		return err
	}
	values, explained := map[string][]byte{}, map[string]int{}
	for _, it := range final {
		values[it.Key] = it.Value
	}
	for i := range h {
		o := &h[i]
		op, ok := o.Req.Op.(kv.Append)
		if !ok || len(op.Value) == 0 {
			continue
		}
		n := bytes.Count(values[op.Key], op.Value)
		explained[op.Key] += n * len(op.Value)
		switch fate := o.fate(); {
		case fate == done && n == 0:
			return fmt.Errorf("an acknowledged append is lost: %s", o)
		case fate == refused && n > 0:
			return fmt.Errorf("a refused append was done: %s", o)
		case n > 1:
			return fmt.Errorf("an append was executed %d times: %s", n, o)
		}
	}
	for _, it := range final {
		if n, ok := explained[it.Key]; ok && n != len(it.Value) {
			return fmt.Errorf("%s holds %d bytes, of which the appends explain %d", itemText(&it), len(it.Value), n)
		}
	}
	return nil
}
