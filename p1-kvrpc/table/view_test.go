package table_test

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table"
)

// small makes every bound be met within a few dozen operations.
var small = table.Config{
	Bytes: 60, Sessions: 3, Leases: 3, LeaseKeys: 2, HistoryEvents: 7, HistoryBytes: 800,
	Answers: 4, AnswerBytes: 700, AllAnswers: 1500,
}

// anyRequest draws requests whose keys, sessions, leases and revisions mostly exist.
func anyRequest() *rapid.Generator[kv.Request] {
	return rapid.Custom(func(t *rapid.T) kv.Request {
		req := kv.Request{Op: anyOp(t)}
		if rapid.IntRange(0, 2).Draw(t, "in session") > 0 {
			req.Session = rapid.Uint64Range(1, 8).Draw(t, "session")
			req.Seq = rapid.Uint64Range(1, 9).Draw(t, "seq")
			req.Acked = rapid.Uint64Range(0, req.Seq-1).Draw(t, "acked")
		}
		if kv.ReadOnly(req.Op) && rapid.Bool().Draw(t, "old") {
			req.At.Lo = rapid.Uint64Range(0, 40).Draw(t, "at")
		}
		return req
	})
}

func anyOp(t *rapid.T) kv.Op {
	ttl := func() time.Duration { return time.Duration(rapid.IntRange(1, 30).Draw(t, "ttl")) * time.Second }
	lease := func() kv.LeaseID { return kv.LeaseID(rapid.Uint64Range(0, 8).Draw(t, "lease")) }
	switch rapid.IntRange(0, 11).Draw(t, "op") {
	case 0:
		return kv.OpenSession{TTL: ttl()}
	case 1:
		return kv.CloseSession{}
	case 2:
		return kv.Grant{TTL: ttl()}
	case 3:
		return kv.KeepAlive{Lease: lease()}
	case 4:
		return kv.Revoke{Lease: lease()}
	case 5:
		return kv.Leases{Lease: lease()}
	case 6:
		return kv.Expire{}
	case 7:
		return kv.Events{After: rev(rapid.Uint64Range(0, 40).Draw(t, "after")), Previous: true}
	case 8:
		return kv.CAS{Key: key(t), Old: rev(rapid.Uint64Range(0, 20).Draw(t, "mod")), Value: value(t), Lease: lease()}
	case 9:
		txn := kv.Txn{}
		for range rapid.IntRange(0, 4).Draw(t, "steps") {
			txn.Then = append(txn.Then, anyStep(t, lease))
		}
		return txn
	}
	return anyStep(t, lease)
}

func anyStep(t *rapid.T, lease func() kv.LeaseID) kv.Op {
	switch rapid.IntRange(0, 5).Draw(t, "step") {
	case 0:
		return kv.Get{Key: key(t)}
	case 1:
		return kv.Scan{Descending: rapid.Bool().Draw(t, "descending")}
	case 2:
		return kv.Delete{Key: key(t)}
	case 3:
		return kv.Append{Key: key(t), Value: value(t)}
	}
	op := kv.Put{Key: key(t), Value: value(t)}
	if rapid.IntRange(0, 2).Draw(t, "leased") == 0 {
		op.Lease = lease()
	}
	return op
}

func key(t *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key") }

func value(t *rapid.T) []byte {
	return []byte(rapid.SampledFrom([]string{"", "x", "yy", "0123456789"}).Draw(t, "value"))
}

type step struct {
	now machine.Time
	req kv.Request
}

func anySteps(t *rapid.T, label string) (steps []step) {
	now := machine.Time(0)
	for range rapid.IntRange(1, 50).Draw(t, label) {
		now += machine.Time(rapid.IntRange(0, 3).Draw(t, "passes")) * second
		steps = append(steps, step{now, anyRequest().Draw(t, "request")})
	}
	return steps
}

func TestALoadedStateIsTheSameAndGoesOnTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := table.New(small), table.New(small)
		steps := anySteps(t, "steps")
		for _, s := range steps {
			one.Do(s.now, &s.req)
		}
		start := steps[len(steps)-1].now
		view := one.View()
		before := app.Hash(view)
		two.Do(0, &kv.Request{Op: put("is", "replaced")})
		require.NoError(t, two.Load(view.Pairs("")))
		require.Equal(t, before, hash(two))
		for _, s := range anySteps(t, "more steps") {
			s.now += start
			want, got := one.Do(s.now, &s.req), two.Do(s.now, &s.req)
			require.Empty(t, cmp.Diff(want, got), "%+v", s.req)
			at1, ok1 := one.NextExpiry()
			at2, ok2 := two.NextExpiry()
			require.Equal(t, at1, at2)
			require.Equal(t, ok1, ok2)
		}
		require.Equal(t, hash(one), hash(two))
		require.Equal(t, before, app.Hash(view), "a view changed")
	})
}

