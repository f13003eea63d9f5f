package table_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table"
)

const second = machine.Second

// store drives a Table as a test wants it: one request after the other.
type store struct {
	t   *testing.T
	tab *table.Table
	now machine.Time
}

func newStore(t *testing.T, c table.Config) *store {
	return &store{t: t, tab: table.New(c)}
}

func (s *store) do(req kv.Request) *kv.Response {
	s.t.Helper()
	resp, isResponse := s.tab.Apply(0, s.now, &req).(*kv.Response)
	require.True(s.t, isResponse)
	return resp
}

func (s *store) op(op kv.Op) *kv.Response {
	s.t.Helper()
	return s.do(kv.Request{Op: op})
}

func (s *store) must(want kv.Status, op kv.Op) *kv.Response {
	s.t.Helper()
	resp := s.op(op)
	require.Equal(s.t, want, resp.Status, "%s: %s", kv.OpName(op), resp.Detail)
	return resp
}

func (s *store) value(key string) string {
	s.t.Helper()
	resp := s.op(kv.Get{Key: key})
	if resp.Status == kv.NotFound {
		return "-"
	}
	return string(resp.Result.(kv.Item).Value)
}

func rev(n uint64) kv.Version { return kv.Version{Lo: n} }

func put(key, value string) kv.Put { return kv.Put{Key: key, Value: []byte(value)} }

func TestPutMakesVersionsThatCountWritesSinceTheKeyWasMade(t *testing.T) {
	s := newStore(t, table.Config{})
	require.Equal(t, rev(1), s.must(kv.NotFound, kv.Get{Key: "a"}).Rev, "the empty state has a revision")
	require.Equal(t, rev(2), s.must(kv.OK, put("a", "x")).Rev)
	require.Equal(t, rev(3), s.must(kv.OK, put("a", "x")).Rev, "an equal value counts")
	s.must(kv.OK, put("b", ""))
	want := &kv.Response{Status: kv.OK, Rev: rev(4), Stable: true, Result: kv.Item{Key: "a", Value: []byte("x"), Mod: rev(3), Create: rev(2), Count: 2}}
	require.Empty(t, cmp.Diff(want, s.op(kv.Get{Key: "a"})))
	s.must(kv.OK, kv.Delete{Key: "a"})
	s.must(kv.OK, put("a", "y"))
	want = &kv.Response{Status: kv.OK, Rev: rev(6), Stable: true, Result: kv.Item{Key: "a", Value: []byte("y"), Mod: rev(6), Create: rev(6), Count: 1}}
	require.Empty(t, cmp.Diff(want, s.op(kv.Get{Key: "a"})))
	require.Equal(t, kv.OK, s.op(kv.Get{Key: "b"}).Status, "an empty value is no missing key")
}

func TestWhatChangesNothingMakesNoRevision(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("a", "x"))
	s.must(kv.NotFound, kv.Delete{Key: "none"})
	s.must(kv.NotFound, kv.Get{Key: "none"})
	s.must(kv.OK, kv.Scan{})
	s.must(kv.NoLease, kv.Put{Key: "a", Lease: 99})
	require.Equal(t, rev(2), s.must(kv.OK, kv.Get{Key: "a"}).Rev)
}

func TestAConditionThatFailsMakesNoRevision(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("a", "x"))
	s.must(kv.Conflict, kv.CAS{Key: "a", Old: rev(9)})
	s.must(kv.OK, kv.Txn{Then: []kv.Op{kv.Delete{Key: "none"}, kv.Get{Key: "a"}}})
	s.must(kv.OK, kv.Txn{If: []kv.Compare{{Key: "a", Target: kv.TargetCount, Relation: kv.Equal}}, Then: []kv.Op{put("a", "y")}})
	require.Equal(t, rev(2), s.must(kv.OK, kv.Get{Key: "a"}).Rev)
}

