package kvtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/kv"
)

var basicCases = []entry{
	{name: "a key holds what was put last", do: lastPut},
	{name: "an empty value is not a missing key", do: emptyValue},
	{name: "keys of any bytes are in order of bytes", do: anyBytes},
	{name: "the largest key and value fit and one byte more does not", do: bounds},
	{name: "bad input is refused and changes nothing", do: badInput},
	{name: "what is not offered is refused as unsupported", do: notOffered},
	{name: "weaker levels are served", do: weakerLevels},
	{name: "the store keeps nothing of a request", do: requestBytes},
	{name: "the bytes of an answer belong to the caller", do: answerBytes},
	{name: "an append adds to the end", needs: kv.CapAppend, do: appends},
	{name: "stat counts what the store holds", needs: kv.CapStat, do: statCounts},
	{name: "equal stores have equal hashes", level: kv.Linearizable, needs: kv.CapStat, do: statHash},
	{name: "each change makes one revision", level: kv.Linearizable, needs: kv.CapRevisions, do: revisionsCount},
}

func lastPut(j *judge) {
	j.absent("k")
	j.must(kv.NotFound, kv.Delete{Key: "k"})
	j.put("k", "1")
	j.put("other", "x")
	j.holds("k", "1")
	j.put("k", "2")
	j.holds("k", "2")
	j.must(kv.OK, kv.Delete{Key: "k"})
	j.absent("k")
	j.must(kv.NotFound, kv.Delete{Key: "k"})
	j.holds("other", "x")
	j.put("k", "3")
	j.holds("k", "3")
}

func emptyValue(j *judge) {
	j.must(kv.OK, kv.Put{Key: "empty", Value: nil})
	j.holds("empty", "")
	require.Equal(j, map[string]string{"empty": ""}, j.contents(0))
	if j.has(kv.CapAppend) {
		j.must(kv.OK, kv.Append{Key: "made", Value: nil})
		j.holds("made", "")
	}
	j.must(kv.OK, kv.Delete{Key: "empty"})
	j.absent("empty")
}

func anyBytes(j *judge) {
	keys := []string{
		"\x00", "\x00\x00", "\x00a", "\n", " ", "/", "0", "10", "9", "A", "a", "a\x00", "a\x00b", "aa", "ab", "b",
		"\x7f", "\x80", "é", "日本", "\xfe\xff", "\xff", "\xff\xff",
	}
	order := slices.Clone(keys)
	slices.Sort(order)
	j.rng.Shuffle(len(keys), func(a, b int) { keys[a], keys[b] = keys[b], keys[a] })
	for _, key := range keys {
		j.put(key, "of "+key)
	}
	var found []string
	for _, it := range j.must(kv.OK, kv.Scan{}).Result.(kv.Items).List {
		require.Equal(j, "of "+it.Key, string(it.Value))
		found = append(found, it.Key)
	}
	require.Equal(j, order, found)
	for _, key := range keys {
		j.holds(key, "of "+key)
	}
}

func bounds(j *judge) {
	key, value := strings.Repeat("k", kv.MaxKey), bytes.Repeat([]byte("v"), kv.MaxValue)
	j.must(kv.OK, kv.Put{Key: key, Value: value})
	got := j.must(kv.OK, kv.Get{Key: key}).Result.(kv.Item)
	require.True(j, bytes.Equal(value, got.Value), "a value of %d bytes came back as %d bytes", len(value), len(got.Value))
	j.must(kv.TooLarge, kv.Put{Key: key, Value: append(value, 'v')})
	j.must(kv.TooLarge, kv.Put{Key: key + "k"})
	j.must(kv.TooLarge, kv.Get{Key: key + "k"})
	j.must(kv.TooLarge, kv.Delete{Key: key + "k"})
	if j.has(kv.CapAppend) {
		j.must(kv.TooLarge, kv.Append{Key: key, Value: []byte("v")})
		j.must(kv.OK, kv.Append{Key: key})
	}
	got = j.must(kv.OK, kv.Get{Key: key}).Result.(kv.Item)
	require.Len(j, got.Value, kv.MaxValue, "after what was refused")
	j.must(kv.OK, kv.Delete{Key: key})
	require.Empty(j, j.contents(0))
}