func TestHistoryIsCutBetweenRevisions(t *testing.T) {
	tab := table.New(table.Config{HistoryEvents: 3})
	tab.Do(0, &kv.Request{Op: kv.Txn{Then: []kv.Op{put("a", "1"), put("b", "2"), put("c", "3")}}})
	tab.Do(0, &kv.Request{Op: put("d", "4")})
	var events []string
	for k := range tab.View().Pairs("e") {
		if k[0] == 'e' {
			events = append(events, k[1:])
		}
	}
	require.Equal(t, []string{"\x00\x00\x00\x00\x00\x00\x00\x04"}, events)
}

func TestPairsStartAnywhereAndAreInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := table.New(small)
		for _, s := range anySteps(t, "steps") {
			tab.Do(s.now, &s.req)
		}
		view := tab.View()
		var all []app.Pair
		for k, v := range view.Pairs("") {
			require.NoError(t, cbor.Scan(v, cbor.Limits{}))
			all = append(all, app.Pair{Key: k, Value: v})
		}
		require.True(t, slices.IsSortedFunc(all, func(a, b app.Pair) int { return cmpString(a.Key, b.Key) }))
		from := rapid.SampledFrom(all).Draw(t, "from").Key + rapid.SampledFrom([]string{"", "\x00", "b", "\xff"}).Draw(t, "more")
		from = from[:rapid.IntRange(0, len(from)).Draw(t, "length")]
		i, _ := slices.BinarySearchFunc(all, from, func(p app.Pair, k string) int { return cmpString(p.Key, k) })
		rest := []app.Pair{}
		for k, v := range view.Pairs(from) {
			rest = append(rest, app.Pair{Key: k, Value: v})
		}
		require.Empty(t, cmp.Diff(append([]app.Pair{}, all[i:]...), rest), "from %q", from)
		for k := range view.Pairs(from) {
			require.Equal(t, all[i].Key, k)
			break
		}
	})
}

