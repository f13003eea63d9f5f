package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/session"
)

// sessionless lets a client find out that the servers offer no sessions.
func sessionless(t testing.TB, config session.Config) *client {
	c := newClient(t, config)
	id := c.ask(write)
	require.IsType(t, kv.OpenSession{}, c.calls[0].req.Op)
	open := c.calls[0]
	c.calls = nil
	c.say(open, kv.Unsupported)
	c.say(c.call(), kv.OK)
	require.Equal(t, kv.OK, c.got[id].Status)
	return c
}

func TestWithoutSessionsOnOfferAWriteIsSentOnce(t *testing.T) {
	c := newClient(t, session.Config{})
	id, other := c.ask(write), c.ask(write)
	require.Len(t, c.calls, 1, "one session is enough")
	open := c.calls[0]
	c.calls = nil
	c.say(open, kv.Unsupported)
	require.Len(t, c.calls, 2, "both have waited for it")
	for _, call := range c.calls {
		require.Equal(t, &kv.Request{Op: write}, call.req, "no session, no number")
	}
	c.say(c.call(), kv.OK)
	require.Equal(t, kv.OK, c.got[id].Status)
	c.call()
	c.pass(20 * second)
	require.Empty(t, c.calls, "nobody would know a copy")
	require.Equal(t, kv.Maybe, c.got[other].Status)
	c.ask(write)
	require.Equal(t, write, c.call().req.Op, "it has learnt that there are none")
}

// noAnswer is what servers say that say nothing.
const noAnswer = kv.Status(0)

// outcome asks for an operation, to each copy of which the servers say something else. They
// must be no more copies, and no fewer.
func (c *client) outcome(op kv.Op, says []kv.Status) *kv.Response {
	c.t.Helper()
	id := c.ask(op)
	for _, status := range says {
		if to := c.again(); status != noAnswer {
			c.say(to, status)
		}
	}
	c.pass(20 * second)
	require.Empty(c.t, c.calls, "sent once more")
	require.Contains(c.t, c.got, id)
	require.Empty(c.t, c.timers, "nothing is left to do")
	return c.got[id]
}

func TestOutcomesAtServersThatLackWhatWasSeen(t *testing.T) {
	for _, c := range []struct {
		name string
		mode session.Mode
		op   kv.Op
		says []kv.Status
		want kv.Status
	}{
		{"write: another has it", session.ExactlyOnce, write, []kv.Status{kv.Unsatisfied, kv.OK}, kv.OK},
		{"write: nobody has it", session.ExactlyOnce, write, []kv.Status{kv.Unsatisfied, kv.Unsatisfied}, kv.Unsatisfied},
		{"write: one in doubt", session.ExactlyOnce, write, []kv.Status{noAnswer, kv.Unsatisfied}, kv.Maybe},
		{"write: sent once", session.AtMostOnce, write, []kv.Status{kv.Unsatisfied}, kv.Unsatisfied},
		{"write: sent again", session.AtLeastOnce, write, []kv.Status{kv.Unsatisfied, kv.OK}, kv.OK},
		{"read: another has it", session.AtMostOnce, get, []kv.Status{kv.Unsatisfied, kv.NotFound}, kv.NotFound},
		{"read: nobody has it", session.ExactlyOnce, get, []kv.Status{kv.Unsatisfied, kv.Unsatisfied}, kv.Unsatisfied},
		{"read: one in doubt", session.ExactlyOnce, get, []kv.Status{noAnswer, kv.Unsatisfied}, kv.Unsatisfied},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := newClient(t, session.Config{Mode: c.mode, Burst: max(1, len(c.says)-1), Retries: 1})
			resp := cl.outcome(c.op, c.says)
			require.Equal(t, c.want, resp.Status, resp.Detail)
		})
	}
}

func TestOutcomesWithoutSessions(t *testing.T) {
	for _, c := range []struct {
		name string
		mode session.Mode
		says []kv.Status
		want kv.Status
	}{
		{"done", session.ExactlyOnce, []kv.Status{kv.OK}, kv.OK},
		{"as it is", session.ExactlyOnce, []kv.Status{kv.Invalid}, kv.Invalid},
		{"no answer", session.ExactlyOnce, []kv.Status{noAnswer}, kv.Maybe},
		{"server does not know", session.ExactlyOnce, []kv.Status{kv.Maybe}, kv.Maybe},
		{"unavailable passes", session.ExactlyOnce, []kv.Status{kv.Unavailable, kv.Unavailable, kv.OK}, kv.OK},
		{"overload passes", session.ExactlyOnce, []kv.Status{kv.Overloaded, kv.OK}, kv.OK},
		{"what was seen arrives", session.ExactlyOnce, []kv.Status{kv.Unsatisfied, kv.OK}, kv.OK},
		{"refused, then no answer", session.ExactlyOnce, []kv.Status{kv.Unsatisfied, noAnswer}, kv.Maybe},
		{"refused, then not known", session.ExactlyOnce, []kv.Status{kv.Unavailable, kv.Maybe}, kv.Maybe},
		{"refused each time", session.ExactlyOnce, []kv.Status{kv.Unsatisfied, kv.Unsatisfied, kv.Unsatisfied}, kv.Unsatisfied},
		{"sent once", session.AtMostOnce, []kv.Status{kv.Unavailable}, kv.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := sessionless(t, session.Config{Mode: c.mode, Burst: max(1, len(c.says)-1), Retries: 1})
			resp := cl.outcome(write, c.says)
			require.Equal(t, c.want, resp.Status, resp.Detail)
		})
	}
}

