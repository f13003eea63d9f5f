package session_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table/agenda"
)

func TestWindowsAndQueueAreBounded(t *testing.T) {
	c := newClient(t, session.Config{InFlight: 2, Queue: 3})
	for range 5 {
		c.ask(get)
	}
	require.Len(t, c.calls, 2)
	require.Empty(t, c.got)
	require.Equal(t, kv.Overloaded, c.got[c.ask(get)].Status)
	c.say(c.call(), kv.NotFound)
	require.Len(t, c.calls, 2, "an answer makes room")
	require.NotContains(t, c.got, c.ask(get))

	c = newClient(t, session.Config{InFlight: 2})
	for range 5 {
		c.ask(write)
	}
	first, second := c.call(), c.call()
	c.say(second, kv.OK)
	require.Empty(t, c.calls, "2 is finished, but not acknowledged while 1 is not")
	require.NotContains(t, c.got, c.ask(get))
	require.Equal(t, get, c.call().req.Op, "reads have a window of their own")
	c.say(first, kv.OK)
	require.Len(t, c.calls, 2)
}

func TestAnIdleSessionIsReplacedBeforeItExpires(t *testing.T) {
	c := newClient(t, session.Config{TTL: 10 * second})
	c.ask(write)
	c.say(c.call(), kv.OK)
	c.pass(4 * second)
	c.ask(write)
	busy := c.call()
	require.Equal(t, uint64(101), busy.req.Session)
	c.say(busy, kv.OK)
	c.pass(5 * second)
	c.ask(write)
	require.Equal(t, uint64(102), c.call().req.Session)
}

func TestALongDelayMakesALostSessionDoubtful(t *testing.T) {
	c := newClient(t, session.Config{TTL: 600 * machine.Millisecond})
	id := c.ask(write)
	sent := c.call()
	c.now += 700 * machine.Millisecond // a repeated Call could have been executed, and its session expired
	c.say(sent, kv.NoSession)
	require.Equal(t, kv.Maybe, c.got[id].Status)
}

func TestEveryWriteUnderALostSessionIsJudgedByItself(t *testing.T) {
	c := newClient(t, session.Config{})
	a, b := c.ask(write), c.ask(write)
	first, second := c.call(), c.call()
	c.say(first, kv.NoSession)
	moved := c.call()
	require.Equal(t, uint64(102), moved.req.Session)
	c.say(second, kv.OK) // executed before the session was lost
	c.say(moved, kv.OK)
	require.Equal(t, kv.OK, c.got[a].Status)
	require.Equal(t, kv.OK, c.got[b].Status)
}

func TestAServerThatLosesEverySessionIsNotStormed(t *testing.T) {
	c := newClient(t, session.Config{Burst: 5})
	id := c.ask(write)
	for c.got[id] == nil {
		c.say(c.again(), kv.NoSession)
	}
	require.Equal(t, kv.Unavailable, c.got[id].Status)
	require.LessOrEqual(t, c.opens, uint64(6))
}

func TestCloseSessionEndsTheSession(t *testing.T) {
	c := newClient(t, session.Config{})
	require.Equal(t, kv.NoSession, c.got[c.ask(kv.CloseSession{})].Status)
	c.ask(write)
	c.say(c.call(), kv.OK)
	id := c.ask(kv.CloseSession{})
	closing := c.call()
	require.Equal(t, uint64(101), closing.req.Session)
	c.say(closing, kv.OK)
	require.Equal(t, kv.OK, c.got[id].Status)
	require.Equal(t, kv.NoSession, c.got[c.ask(kv.CloseSession{})].Status)
	c.ask(write)
	require.Equal(t, uint64(102), c.call().req.Session)
}

func TestItMovesOnToServersThatMayDoBetter(t *testing.T) {
	c := newClient(t, session.Config{})
	c.ask(get)
	one := c.call()
	require.Equal(t, server, one.to)
	c.answer(one, &kv.Response{Status: kv.Unavailable, Try: "two"})
	two := c.call() // at once
	require.Equal(t, addr(2), two.to)
	c.answer(two, &kv.Response{Status: kv.Unavailable, Try: "one"})
	require.Empty(t, c.calls, "servers that name each other are not asked in a circle without a pause")
	require.Equal(t, server, c.again().to)
	c.step(machine.Link{Peer: 1, Up: true})
	c.step(machine.Link{Peer: 1})
	require.Equal(t, addr(2), c.again().to, "the link is down")
	c.pass(second)
	require.Equal(t, server, c.again().to, "no answer")
}

func TestAWriteFollowsTheLeaderInItsSession(t *testing.T) {
	c := newClient(t, session.Config{})
	id := c.ask(write)
	one := c.call()
	require.Equal(t, server, one.to)
	c.answer(one, &kv.Response{Status: kv.Unavailable, Try: "two"})
	two := c.call() // at once
	require.Equal(t, addr(2), two.to)
	require.Equal(t, one.req, two.req, "the same number in the same session")
	c.say(two, kv.OK)
	require.Equal(t, kv.OK, c.got[id].Status)
	c.ask(write)
	require.Equal(t, addr(2), c.call().to, "the leader is asked from then on")
}

