package kvtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

var watchCases = []entry{
	{name: "a watch sees every change once and in order", level: kv.Linearizable, needs: kv.CapWatch, do: watchAll},
	{name: "a watch goes on from where it stopped", level: kv.Linearizable, needs: kv.CapWatch, do: watchResume},
	{name: "a watch from now on starts now", level: kv.Linearizable, needs: kv.CapWatch, do: watchNow},
	{name: "events of one transaction stay together", level: kv.Linearizable, needs: kv.CapWatch | kv.CapCompare, do: watchTxn},
	{name: "a waiting watch is woken by a change", level: kv.Linearizable, needs: kv.CapWatch, do: watchWakes},
	{name: "a watch waits no longer than it may", level: kv.Linearizable, needs: kv.CapWatch, do: watchEnds},
	{name: "watchers beside writers miss nothing", level: kv.Linearizable, needs: kv.CapWatch, do: watchConcurrent},
}

// drain follows a watch until it has nothing more to say.
func (j *judge) drain(op kv.Events) (all []kv.Event) {
	j.Helper()
	for {
		found := j.must(kv.OK, op).Result.(kv.EventList)
		require.GreaterOrEqual(j, found.Next.Compare(op.After), 0, "Next goes back")
		if len(found.List) == 0 {
			return all
		}
		require.Positive(j, found.Next.Compare(op.After), "Next does not go on")
		if op.Max > 0 && len(found.List) > op.Max {
			last := len(found.List) - 1
			require.Equal(j, found.List[0].Item.Mod, found.List[last].Item.Mod, "more than Max events, and not of one revision")
		}
		all = append(all, found.List...)
		op.After = found.Next
	}
}

// sameEvents compares two lists, of which the events of one revision may come in
// any order.
func (j *judge) sameEvents(want, got []kv.Event, what string) {
	j.Helper()
	require.True(j, slices.IsSortedFunc(got, func(a, b kv.Event) int { return a.Item.Mod.Compare(b.Item.Mod) }),
		"%s: events are not in order of revisions", what)
	byKey := func(a, b kv.Event) int {
		if c := a.Item.Mod.Compare(b.Item.Mod); c != 0 {
			return c
		}
		return strings.Compare(a.Item.Key, b.Item.Key)
	}
	want, got = slices.SortedFunc(slices.Values(want), byKey), slices.SortedFunc(slices.Values(got), byKey)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		require.Fail(j, "wrong events", "%s\n-want +got:\n%s", what, diff)
	}
}

// changes makes a little history in both stores, and returns where it starts. Keys
// of one transaction are distinct, for the door does not say what becomes of two
// changes of one key in one revision.
func (o *oracle) changes() kv.Version {
	o.Helper()
	o.op(kv.Put{Key: "start"})
	start := o.model.Rev()
	for i := range 40 {
		key, value := fmt.Sprintf("k%d", o.rng.IntN(5)), fmt.Append(nil, i)
		switch o.rng.IntN(4) {
		case 0:
			o.op(kv.Delete{Key: key})
		case 1:
			if o.has(kv.CapCompare) {
				o.op(kv.Txn{Then: []kv.Op{kv.Put{Key: "t", Value: value}, kv.Delete{Key: "k0"}, kv.Put{Key: "k1", Value: value}}})
			}
		default:
			o.op(kv.Put{Key: key, Value: value})
		}
	}
	return start
}

// modelEvents is what a watch must see.
func (o *oracle) modelEvents(op kv.Events) []kv.Event {
	op.Max = 0
	return o.model.Do(0, &kv.Request{Op: op}).Result.(kv.EventList).List
}

func watchAll(j *judge) {
	o := j.newOracle()
	start := o.changes()
	for _, op := range []kv.Events{
		{},
		{Previous: true},
		{Only: kv.EventPut},
		{Only: kv.EventDelete},
		{Only: kv.EventDelete, Previous: true},
		{From: "k1", To: "k3"},
		{From: "k", To: kv.PrefixEnd("k"), Previous: true},
		{From: "t"},
		{From: "z"},
		{From: "k1", To: "k1"},
	} {
		op.After = start
		o.sameEvents(o.modelEvents(op), o.drain(op), describe(op))
	}
}

func watchResume(j *judge) {
	o := j.newOracle()
	start := o.changes()
	for _, most := range []int{1, 2, 3, 7, kv.MaxEvents + 1} {
		op := kv.Events{After: start, Max: most, Previous: true}
		o.sameEvents(o.modelEvents(op), o.drain(op), describe(op))
	}
	for after := start; after.Compare(o.model.Rev()) <= 0; after.Lo++ {
		op := kv.Events{After: after}
		o.sameEvents(o.modelEvents(op), o.drain(op), describe(op))
	}
}

