package kv_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

// script is a Store that answers as a test says, and keeps what it was asked.
type script struct {
	caps   kv.Cap
	answer func(req *kv.Request) *kv.Response
	asked  []kv.Request
}

func (s *script) Do(_ context.Context, req *kv.Request) *kv.Response {
	s.asked = append(s.asked, *req)
	return s.answer(req)
}

func (s *script) Offers() kv.Caps { return kv.Caps{Level: kv.Linearizable, Has: s.caps} }

// always answers every request alike.
func always(resp kv.Response) *script {
	return &script{answer: func(*kv.Request) *kv.Response { return &resp }}
}

var (
	v7      = kv.Version{Lo: 7}
	leaseOf = kv.LeaseInfo{ID: 3, TTL: time.Minute, Left: time.Second, Keys: []string{"k"}}
)

// methods calls each method of a Client once: what it must ask, and what it makes of
// a right answer.
var methods = []struct {
	name   string
	op     kv.Op
	answer kv.Result
	call   func(c *kv.Client) (any, error)
	want   any
}{
	{
		"get",
		kv.Get{Key: "k"},
		item("k", "v", 5),
		func(c *kv.Client) (any, error) { return c.Get(context.Background(), "k") }, item("k", "v", 5),
	},
	{
		"put",
		kv.Put{Key: "k", Value: []byte("v")},
		nil,
		func(c *kv.Client) (any, error) { return c.Put(context.Background(), "k", []byte("v")) }, v7,
	},
	{
		"put under a lease",
		kv.Put{Key: "k", Value: []byte("v"), Lease: 3},
		nil,
		func(c *kv.Client) (any, error) { return c.Put(context.Background(), "k", []byte("v"), kv.Under(3)) }, v7,
	},
	{
		"delete",
		kv.Delete{Key: "k"},
		nil,
		func(c *kv.Client) (any, error) { return c.Delete(context.Background(), "k") }, v7,
	},
	{
		"append",
		kv.Append{Key: "k", Value: []byte("v")},
		kv.Length{Bytes: 12},
		func(c *kv.Client) (any, error) { return c.Append(context.Background(), "k", []byte("v")) }, 12,
	},
	{
		"cas",
		kv.CAS{Key: "k", Old: kv.Version{Lo: 5}, Value: []byte("v"), Lease: 3},
		nil,
		func(c *kv.Client) (any, error) {
			return c.CAS(context.Background(), "k", kv.Version{Lo: 5}, []byte("v"), kv.Under(3))
		}, v7,
	},
	{
		"scan",
		kv.Scan{From: "a", Limit: 5},
		kv.Items{List: []kv.Item{item("b", "v", 5)}, Count: 1},
		func(c *kv.Client) (any, error) { return c.Scan(context.Background(), kv.Scan{From: "a", Limit: 5}) },
		kv.Items{List: []kv.Item{item("b", "v", 5)}, Count: 1},
	},
	{
		"txn",
		kv.Txn{Then: []kv.Op{kv.Delete{Key: "k"}}},
		kv.TxnResult{Succeeded: true, Outcomes: []kv.Outcome{{Status: kv.NotFound}}},
		func(c *kv.Client) (any, error) {
			return c.Txn(context.Background(), kv.Txn{Then: []kv.Op{kv.Delete{Key: "k"}}})
		},
		kv.TxnResult{Succeeded: true, Outcomes: []kv.Outcome{{Status: kv.NotFound}}},
	},
	{
		"events",
		kv.Events{From: "a"},
		kv.EventList{Next: v7},
		func(c *kv.Client) (any, error) {
			return c.Events(context.Background(), kv.Events{From: "a"}, time.Second)
		},
		kv.EventList{Next: v7},
	},
	{
		"grant",
		kv.Grant{TTL: time.Minute},
		leaseOf,
		func(c *kv.Client) (any, error) { return c.Grant(context.Background(), time.Minute) }, leaseOf,
	},
	{
		"keep alive",
		kv.KeepAlive{Lease: 3},
		leaseOf,
		func(c *kv.Client) (any, error) { return c.KeepAlive(context.Background(), 3) }, leaseOf,
	},
	{
		"revoke",
		kv.Revoke{Lease: 3},
		nil,
		func(c *kv.Client) (any, error) { return nil, c.Revoke(context.Background(), 3) }, nil,
	},
	{
		"leases",
		kv.Leases{},
		kv.LeaseList{List: []kv.LeaseInfo{leaseOf}},
		func(c *kv.Client) (any, error) { return c.Leases(context.Background()) },
		[]kv.LeaseInfo{leaseOf},
	},
	{
		"lease",
		kv.Leases{Lease: 3},
		kv.LeaseList{List: []kv.LeaseInfo{leaseOf}},
		func(c *kv.Client) (any, error) { return c.Lease(context.Background(), 3) }, leaseOf,
	},
	{
		"stat",
		kv.Stat{Hash: true},
		kv.Stats{Keys: 5},
		func(c *kv.Client) (any, error) { return c.Stat(context.Background(), true) },
		kv.Stats{Keys: 5},
	},
	{
		"open session",
		kv.OpenSession{TTL: time.Minute},
		kv.SessionInfo{ID: 9, TTL: time.Minute},
		func(c *kv.Client) (any, error) { return c.OpenSession(context.Background(), time.Minute) },
		kv.SessionInfo{ID: 9, TTL: time.Minute},
	},
}

