package kv_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

// shelf answers scans of keys 000, 001, … in pages of at most page items.
func shelf(caps kv.Cap, keys, page int) *script {
	s := &script{caps: caps}
	s.answer = func(req *kv.Request) *kv.Response {
		scan := req.Op.(kv.Scan)
		var found kv.Items
		for i := range keys {
			if key := fmt.Sprintf("%03d", i); key >= scan.From && (scan.To == "" || key < scan.To) {
				found.Count++
				if len(found.List) < min(page, scan.Limit) {
					found.List = append(found.List, item(key, "v", 1))
				}
			}
		}
		found.More = found.Count > len(found.List)
		return &kv.Response{Status: kv.OK, Rev: kv.Version{Lo: uint64(100 + len(s.asked))}, Result: found}
	}
	return s
}

func keysOf(t *testing.T, all iter.Seq2[kv.Item, error]) (keys []string) {
	t.Helper()
	for i, err := range all {
		require.NoError(t, err)
		keys = append(keys, i.Key)
	}
	return keys
}

func TestAllPagesThroughOneRevision(t *testing.T) {
	s := shelf(kv.CapRevisions, 10, 4)
	keys := keysOf(t, kv.NewClient(s).All(t.Context(), "001", "009"))
	require.Equal(t, strings.Fields("001 002 003 004 005 006 007 008"), keys)
	require.Len(t, s.asked, 2)
	require.True(t, s.asked[0].At.IsZero())
	require.Equal(t, kv.Version{Lo: 101}, s.asked[1].At)
	require.Equal(t, "004\x00", s.asked[1].Op.(kv.Scan).From)

	s = shelf(kv.CapRevisions, 10, 3)
	all := kv.NewClient(s).At(v7).All(t.Context(), "", "")
	require.Len(t, keysOf(t, all), 10)
	for _, req := range s.asked {
		require.Equal(t, v7, req.At)
	}
	require.Len(t, keysOf(t, all), 10, "the iterator can be used again")
}

func TestAllPagesThroughThePresentWhereThereAreNoRevisions(t *testing.T) {
	s := shelf(0, 10, 3)
	require.Len(t, keysOf(t, kv.NewClient(s).All(t.Context(), "", "")), 10)
	for _, req := range s.asked {
		require.True(t, req.At.IsZero())
	}
}

func TestAllStopsWhenItsConsumerDoes(t *testing.T) {
	s := shelf(0, 10, 3)
	for i := range kv.NewClient(s).All(t.Context(), "", "") {
		if i.Key == "001" {
			break
		}
	}
	require.Len(t, s.asked, 1)
}

func TestAllEndsWithTheFirstError(t *testing.T) {
	s := shelf(kv.CapRevisions, 10, 3)
	pages := s.answer
	s.answer = func(req *kv.Request) *kv.Response {
		if len(s.asked) == 3 {
			return kv.Refuse(kv.Compacted, "too slow")
		}
		return pages(req)
	}
	var last error
	seen := 0
	for _, err := range kv.NewClient(s).All(t.Context(), "", "") {
		require.NoError(t, last, "nothing follows an error")
		if last = err; err == nil {
			seen++
		}
	}
	require.ErrorIs(t, last, kv.ErrCompacted)
	require.Equal(t, 6, seen)
}

func TestMultiGetReadsInTransactionsOfBoundedSize(t *testing.T) {
	s := &script{caps: kv.CapCompare}
	s.answer = func(req *kv.Request) *kv.Response {
		found := kv.TxnResult{Succeeded: true}
		for _, op := range req.Op.(kv.Txn).Then {
			key := op.(kv.Get).Key
			if key == "absent" {
				found.Outcomes = append(found.Outcomes, kv.Outcome{Status: kv.NotFound})
			} else {
				found.Outcomes = append(found.Outcomes, kv.Outcome{Status: kv.OK, Result: item(key, "v", 1)})
			}
		}
		return &kv.Response{Status: kv.OK, Result: found}
	}
	keys := []string{"absent", "000"}
	for i := range kv.MaxTxnOps {
		keys = append(keys, fmt.Sprintf("%03d", i))
	}
	got, err := kv.NewClient(s).MultiGet(t.Context(), keys...)
	require.NoError(t, err)
	require.Len(t, got, kv.MaxTxnOps)
	require.Equal(t, item("005", "v", 1), got["005"])
	require.NotContains(t, got, "absent")
	require.Len(t, s.asked, 2)
	require.Len(t, s.asked[0].Op.(kv.Txn).Then, kv.MaxTxnOps)

	got, err = kv.NewClient(s).MultiGet(t.Context())
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestMultiGetReadsOneByOneWhereThereAreNoTransactions(t *testing.T) {
	s := &script{}
	s.answer = func(req *kv.Request) *kv.Response {
		if key := req.Op.(kv.Get).Key; key != "absent" {
			return &kv.Response{Status: kv.OK, Result: item(key, "v", 1)}
		}
		return kv.Refuse(kv.NotFound, "")
	}
	got, err := kv.NewClient(s).MultiGet(t.Context(), "a", "absent", "b")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(map[string]kv.Item{"a": item("a", "v", 1), "b": item("b", "v", 1)}, got))
}

