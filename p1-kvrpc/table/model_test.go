package table_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/kv"
	"dss.example/p1-kvrpc/table"
)

// model is the slow, obvious store: a copy of everything for each revision.
type model struct {
	revs   []map[string]kv.Item // by revision; 0 is unused, 1 the empty state
	events []kv.Event
}

func newModel() *model { return &model{revs: []map[string]kv.Item{nil, {}}} }

func (m *model) rev() uint64 { return uint64(len(m.revs) - 1) }

// do executes op on a new copy of the state, which becomes a revision if it wrote.
func (m *model) do(op kv.Op) (kv.Status, kv.Result) {
	state := map[string]kv.Item{}
	for k, item := range m.revs[m.rev()] {
		state[k] = item
	}
	before := len(m.events)
	status, result := m.in(state, op)
	if len(m.events) > before {
		m.revs = append(m.revs, state)
	}
	return status, result
}

func (m *model) in(state map[string]kv.Item, op kv.Op) (kv.Status, kv.Result) {
	write := func(key string, value []byte) {
		item, found := state[key]
		if !found {
			item = kv.Item{Key: key, Create: rev(m.rev() + 1)}
		}
		item.Value, item.Mod, item.Count = append([]byte(nil), value...), rev(m.rev()+1), item.Count+1
		state[key] = item
		m.events = append(m.events, kv.Event{Kind: kv.EventPut, Item: item})
	}
	switch op := op.(type) {
	case kv.Get:
		if item, found := state[op.Key]; found {
			return kv.OK, item
		}
		return kv.NotFound, nil
	case kv.Put:
		write(op.Key, op.Value)
		return kv.OK, nil
	case kv.Append:
		value := append(bytes.Clone(state[op.Key].Value), op.Value...)
		write(op.Key, value)
		return kv.OK, kv.Length{Bytes: len(value)}
	case kv.Delete:
		if _, found := state[op.Key]; !found {
			return kv.NotFound, nil
		}
		delete(state, op.Key)
		m.events = append(m.events, kv.Event{Kind: kv.EventDelete, Item: kv.Item{Key: op.Key, Mod: rev(m.rev() + 1)}})
		return kv.OK, nil
	case kv.Scan:
		return kv.OK, scan(state, op)
	case kv.CAS:
		if item, found := state[op.Key]; item.Mod != op.Old {
			if !found {
				return kv.Conflict, nil
			}
			return kv.Conflict, item
		}
		write(op.Key, op.Value)
		return kv.OK, nil
	}
	result := kv.TxnResult{Succeeded: true}
	for _, o := range op.(kv.Txn).Then {
		status, r := m.in(state, o)
		result.Outcomes = append(result.Outcomes, kv.Outcome{Status: status, Result: r})
	}
	return kv.OK, result
}

func scan(state map[string]kv.Item, op kv.Scan) kv.Items {
	var found []kv.Item
	for k, item := range state {
		if k >= op.From && (op.To == "" || k < op.To) {
			found = append(found, item)
		}
	}
	slices.SortFunc(found, func(a, b kv.Item) int {
		if op.Descending {
			a, b = b, a
		}
		return cmpString(a.Key, b.Key)
	})
	items := kv.Items{List: found, Count: len(found)}
	if op.Limit > 0 && op.Limit < len(found) {
		items.List, items.More = found[:op.Limit], true
	}
	return items
}

func TestTableIsTheObviousStore(t *testing.T) {
	keys := []string{"a", "aa", "b", "c", "d", "e", "f", "g"}
	rapid.Check(t, func(t *rapid.T) {
		key := func() string { return rapid.SampledFrom(keys).Draw(t, "key") }
		value := func() []byte { return rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "value") }
		tab, m := table.New(table.Config{}), newModel()
		one := func() kv.Op {
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0:
				return kv.Get{Key: key()}
			case 1:
				return kv.Delete{Key: key()}
			case 2:
				return kv.Append{Key: key(), Value: value()}
			case 3:
				from := key()
				return kv.Scan{From: from, To: max(from, key()), Limit: rapid.IntRange(0, 3).Draw(t, "limit"), Descending: rapid.Bool().Draw(t, "descending")}
			}
			return kv.Put{Key: key(), Value: value()}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			op := one()
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				op = kv.Txn{Then: []kv.Op{op, one(), one()}}
			case 1:
				k := key()
				old := m.revs[m.rev()][k].Mod
				old.Lo += uint64(rapid.IntRange(0, 1).Draw(t, "off"))
				op = kv.CAS{Key: k, Old: old, Value: value()}
			}
			status, result := m.do(op)
			want := &kv.Response{Status: status, Result: result, Rev: rev(m.rev()), Stable: true}
			require.Empty(t, cmp.Diff(want, tab.Do(0, &kv.Request{Op: op})), "%+v", op)

			past := rapid.Uint64Range(1, m.rev()).Draw(t, "past")
			for _, op := range []kv.Op{kv.Scan{}, kv.Get{Key: key()}, kv.Scan{From: key(), Descending: true, Limit: 2}} {
				status, result := m.in(m.revs[past], op)
				want := &kv.Response{Status: status, Result: result, Rev: rev(m.rev()), Stable: true}
				require.Empty(t, cmp.Diff(want, tab.Do(0, &kv.Request{At: rev(past), Op: op})), "%+v at %d", op, past)
			}
			since := slices.IndexFunc(m.events, func(e kv.Event) bool { return e.Item.Mod.Lo > past })
			if since < 0 {
				since = len(m.events)
			}
			list := tab.Do(0, &kv.Request{Op: kv.Events{After: rev(past)}}).Result.(kv.EventList).List
			require.Empty(t, cmp.Diff(append([]kv.Event(nil), m.events[since:]...), list))
		}
	})
}