func TestMethodsAskForTheirOperationAndReturnItsResult(t *testing.T) {
	for _, m := range methods {
		s := always(kv.Response{Status: kv.OK, Rev: v7, Result: m.answer})
		got, err := m.call(kv.NewClient(s))
		require.NoError(t, err, m.name)
		require.Empty(t, cmp.Diff(m.want, got), m.name)
		require.Len(t, s.asked, 1)
		require.Empty(t, cmp.Diff(m.op, s.asked[0].Op), m.name)
		require.Equal(t, m.name == "events", s.asked[0].Wait == time.Second)
	}
}

func TestMethodsReturnTheErrorOfTheStatusAndNothingElse(t *testing.T) {
	for _, m := range methods {
		for status, sentinel := range sentinels {
			got, err := m.call(kv.NewClient(always(kv.Response{Status: status, Rev: v7, Detail: "so"})))
			require.ErrorIs(t, err, sentinel, m.name)
			require.ErrorContains(t, err, ": so")
			require.Zero(t, got, "%s: %s", m.name, status)
		}
	}
}

// Every result of another type than the one that was asked for, and every kind of
// response that cannot be: an error, never a panic.
func TestMethodsSurviveResponsesThatBreakTheContract(t *testing.T) {
	cases := 0
	for _, m := range methods {
		wrong := []*kv.Response{
			nil,
			{},
			{Status: kv.Unsatisfied + 1},
			{Status: 255},
			{Status: kv.OK, Token: make([]byte, kv.MaxToken+1), Result: m.answer},
		}
		for _, g := range responseGolden {
			if m.answer != nil && (g.resp.Result == nil || fmt.Sprintf("%T", g.resp.Result) != fmt.Sprintf("%T", m.answer)) {
				wrong = append(wrong, &kv.Response{Status: kv.OK, Rev: v7, Result: g.resp.Result})
			}
		}
		for _, resp := range wrong {
			c := kv.NewClient(&script{answer: func(*kv.Request) *kv.Response { return resp }})
			got, err := m.call(c)
			require.ErrorIs(t, err, kv.ErrBadResponse, "%s: %+v", m.name, resp)
			require.Equal(t, kv.Maybe, kv.StatusOf(err))
			require.Zero(t, got)
			cases++
		}
	}
	require.Greater(t, cases, 150)
}

