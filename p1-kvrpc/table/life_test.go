package table_test

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table"
)

func hash(t *table.Table) [sha256.Size]byte { return app.Hash(t.View()) }

func (s *store) open(ttl time.Duration) uint64 {
	s.t.Helper()
	return s.must(kv.OK, kv.OpenSession{TTL: ttl}).Result.(kv.SessionInfo).ID
}

func TestARepeatedOperationGetsTheSameAnswerAndIsNotExecutedAgain(t *testing.T) {
	s := newStore(t, table.Config{})
	id := s.open(time.Minute)
	s.must(kv.OK, put("c", "v"))
	for seq, op := range []kv.Op{
		kv.Append{Key: "a", Value: []byte("x")},
		put("b", "y"),
		kv.CAS{Key: "c", Old: rev(9)},
		kv.Delete{Key: "none"},
		kv.Put{Key: "b", Lease: 9},
		kv.Txn{Then: []kv.Op{kv.Append{Key: "a", Value: []byte("z")}, kv.Get{Key: "a"}}},
		kv.OpenSession{TTL: time.Second},
	} {
		req := kv.Request{Session: id, Seq: uint64(seq) + 1, Op: op}
		first := s.do(req)
		s.must(kv.OK, put("between", ""))
		s.must(kv.OK, kv.Append{Key: "c", Value: []byte("changes")})
		require.Empty(t, cmp.Diff(first, s.do(req)), kv.OpName(op))
	}
	require.Equal(t, "xz", s.value("a"))
	require.Equal(t, uint64(2), s.op(kv.Stat{}).Result.(kv.Stats).Sessions)
}

func TestARepeatedGrantGrantsOneLease(t *testing.T) {
	s := newStore(t, table.Config{})
	req := kv.Request{Session: s.open(time.Minute), Seq: 1, Op: kv.Grant{TTL: time.Second}}
	require.Empty(t, cmp.Diff(s.do(req), s.do(req)))
	require.Equal(t, uint64(1), s.op(kv.Stat{}).Result.(kv.Stats).Leases)
}

func TestARememberedAnswerBelongsToTheTable(t *testing.T) {
	s := newStore(t, table.Config{})
	id := s.open(time.Minute)
	req := kv.Request{Session: id, Seq: 1, Op: kv.Txn{Then: []kv.Op{put("a", "x"), kv.Get{Key: "a"}}}}
	value := func() []byte { return s.do(req).Result.(kv.TxnResult).Outcomes[1].Result.(kv.Item).Value }
	value()[0] = 'X'
	value()[0] = 'X'
	require.Equal(t, "x", string(value()))
}

func TestOperationsOfASessionComeInAnyOrder(t *testing.T) {
	s := newStore(t, table.Config{})
	id := s.open(time.Minute)
	add := func(seq, acked uint64) kv.Status {
		return s.do(kv.Request{Session: id, Seq: seq, Acked: acked, Op: kv.Append{Key: "a", Value: fmt.Append(nil, seq)}}).Status
	}
	for _, seq := range []uint64{3, 1, 3, 5, 2, 1, 5} {
		require.Equal(t, kv.OK, add(seq, 0))
	}
	require.Equal(t, "3152", s.value("a"))
	require.Equal(t, kv.OK, add(6, 2))
	require.Equal(t, kv.Forgotten, add(2, 0))
	require.Equal(t, kv.Forgotten, add(2, 1), "an older acknowledgement takes nothing back")
	require.Equal(t, kv.OK, add(3, 0), "remembered")
	require.Equal(t, kv.OK, add(4, 0), "a gap that is filled late")
	require.Equal(t, "315264", s.value("a"))
}