func TestSessionsAndEmptyLeasesMakeNoRevision(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("a", "x"))
	lease := s.must(kv.OK, kv.Grant{TTL: time.Second}).Result.(kv.LeaseInfo).ID
	s.must(kv.OK, kv.OpenSession{TTL: time.Second})
	s.must(kv.OK, kv.KeepAlive{Lease: lease})
	s.must(kv.OK, kv.Revoke{Lease: lease})
	s.must(kv.OK, kv.Expire{})
	require.Equal(t, rev(2), s.must(kv.OK, kv.Get{Key: "a"}).Rev)
}

func TestCASComparesTheModVersion(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, kv.CAS{Key: "a", Value: []byte("1")})
	conflict := s.must(kv.Conflict, kv.CAS{Key: "a", Value: []byte("2")})
	require.Equal(t, kv.Item{Key: "a", Value: []byte("1"), Mod: rev(2), Create: rev(2), Count: 1}, conflict.Result)
	s.must(kv.Conflict, kv.CAS{Key: "a", Old: kv.Version{Hi: 1, Lo: 2}})
	require.Nil(t, s.must(kv.Conflict, kv.CAS{Key: "b", Old: rev(2)}).Result)
	s.must(kv.NoLease, kv.CAS{Key: "a", Old: rev(2), Lease: 5})
	mine := []byte("3")
	s.must(kv.OK, kv.CAS{Key: "a", Old: rev(2), Value: mine})
	mine[0] = 'X'
	require.Equal(t, "3", s.value("a"), "the table keeps none of a request's bytes")
}

func TestAppendExtendsAndIsRefusedBeyondTheBound(t *testing.T) {
	s := newStore(t, table.Config{})
	require.Equal(t, kv.Length{Bytes: 2}, s.must(kv.OK, kv.Append{Key: "a", Value: []byte("xy")}).Result)
	require.Equal(t, kv.Length{Bytes: 3}, s.must(kv.OK, kv.Append{Key: "a", Value: []byte("z")}).Result)
	require.Equal(t, kv.Length{}, s.must(kv.OK, kv.Append{Key: "e"}).Result)
	require.Equal(t, "xyz", s.value("a"))
	require.Equal(t, kv.OK, s.op(kv.Get{Key: "e"}).Status)
	s.must(kv.OK, kv.Put{Key: "big", Value: make([]byte, kv.MaxValue)})
	s.must(kv.TooLarge, kv.Append{Key: "big", Value: []byte{1}})
}

func TestBytesGoInByCopyAndComeOutForReading(t *testing.T) {
	s := newStore(t, table.Config{})
	mine := []byte("abc")
	s.must(kv.OK, kv.Put{Key: "a", Value: mine})
	s.must(kv.OK, kv.Append{Key: "c", Value: mine})
	mine[0] = 'X'
	for _, key := range []string{"a", "c"} {
		require.Equal(t, "abc", s.value(key))
	}
	read := s.op(kv.Get{Key: "c"}).Result.(kv.Item).Value
	for _, piece := range []string{"d", "e", "f"} { // some find room behind the value
		s.must(kv.OK, kv.Append{Key: "c", Value: []byte(piece)})
	}
	s.must(kv.OK, kv.Put{Key: "c", Value: []byte("new")})
	require.Equal(t, "abc", string(read), "what was read stays as it was")
	read = s.op(kv.Get{Key: "a"}).Result.(kv.Item).Value
	require.Equal(t, len(read), cap(read), "what is appended to it goes elsewhere")
}

func TestAppendNeverChangesWhatOthersHold(t *testing.T) {
	s := newStore(t, table.Config{})
	for _, piece := range []string{"a", "b", "c", "d", "e"} { // spare room behind the value
		s.must(kv.OK, kv.Append{Key: "k", Value: []byte(piece)})
	}
	s.must(kv.NoLease, kv.Txn{Then: []kv.Op{kv.Append{Key: "k", Value: []byte("X")}, kv.Put{Key: "k", Lease: 9}}})
	s.must(kv.OK, kv.Append{Key: "k", Value: []byte("f")})
	for n := uint64(2); n <= 7; n++ {
		old := s.do(kv.Request{At: rev(n), Op: kv.Get{Key: "k"}})
		require.Equal(t, "abcdef"[:n-1], string(old.Result.(kv.Item).Value))
	}
}