// badRequest is one that kv.Check refuses.
type badRequest struct {
	why    string
	status kv.Status
	req    kv.Request
}

func badRequests() []badRequest {
	long, get := strings.Repeat("k", kv.MaxKey+1), kv.Get{Key: "a"}
	bad := []badRequest{
		{"no operation", kv.Invalid, kv.Request{}},
		{"a session without a number", kv.Invalid, kv.Request{Session: 1, Op: get}},
		{"a number without a session", kv.Invalid, kv.Request{Seq: 1, Op: get}},
		{"acknowledges itself", kv.Invalid, kv.Request{Session: 1, Seq: 3, Acked: 3, Op: get}},
		{"a level that does not exist", kv.Invalid, kv.Request{Level: kv.StrictSerializable + 1, Op: get}},
		{"a negative wait", kv.Invalid, kv.Request{Wait: -1, Op: get}},
		{"too long a wait", kv.Invalid, kv.Request{Wait: kv.MaxWait + 1, Op: get}},
	}
	for _, op := range []kv.Op{
		kv.Get{},
		kv.Put{},
		kv.Delete{},
		kv.Append{Value: []byte("x")},
		kv.CAS{},
		kv.Scan{Limit: -1},
		kv.Scan{From: "b", To: "a"},
		kv.Events{Max: -1},
		kv.Events{From: "b", To: "a"},
		kv.Events{Only: kv.EventDelete + 1},
		kv.Grant{},
		kv.Grant{TTL: kv.MaxTTL + 1},
		kv.Grant{TTL: -1},
		kv.OpenSession{TTL: kv.MinTTL - 1},
		kv.Change{},
		kv.Transfer{},
		kv.Guarded{},
		kv.Guarded{If: ProgramFree},
		kv.Guarded{Then: []kv.Op{kv.Put{Key: "a"}, get}},
		kv.Guarded{Then: []kv.Op{kv.Put{Key: "a"}, kv.Delete{}}},
		kv.Guarded{Then: []kv.Op{kv.Put{Key: "a", Lease: 1}}},
		kv.Inquire{},
		kv.Conflicts{Limit: -1},
		kv.Txn{Then: []kv.Op{nil}},
		kv.Txn{Then: []kv.Op{kv.Put{Key: "a"}, kv.Txn{}}},
		kv.Txn{Else: []kv.Op{kv.CAS{Key: "a"}}},
		kv.Txn{Then: []kv.Op{kv.Put{Key: "a"}, kv.Events{}}},
		kv.Txn{Then: []kv.Op{kv.Stat{}}},
		kv.Txn{Then: []kv.Op{kv.Members{}}},
		kv.Txn{Else: []kv.Op{kv.Revoke{Lease: 1}}},
		kv.Txn{Then: []kv.Op{kv.Put{Key: "a"}, kv.Put{}}},
		kv.Txn{If: []kv.Compare{{Target: kv.TargetValue, Relation: kv.Equal}}},
		kv.Txn{If: []kv.Compare{{Key: "a", Relation: kv.Equal}}},
		kv.Txn{If: []kv.Compare{{Key: "a", Target: kv.TargetLease + 1, Relation: kv.Equal}}},
		kv.Txn{If: []kv.Compare{{Key: "a", Target: kv.TargetMod}}},
		kv.Txn{If: []kv.Compare{{Key: "a", Target: kv.TargetMod, Relation: kv.Greater + 1}}},
	} {
		bad = append(bad, badRequest{"invalid", kv.Invalid, kv.Request{Op: op}})
	}
	for _, op := range []kv.Op{
		kv.CAS{Key: long},
		kv.Append{Key: long},
		kv.Scan{From: long + "k"},
		kv.Scan{To: long + "k"},
		kv.Events{To: long + "k"},
		kv.Txn{Then: []kv.Op{kv.Put{Key: "a"}, kv.Put{Key: long}}},
		kv.Txn{If: []kv.Compare{{Key: long, Target: kv.TargetMod, Relation: kv.Equal}}},
		kv.Txn{Then: slices.Repeat([]kv.Op{kv.Put{Key: "a"}}, kv.MaxTxnOps+1)},
		kv.Txn{Else: slices.Repeat([]kv.Op{get}, kv.MaxTxnOps+1)},
		kv.Guarded{Then: slices.Repeat([]kv.Op{kv.Put{Key: "a"}}, kv.MaxTxnOps+1)},
		kv.Guarded{Then: []kv.Op{kv.Put{Key: "a"}, kv.Put{Key: long}}},
		kv.Guarded{If: strings.Repeat("#", kv.MaxProgram+1), Then: []kv.Op{kv.Put{Key: "a"}}},
	} {
		bad = append(bad, badRequest{"too large", kv.TooLarge, kv.Request{Op: op}})
	}
	return bad
}

