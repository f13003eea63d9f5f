package kvtest

import (
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

var sessionCases = []entry{
	{name: "a repeated request is executed once and answered alike", needs: kv.CapSessions, do: sessionRepeats},
	{name: "a request repeated at the same time is executed once", needs: kv.CapSessions, do: sessionRace},
	{name: "a copy that comes after its answer was acknowledged is not executed", needs: kv.CapSessions, do: sessionForgotten},
	{name: "answers are remembered until they are acknowledged", needs: kv.CapSessions, do: sessionRemembers},
	{name: "a session that is not there is refused", needs: kv.CapSessions, do: sessionMissing},
	{name: "a session ends when it is not used, and not before", needs: kv.CapSessions, do: sessionExpires},
	{name: "a closed session is gone", needs: kv.CapSessions, do: sessionCloses},
	{name: "a session holds so many answers and no more", level: kv.Session, needs: kv.CapSessions, do: sessionFull},
	{name: "numbers of a session may come in any order", needs: kv.CapSessions, do: sessionOrder},
}

// session is a client's own: it numbers requests.
type session struct {
	*judge
	id uint64
}

func (j *judge) session(ttl time.Duration) session {
	j.Helper()
	info := j.must(kv.OK, kv.OpenSession{TTL: ttl}).Result.(kv.SessionInfo)
	require.NotZero(j, info.ID)
	require.Equal(j, ttl, info.TTL)
	return session{j, info.ID}
}

func (s session) do(seq, acked uint64, want kv.Status, op kv.Op) *kv.Response {
	s.Helper()
	return s.mustAsk(want, kv.Request{Session: s.id, Seq: seq, Acked: acked, Op: op})
}

// alike requires two answers to one request to be the same.
func (j *judge) alike(a, b *kv.Response, op kv.Op) {
	j.Helper()
	diff := cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(kv.Response{}, "Token", "Stable", "Try", "Detail"))
	require.Empty(j, diff, "the second answer to %s is another", describe(op))
}

// grow adds one byte to a key, in whatever way the store can: so that doing it
// twice shows.
func (j *judge) grow(key string, n int) kv.Op {
	switch {
	case j.has(kv.CapAppend):
		return kv.Append{Key: key, Value: []byte("x")}
	case j.has(kv.CapCompare):
		return kv.Txn{If: []kv.Compare{is(key, fmt.Sprint(n))}, Then: []kv.Op{kv.Put{Key: key, Value: fmt.Append(nil, n+1)}}}
	}
	return kv.Delete{Key: key}
}

func sessionRepeats(j *judge) {
	s := j.session(hour)
	other := j.session(hour)
	ops := []kv.Op{kv.Put{Key: "k", Value: []byte("0")}, j.grow("k", 0), kv.Delete{Key: "none"}, kv.Delete{Key: "gone"}}
	if j.has(kv.CapCompare) {
		ops = append(ops,
			kv.CAS{Key: "k", Value: []byte("x"), Old: unheardOf}, kv.CAS{Key: "made", Value: []byte("1")},
			kv.Txn{If: []kv.Compare{is("k", "y")}, Else: []kv.Op{kv.Put{Key: "else"}, kv.Get{Key: "k"}}})
	}
	if j.has(kv.CapLeases) {
		ops = append(ops, kv.Grant{TTL: hour})
	}
	j.put("gone", "soon")
	var first []*kv.Response
	for i, op := range ops {
		first = append(first, j.ask(0, kv.Request{Session: s.id, Seq: uint64(i) + 1, Op: op}))
		scribble(j.ask(0, kv.Request{Session: s.id, Seq: uint64(i) + 1, Op: op}).Result)
	}
	for range 2 {
		j.put("k", "later")
		j.put("none", "later")
		j.unchanged(func() {
			for i, op := range ops {
				j.alike(first[i], j.ask(0, kv.Request{Session: s.id, Seq: uint64(i) + 1, Op: op}), op)
			}
		})
	}
	other.do(1, 0, kv.OK, kv.Put{Key: "k", Value: []byte("other's")})
	j.holds("k", "other's")
	s.do(uint64(len(ops))+1, 0, kv.OK, kv.Put{Key: "k", Value: []byte("next")})
	j.holds("k", "next")
}

// sessionRace sends each request from several callers at once, as a client does
// that has lost patience.
func sessionRace(j *judge) {
	const callers = 4
	n := max(j.ops/100, 10)
	s := j.session(hour)
	j.put("k", "0")
	for seq := uint64(1); seq <= uint64(n); seq++ {
		var answers [callers]*kv.Response
		req := kv.Request{Session: s.id, Seq: seq, Acked: seq - 1, Op: j.grow("k", int(seq)-1)}
		j.w.Parallel(callers, func(i int) { answers[i] = j.send(i, req) })
		if j.caps.Level < kv.Session {
			j.w.Settle()
		}
		for _, a := range answers {
			require.NoError(j, wellFormed(&req, a))
			j.alike(answers[0], a, req.Op)
		}
	}
	switch {
	case j.has(kv.CapAppend):
		it := j.must(kv.OK, kv.Get{Key: "k"}).Result.(kv.Item)
		require.Len(j, it.Value, 1+n, "each append once")
	case j.has(kv.CapCompare):
		j.holds("k", fmt.Sprint(n))
	}
}