func TestAnUnknownSessionExecutesNothing(t *testing.T) {
	s := newStore(t, table.Config{})
	require.Equal(t, kv.NoSession, s.do(kv.Request{Session: 9, Seq: 1, Op: put("a", "x")}).Status)
	require.Equal(t, kv.NoSession, s.do(kv.Request{Session: 9, Seq: 1, Op: kv.Get{Key: "a"}}).Status)
	require.Equal(t, kv.NoSession, s.op(kv.CloseSession{}).Status)
	id := s.open(time.Second)
	require.Equal(t, kv.OK, s.do(kv.Request{Session: id, Seq: 2, Acked: 1, Op: put("b", "x")}).Status)
	require.Equal(t, kv.Forgotten, s.do(kv.Request{Session: id, Seq: 1, Op: kv.CloseSession{}}).Status)
	require.Equal(t, kv.OK, s.do(kv.Request{Session: id, Seq: 3, Op: kv.CloseSession{}}).Status)
	require.Equal(t, kv.NoSession, s.do(kv.Request{Session: id, Seq: 4, Op: put("a", "x")}).Status)
	require.Equal(t, "-", s.value("a"))
	require.NotEqual(t, id, s.open(time.Second), "numbers are not used twice")
}

func TestUnacknowledgedAnswersAreBounded(t *testing.T) {
	s := newStore(t, table.Config{Answers: 3, AnswerBytes: 4000})
	id := s.open(time.Minute)
	do := func(seq, acked uint64, op kv.Op) kv.Status {
		return s.do(kv.Request{Session: id, Seq: seq, Acked: acked, Op: op}).Status
	}
	for seq := uint64(1); seq <= 3; seq++ {
		require.Equal(t, kv.OK, do(seq, 0, kv.Append{Key: "a", Value: []byte("x")}))
	}
	require.Equal(t, kv.Overloaded, do(4, 0, kv.Append{Key: "a", Value: []byte("x")}))
	require.Equal(t, kv.OK, do(5, 0, kv.Get{Key: "a"}), "reads are not remembered")
	require.Equal(t, kv.OK, do(3, 0, kv.Append{Key: "a", Value: []byte("x")}), "what is remembered is answered")
	require.Equal(t, "xxx", s.value("a"))
	require.Equal(t, kv.OK, do(4, 1, kv.Append{Key: "a", Value: []byte("x")}), "not done before, so done now")
	big := kv.Txn{Then: []kv.Op{kv.Put{Key: "b", Value: make([]byte, 5000)}, kv.Get{Key: "b"}}}
	require.Equal(t, kv.OK, do(5, 4, big))
	require.Equal(t, kv.Overloaded, do(6, 4, put("a", "")))
	require.Equal(t, kv.OK, do(6, 5, put("a", "")))
}

func TestAllRememberedAnswersTogetherAreBounded(t *testing.T) {
	s := newStore(t, table.Config{AllAnswers: 5000})
	big := kv.Txn{Then: []kv.Op{kv.Put{Key: "b", Value: make([]byte, 5000)}, kv.Get{Key: "b"}}}
	one, two := s.open(time.Minute), s.open(2*time.Minute)
	require.Equal(t, kv.OK, s.do(kv.Request{Session: one, Seq: 1, Op: big}).Status)
	require.Equal(t, kv.Overloaded, s.do(kv.Request{Session: two, Seq: 1, Op: put("a", "")}).Status)
	s.now = 61 * second
	s.must(kv.OK, kv.Expire{})
	require.Equal(t, kv.OK, s.do(kv.Request{Session: two, Seq: 1, Op: put("a", "")}).Status)
}

func TestOverloadIsNotRememberedBecauseARetryMayDoBetter(t *testing.T) {
	s := newStore(t, table.Config{Bytes: 10})
	id := s.open(time.Minute)
	s.must(kv.OK, put("a", "123456789"))
	req := kv.Request{Session: id, Seq: 1, Op: put("b", "1")}
	require.Equal(t, kv.Overloaded, s.do(req).Status)
	s.must(kv.OK, kv.Delete{Key: "a"})
	require.Equal(t, kv.OK, s.do(req).Status)
}