// badInput sends what breaks the rules of the door. What is not offered besides may
// be refused as Unsupported first.
func badInput(j *judge) {
	j.put("a", "1")
	j.unchanged(func() {
		for _, b := range badRequests() {
			resp := j.ask(0, b.req)
			offered := b.req.Op == nil || j.has(check.Needs(&b.req))
			if offered || resp.Status != kv.Unsupported {
				require.Equal(j, b.status.String(), resp.Status.String(), "%s: %s", b.why, describe(b.req.Op))
			}
		}
		token := kv.Request{Token: make([]byte, kv.MaxToken+1), Op: kv.Get{Key: "a"}}
		require.Equal(j, kv.TooLarge.String(), j.raw(&token).Status.String(), "too large a token")
	})
	successor := strings.Repeat("k", kv.MaxKey) + "\x00"
	j.must(kv.OK, kv.Scan{From: "a", To: successor})
	j.must(kv.OK, kv.Scan{From: "a", To: "a"})
}

func notOffered(j *judge) {
	all := []kv.Request{
		{Op: kv.Append{Key: "a", Value: []byte("x")}},
		{Op: kv.CAS{Key: "b", Value: []byte("x")}},
		{Op: kv.Txn{Then: []kv.Op{kv.Put{Key: "b"}}}},
		{Op: kv.Txn{Then: []kv.Op{kv.Put{Key: "b"}, kv.Append{Key: "b"}}}},
		{Op: kv.Get{Key: "a"}, At: kv.Version{Lo: 1}},
		{Op: kv.Scan{}, At: kv.Version{Lo: 1}},
		{Op: kv.Events{}},
		{Op: kv.Grant{TTL: hour}},
		{Op: kv.KeepAlive{Lease: 1}},
		{Op: kv.Revoke{Lease: 1}},
		{Op: kv.Leases{}},
		{Op: kv.Put{Key: "b", Lease: 1}},
		{Op: kv.OpenSession{TTL: hour}},
		{Session: 1, Seq: 1, Op: kv.CloseSession{}},
		{Session: 1, Seq: 1, Op: kv.Put{Key: "b"}},
		{Op: kv.Stat{}},
		{Op: kv.Members{}},
		{Op: kv.Inspect{}},
		{Op: kv.Change{Remove: 1}},
		{Op: kv.Transfer{To: 1}},
		{Op: kv.Guarded{Then: []kv.Op{kv.Put{Key: "b"}}}},
		{Op: kv.Inquire{Write: kv.Version{Lo: 1}}},
		{Op: kv.Conflicts{}},
		{Op: kv.Probe{}},
	}
	j.put("a", "1")
	j.unchanged(func() {
		for _, req := range all {
			if need := check.Needs(&req); !j.has(need) {
				resp := j.ask(0, req)
				require.Equal(j, kv.Unsupported.String(), resp.Status.String(), "%s without %s", describe(req.Op), need)
			}
		}
	})
	j.w.Settle() // a stronger level may be that of what is stable
	for level := j.caps.Level + 1; level <= kv.StrictSerializable; level++ {
		resp := j.ask(0, kv.Request{Level: level, Op: kv.Get{Key: "a"}})
		if resp.Status == kv.OK {
			require.Equal(j, "1", string(resp.Result.(kv.Item).Value), "served at level %s", level)
			continue
		}
		require.Equal(j, kv.Unsupported.String(), resp.Status.String(), "level %s of a store that promises %s", level, j.caps.Level)
	}
}