func TestAdministrationFollowsTheLeaderAndStandsInNoSession(t *testing.T) {
	for _, op := range []kv.Op{kv.Change{Add: 4, Remove: 1}, kv.Transfer{To: 2}, kv.Members{}, kv.Inspect{}} {
		for _, mode := range []session.Mode{session.ExactlyOnce, session.AtLeastOnce} {
			c := newClient(t, session.Config{Mode: mode})
			id := c.ask(op)
			c.answer(c.call(), &kv.Response{Status: kv.Unavailable, Try: "two"})
			two := c.call()
			require.Equal(t, addr(2), two.to)
			require.Equal(t, &kv.Request{Op: op}, two.req)
			require.Zero(t, c.opens)
			c.say(two, kv.Unsupported)
			require.Equal(t, kv.Unsupported, c.got[id].Status)
		}
	}
}

func TestAdministrationSentOnceIsRefusedAtOnceByWhoDoesNotLead(t *testing.T) {
	c := newClient(t, session.Config{Mode: session.AtMostOnce})
	id := c.ask(kv.Change{Add: 4})
	c.answer(c.call(), &kv.Response{Status: kv.Unavailable, Try: "two"})
	require.Equal(t, kv.Unavailable, c.got[id].Status)
	require.Equal(t, "two", c.got[id].Try, "its caller can ask there")
}

func TestRetriesAreDampedByTheBudget(t *testing.T) {
	c := newClient(t, session.Config{Burst: 10, Retries: 20, Timeout: 5 * second})
	const asked = 400
	for range asked {
		c.ask(get)
		c.pass(50 * machine.Millisecond)
	}
	c.pass(20 * second)
	require.Len(t, c.got, asked)
	extra := len(c.calls) - asked
	require.LessOrEqual(t, extra, 10+asked*20/100)
	require.Greater(t, extra, asked*15/100, "the budget is there to be used")
}

func TestBackOffsGrowAndAreRandom(t *testing.T) {
	c := newClient(t, session.Config{Timeout: 600 * second, Burst: 1000, Attempt: second})
	c.ask(get)
	var pauses []machine.Time
	for range 30 {
		sent := c.again()
		start := c.now
		c.say(sent, kv.Overloaded)
		for len(c.calls) == 0 {
			c.pass(machine.Millisecond)
		}
		pauses = append(pauses, c.now-start)
	}
	require.LessOrEqual(t, pauses[0], 51*machine.Millisecond)
	require.LessOrEqual(t, pauses[1], 101*machine.Millisecond)
	late := pauses[8:]
	require.LessOrEqual(t, slices.Max(late), 2001*machine.Millisecond)
	require.Greater(t, slices.Max(late), second)
	require.Less(t, slices.Min(late), 500*machine.Millisecond)
}

func TestALongPollIsGivenItsWait(t *testing.T) {
	c := newClient(t, session.Config{})
	id := c.askFor(&kv.Request{Op: kv.Events{}, Wait: 30 * time.Second, Level: kv.Session, Token: []byte("t")})
	sent := c.call()
	require.Equal(t, &kv.Request{Op: kv.Events{}, Wait: 30 * time.Second, Level: kv.Session, Token: []byte("t")}, sent.req)
	c.pass(30 * second)
	require.Empty(t, c.calls)
	c.answer(sent, &kv.Response{Status: kv.OK, Token: []byte("u"), Result: kv.EventList{Next: kv.Version{Lo: 1}}})
	require.Equal(t, []byte("u"), c.got[id].Token)
}

func TestReturnsThatAnswerNothingAreIgnored(t *testing.T) {
	c := newClient(t, session.Config{})
	id := c.ask(write)
	sent := c.call()
	done := &kv.Response{Status: kv.OK}
	for _, e := range []machine.Recv{
		{},
		{From: sent.to, Msg: machine.Return{ID: sent.id + 1, Data: done}},
		{From: sent.to, Msg: machine.Return{ID: sent.id + 1<<20, Data: done}},
		{From: addr(7), Msg: machine.Return{ID: sent.id, Data: done}},
		{From: sent.to, Msg: machine.Return{ID: sent.id, Data: machine.Raw("x")}},
		{From: sent.to, Msg: machine.Return{ID: sent.id, Data: (*kv.Response)(nil)}},
		{From: sent.to, Msg: machine.Call{ID: sent.id, Cmd: done}},
		{From: sent.to, Msg: agenda.Tick{At: 1}},
	} {
		c.step(e)
		require.NotContains(t, c.got, id, "%+v", e)
	}
	c.say(sent, kv.OK)
	c.say(sent, kv.Conflict)
	require.Equal(t, kv.OK, c.got[id].Status)
}