func TestMultiGetReturnsNothingWithAnError(t *testing.T) {
	for _, caps := range []kv.Cap{0, kv.CapCompare} {
		s := always(*kv.Refuse(kv.Overloaded, "later"))
		s.caps = caps
		got, err := kv.NewClient(s).MultiGet(t.Context(), "a", "b")
		require.ErrorIs(t, err, kv.ErrOverloaded)
		require.Nil(t, got)
	}
}

func TestWatchGoesOnFromWhereEachPollEnded(t *testing.T) {
	put := func(key string, rev uint64) kv.Event { return kv.Event{Kind: kv.EventPut, Item: item(key, "v", rev)} }
	polls := []kv.EventList{
		{Next: v7},
		{List: []kv.Event{put("a/1", 8), put("a/2", 8)}, Next: kv.Version{Lo: 8}},
		{Next: kv.Version{Lo: 20}},
		{List: []kv.Event{put("a/3", 21)}, Next: kv.Version{Lo: 25}},
	}
	s := &script{}
	s.answer = func(*kv.Request) *kv.Response {
		if len(s.asked) > len(polls) {
			return kv.Refuse(kv.Compacted, "")
		}
		return &kv.Response{Status: kv.OK, Result: polls[len(s.asked)-1]}
	}
	var seen []string
	var last error
	for e, err := range kv.NewClient(s).Watch(t.Context(), "a/", kv.Version{}) {
		if last = err; err == nil {
			seen = append(seen, e.Item.Key)
		}
	}
	require.ErrorIs(t, last, kv.ErrCompacted)
	require.Equal(t, []string{"a/1", "a/2", "a/3"}, seen)
	after := []kv.Version{{}, v7, {Lo: 8}, {Lo: 20}, {Lo: 25}}
	require.Len(t, s.asked, len(after))
	for i, req := range s.asked {
		require.Equal(t, kv.Events{From: "a/", To: "a0", After: after[i]}, req.Op)
		require.Equal(t, kv.MaxWait, req.Wait)
	}
}

func TestWatchEndsWithTheCauseOfItsContext(t *testing.T) {
	why := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &script{}
	s.answer = func(*kv.Request) *kv.Response {
		cancel(why)
		return kv.Refuse(kv.Maybe, "gave up")
	}
	for _, err := range kv.NewClient(s).Watch(ctx, "a/", v7) {
		require.ErrorIs(t, err, why)
	}
	require.Len(t, s.asked, 1)
}

func TestWatchStopsWhenItsConsumerDoes(t *testing.T) {
	s := always(kv.Response{Status: kv.OK, Result: kv.EventList{
		List: []kv.Event{{Kind: kv.EventPut, Item: item("a", "v", 8)}}, Next: kv.Version{Lo: 8},
	}})
	for range kv.NewClient(s).Watch(t.Context(), "", v7) {
		break
	}
	require.Len(t, s.asked, 1)
}

// quiet is a Store that may be asked by many at once.
type quiet struct{}

func (quiet) Do(_ context.Context, req *kv.Request) *kv.Response {
	return &kv.Response{Status: kv.NotFound, Token: append([]byte("t"), req.Token[:min(1, len(req.Token))]...)}
}

func (quiet) Offers() kv.Caps { return kv.Caps{} }

func TestAClientIsSafeForConcurrentUse(t *testing.T) {
	c := kv.NewClient(quiet{})
	require.Equal(t, kv.Caps{}, c.Offers())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				_, err := c.With(kv.Session).Get(t.Context(), "k")
				if !errors.Is(err, kv.ErrNotFound) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