// scanned checks scans of the keys a to e, whose values are their names.
func (s *store) scanned(at kv.Version) {
	for _, c := range []struct {
		op    kv.Scan
		keys  string
		count int
		more  bool
	}{
		{kv.Scan{}, "abcde", 5, false},
		{kv.Scan{From: "b", To: "d"}, "bc", 2, false},
		{kv.Scan{From: "b", To: "d", Descending: true}, "cb", 2, false},
		{kv.Scan{Descending: true, Limit: 2}, "ed", 5, true},
		{kv.Scan{From: "bb", Limit: 1}, "c", 3, true},
		{kv.Scan{From: "c", To: "c"}, "", 0, false},
		{kv.Scan{From: "x"}, "", 0, false},
		{kv.Scan{To: "cc", Descending: true}, "cba", 3, false},
		{kv.Scan{CountOnly: true}, "", 5, true},
	} {
		items := s.do(kv.Request{At: at, Op: c.op}).Result.(kv.Items)
		keys := ""
		for _, item := range items.List {
			require.Equal(s.t, item.Key, string(item.Value))
			keys += item.Key
		}
		require.Equal(s.t, c.keys, keys, "%+v at %s", c.op, at)
		require.Equal(s.t, c.count, items.Count, "%+v at %s", c.op, at)
		require.Equal(s.t, c.more, items.More, "%+v at %s", c.op, at)
	}
}

func TestScanListsTheRangeInOrderWithCountAndMore(t *testing.T) {
	s := newStore(t, table.Config{})
	for _, key := range []string{"d", "b", "a", "c", "e"} {
		s.must(kv.OK, put(key, key))
	}
	s.scanned(kv.Version{})
	require.Nil(t, s.op(kv.Scan{KeysOnly: true}).Result.(kv.Items).List[0].Value)
}

func TestAScanOfThePastListsWhatStoodThere(t *testing.T) {
	s := newStore(t, table.Config{})
	for _, key := range []string{"d", "b", "a", "c", "e"} {
		s.must(kv.OK, put(key, key))
	}
	s.scanned(rev(6))
	s.must(kv.OK, kv.Delete{Key: "b"})
	s.must(kv.OK, put("bb", "new"))
	s.must(kv.OK, put("c", "changed"))
	s.scanned(rev(6))
}

func TestAnAnswerNeverExceedsAMessage(t *testing.T) {
	s := newStore(t, table.Config{})
	mib := []byte(strings.Repeat("x", 1<<20))
	for i := range 8 {
		s.must(kv.OK, kv.Put{Key: fmt.Sprint("k", i), Value: mib})
	}
	check := func(req kv.Request) *kv.Response {
		resp := s.do(req)
		require.LessOrEqual(t, len(resp.AppendTo(nil)), kv.MaxMessage)
		return resp
	}
	items := check(kv.Request{Op: kv.Scan{}}).Result.(kv.Items)
	require.Len(t, items.List, 4)
	require.Equal(t, 8, items.Count)
	require.True(t, items.More)
	list := check(kv.Request{Op: kv.Events{After: rev(1)}}).Result.(kv.EventList)
	require.Len(t, list.List, 4)
	require.Equal(t, rev(5), list.Next)
	var gets, appends []kv.Op
	for i := range 8 {
		gets = append(gets, kv.Get{Key: fmt.Sprint("k", i)})
		appends = append(appends, kv.Append{Key: fmt.Sprint("k", i), Value: []byte("y")})
	}
	require.Equal(t, kv.TooLarge, check(kv.Request{Op: kv.Txn{Then: gets}}).Status)
	require.Equal(t, kv.TooLarge, check(kv.Request{Op: kv.Txn{Then: appends}}).Status, "its events would fit into no answer")
	require.Equal(t, string(mib), s.value("k0"))
	s.must(kv.OK, kv.Txn{Then: appends[:3]})
	require.Equal(t, kv.TooLarge, check(kv.Request{Op: kv.Events{After: rev(9), Previous: true}}).Status)
	require.Len(t, check(kv.Request{Op: kv.Events{After: rev(9)}}).Result.(kv.EventList).List, 3)
}