func weakerLevels(j *judge) {
	j.put("a", "1")
	j.w.Settle()
	for level := kv.LevelDefault; level <= j.caps.Level; level++ {
		resp := j.mustAsk(kv.OK, kv.Request{Level: level, Op: kv.Get{Key: "a"}})
		require.Equal(j, "1", string(resp.Result.(kv.Item).Value), "at level %s", level)
	}
}

func requestBytes(j *judge) {
	value, cond := []byte("kept"), []byte("kept")
	j.must(kv.OK, kv.Put{Key: "a", Value: value})
	copy(value, "XXXX")
	j.holds("a", "kept")
	if j.has(kv.CapAppend) {
		more := []byte("more")
		j.must(kv.OK, kv.Append{Key: "b", Value: more})
		copy(more, "XXXX")
		j.holds("b", "more")
	}
	if j.has(kv.CapCompare) {
		value = []byte("swap")
		j.must(kv.OK, kv.CAS{Key: "c", Value: value})
		copy(value, "XXXX")
		j.holds("c", "swap")
		ops := []kv.Op{kv.Put{Key: "d", Value: []byte("then")}}
		j.must(kv.OK, kv.Txn{If: []kv.Compare{{Key: "a", Target: kv.TargetValue, Relation: kv.Equal, Value: cond}}, Then: ops})
		copy(ops[0].(kv.Put).Value, "XXXX")
		copy(cond, "XXXX")
		j.holds("d", "then")
	}
	if j.has(kv.CapTentative) {
		ops := []kv.Op{kv.Put{Key: "e", Value: []byte("then")}}
		j.must(kv.OK, kv.Guarded{Then: ops})
		copy(ops[0].(kv.Put).Value, "XXXX")
		ops[0] = kv.Delete{Key: "e"}
		j.holds("e", "then")
	}
}

// scribble overwrites every value of a Result.
func scribble(r kv.Result) {
	fill := func(b []byte) {
		for i := range b {
			b[i] = '#'
		}
	}
	switch r := r.(type) {
	case kv.Item:
		fill(r.Value)
	case kv.Items:
		for i := range r.List {
			fill(r.List[i].Value)
			r.List[i].Key = "#"
		}
	case kv.TxnResult:
		for i := range r.Outcomes {
			scribble(r.Outcomes[i].Result)
			r.Outcomes[i] = kv.Outcome{}
		}
	case kv.ConflictList:
		for i := range r.List {
			for _, op := range r.List[i].Then {
				if put, ok := op.(kv.Put); ok {
					fill(put.Value)
				}
			}
			r.List[i] = kv.Conflicted{}
		}
	case kv.EventList:
		for i := range r.List {
			fill(r.List[i].Item.Value)
			if r.List[i].Previous != nil {
				fill(r.List[i].Previous.Value)
			}
		}
	}
}

func answerBytes(j *judge) {
	first := j.put("a", "0")
	j.put("a", "kept")
	ops := []kv.Op{kv.Get{Key: "a"}, kv.Scan{}}
	if j.has(kv.CapCompare) {
		ops = append(ops, kv.CAS{Key: "a", Old: unheardOf}, kv.Txn{Then: []kv.Op{kv.Get{Key: "a"}, kv.Scan{}}})
	}
	if j.has(kv.CapWatch) {
		ops = append(ops, kv.Events{After: first, Previous: true})
	}
	for _, op := range ops {
		for range 2 { // the second time from a cache, if there is one
			scribble(j.do(op).Result)
			j.holds("a", "kept")
			require.Equal(j, map[string]string{"a": "kept"}, j.contents(0), "after the answer to %s was overwritten", describe(op))
		}
		if j.has(kv.CapRevisions) {
			j.mustAsk(kv.OK, kv.Request{At: first, Op: kv.Get{Key: "a"}})
		}
	}
}

