package kv_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"
)

var (
	longKey   = strings.Repeat("k", kv.MaxKey)
	longValue = make([]byte, kv.MaxValue)

	longProgram = strings.Repeat("p", kv.MaxProgram)
	aGet        = kv.Get{Key: "k"}
)

func TestCheckAcceptsWhatIsJustWithinBounds(t *testing.T) {
	for name, req := range map[string]kv.Request{
		"longest key":         reqOf(kv.Get{Key: longKey}),
		"longest value":       reqOf(kv.Put{Key: longKey, Value: longValue}),
		"key of odd bytes":    reqOf(kv.Delete{Key: "\x00\xff"}),
		"empty value":         reqOf(kv.Append{Key: "k"}),
		"compare and swap":    reqOf(kv.CAS{Key: longKey, Value: longValue}),
		"everything":          reqOf(kv.Scan{}),
		"bounds of a range":   reqOf(kv.Scan{From: longKey + "\x00", To: longKey + "\x01", Limit: 1 << 40}),
		"empty range":         reqOf(kv.Scan{From: "a", To: "a"}),
		"from with no end":    reqOf(kv.Events{From: "z", Max: 1, Only: kv.EventDelete}),
		"shortest lease":      reqOf(kv.Grant{TTL: kv.MinTTL}),
		"longest session":     reqOf(kv.OpenSession{TTL: kv.MaxTTL}),
		"rest":                reqOf(kv.KeepAlive{}),
		"revoke":              reqOf(kv.Revoke{Lease: 1}),
		"leases":              reqOf(kv.Leases{}),
		"close":               {Session: 1, Seq: 1, Op: kv.CloseSession{}},
		"stat":                reqOf(kv.Stat{}),
		"expire":              reqOf(kv.Expire{}),
		"members":             reqOf(kv.Members{}),
		"inspect":             {Session: 1, Seq: 1, Op: kv.Inspect{}},
		"add a member":        reqOf(kv.Change{Add: 1<<64 - 1}),
		"remove a member":     reqOf(kv.Change{Remove: 1}),
		"replace a disk":      reqOf(kv.Change{Add: 1, Remove: 1}),
		"transfer":            reqOf(kv.Transfer{To: 1}),
		"guarded":             reqOf(kv.Guarded{If: longProgram, Then: repeat(kv.MaxTxnOps, kv.Delete{Key: longKey}), Else: longProgram}),
		"a large guarded one": reqOf(kv.Guarded{If: longProgram, Then: []kv.Op{kv.Put{Key: longKey, Value: longValue}}, Else: longProgram}),
		"a merge alone":       reqOf(kv.Guarded{Else: "m"}),
		"an inquiry":          reqOf(kv.Inquire{Write: kv.Version{Lo: 1}}),
		"conflicts":           {Level: kv.Prefix, Op: kv.Conflicts{After: kv.Version{Lo: 1}, Limit: 1 << 40}},
		"a probe":             reqOf(kv.Probe{}),
		"empty transaction":   reqOf(kv.Txn{}),
		"session":             {Session: 1, Seq: 9, Acked: 8, Op: aGet},
		"strongest level":     {Level: kv.StrictSerializable, Op: aGet},
		"longest token":       {Token: make([]byte, kv.MaxToken), Op: aGet},
		"longest wait":        {Wait: kv.MaxWait, Op: aGet},
		"read in the past":    {At: kv.Version{Lo: 1}, Op: kv.Txn{Then: []kv.Op{aGet}, Else: []kv.Op{kv.Scan{}}}},
		"watch":               {At: kv.Version{Lo: 1}, Op: kv.Events{}},
		"largest transaction": reqOf(kv.Txn{Then: repeat(kv.MaxTxnOps, aGet), Else: repeat(kv.MaxTxnOps, aGet)}),
		"each comparison": reqOf(kv.Txn{If: []kv.Compare{
			{Key: "k", Target: kv.TargetValue, Relation: kv.Equal, Value: longValue},
			{Key: "k", Target: kv.TargetLease, Relation: kv.Greater},
		}}),
		"each operation": reqOf(kv.Txn{Then: []kv.Op{
			aGet, kv.Put{Key: "k"}, kv.Delete{Key: "k"}, kv.Append{Key: "k"}, kv.Scan{},
		}}),
	} {
		require.Nil(t, kv.Check(&req), name)
	}
}