// compared checks one comparison under every relation; holds lists those that hold.
func (s *store) compared(c kv.Compare, holds string) {
	s.t.Helper()
	for r := kv.Equal; r <= kv.Greater; r++ {
		c.Relation = r
		got := s.must(kv.OK, kv.Txn{If: []kv.Compare{c}}).Result.(kv.TxnResult)
		want := strings.Contains(" "+holds+" ", " "+r.String()+" ")
		require.Equal(s.t, want, got.Succeeded, "%+v", c)
	}
}

func TestTxnTakesTheBranchThatItsConditionsChoose(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, kv.Put{Key: "a", Value: []byte("m")})
	s.must(kv.OK, kv.Append{Key: "a", Value: []byte("n")}) // value mn, mod 3, create 2, count 2
	s.compared(kv.Compare{Key: "a", Target: kv.TargetValue, Value: []byte("mn")}, "=")
	s.compared(kv.Compare{Key: "a", Target: kv.TargetValue, Value: []byte("mm")}, "!= >")
	s.compared(kv.Compare{Key: "a", Target: kv.TargetMod, Version: rev(4)}, "!= <")
	s.compared(kv.Compare{Key: "a", Target: kv.TargetCreate, Version: rev(2)}, "=")
	s.compared(kv.Compare{Key: "a", Target: kv.TargetCount, Number: 1}, "!= >")
	s.compared(kv.Compare{Key: "b", Target: kv.TargetValue}, "=")
	s.compared(kv.Compare{Key: "b", Target: kv.TargetMod, Version: rev(1)}, "!= <")
	s.compared(kv.Compare{Key: "b", Target: kv.TargetCount}, "=")
	branches := kv.Txn{
		If:   []kv.Compare{{Key: "a", Target: kv.TargetCount, Number: 2, Relation: kv.Equal}, {Key: "b", Target: kv.TargetCount, Relation: kv.Equal}},
		Then: []kv.Op{put("b", "then")}, Else: []kv.Op{put("b", "else")},
	}
	s.must(kv.OK, branches)
	require.Equal(t, "then", s.value("b"))
	s.must(kv.OK, branches)
	require.Equal(t, "else", s.value("b"), "all conditions must hold, and now one does not")
}

func TestAConditionComparesTheLeaseOfAKey(t *testing.T) {
	s := newStore(t, table.Config{})
	lease := s.must(kv.OK, kv.Grant{TTL: time.Second}).Result.(kv.LeaseInfo).ID
	s.must(kv.OK, kv.Put{Key: "a", Lease: lease})
	s.compared(kv.Compare{Key: "a", Target: kv.TargetLease, Number: uint64(lease)}, "=")
	s.compared(kv.Compare{Key: "b", Target: kv.TargetLease}, "=")
}

func TestTxnIsOneRevisionAndSeesItsOwnWrites(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("b", "1"))
	resp := s.must(kv.OK, kv.Txn{
		If:   []kv.Compare{{Key: "b", Target: kv.TargetValue, Relation: kv.Less, Value: []byte("2")}},
		Then: []kv.Op{put("a", "x"), kv.Append{Key: "a", Value: []byte("y")}, kv.Get{Key: "a"}, kv.Delete{Key: "b"}, kv.Get{Key: "b"}, kv.Scan{KeysOnly: true}},
	})
	require.Equal(t, rev(3), resp.Rev)
	item := kv.Item{Key: "a", Value: []byte("xy"), Mod: rev(3), Create: rev(3), Count: 2}
	bare := item
	bare.Value = nil
	want := kv.TxnResult{Succeeded: true, Outcomes: []kv.Outcome{
		{Status: kv.OK},
		{Status: kv.OK, Result: kv.Length{Bytes: 2}},
		{Status: kv.OK, Result: item},
		{Status: kv.OK},
		{Status: kv.NotFound},
		{Status: kv.OK, Result: kv.Items{List: []kv.Item{bare}, Count: 1}},
	}}
	require.Empty(t, cmp.Diff(kv.Result(want), resp.Result))
}