func watchNow(j *judge) {
	j.put("k", "long before")
	rev := j.put("k", "before")
	found := j.must(kv.OK, kv.Events{}).Result.(kv.EventList)
	require.Empty(j, found.List, "changes from before now")
	require.Equal(j, rev, found.Next)
	next := j.put("k", "after")
	got := j.drain(kv.Events{After: found.Next})
	require.Len(j, got, 1)
	require.Equal(j, next, got[0].Item.Mod)
	require.Equal(j, "after", string(got[0].Item.Value))
}

func watchTxn(j *judge) {
	start := j.put("start", "")
	txn := kv.Txn{}
	for i := range 5 {
		txn.Then = append(txn.Then, kv.Put{Key: fmt.Sprint(i)})
	}
	j.must(kv.OK, txn)
	j.must(kv.OK, txn)
	for most := 1; most < 12; most++ {
		for after := start; ; {
			found := j.must(kv.OK, kv.Events{After: after, Max: most}).Result.(kv.EventList)
			if len(found.List) == 0 {
				break
			}
			require.Zero(j, len(found.List)%5, "a list of %d events ends inside a transaction of 5", len(found.List))
			after = found.Next
		}
	}
}

// waiting runs a watch by client 1 and at the same time fn by client 0, which may
// wait until the watch has ended.
func (j *judge) waiting(op kv.Events, wait time.Duration, fn func(ended func() bool)) *kv.Response {
	j.Helper()
	var resp *kv.Response
	var ended atomic.Bool
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	j.w.Parallel(2, func(i int) {
		if i == 1 {
			resp = j.w.Store(1).Do(ctx, &kv.Request{Wait: wait, Op: op})
			ended.Store(true)
			return
		}
		fn(ended.Load)
		if !j.eventually(patienceForWaits, wait/100+1, ended.Load) {
			cancel()
		}
	})
	require.NoError(j, ctx.Err(), "a watch that may wait %v never ended", wait)
	require.Equal(j, kv.OK.String(), resp.Status.String(), resp.Detail)
	require.NoError(j, wellFormed(&kv.Request{Op: op}, resp))
	return resp
}

// patienceForWaits is how many steps of time a wait is given to end; most of them
// pass before another goroutine has even been woken.
const patienceForWaits = 100_000

func watchWakes(j *judge) {
	start := j.put("k", "0")
	var rev kv.Version
	resp := j.waiting(kv.Events{From: "k", To: "l", After: start}, kv.MaxWait, func(func() bool) {
		j.w.Sleep(pause)
		j.send(0, kv.Request{Op: kv.Put{Key: "elsewhere"}})
		j.w.Sleep(pause)
		rev = j.send(0, kv.Request{Op: kv.Put{Key: "k", Value: []byte("1")}}).Rev
	})
	found := resp.Result.(kv.EventList)
	if len(found.List) == 0 { // it may wake for nothing, but not lose the change
		found.List = j.drain(kv.Events{From: "k", To: "l", After: found.Next})
	}
	require.Len(j, found.List, 1)
	require.Equal(j, rev, found.List[0].Item.Mod)
	require.Equal(j, "1", string(found.List[0].Item.Value))
}

func watchEnds(j *judge) {
	start := j.put("k", "0")
	for _, op := range []kv.Events{{After: start}, {}} {
		resp := j.waiting(op, 5*time.Second, func(func() bool) {})
		found := resp.Result.(kv.EventList)
		require.Empty(j, found.List)
		require.Equal(j, start, found.Next, "the After to go on with")
	}
}

func watchConcurrent(j *judge) {
	const writers, watchers = 3, 3
	start := j.put("start", "")
	var seen [watchers][]kv.Event
	var left atomic.Int32
	left.Store(writers)
	n := max(j.ops/60, 5)
	j.w.Parallel(writers+watchers, func(i int) {
		if i < writers {
			for k := range n {
				j.send(i, kv.Request{Op: kv.Put{Key: fmt.Sprint(i), Value: fmt.Append(nil, k)}})
			}
			left.Add(-1)
			return
		}
		after := start
		for last := false; ; last = left.Load() == 0 {
			resp := j.send(i, kv.Request{Op: kv.Events{After: after, Max: 1 + i}})
			found, ok := resp.Result.(kv.EventList)
			if !ok || len(found.List) == 0 && last {
				return
			}
			seen[i-writers] = append(seen[i-writers], found.List...)
			after = found.Next
			if len(found.List) == 0 {
				j.w.Sleep(pause)
			}
		}
	})
	want := j.drain(kv.Events{After: start})
	require.Len(j, want, writers*n)
	for i := range watchers {
		j.sameEvents(want, seen[i], "a watcher beside writers")
	}
}
