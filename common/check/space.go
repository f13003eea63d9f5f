package check

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"dss.example/common/kv"
)

// space is the contents of a store: its items in order of keys. Items are never
// changed, only replaced, so a copied slice is a snapshot.
type space []*kv.Item

func (s space) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s, key, func(it *kv.Item, key string) int { return strings.Compare(it.Key, key) })
}

// get returns the item of a key, or nil.
func (s space) get(key string) *kv.Item {
	if i, ok := s.find(key); ok {
		return s[i]
	}
	return nil
}

func (s *space) set(it kv.Item) {
	i, ok := s.find(it.Key)
	if !ok {
		*s = slices.Insert(*s, i, nil)
	}
	(*s)[i] = &it
}

func (s *space) drop(key string) {
	if i, ok := s.find(key); ok {
		*s = slices.Delete(*s, i, i+1)
	}
}

// draft is a space that one operation works on, and takes back if it is refused.
type draft struct {
	space
	rev     kv.Version            // of the writes
	leased  func(kv.LeaseID) bool // whether a lease exists
	changed bool
}

// do executes one operation on the keys. A status other than OK, NotFound and
// Conflict means that the draft must be thrown away.
func (d *draft) do(op kv.Op) kv.Outcome {
	switch op := op.(type) {
	case kv.Get:
		if it := d.get(op.Key); it != nil {
			return kv.Outcome{Status: kv.OK, Result: copied(it)}
		}
		return kv.Outcome{Status: kv.NotFound}
	case kv.Scan:
		return kv.Outcome{Status: kv.OK, Result: d.scan(op)}
	case kv.Put:
		return d.put(op.Key, op.Value, op.Lease)
	case kv.Delete:
		if d.get(op.Key) == nil {
			return kv.Outcome{Status: kv.NotFound}
		}
		d.drop(op.Key)
		d.changed = true
		return kv.Outcome{Status: kv.OK}
	case kv.Append:
		return d.append(op)
	case kv.CAS:
		return d.cas(op)
	case kv.Txn:
		return d.txn(op)
	}
	return kv.Outcome{Status: kv.Invalid}
}

func (d *draft) put(key string, value []byte, lease kv.LeaseID) kv.Outcome {
	if lease != 0 && !d.leased(lease) {
		return kv.Outcome{Status: kv.NoLease}
	}
	it := kv.Item{Key: key, Value: bytes.Clone(value), Mod: d.rev, Create: d.rev, Count: 1, Lease: lease}
	if old := d.get(key); old != nil {
		it.Create, it.Count = old.Create, old.Count+1
	}
	d.set(it)
	d.changed = true
	return kv.Outcome{Status: kv.OK}
}

func (d *draft) append(op kv.Append) kv.Outcome {
	var old kv.Item
	if it := d.get(op.Key); it != nil {
		old = *it
	}
	whole := slices.Concat(old.Value, op.Value)
	if len(whole) > kv.MaxValue {
		return kv.Outcome{Status: kv.TooLarge}
	}
	if out := d.put(op.Key, whole, old.Lease); out.Status != kv.OK {
		return out
	}
	return kv.Outcome{Status: kv.OK, Result: kv.Length{Bytes: len(whole)}}
}

func (d *draft) cas(op kv.CAS) kv.Outcome {
	if op.Lease != 0 && !d.leased(op.Lease) {
		return kv.Outcome{Status: kv.NoLease}
	}
	it := d.get(op.Key)
	switch {
	case it == nil && op.Old.IsZero(), it != nil && it.Mod == op.Old:
		return d.put(op.Key, op.Value, op.Lease)
	case it == nil:
		return kv.Outcome{Status: kv.Conflict}
	}
	return kv.Outcome{Status: kv.Conflict, Result: copied(it)}
}

func (d *draft) txn(op kv.Txn) kv.Outcome {
	result := kv.TxnResult{Succeeded: true}
	for _, c := range op.If {
		result.Succeeded = result.Succeeded && d.holds(c)
	}
	branch := op.Then
	if !result.Succeeded {
		branch = op.Else
	}
	for _, o := range branch {
		out := d.do(o)
		if out.Status != kv.OK && out.Status != kv.NotFound {
			return kv.Outcome{Status: out.Status}
		}
		result.Outcomes = append(result.Outcomes, out)
	}
	return kv.Outcome{Status: kv.OK, Result: result}
}

func (d *draft) holds(c kv.Compare) bool {
	it := d.get(c.Key)
	if it == nil {
		it = &kv.Item{}
	}
	order := 0
	switch c.Target {
	case kv.TargetValue:
		order = bytes.Compare(it.Value, c.Value)
	case kv.TargetMod:
		order = it.Mod.Compare(c.Version)
	case kv.TargetCreate:
		order = it.Create.Compare(c.Version)
	case kv.TargetCount:
		order = compareNumbers(it.Count, c.Number)
	case kv.TargetLease:
		order = compareNumbers(uint64(it.Lease), c.Number)
	}
	switch c.Relation {
	case kv.Equal:
		return order == 0
	case kv.NotEqual:
		return order != 0
	case kv.Less:
		return order < 0
	}
	return order > 0
}

func compareNumbers(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s space) scan(op kv.Scan) kv.Items {
	var in space
	for _, it := range s {
		if it.Key >= op.From && (op.To == "" || it.Key < op.To) {
			in = append(in, it)
		}
	}
	if op.Descending {
		slices.Reverse(in)
	}
	limit := kv.MaxScan
	if op.Limit > 0 {
		limit = min(op.Limit, kv.MaxScan)
	}
	found := kv.Items{Count: len(in), More: len(in) > limit}
	if op.CountOnly {
		return kv.Items{Count: len(in), More: len(in) > 0}
	}
	for _, it := range in[:min(limit, len(in))] {
		one := copied(it)
		if op.KeysOnly {
			one.Value = nil
		}
		found.List = append(found.List, one)
	}
	return found
}

// copied returns an item whose bytes the caller may change.
func copied(it *kv.Item) kv.Item {
	one := *it
	one.Value = bytes.Clone(it.Value)
	return one
}

// equal compares all that a later operation could see.
func (s space) equal(t space) bool {
	return slices.EqualFunc(s, t, func(a, b *kv.Item) bool {
		return a == b || a.Key == b.Key && a.Mod == b.Mod && a.Create == b.Create && a.Count == b.Count &&
			a.Lease == b.Lease && bytes.Equal(a.Value, b.Value)
	})
}

// hash is equal for equal spaces.
func (s space) hash() uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, it := range s {
		for _, n := range [...]uint64{it.Mod.Hi, it.Mod.Lo, it.Create.Lo, it.Count} {
			h = (h ^ n) * prime
		}
		for _, c := range it.Value {
			h = (h ^ uint64(c)) * prime
		}
	}
	return h
}

// String lists the items: "x"="1" (version 3).
func (s space) String() string {
	if len(s) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for i, it := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(itemText(it))
		if !isGuess(it.Mod) && !it.Mod.IsZero() {
			fmt.Fprintf(&b, " (version %s)", it.Mod)
		}
	}
	return b.String()
}