func TestARefusedTxnLeavesNothing(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("a", "1"))
	before, stats := hash(s.tab), s.op(kv.Stat{}).Result
	s.must(kv.NoLease, kv.Txn{Then: []kv.Op{
		put("a", "2"),
		kv.Append{Key: "a", Value: []byte("3")},
		put("new", "3"),
		kv.Delete{Key: "a"},
		put("a", "4"),
		kv.Delete{Key: "new"},
		kv.Put{Key: "new", Lease: 99},
	}})
	require.Equal(t, before, hash(s.tab))
	require.Equal(t, stats, s.op(kv.Stat{}).Result)
	require.Equal(t, "1", s.value("a"))
	require.Equal(t, rev(3), s.must(kv.OK, put("b", "")).Rev)
}

func TestARefusedTxnLeavesNoTraceInThePast(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("b", "1"))
	s.must(kv.NoLease, kv.Txn{Then: []kv.Op{put("a", "1"), kv.Delete{Key: "a"}, kv.Delete{Key: "b"}, kv.Put{Key: "c", Lease: 99}}})
	s.must(kv.OK, put("b", "2"))
	s.must(kv.OK, put("b", "3"))
	for n, value := range []string{"1", "2", "3"} {
		items := s.do(kv.Request{At: rev(uint64(n) + 2), Op: kv.Scan{}}).Result.(kv.Items)
		require.Len(t, items.List, 1)
		require.Equal(t, value, string(items.List[0].Value))
	}
}

func TestARefusedTxnLeavesLeasesAndHistoryAsTheyWere(t *testing.T) {
	s := newStore(t, table.Config{})
	lease := s.must(kv.OK, kv.Grant{TTL: time.Second}).Result.(kv.LeaseInfo).ID
	s.must(kv.OK, kv.Put{Key: "a", Value: []byte("1"), Lease: lease})
	s.must(kv.OK, put("gone", "1"))
	s.must(kv.OK, kv.Delete{Key: "gone"})
	before := hash(s.tab)
	stats := s.op(kv.Stat{}).Result
	s.must(kv.NoLease, kv.Txn{Then: []kv.Op{
		put("a", "2"), put("new", "3"),
		kv.Delete{Key: "a"},
		put("a", "4"), put("gone", "5"),
		kv.Delete{Key: "gone"},
		kv.Put{Key: "new", Lease: 99},
	}})
	require.Equal(t, before, hash(s.tab))
	require.Equal(t, stats, s.op(kv.Stat{}).Result)
	require.Equal(t, []string{"a"}, s.op(kv.Leases{Lease: lease}).Result.(kv.LeaseList).List[0].Keys)
	require.Equal(t, "1", string(s.do(kv.Request{At: rev(3), Op: kv.Get{Key: "gone"}}).Result.(kv.Item).Value))
}