func TestAServerThatLacksWhatWasSeenSendsItsClientOn(t *testing.T) {
	c := newClient(t, session.Config{Servers: []session.Server{{Addr: server, Name: "one"}, {Addr: addr(2), Name: "two"}, {Addr: addr(3), Name: "three"}}})
	id := c.ask(get)
	first := c.call()
	require.Equal(t, server, first.to)
	c.answer(first, &kv.Response{Status: kv.Unsatisfied, Try: "three"})
	second := c.call() // at once
	require.Equal(t, addr(3), second.to)
	c.answer(second, &kv.Response{Status: kv.Unsatisfied, Try: "nobody knows it"})
	require.Empty(t, c.calls, "it backs off first")
	third := c.again()
	require.Equal(t, server, third.to, "the next one")
	c.say(third, kv.NotFound)
	require.Equal(t, kv.NotFound, c.got[id].Status)
}

func TestWhatWasSeenIsWaitedForUntilTheTimeIsUp(t *testing.T) {
	c := newClient(t, session.Config{Timeout: 5 * second})
	id := c.ask(get)
	for c.got[id] == nil {
		c.say(c.again(), kv.Unsatisfied)
		for len(c.calls) == 0 && c.got[id] == nil {
			c.pass(100 * machine.Millisecond)
		}
	}
	require.Equal(t, kv.Unsatisfied, c.got[id].Status)
	require.Equal(t, 5*second, c.now)
}

func TestTokensGoBothWaysAndTryComesBack(t *testing.T) {
	c := sessionless(t, session.Config{})
	for _, op := range []kv.Op{get, write, kv.Guarded{Else: "m"}} {
		id := c.askFor(&kv.Request{Level: kv.Session, Token: []byte("seen"), Op: op})
		sent := c.call()
		require.Equal(t, &kv.Request{Level: kv.Session, Token: []byte("seen"), Op: op}, sent.req)
		said := &kv.Response{Status: kv.Invalid, Token: []byte("seen more"), Try: "elsewhere", Stable: true}
		c.answer(sent, said)
		require.Equal(t, said, c.got[id])
	}
}

func TestAClientWhoseServersStopOfferingSessionsHasNoneToClose(t *testing.T) {
	c := newClient(t, session.Config{})
	c.ask(write)
	c.say(c.call(), kv.OK)
	c.pass(100 * second) // the session is too old to be used again
	c.ask(write)
	closing := c.ask(kv.CloseSession{})
	open := c.calls[0]
	c.calls = nil
	c.say(open, kv.Unsupported)
	require.Equal(t, kv.NoSession, c.got[closing].Status)
	require.Equal(t, write, c.call().req.Op)
	require.Equal(t, kv.NoSession, c.got[c.ask(kv.CloseSession{})].Status)
}

func TestATentativeStoresResultsMustFit(t *testing.T) {
	for name, op := range map[string]kv.Op{
		"guarded": kv.Guarded{Else: "m"}, "inquire": kv.Inquire{Write: kv.Version{Lo: 1}}, "conflicts": kv.Conflicts{}, "probe": kv.Probe{},
	} {
		for _, res := range []kv.Result{nil, kv.Length{}, kv.GuardedResult{Fate: kv.Applied}, kv.Standing{}, kv.ConflictList{}, kv.Distances{}} {
			c := sessionless(t, session.Config{})
			id := c.ask(op)
			c.answer(c.call(), &kv.Response{Status: kv.OK, Result: res})
			want := kv.Unavailable
			switch {
			case fitting(op, res):
				want = kv.OK
			case name == "guarded":
				want = kv.Maybe
			}
			require.Equal(t, want, c.got[id].Status, "%s: %T", name, res)
		}
	}
}

func fitting(op kv.Op, res kv.Result) (ok bool) {
	switch op.(type) {
	case kv.Guarded:
		_, ok = res.(kv.GuardedResult)
	case kv.Inquire:
		_, ok = res.(kv.Standing)
	case kv.Conflicts:
		_, ok = res.(kv.ConflictList)
	case kv.Probe:
		_, ok = res.(kv.Distances)
	}
	return ok
}