func appends(j *judge) {
	want := ""
	for i := range 20 {
		part := strings.Repeat(fmt.Sprint(i%10), i)
		want += part
		resp := j.must(kv.OK, kv.Append{Key: "k", Value: []byte(part)})
		require.Equal(j, kv.Length{Bytes: len(want)}, resp.Result)
	}
	j.holds("k", want)
	j.must(kv.OK, kv.Delete{Key: "k"})
	j.must(kv.OK, kv.Append{Key: "k", Value: []byte("new")})
	j.holds("k", "new")
}

func (j *judge) stat(hash bool) kv.Stats {
	j.Helper()
	return j.must(kv.OK, kv.Stat{Hash: hash}).Result.(kv.Stats)
}

func statCounts(j *judge) {
	require.Zero(j, j.stat(false).Keys, "keys of a fresh store")
	for i := range 5 {
		j.put(fmt.Sprint(i), "x")
	}
	j.put("0", "longer")
	j.must(kv.OK, kv.Delete{Key: "4"})
	s := j.stat(false)
	require.EqualValues(j, 4, s.Keys)
	require.NotZero(j, s.Bytes)
	require.Empty(j, s.Hash, "no hash was asked for")
}

func statHash(j *judge) {
	hashes := make([][]byte, 3)
	for i := range hashes {
		j.enter()
		j.put("a", "1")
		j.put("b", "2")
		j.must(kv.OK, kv.Delete{Key: "a"})
		if i == 2 {
			j.put("c", "3")
		}
		hashes[i] = j.stat(true).Hash
		require.NotEmpty(j, hashes[i])
		require.Equal(j, hashes[i], j.stat(true).Hash, "the hash of a store that did nothing")
	}
	require.Equal(j, hashes[0], hashes[1], "two stores that did the same")
	require.NotEqual(j, hashes[0], hashes[2], "two stores that hold different keys")
}

// revisionsCount walks through what makes a revision and what makes none.
func revisionsCount(j *judge) {
	rev := j.must(kv.OK, kv.Scan{}).Rev
	step := func(n uint64, status kv.Status, op kv.Op) {
		j.Helper()
		rev.Lo += n
		require.Equal(j, rev.String(), j.must(status, op).Rev.String(), "revision told by %s", describe(op))
		require.Equal(j, rev.String(), j.must(kv.OK, kv.Scan{CountOnly: true}).Rev.String(), "revision after %s", describe(op))
	}
	step(0, kv.NotFound, kv.Get{Key: "a"})
	step(0, kv.NotFound, kv.Delete{Key: "a"})
	step(1, kv.OK, kv.Put{Key: "a", Value: []byte("1")})
	step(1, kv.OK, kv.Put{Key: "a", Value: []byte("1")})
	step(1, kv.OK, kv.Delete{Key: "a"})
	step(1, kv.OK, kv.Put{Key: "b"})
	it := j.must(kv.OK, kv.Get{Key: "b"}).Result.(kv.Item)
	require.Equal(j, kv.Item{Key: "b", Value: it.Value, Mod: rev, Create: rev, Count: 1}, it)
	step(1, kv.OK, kv.Put{Key: "b", Value: []byte("2")})
	it = j.must(kv.OK, kv.Get{Key: "b"}).Result.(kv.Item)
	require.Equal(j, kv.Item{Key: "b", Value: []byte("2"), Mod: rev, Create: kv.Version{Hi: rev.Hi, Lo: rev.Lo - 1}, Count: 2}, it)
}

// raw sends req as client 0 exactly as it is, once.
func (j *judge) raw(req *kv.Request) *kv.Response {
	return j.w.Store(0).Do(context.Background(), req)
}