func TestOldRevisionsAreReadUntilTheyAreCompacted(t *testing.T) {
	s := newStore(t, table.Config{HistoryEvents: 3})
	for _, op := range []kv.Op{put("a", "2"), put("a", "3"), kv.Delete{Key: "a"}, put("a", "5"), put("b", "6")} {
		s.must(kv.OK, op)
	}
	at := func(n uint64, op kv.Op) *kv.Response { return s.do(kv.Request{At: rev(n), Op: op}) }
	require.Equal(t, kv.Compacted, at(2, kv.Get{Key: "a"}).Status)
	require.Equal(t, "3", string(at(3, kv.Get{Key: "a"}).Result.(kv.Item).Value))
	require.Equal(t, kv.NotFound, at(4, kv.Get{Key: "a"}).Status)
	require.Equal(t, "5", string(at(5, kv.Get{Key: "a"}).Result.(kv.Item).Value))
	require.Equal(t, 1, at(5, kv.Scan{}).Result.(kv.Items).Count)
	require.Equal(t, kv.FutureRev, at(7, kv.Get{Key: "a"}).Status)
	require.Equal(t, kv.FutureRev, s.do(kv.Request{At: kv.Version{Hi: 1, Lo: 6}, Op: kv.Get{Key: "a"}}).Status)
	txn := at(3, kv.Txn{If: []kv.Compare{{Key: "b", Target: kv.TargetCount, Relation: kv.Equal}}, Then: []kv.Op{kv.Get{Key: "a"}}})
	require.Equal(t, "3", string(txn.Result.(kv.TxnResult).Outcomes[0].Result.(kv.Item).Value))
	require.Equal(t, kv.Invalid, at(3, put("a", "")).Status)
	require.Equal(t, kv.Invalid, at(3, kv.Stat{}).Status)
	require.Equal(t, rev(3), s.op(kv.Stat{}).Result.(kv.Stats).Oldest)
}

func TestHistoryIsBoundedInBytesAndDroppedByWholeRevisions(t *testing.T) {
	s := newStore(t, table.Config{HistoryBytes: 1000})
	s.must(kv.OK, kv.Put{Key: "a", Value: make([]byte, 600)})
	s.must(kv.OK, put("a", "2"))
	require.Equal(t, kv.OK, s.do(kv.Request{At: rev(2), Op: kv.Get{Key: "a"}}).Status)
	s.must(kv.OK, kv.Txn{Then: []kv.Op{put("a", "x"), kv.Put{Key: "b", Value: make([]byte, 2000)}, kv.Delete{Key: "b"}}})
	require.Equal(t, rev(4), s.op(kv.Stat{}).Result.(kv.Stats).Oldest, "a revision beyond the bound is not kept")
	require.Equal(t, "x", s.value("a"))
	require.Equal(t, kv.Compacted, s.op(kv.Events{After: rev(3)}).Status)
	require.Equal(t, kv.OK, s.op(kv.Events{After: rev(4)}).Status)
}

func TestEventsTellChangesInOrderByWholeRevisions(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("a", "1"))
	s.must(kv.OK, kv.Txn{Then: []kv.Op{put("b", "2"), put("x", "3"), put("b", "4")}})
	s.must(kv.OK, kv.Delete{Key: "a"})
	a := kv.Item{Key: "a", Value: []byte("1"), Mod: rev(2), Create: rev(2), Count: 1}
	b1 := kv.Item{Key: "b", Value: []byte("2"), Mod: rev(3), Create: rev(3), Count: 1}
	b2 := kv.Item{Key: "b", Value: []byte("4"), Mod: rev(3), Create: rev(3), Count: 2}
	gone := kv.Item{Key: "a", Mod: rev(4)}
	for _, c := range []struct {
		op   kv.Events
		want []kv.Event
		next uint64
	}{
		{kv.Events{After: rev(1), To: "c"}, []kv.Event{{Kind: kv.EventPut, Item: a}, {Kind: kv.EventPut, Item: b1}, {Kind: kv.EventPut, Item: b2}, {Kind: kv.EventDelete, Item: gone}}, 4},
		{kv.Events{After: rev(1), To: "c", Max: 2}, []kv.Event{{Kind: kv.EventPut, Item: a}}, 2},
		{kv.Events{After: rev(2), To: "c", Max: 1}, []kv.Event{{Kind: kv.EventPut, Item: b1}, {Kind: kv.EventPut, Item: b2}}, 3},
		{kv.Events{After: rev(3), Previous: true}, []kv.Event{{Kind: kv.EventDelete, Item: gone, Previous: &a}}, 4},
		{kv.Events{After: rev(1), From: "b", To: "c", Previous: true, Max: 2}, []kv.Event{{Kind: kv.EventPut, Item: b1}, {Kind: kv.EventPut, Item: b2, Previous: &b1}}, 4},
		{kv.Events{After: rev(1), Only: kv.EventDelete}, []kv.Event{{Kind: kv.EventDelete, Item: gone}}, 4},
		{kv.Events{}, nil, 4},
		{kv.Events{After: rev(4)}, nil, 4},
	} {
		want := &kv.Response{Status: kv.OK, Rev: rev(4), Stable: true, Result: kv.EventList{List: c.want, Next: rev(c.next)}}
		require.Empty(t, cmp.Diff(want, s.op(c.op)), "%+v", c.op)
	}
	s.must(kv.FutureRev, kv.Events{After: rev(5)})
	require.Equal(t, rev(1), newStore(t, table.Config{}).op(kv.Events{}).Result.(kv.EventList).Next)
}

