package table

import (
	"iter"
	"slices"

	"dss.example/common/app"
	"dss.example/common/kv"
)

// read does op if it is a Get or a Scan, at revision rev or, for 0, at present; it
// returns nil if it is neither.
func (t *Table) read(op kv.Op, rev uint64) *kv.Response {
	switch op := op.(type) {
	case kv.Get:
		found := t.get(op.Key, rev)
		return &kv.Response{Status: found.Status, Result: found.Result}
	case kv.Scan:
		return t.scan(&op, rev)
	}
	return nil
}

// get answers with the item at key at revision rev, 0 for the present, or NotFound.
//
//ds:todo p1.3
func (t *Table) get(key string, rev uint64) kv.Outcome {
	r := t.find(key, rev)
	if !r.exists() {
		return kv.Outcome{Status: kv.NotFound}
	}
	return kv.Outcome{Status: kv.OK, Result: r.item(key, true)}
}

// find returns what stands at key at revision rev, 0 for the present.
func (t *Table) find(key string, rev uint64) *record {
	if rev != 0 {
		return t.at(t.last(key), rev)
	}
	return t.live.get(key)
}

// scan answers with the items of a range at revision rev, 0 for the present: how many
// there are, the list of them unless only the count is asked for, and whether there are
// more than the list has. Counting the present ones takes no walk over them (rank).
//
//ds:todo p1.3
func (t *Table) scan(op *kv.Scan, rev uint64) *kv.Response {
	items, count := t.span(op), 0
	if rev == 0 {
		count = t.live.rank(op.To, t.live.len()) - t.live.rank(op.From, 0)
	} else {
		old := t.spanAt(op, rev)
		items, count = pairs(old), len(old)
	}
	found := kv.Items{Count: count}
	if !op.CountOnly {
		found.List = collect(op, items, count)
	}
	found.More = len(found.List) < count
	return ok(found)
}

// collect makes the list of an answer: of items, which are count, the first op.Limit (0:
// kv.MaxScan, and never more), without values if op asks for keys only. It stops before
// the sizes of the items exceed maxAnswer together, but not before the first one.
//
//ds:todo p1.3
func collect(op *kv.Scan, items iter.Seq2[string, *record], count int) []kv.Item {
	limit := op.Limit
	if limit == 0 || limit > kv.MaxScan {
		limit = kv.MaxScan
	}
	limit = min(limit, count)
	if limit == 0 {
		return nil
	}
	list := make([]kv.Item, 0, limit)
	size := 0
	for key, r := range items {
		if size += r.size(key, !op.KeysOnly); size > maxAnswer && len(list) > 0 {
			break
		}
		if list = append(list, r.item(key, !op.KeysOnly)); len(list) == limit {
			break
		}
	}
	return list
}

// span iterates the present items of a Scan's range, from op.From to before op.To (empty:
// to the end), in ascending order of keys or, if op says so, descending.
//
//ds:todo p1.3
func (t *Table) span(op *kv.Scan) iter.Seq2[string, *record] {
	return func(yield func(string, *record) bool) {
		switch {
		case !op.Descending:
			t.live.order.Ascend(op.From, func(key string, s *slot) bool {
				return (op.To == "" || key < op.To) && yield(key, s.record)
			})
		case op.To == "":
			t.live.order.Reverse(func(key string, s *slot) bool {
				return key >= op.From && yield(key, s.record)
			})
		default:
			t.live.order.Descend(op.To, func(key string, s *slot) bool {
				return key == op.To || key >= op.From && yield(key, s.record)
			})
		}
	}
}

type keyed struct {
	key string
	*record
}

// spanAt collects the items of a Scan's range at an old revision, in its order: of
// the keys that are present and of those that are gone, what stood there then.
func (t *Table) spanAt(op *kv.Scan, rev uint64) []keyed {
	var found []keyed
	look := func(key string, r *record) bool {
		if op.To != "" && key >= op.To {
			return false
		}
		if r = t.at(r, rev); r.exists() {
			found = append(found, keyed{key, r})
		}
		return true
	}
	t.live.order.Ascend(op.From, func(key string, s *slot) bool { return look(key, s.record) })
	t.ghost.Ascend(op.From, look)
	slices.SortFunc(found, func(a, b keyed) int {
		switch {
		case a.key == b.key:
			return 0
		case (a.key < b.key) != op.Descending:
			return -1
		}
		return 1
	})
	return found
}

func pairs(list []keyed) iter.Seq2[string, *record] {
	return func(yield func(string, *record) bool) {
		for _, k := range list {
			if !yield(k.key, k.record) {
				return
			}
		}
	}
}

func (t *Table) stat(op kv.Stat) *kv.Response {
	stats := kv.Stats{
		Keys:     uint64(t.live.len()),
		Bytes:    t.bytes,
		Sessions: uint64(t.sessions.Len()),
		Leases:   uint64(t.leases.Len()),
		Oldest:   kv.Version{Lo: t.oldest},
	}
	if op.Hash {
		hash := app.HashRange(t.View(), string([]byte{pairItem}), string([]byte{pairItem + 1}))
		stats.Hash = hash[:]
	}
	return ok(stats)
}
