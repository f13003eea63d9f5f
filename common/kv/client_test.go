package kv_test

import (
	"context"
	"fmt"
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
var methods = append([]method{
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
	{
		"members",
		kv.Members{},
		kv.Group{Version: 1, Members: []kv.Member{{ID: 1}}},
		func(c *kv.Client) (any, error) { return c.Members(context.Background()) },
		kv.Group{Version: 1, Members: []kv.Member{{ID: 1}}},
	},
	{
		"inspect",
		kv.Inspect{},
		kv.Replica{ID: 1, Role: kv.Leader},
		func(c *kv.Client) (any, error) { return c.Inspect(context.Background()) },
		kv.Replica{ID: 1, Role: kv.Leader},
	},
	{
		"change",
		kv.Change{Add: 4, Remove: 1},
		nil,
		func(c *kv.Client) (any, error) {
			return nil, c.Change(context.Background(), kv.Change{Add: 4, Remove: 1})
		}, nil,
	},
	{
		"transfer",
		kv.Transfer{To: 2},
		nil,
		func(c *kv.Client) (any, error) { return nil, c.Transfer(context.Background(), 2) }, nil,
	},
}, tentativeMethods...)

type method struct {
	name   string
	op     kv.Op
	answer kv.Result
	call   func(c *kv.Client) (any, error)
	want   any
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