func cmpString(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

func TestAViewIsReadWhileTheTableGoesOn(t *testing.T) {
	tab := table.New(table.Config{HistoryEvents: 50})
	step := func(i int) {
		seq := uint64(i + 1)
		tab.Do(0, &kv.Request{Op: kv.Append{Key: fmt.Sprint(i % 20), Value: []byte("x")}})
		tab.Do(0, &kv.Request{Session: 1, Seq: seq, Acked: max(seq, 10) - 10, Op: kv.Put{Key: fmt.Sprint(i % 30), Lease: 2}})
		tab.Do(0, &kv.Request{Op: kv.Delete{Key: fmt.Sprint(i % 7)}})
		tab.Do(0, &kv.Request{Op: kv.KeepAlive{Lease: 2}})
	}
	tab.Do(0, &kv.Request{Op: kv.OpenSession{TTL: time.Hour}})
	tab.Do(0, &kv.Request{Op: kv.Grant{TTL: time.Hour}})
	var readers sync.WaitGroup
	for i := range 300 {
		step(i)
		if i%50 == 0 {
			view := tab.View()
			want := app.Hash(view)
			readers.Go(func() {
				for range 5 {
					if app.Hash(view) != want {
						t.Error("a view changed")
					}
				}
			})
		}
	}
	readers.Wait()
}

func TestLoadRefusesWhatIsNoStateAndKeepsItsOwn(t *testing.T) {
	source := table.New(table.Config{HistoryEvents: 4})
	for _, req := range []kv.Request{
		{Op: kv.OpenSession{TTL: time.Second}},
		{Op: kv.Grant{TTL: time.Second}},
		{Op: put("a", "1")},
		{Op: put("a", "2")},
		{Session: 1, Seq: 1, Op: kv.Put{Key: "b", Lease: 2}},
		{Op: put("c", "3")},
		{Op: put("b", "4")},
		{Op: kv.Delete{Key: "b"}},
		{Op: kv.Put{Key: "d", Lease: 2}},
	} {
		require.Equal(t, kv.OK, source.Do(0, &req).Status)
	}
	good := maps.Collect(source.View().Pairs(""))
	load := func(pairs map[string][]byte) error {
		tab := table.New(table.Config{})
		tab.Do(0, &kv.Request{Op: put("mine", "stays")})
		before := hash(tab)
		err := tab.Load(sorted(pairs))
		if err != nil {
			require.ErrorIs(t, err, table.ErrCorrupt)
			require.Equal(t, before, hash(tab))
		}
		return err
	}
	require.NoError(t, load(good))
	for name := range good {
		if name == "s\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01" ||
			name == "ka" || name == "e\x00\x00\x00\x00\x00\x00\x00\x03" {
			continue // an answer, an item or an event that was never there is a state too
		}
		bad := maps.Clone(good)
		delete(bad, name)
		require.Error(t, load(bad), "without %q", name)
	}
	for name, value := range good {
		for i := range value {
			bad := maps.Clone(good)
			bad[name] = value[:i]
			require.Error(t, load(bad), "%q cut short", name)
		}
	}
	for _, name := range []string{"", "x", "k", "l1", "e1", "s1", "mm", "s\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x01"} {
		bad := maps.Clone(good)
		bad[name] = []byte{0x80}
		require.Error(t, load(bad), "with %q", name)
	}
	require.ErrorIs(t, table.New(table.Config{}).Load(func(yield func(string, []byte) bool) {
		for range 2 {
			if !yield("m", good["m"]) {
				return
			}
		}
	}), table.ErrCorrupt)
}

func sorted(pairs map[string][]byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, k := range slices.Sorted(maps.Keys(pairs)) {
			if !yield(k, pairs[k]) {
				return
			}
		}
	}
}

// FuzzLoad changes one pair of a state. Whatever Load accepts must be a state: it
// shows as it was given, and takes any operation.
func FuzzLoad(f *testing.F) {
	source := table.New(small)
	for i, op := range []kv.Op{
		kv.OpenSession{TTL: time.Second},
		kv.Grant{TTL: time.Second},
		put("a", "1"),
		kv.Put{Key: "b", Lease: 2},
		kv.Delete{Key: "a"},
		put("a", "2"), put("c", ""),
		kv.Delete{Key: "c"},
	} {
		source.Do(0, &kv.Request{Op: op})
		source.Do(0, &kv.Request{Session: 1, Seq: uint64(i + 1), Acked: uint64(i / 2), Op: kv.Append{Key: "d", Value: []byte("x")}})
	}
	good := maps.Collect(source.View().Pairs(""))
	for k, v := range good {
		f.Add([]byte(k), v)
	}
	f.Fuzz(func(t *testing.T, k, v []byte) {
		pairs := maps.Clone(good)
		pairs[string(k)] = v
		tab := table.New(small)
		if tab.Load(sorted(pairs)) != nil {
			return
		}
		require.Empty(t, cmp.Diff(pairs, maps.Collect(tab.View().Pairs(""))))
		for n := uint64(1); n < 20; n++ {
			tab.Do(0, &kv.Request{Op: kv.Events{After: rev(n), Previous: true}})
			tab.Do(0, &kv.Request{At: rev(n), Op: kv.Scan{}})
			tab.Do(0, &kv.Request{Session: 1, Seq: n, Op: kv.Put{Key: "a", Lease: 2}})
			tab.Do(machine.Time(n)*second, &kv.Request{Op: kv.Expire{}})
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add(small.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := table.DecodeConfig(b); err == nil && len(b) > 0 {
			require.Equal(t, b, c.AppendTo(nil))
		}
	})
}