func sessionForgotten(j *judge) {
	s := j.session(hour)
	s.do(1, 0, kv.OK, kv.Put{Key: "k", Value: []byte("old")})
	s.do(2, 0, kv.OK, kv.Put{Key: "j", Value: []byte("old")})
	s.do(3, 2, kv.OK, kv.Put{Key: "k", Value: []byte("new")})
	j.unchanged(func() {
		for range 2 {
			s.do(1, 0, kv.Forgotten, kv.Put{Key: "k", Value: []byte("old")})
			s.do(2, 1, kv.Forgotten, kv.Delete{Key: "j"})
		}
	})
	s.do(3, 0, kv.OK, kv.Put{Key: "k", Value: []byte("new")})
	s.do(9, 8, kv.OK, kv.Put{Key: "k", Value: []byte("newer")})
	j.unchanged(func() { s.do(4, 3, kv.Forgotten, kv.Put{Key: "k", Value: []byte("never seen, but acknowledged")}) })
	j.holds("k", "newer")
}

func sessionRemembers(j *judge) {
	const n = 100
	s := j.session(hour)
	var first [n + 1]*kv.Response
	for seq := uint64(1); seq <= n; seq++ {
		first[seq] = s.do(seq, 0, kv.OK, kv.Put{Key: "k", Value: fmt.Append(nil, seq)})
	}
	s.do(n+1, n/2, kv.OK, kv.Put{Key: "k", Value: []byte("end")})
	j.unchanged(func() {
		for seq := uint64(1); seq <= n; seq++ {
			op := kv.Put{Key: "k", Value: fmt.Append(nil, seq)}
			if seq <= n/2 {
				s.do(seq, 0, kv.Forgotten, op)
			} else {
				j.alike(first[seq], s.do(seq, 0, kv.OK, op), op)
			}
		}
	})
}

func sessionMissing(j *judge) {
	s := j.session(hour)
	j.unchanged(func() {
		for _, id := range []uint64{s.id + 1, 1 << 63} {
			session{j, id}.do(1, 0, kv.NoSession, kv.Put{Key: "k"})
			session{j, id}.do(1, 0, kv.NoSession, kv.CloseSession{})
		}
	})
}

func sessionExpires(j *judge) {
	idle, used := j.session(ttl), j.session(ttl)
	one := kv.Put{Key: "idle", Value: []byte("1")}
	idle.do(1, 0, kv.OK, one)
	j.w.Sleep(ttl / 2)
	idle.do(1, 0, kv.OK, one) // which counts as use
	for seq := uint64(1); seq <= 5; seq++ {
		used.do(seq, 0, kv.OK, kv.Put{Key: "used", Value: fmt.Append(nil, seq)})
		j.w.Sleep(ttl / 2)
		if seq == 1 {
			j.put("idle", "2")
			idle.do(1, 0, kv.OK, one)
			j.holds("idle", "2")
		}
	}
	j.eventually(100, pause, func() bool { return false }) // to ask it would be to use it
	j.unchanged(func() { idle.do(1, 0, kv.NoSession, one) })
	used.do(6, 0, kv.OK, kv.Put{Key: "used", Value: []byte("6")})
}

func sessionCloses(j *judge) {
	s, other := j.session(hour), j.session(hour)
	s.do(1, 0, kv.OK, kv.Put{Key: "k", Value: []byte("1")})
	s.do(2, 1, kv.OK, kv.CloseSession{})
	j.unchanged(func() {
		s.do(1, 0, kv.NoSession, kv.Put{Key: "k", Value: []byte("2")})
		s.do(3, 2, kv.NoSession, kv.Put{Key: "k", Value: []byte("2")})
	})
	j.holds("k", "1")
	other.do(1, 0, kv.OK, kv.Put{Key: "k", Value: []byte("3")})
}

func sessionFull(j *judge) {
	s := j.session(hour)
	put := func(seq uint64) kv.Op { return kv.Put{Key: "k", Value: fmt.Append(nil, seq)} }
	first := s.do(1, 0, kv.OK, put(1))
	for seq := uint64(2); seq <= kv.MaxInFlight; seq++ {
		s.do(seq, 0, kv.OK, put(seq))
	}
	j.unchanged(func() {
		s.do(kv.MaxInFlight+1, 0, kv.Overloaded, put(kv.MaxInFlight+1))
		j.alike(first, s.do(1, 0, kv.OK, put(1)), put(1))
	})
	s.do(kv.MaxInFlight+1, 1, kv.OK, put(kv.MaxInFlight+1))
	j.holds("k", fmt.Sprint(kv.MaxInFlight+1))
}

func sessionOrder(j *judge) {
	s := j.session(hour)
	for _, seq := range []uint64{3, 1, 7, 2} {
		s.do(seq, 0, kv.OK, kv.Put{Key: fmt.Sprint(seq), Value: fmt.Append(nil, seq)})
	}
	j.put("1", "later")
	for _, seq := range []uint64{7, 2, 1, 3} {
		s.do(seq, 0, kv.OK, kv.Put{Key: fmt.Sprint(seq), Value: fmt.Append(nil, seq)})
	}
	require.Equal(j, map[string]string{"1": "later", "2": "2", "3": "3", "7": "7"}, j.contents(0))
}