func TestResultsAboutSomethingElseAreRefused(t *testing.T) {
	k, a, b, c := item("k", "v", 1), item("a", "1", 1), item("b", "2", 2), item("c", "3", 3)
	items := func(more bool, count int, list ...kv.Item) kv.Items {
		return kv.Items{List: list, Count: count, More: more}
	}
	events := func(next uint64, list ...kv.Event) kv.EventList {
		return kv.EventList{List: list, Next: kv.Version{Lo: next}}
	}
	get := kv.Txn{Then: []kv.Op{kv.Get{Key: "k"}, kv.Append{Key: "k"}}, Else: []kv.Op{kv.Scan{From: "a", To: "c"}}}
	txn := func(then bool, outcomes ...kv.Outcome) kv.TxnResult {
		return kv.TxnResult{Succeeded: then, Outcomes: outcomes}
	}
	fine := kv.Outcome{Status: kv.OK, Result: kv.Length{Bytes: 1}}
	for name, q := range map[string]struct {
		op  kv.Op
		res kv.Result
	}{
		"another key":                  {kv.Get{Key: "k"}, a},
		"more than the limit":          {kv.Scan{Limit: 1}, items(false, 2, a, b)},
		"below the range":              {kv.Scan{From: "b"}, items(false, 2, a, b)},
		"at the end of the range":      {kv.Scan{To: "b"}, items(false, 2, a, b)},
		"out of order":                 {kv.Scan{}, items(false, 2, b, a)},
		"out of descending order":      {kv.Scan{Descending: true}, items(false, 2, a, b)},
		"a key twice":                  {kv.Scan{}, items(false, 2, a, a)},
		"a key twice, descending":      {kv.Scan{Descending: true}, items(false, 2, a, a)},
		"more, but none given":         {kv.Scan{}, items(true, 2)},
		"fewer counted than given":     {kv.Scan{}, items(false, 1, a, b)},
		"a negative count":             {kv.Scan{CountOnly: true}, items(false, -1)},
		"events that stand still":      {kv.Events{After: v7}, events(7, kv.Event{Kind: kv.EventPut, Item: k})},
		"nowhere to go on from":        {kv.Events{}, events(0)},
		"an event of no kind":          {kv.Events{}, events(8, kv.Event{Item: k})},
		"an event of an unknown kind":  {kv.Events{}, events(8, kv.Event{Kind: 3, Item: k})},
		"an event out of the range":    {kv.Events{From: "l"}, events(8, kv.Event{Kind: kv.EventPut, Item: k})},
		"another lease":                {kv.KeepAlive{Lease: 4}, leaseOf},
		"no lease":                     {kv.Leases{Lease: 3}, kv.LeaseList{}},
		"another lease listed":         {kv.Leases{Lease: 4}, kv.LeaseList{List: []kv.LeaseInfo{leaseOf}}},
		"two leases":                   {kv.Leases{Lease: 3}, kv.LeaseList{List: []kv.LeaseInfo{leaseOf, leaseOf}}},
		"too few outcomes":             {get, txn(true, kv.Outcome{Status: kv.OK, Result: k})},
		"outcomes of the other branch": {get, txn(false, kv.Outcome{Status: kv.OK, Result: k}, fine)},
		"an outcome without a result":  {get, txn(true, kv.Outcome{Status: kv.OK}, fine)},
		"an outcome of another key":    {get, txn(true, kv.Outcome{Status: kv.OK, Result: a}, fine)},
		"an outcome of another type":   {get, txn(true, fine, fine)},
		"an outcome that was refused":  {get, txn(true, kv.Outcome{Status: kv.TooLarge}, fine)},
		"an outcome out of the range":  {get, txn(false, kv.Outcome{Status: kv.OK, Result: items(false, 1, c)})},
	} {
		client := kv.NewClient(always(kv.Response{Status: kv.OK, Result: q.res}))
		resp, err := client.Do(t.Context(), kv.Request{Op: q.op})
		require.ErrorIs(t, err, kv.ErrBadResponse, name)
		require.Equal(t, kv.Maybe, resp.Status)
	}
	for name, q := range map[string]struct {
		op  kv.Op
		res kv.Result
	}{
		"descending":     {kv.Scan{From: "a", To: "d", Descending: true, Limit: 3}, items(true, 9, c, b, a)},
		"count only":     {kv.Scan{CountOnly: true}, items(true, 9)},
		"default limit":  {kv.Scan{Limit: 1 << 40}, items(false, 1, a)},
		"transaction":    {get, txn(true, kv.Outcome{Status: kv.NotFound}, fine)},
		"other branch":   {get, txn(false, kv.Outcome{Status: kv.OK, Result: items(false, 2, a, b)})},
		"event":          {kv.Events{From: "k"}, events(8, kv.Event{Kind: kv.EventDelete, Item: k})},
		"surplus result": {kv.Put{Key: "k"}, a},
	} {
		client := kv.NewClient(always(kv.Response{Status: kv.OK, Result: q.res}))
		_, err := client.Do(t.Context(), kv.Request{Op: q.op})
		require.NoError(t, err, name)
	}
}