func TestRequestsThatBreakARuleAreNotSent(t *testing.T) {
	c := newClient(t, session.Config{})
	for _, req := range []*kv.Request{{}, {Op: kv.Get{}}, {Seq: 1, Op: get}, {Acked: 1, Op: get}, nil} {
		require.Equal(t, kv.Invalid, c.got[c.askFor(req)].Status)
	}
	for _, req := range []*kv.Request{{Session: 1, Seq: 1, Op: get}, {Op: kv.OpenSession{TTL: time.Minute}}} {
		require.Equal(t, kv.Unsupported, c.got[c.askFor(req)].Status, "the session is the client's own")
	}
	c.asks++
	c.step(machine.Ask{ID: c.asks, Cmd: machine.Raw("x")})
	require.Equal(t, kv.Invalid, c.got[c.asks].Status)
	require.Empty(t, c.calls)
}

func TestFewTimersAreUnderWay(t *testing.T) {
	c := newClient(t, session.Config{})
	for i := range 5000 {
		c.ask(write)
		c.say(c.call(), kv.OK)
		c.pass(machine.Time(1+i%50) * machine.Millisecond)
		require.LessOrEqual(t, len(c.timers), 2)
	}
	require.LessOrEqual(t, c.ticks, 2*int(c.now/second), "nobody is woken for what has ended")
}

func TestAResultOfTheWrongKindIsNoAnswer(t *testing.T) {
	item := kv.Item{Key: "a"}
	for _, tc := range []struct {
		op   kv.Op
		good kv.Result
	}{
		{get, item},
		{kv.Scan{}, kv.Items{}},
		{kv.Append{Key: "a"}, kv.Length{}},
		{kv.Txn{Then: []kv.Op{kv.Delete{Key: "a"}}, Else: []kv.Op{get, get}}, kv.TxnResult{Succeeded: true, Outcomes: []kv.Outcome{{Status: kv.OK}}}},
		{kv.Txn{Else: []kv.Op{kv.Delete{Key: "a"}}}, kv.TxnResult{Outcomes: []kv.Outcome{{Status: kv.OK}}}},
		{kv.Events{}, kv.EventList{}},
		{kv.Grant{TTL: time.Second}, kv.LeaseInfo{ID: 3}},
		{kv.KeepAlive{Lease: 3}, kv.LeaseInfo{ID: 3}},
		{kv.Leases{}, kv.LeaseList{}},
		{kv.Stat{}, kv.Stats{}},
		{kv.Members{}, kv.Group{}},
		{kv.Inspect{}, kv.Replica{}},
	} {
		for _, result := range []kv.Result{nil, kv.Item{Key: "b"}, kv.LeaseInfo{ID: 4}, kv.TxnResult{}, kv.Length{}, kv.SessionInfo{}, tc.good} {
			c := newClient(t, session.Config{})
			id := c.ask(tc.op)
			c.answer(c.call(), &kv.Response{Status: kv.OK, Result: result})
			want := kv.Maybe
			_, isLease := result.(kv.LeaseInfo)
			switch {
			case reflect.DeepEqual(result, tc.good), isLease && kv.OpName(tc.op) == "grant":
				want = kv.OK
			case kv.ReadOnly(tc.op):
				want = kv.Unavailable
			}
			require.Equal(t, want, c.got[id].Status, "%T for %s", result, kv.OpName(tc.op))
		}
	}
}

func TestASessionOfNoUseIsNoSession(t *testing.T) {
	c := newClient(t, session.Config{})
	id := c.ask(write)
	c.answer(c.calls[0], &kv.Response{Status: kv.OK, Result: kv.SessionInfo{TTL: time.Second}})
	require.Equal(t, kv.Unavailable, c.got[id].Status, "nothing was sent but a request for a session")
}

func TestAReplyToAnAttemptThatWasGivenUpStillCounts(t *testing.T) {
	c := newClient(t, session.Config{})
	id := c.ask(write)
	first := c.call()
	second := c.again()
	c.say(first, kv.Unavailable)
	require.Empty(t, c.calls, "the second is still under way")
	c.say(second, kv.NoSession)
	require.Equal(t, uint64(102), c.call().req.Session, "both copies were refused")
	require.NotContains(t, c.got, id)
}

func TestAnswersToAnEarlierLifeMeanNothing(t *testing.T) {
	first := newClient(t, session.Config{})
	first.ask(write)
	old := first.call()
	second := newClient(t, session.Config{})
	second.now = 99 * machine.Second // its random bits come from it
	second.step(machine.Ready{Fresh: true})
	id := second.ask(write)
	second.step(machine.Recv{From: old.to, Msg: machine.Return{ID: old.id, Data: &kv.Response{Status: kv.OK}}})
	require.NotContains(t, second.got, id)
	require.NotEqual(t, old.id, second.call().id)
}