func TestStoreRefusesToGrowBeyondItsBytes(t *testing.T) {
	s := newStore(t, table.Config{Bytes: 10})
	s.must(kv.OK, put("a", "123456789"))
	s.must(kv.Overloaded, put("b", ""))
	s.must(kv.Overloaded, kv.Append{Key: "a", Value: []byte("x")})
	s.must(kv.OK, put("a", "987654321"))
	s.must(kv.OK, kv.Delete{Key: "a"})
	s.must(kv.OK, put("b", "123456789"))
	require.Equal(t, uint64(10), s.op(kv.Stat{}).Result.(kv.Stats).Bytes)
}

func TestATransactionThatWouldOutgrowTheStoreLeavesNothing(t *testing.T) {
	s := newStore(t, table.Config{Bytes: 10})
	s.must(kv.OK, put("a", "123456789"))
	s.must(kv.Overloaded, kv.Txn{Then: []kv.Op{kv.Delete{Key: "a"}, put("b", "1234567890")}})
	require.Equal(t, "123456789", s.value("a"))
	require.Equal(t, "-", s.value("b"))
	s.must(kv.OK, kv.Txn{Then: []kv.Op{kv.Delete{Key: "a"}, put("b", "123456789")}})
}

func TestReadChangesNothing(t *testing.T) {
	s := newStore(t, table.Config{})
	s.must(kv.OK, put("a", "x"))
	before := hash(s.tab)
	require.Equal(t, kv.OK, s.tab.Read(9, &kv.Request{Session: 7, Seq: 1, Op: kv.Get{Key: "a"}}).Status)
	require.Equal(t, kv.Invalid, s.tab.Read(9, &kv.Request{Op: put("a", "y")}).Status)
	require.Equal(t, kv.Invalid, s.tab.Read(9, &kv.Request{Op: kv.Get{}}).Status)
	require.Equal(t, before, hash(s.tab))
}

func TestApplyAnswersWhateverItIsGiven(t *testing.T) {
	tab := table.New(table.Config{})
	for _, cmd := range []machine.Data{nil, (*kv.Request)(nil), machine.Raw("x"), &kv.Request{}, &kv.Request{Op: kv.Get{}}} {
		require.Equal(t, kv.Invalid, tab.Apply(1, 0, cmd).(*kv.Response).Status)
	}
}

func TestAnEmptiedTableGivesItsMemoryBack(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const keys = 50_000
	s := newStore(t, table.Config{HistoryEvents: 1})
	empty := heap()
	for i := range keys {
		s.must(kv.OK, kv.Put{Key: fmt.Sprint(i)})
	}
	full := heap()
	for i := range keys {
		s.must(kv.OK, kv.Delete{Key: fmt.Sprint(i)})
	}
	require.Less(t, heap(), empty+(full-empty)/10)
	require.Equal(t, kv.NotFound, s.op(kv.Get{Key: "1"}).Status)
}