func TestCheckRefuses(t *testing.T) {
	compare := func(c kv.Compare) kv.Op { return kv.Txn{If: []kv.Compare{c}} }
	then := func(op kv.Op) kv.Op { return kv.Txn{Then: []kv.Op{aGet, op}} }
	otherwise := func(op kv.Op) kv.Op { return kv.Txn{Else: []kv.Op{op}} }
	for _, c := range []refusal{
		{kv.Invalid, "without an operation", kv.Request{}},
		{kv.Invalid, "both or neither", kv.Request{Session: 1, Op: aGet}},
		{kv.Invalid, "both or neither", kv.Request{Seq: 1, Op: aGet}},
		{kv.Invalid, "acknowledges 5", kv.Request{Session: 1, Seq: 5, Acked: 5, Op: aGet}},
		{kv.Invalid, "acknowledges 5", kv.Request{Acked: 5, Op: aGet}},
		{kv.Invalid, "level 6", kv.Request{Level: 6, Op: aGet}},
		{kv.TooLarge, "token of 4097 bytes", kv.Request{Token: make([]byte, kv.MaxToken+1), Op: aGet}},
		{kv.Invalid, "wait of -1ns", kv.Request{Wait: -1, Op: aGet}},
		{kv.Invalid, "wait of 1m0.000000001s", kv.Request{Wait: kv.MaxWait + 1, Op: aGet}},
		{kv.Invalid, "put at revision 7", kv.Request{At: kv.Version{Lo: 7}, Op: kv.Put{Key: "k"}}},
		{kv.Invalid, "txn at revision 7", kv.Request{At: kv.Version{Lo: 7}, Op: otherwise(kv.Delete{Key: "k"})}},

		{kv.Invalid, "empty key", reqOf(kv.Get{})},
		{kv.Invalid, "empty key", reqOf(kv.Put{})},
		{kv.Invalid, "empty key", reqOf(kv.Delete{})},
		{kv.Invalid, "empty key", reqOf(kv.Append{})},
		{kv.Invalid, "empty key", reqOf(kv.CAS{})},
		{kv.TooLarge, "key of 1025 bytes", reqOf(kv.Get{Key: longKey + "k"})},
		{kv.TooLarge, "key of 1025 bytes", reqOf(kv.Delete{Key: longKey + "k"})},
		{kv.TooLarge, "value of 4194305 bytes", reqOf(kv.Put{Key: "k", Value: make([]byte, kv.MaxValue+1)})},
		{kv.TooLarge, "value of", reqOf(kv.Append{Key: "k", Value: make([]byte, kv.MaxValue+1)})},
		{kv.TooLarge, "value of", reqOf(kv.CAS{Key: "k", Value: make([]byte, kv.MaxValue+1)})},

		{kv.TooLarge, "bound of 1026 bytes", reqOf(kv.Scan{From: longKey + "kk"})},
		{kv.TooLarge, "bound of 1026 bytes", reqOf(kv.Scan{To: longKey + "kk"})},
		{kv.Invalid, "limit -1", reqOf(kv.Scan{Limit: -1})},
		{kv.Invalid, "backwards", reqOf(kv.Scan{From: "b", To: "a"})},
		{kv.TooLarge, "bound of 1026 bytes", reqOf(kv.Events{From: longKey + "kk"})},
		{kv.Invalid, "limit -1", reqOf(kv.Events{Max: -1})},
		{kv.Invalid, "backwards", reqOf(kv.Events{From: "b", To: "a"})},
		{kv.Invalid, "event kind 3", reqOf(kv.Events{Only: 3})},

		{kv.Invalid, "time to live", reqOf(kv.Grant{TTL: kv.MinTTL - 1})},
		{kv.Invalid, "time to live", reqOf(kv.Grant{TTL: kv.MaxTTL + 1})},
		{kv.Invalid, "time to live", reqOf(kv.OpenSession{})},
		{kv.Invalid, "time to live", reqOf(kv.OpenSession{TTL: kv.MaxTTL + time.Hour})},

		{kv.TooLarge, "129 entries", reqOf(kv.Txn{If: make([]kv.Compare, kv.MaxTxnOps+1)})},
		{kv.TooLarge, "129 entries", reqOf(kv.Txn{Then: repeat(kv.MaxTxnOps+1, aGet)})},
		{kv.TooLarge, "129 entries", reqOf(kv.Txn{Else: repeat(kv.MaxTxnOps+1, aGet)})},
		{kv.TooLarge, "transaction of about", reqOf(kv.Txn{Then: []kv.Op{kv.Put{Key: "a", Value: longValue}, kv.Put{Key: "b", Value: longValue}}})},
		{kv.TooLarge, "transaction of about", reqOf(kv.Txn{
			If:   []kv.Compare{{Key: "a", Target: kv.TargetValue, Relation: kv.Equal, Value: longValue}},
			Else: []kv.Op{kv.Append{Key: "b", Value: longValue}},
		})},
		{kv.Invalid, "empty key", reqOf(compare(kv.Compare{Target: kv.TargetValue, Relation: kv.Equal}))},
		{kv.TooLarge, "value of", reqOf(compare(kv.Compare{Key: "k", Target: kv.TargetValue, Relation: kv.Equal, Value: make([]byte, kv.MaxValue+1)}))},
		{kv.Invalid, "comparison of none", reqOf(compare(kv.Compare{Key: "k", Relation: kv.Equal}))},
		{kv.Invalid, "comparison of #6", reqOf(compare(kv.Compare{Key: "k", Target: 6, Relation: kv.Equal}))},
		{kv.Invalid, "relation none", reqOf(compare(kv.Compare{Key: "k", Target: kv.TargetMod}))},
		{kv.Invalid, "relation #5", reqOf(compare(kv.Compare{Key: "k", Target: kv.TargetMod, Relation: 5}))},
		{kv.Invalid, "empty key", reqOf(then(kv.Put{}))},
		{kv.Invalid, "empty key", reqOf(otherwise(kv.Get{}))},
		{kv.Invalid, "operation <nil>", reqOf(then(nil))},
		{kv.Invalid, "operation kv.Txn", reqOf(then(kv.Txn{}))},
		{kv.Invalid, "operation kv.CAS", reqOf(then(kv.CAS{Key: "k"}))},
		{kv.Invalid, "operation kv.Events", reqOf(otherwise(kv.Events{}))},
		{kv.Invalid, "operation kv.Grant", reqOf(otherwise(kv.Grant{TTL: time.Second}))},
		{kv.Invalid, "operation kv.Expire", reqOf(otherwise(kv.Expire{}))},
		{kv.Invalid, "operation *kv.Get", reqOf(&kv.Get{Key: "k"})},
		{kv.Invalid, "operation *kv.Get", reqOf((*kv.Get)(nil))},
	} {
		c.check(t)
	}
}