func TestSessionsAreBounded(t *testing.T) {
	s := newStore(t, table.Config{Sessions: 2})
	s.open(time.Second)
	s.open(time.Second)
	s.must(kv.Overloaded, kv.OpenSession{TTL: time.Second})
	s.now = 2 * second
	s.must(kv.OK, kv.Expire{})
	s.open(time.Second)
}

func TestLeasesAndTheirKeysAreBounded(t *testing.T) {
	s := newStore(t, table.Config{Leases: 1, LeaseKeys: 1})
	lease := s.must(kv.OK, kv.Grant{TTL: time.Second}).Result.(kv.LeaseInfo).ID
	s.must(kv.Overloaded, kv.Grant{TTL: time.Second})
	s.must(kv.OK, kv.Put{Key: "a", Lease: lease})
	s.must(kv.Overloaded, kv.Put{Key: "b", Lease: lease})
	s.must(kv.OK, kv.Put{Key: "a", Lease: lease})
}

func TestASessionEndsWhenItWasNotUsedForItsTTL(t *testing.T) {
	s := newStore(t, table.Config{})
	id := s.open(10 * time.Second)
	use := func() kv.Status { return s.do(kv.Request{Session: id, Seq: 1, Op: kv.Get{Key: "a"}}).Status }
	for range 5 {
		s.now += 9 * second
		s.must(kv.OK, kv.Expire{})
		require.Equal(t, kv.NotFound, use())
	}
	s.now += 11 * second
	require.Equal(t, kv.NotFound, use(), "only Expire ends it")
	s.now += 10 * second
	s.must(kv.OK, kv.Expire{})
	require.Equal(t, kv.NoSession, use())
}

func TestALeaseTakesItsKeysWithItInOneRevision(t *testing.T) {
	s := newStore(t, table.Config{})
	one := s.must(kv.OK, kv.Grant{TTL: 5 * time.Second}).Result.(kv.LeaseInfo)
	require.Equal(t, kv.LeaseInfo{ID: one.ID, TTL: 5 * time.Second, Left: 5 * time.Second}, one)
	two := s.must(kv.OK, kv.Grant{TTL: time.Minute}).Result.(kv.LeaseInfo)
	for _, key := range []string{"d", "a", "moved", "free", "deleted"} {
		s.must(kv.OK, kv.Put{Key: key, Lease: one.ID})
	}
	s.must(kv.OK, kv.Append{Key: "a", Value: []byte("keeps its lease")})
	s.must(kv.OK, kv.Put{Key: "moved", Lease: two.ID})
	s.must(kv.OK, kv.Put{Key: "free"})
	s.must(kv.OK, kv.Delete{Key: "deleted"})
	s.now = 4 * second
	require.Equal(t, kv.LeaseList{List: []kv.LeaseInfo{{ID: one.ID, TTL: 5 * time.Second, Left: time.Second, Keys: []string{"a", "d"}}}},
		s.op(kv.Leases{Lease: one.ID}).Result)
	require.Len(t, s.op(kv.Leases{}).Result.(kv.LeaseList).List, 2)
	before := s.op(kv.Stat{}).Rev

	at, ok := s.tab.NextExpiry()
	require.True(t, ok)
	require.Equal(t, 5*second, at)
	s.now = at
	s.must(kv.OK, kv.Expire{})
	list := s.op(kv.Events{After: before}).Result.(kv.EventList)
	gone := rev(before.Lo + 1)
	require.Equal(t, []kv.Event{{Kind: kv.EventDelete, Item: kv.Item{Key: "a", Mod: gone}}, {Kind: kv.EventDelete, Item: kv.Item{Key: "d", Mod: gone}}}, list.List)
	require.Equal(t, gone, list.Next)
	s.must(kv.NoLease, kv.KeepAlive{Lease: one.ID})
	s.must(kv.NoLease, kv.Put{Key: "a", Lease: one.ID})
	s.must(kv.NoLease, kv.Leases{Lease: one.ID})
	s.must(kv.NoLease, kv.Revoke{Lease: one.ID})
	s.must(kv.OK, kv.Revoke{Lease: two.ID})
	require.Equal(t, 1, s.op(kv.Scan{}).Result.(kv.Items).Count)
	_, ok = s.tab.NextExpiry()
	require.False(t, ok)
}