func TestWhatBreaksARuleOfTheDoorNeverReachesTheStore(t *testing.T) {
	s := always(kv.Response{Status: kv.OK})
	c := kv.NewClient(s)
	_, err := c.Get(t.Context(), "")
	require.ErrorIs(t, err, kv.ErrInvalid)
	_, err = c.Put(t.Context(), "k", make([]byte, kv.MaxValue+1))
	require.ErrorIs(t, err, kv.ErrTooLarge)
	_, err = c.At(v7).Put(t.Context(), "k", nil)
	require.ErrorIs(t, err, kv.ErrInvalid)
	_, err = c.Lease(t.Context(), 0)
	require.ErrorIs(t, err, kv.ErrInvalid)
	require.Empty(t, s.asked)
}

func TestConflictTellsThePresentVersion(t *testing.T) {
	present := item("k", "other", 9)
	c := kv.NewClient(always(kv.Response{Status: kv.Conflict, Result: present, Rev: v7}))
	now, err := c.CAS(t.Context(), "k", v7, nil)
	require.ErrorIs(t, err, kv.ErrConflict)
	require.Equal(t, present.Mod, now)

	c = kv.NewClient(always(kv.Response{Status: kv.Conflict, Rev: v7}))
	now, err = c.CAS(t.Context(), "k", v7, nil)
	require.ErrorIs(t, err, kv.ErrConflict)
	require.True(t, now.IsZero(), "the key is absent")

	for _, res := range []kv.Result{item("l", "v", 1), kv.Length{}} {
		_, err = kv.NewClient(always(kv.Response{Status: kv.Conflict, Result: res})).CAS(t.Context(), "k", v7, nil)
		require.ErrorIs(t, err, kv.ErrBadResponse)
	}
}

func TestTheTokenOfTheLastResponseGoesWithTheNextRequest(t *testing.T) {
	tokens := []string{"one", "", "two"}
	s := &script{}
	s.answer = func(*kv.Request) *kv.Response {
		return &kv.Response{Status: kv.NotFound, Token: []byte(tokens[(len(s.asked)-1)%len(tokens)])}
	}
	c := kv.NewClient(s)
	for _, c := range []*kv.Client{c, c.With(kv.Session), c.At(v7), c} {
		_, err := c.Get(t.Context(), "k")
		require.ErrorIs(t, err, kv.ErrNotFound)
	}
	var sent []string
	for _, req := range s.asked {
		sent = append(sent, string(req.Token))
	}
	require.Empty(t, cmp.Diff([]string{"", "one", "one", "two"}, sent), "a response without a token takes none away")

	_, _ = kv.NewClient(s).Get(t.Context(), "k")
	require.Empty(t, s.asked[4].Token, "another caller knows nothing of it")
}

func TestABadResponseLeavesNoToken(t *testing.T) {
	s := always(kv.Response{Status: kv.OK, Token: []byte("evil"), Result: kv.Length{}})
	c := kv.NewClient(s)
	for range 2 {
		_, err := c.Get(t.Context(), "k")
		require.ErrorIs(t, err, kv.ErrBadResponse)
	}
	require.Empty(t, s.asked[1].Token)
}

func TestLevelAndRevisionAreAskedFor(t *testing.T) {
	s := always(kv.Response{Status: kv.NotFound})
	c := kv.NewClient(s)
	for _, c := range []*kv.Client{c, c.With(kv.Prefix), c.At(v7).With(kv.Linearizable), c.At(v7).At(kv.Version{})} {
		_, _ = c.Get(t.Context(), "k")
	}
	require.Equal(t, []kv.Level{0, kv.Prefix, kv.Linearizable, 0},
		[]kv.Level{s.asked[0].Level, s.asked[1].Level, s.asked[2].Level, s.asked[3].Level})
	require.Equal(t, []kv.Version{{}, {}, v7, {}},
		[]kv.Version{s.asked[0].At, s.asked[1].At, s.asked[2].At, s.asked[3].At})
}

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