// refusal is a request, and why it is refused.
type refusal struct {
	status kv.Status
	detail string
	req    kv.Request
}

func (c refusal) check(t testing.TB) {
	t.Helper()
	resp := kv.Check(&c.req)
	require.NotNil(t, resp, c.detail)
	require.Equal(t, c.status, resp.Status, c.detail)
	require.Contains(t, resp.Detail, c.detail)
}

func repeat(n int, op kv.Op) []kv.Op {
	ops := make([]kv.Op, n)
	for i := range ops {
		ops[i] = op
	}
	return ops
}

// What passes at the client's door arrives: no decoder and no bound of a message
// refuses it.
func TestARequestThatPassesCheckFitsAMessageAndDecodes(t *testing.T) {
	const seed, rounds = 1, 150
	rnd := rand.New(rand.NewPCG(seed, 0))
	passed, largest := 0, 0
	var b []byte
	for range rounds {
		req := largeRequest(rnd)
		b = req.AppendTo(b[:0])
		if kv.Check(&req) != nil {
			continue
		}
		passed++
		largest = max(largest, len(b))
		require.LessOrEqual(t, len(b), kv.MaxMessage)
		require.NoError(t, cbor.Scan(b, cbor.Limits{}))
		require.NoError(t, new(kv.Request).DecodeFrom(b))
	}
	t.Logf("%d of %d requests from seed %d passed, the largest has %d of %d bytes", passed, rounds, seed, largest, kv.MaxMessage)
	require.Greater(t, passed, rounds/4)
	require.Greater(t, rounds-passed, rounds/20)
	require.Greater(t, largest, kv.MaxMessage-kv.MaxMessage/10)
}

// largeRequest makes a request of the longest keys, widest numbers and many
// operations: near the bounds, and often over.
func largeRequest(rnd *rand.Rand) kv.Request {
	const most = 1<<64 - 1
	req := kv.Request{Session: most, Seq: most, Acked: most - 1, Level: kv.Linearizable, Wait: kv.MaxWait, Token: make([]byte, kv.MaxToken)}
	value := longValue[:rnd.IntN(kv.MaxValue+1)]
	old := kv.Version{Hi: most, Lo: most}
	switch rnd.IntN(6) {
	case 0:
		puts := repeat(rnd.IntN(kv.MaxTxnOps), kv.Put{Key: longKey, Value: longValue[:40<<10]})
		req.Op = kv.Guarded{If: longProgram, Then: append(puts, kv.Put{Key: longKey, Value: value}), Else: longProgram}
		return req
	case 1:
		req.Op = kv.CAS{Key: longKey, Old: old, Value: longValue[:kv.MaxValue-rnd.IntN(2)], Lease: most}
		return req
	}
	var txn kv.Txn
	for range rnd.IntN(kv.MaxTxnOps + 1) {
		txn.If = append(txn.If, kv.Compare{Key: longKey, Target: kv.TargetMod, Relation: kv.Equal, Version: old, Number: most})
	}
	txn.Then = repeat(rnd.IntN(kv.MaxTxnOps), kv.Scan{From: longKey, To: longKey + "z", Limit: 1 << 62})
	txn.Else = repeat(rnd.IntN(kv.MaxTxnOps+1), kv.Put{Key: longKey, Value: longValue[:16<<10], Lease: most})
	txn.Then = append(txn.Then, kv.Append{Key: longKey, Value: value})
	req.Op = txn
	return req
}