func TestKeepAliveBeforeExpireRevivesALease(t *testing.T) {
	s := newStore(t, table.Config{})
	lease := s.must(kv.OK, kv.Grant{TTL: 5 * time.Second}).Result.(kv.LeaseInfo).ID
	s.must(kv.OK, kv.Put{Key: "a", Lease: lease})
	s.now = 9 * second
	require.Equal(t, time.Duration(0), s.op(kv.Leases{}).Result.(kv.LeaseList).List[0].Left)
	require.Equal(t, 5*time.Second, s.must(kv.OK, kv.KeepAlive{Lease: lease}).Result.(kv.LeaseInfo).Left)
	s.must(kv.OK, kv.Expire{})
	require.Equal(t, "", s.value("a"))
	at, _ := s.tab.NextExpiry()
	require.Equal(t, 14*second, at)
}

func TestTimeNeverGoesBackwards(t *testing.T) {
	s := newStore(t, table.Config{})
	id := s.open(5 * time.Second)
	lease := s.must(kv.OK, kv.Grant{TTL: 5 * time.Second}).Result.(kv.LeaseInfo).ID
	next := func() machine.Time {
		at, _ := s.tab.NextExpiry()
		return at
	}
	s.now = 10 * second
	require.Equal(t, kv.NotFound, s.do(kv.Request{Session: id, Seq: 1, Op: kv.Get{Key: "a"}}).Status)
	s.now = 0
	s.must(kv.OK, kv.KeepAlive{Lease: lease})
	require.Equal(t, 15*second, next(), "the use of a session was at 10 s")
	s.now = 20 * second
	s.must(kv.OK, kv.KeepAlive{Lease: lease})
	s.now = 0
	require.Equal(t, kv.NotFound, s.do(kv.Request{Session: id, Seq: 1, Op: kv.Get{Key: "a"}}).Status)
	require.Equal(t, 25*second, next(), "the lease was kept alive at 20 s")
	s.now = 1<<63 - 1
	s.must(kv.OK, kv.Grant{TTL: kv.MaxTTL})
	s.must(kv.OK, kv.Expire{})
	require.Equal(t, kv.NoSession, s.do(kv.Request{Session: id, Seq: 1, Op: kv.Get{Key: "a"}}).Status)
}

func TestForgottenHistoryTakesNoMemory(t *testing.T) {
	s := newStore(t, table.Config{HistoryBytes: 1 << 20})
	for range 8000 {
		s.must(kv.OK, put("a", ""))
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 300 {
		s.must(kv.OK, kv.Put{Key: "a", Value: make([]byte, 100<<10)})
	}
	after := heap()
	require.Less(t, after, before+(10<<20), "of 30 MiB written, 1 MiB is history")
	s.value("a")
}

func TestClosedSessionsLeaveNothingBehind(t *testing.T) {
	s := newStore(t, table.Config{})
	empty := s.op(kv.Stat{}).Result
	for range 1000 {
		id := s.open(kv.MaxTTL)
		require.Equal(t, kv.OK, s.do(kv.Request{Session: id, Seq: 1, Op: kv.Put{Key: "a"}}).Status)
		require.Equal(t, kv.OK, s.do(kv.Request{Session: id, Seq: 2, Op: kv.CloseSession{}}).Status)
	}
	s.must(kv.OK, kv.Delete{Key: "a"})
	stats := s.op(kv.Stat{}).Result
	require.Equal(t, empty, stats)
	_, waiting := s.tab.NextExpiry()
	require.False(t, waiting)
}
