package session_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table/agenda"
)

const second = machine.Second

// client drives a session Machine by hand: the test plays the servers.
type client struct {
	t      testing.TB
	m      machine.Machine
	self   machine.Addr
	now    machine.Time
	asks   uint64
	calls  []call
	timers []machine.Time
	got    map[uint64]*kv.Response
	opens  uint64 // sessions that the test has opened
	ticks  int
}

type call struct {
	to  machine.Addr
	id  uint64
	req *kv.Request
}

func newClient(t testing.TB, c session.Config) *client {
	if c.Servers == nil {
		c.Servers = []session.Server{{Addr: server, Name: "one"}, {Addr: addr(2), Name: "two"}}
	}
	cl := &client{t: t, self: addr(9), got: map[uint64]*kv.Response{}}
	m, err := session.Protocol().New(cl.self, c.AppendTo(nil))
	require.NoError(t, err)
	cl.m = m
	return cl
}

func (c *client) step(e machine.Event) {
	c.t.Helper()
	var out machine.Out
	c.m.Step(machine.In{Now: c.now, Rand: uint64(c.now) * 0x9e37, Event: e}, &out)
	for _, e := range out.Send {
		if e.To == c.self {
			c.timers = append(c.timers, c.now+e.After)
			continue
		}
		msg := e.Msg.(machine.Call)
		c.calls = append(c.calls, call{e.To, msg.ID, msg.Cmd.(*kv.Request)})
	}
	for _, a := range out.Reply {
		require.NotContains(c.t, c.got, a.ID, "answered twice")
		c.got[a.ID] = a.Data.(*kv.Response)
	}
}

func (c *client) ask(op kv.Op) uint64 {
	c.t.Helper()
	return c.askFor(&kv.Request{Op: op})
}

func (c *client) askFor(req *kv.Request) uint64 {
	c.t.Helper()
	c.asks++
	c.step(machine.Ask{ID: c.asks, Cmd: req})
	return c.asks
}

// call takes the oldest call that was sent; one for a session is answered on the way.
func (c *client) call() call {
	c.t.Helper()
	require.NotEmpty(c.t, c.calls, "nothing was sent")
	next := c.calls[0]
	c.calls = c.calls[1:]
	if open, ok := next.req.Op.(kv.OpenSession); ok {
		c.opens++
		c.answer(next, &kv.Response{Status: kv.OK, Result: kv.SessionInfo{ID: 100 + c.opens, TTL: open.TTL}})
		return c.call()
	}
	return next
}

func (c *client) answer(to call, resp *kv.Response) {
	c.t.Helper()
	c.step(machine.Recv{From: to.to, Msg: machine.Return{ID: to.id, Data: resp}})
}

func (c *client) say(to call, s kv.Status) {
	c.t.Helper()
	c.answer(to, &kv.Response{Status: s, Detail: "from the server"})
}

// pass lets time pass, with the timers that end in it.
func (c *client) pass(d machine.Time) {
	c.t.Helper()
	for end := c.now + d; ; {
		slices.Sort(c.timers)
		if len(c.timers) == 0 || c.timers[0] > end {
			c.now = end
			return
		}
		at := c.timers[0]
		c.timers = c.timers[1:]
		c.now = max(c.now, at)
		c.ticks++
		c.step(machine.Recv{From: c.self, Msg: agenda.Tick{At: at}})
	}
}

// again lets time pass until the operation is sent once more.
func (c *client) again() call {
	c.t.Helper()
	for range 100 {
		if len(c.calls) > 0 {
			return c.call()
		}
		c.pass(100 * machine.Millisecond)
	}
	require.Fail(c.t, "not sent again")
	return call{}
}

var (
	write = kv.CAS{Key: "a", Value: []byte("x")}
	get   = kv.Get{Key: "a"}
)

// TestOutcomes has a line for each cell of the table in the package comment: what
// the server says to each copy (the last again and again), and the final word.
func TestOutcomes(t *testing.T) {
	const none = kv.Status(0)
	exactly, most, least := session.ExactlyOnce, session.AtMostOnce, session.AtLeastOnce
	for _, c := range []struct {
		name   string
		mode   session.Mode
		op     kv.Op
		says   []kv.Status
		want   kv.Status
		copies int
	}{
		{"write done", exactly, write, []kv.Status{kv.OK}, kv.OK, 1},
		{"write done by a copy", exactly, write, []kv.Status{none, kv.OK}, kv.OK, 2},
		{"K7: the copy's answer is remembered", exactly, write, []kv.Status{none, kv.Conflict}, kv.Conflict, 2},
		{"K7: nobody remembers", least, write, []kv.Status{none, kv.Conflict}, kv.Maybe, 2},
		{"first copy fails without a session", least, write, []kv.Status{kv.Conflict}, kv.Conflict, 1},
		{"delete of what a copy may have deleted", least, kv.Delete{Key: "a"}, []kv.Status{none, kv.NotFound}, kv.Maybe, 2},
		{"delete of nothing", exactly, kv.Delete{Key: "a"}, []kv.Status{none, kv.NotFound}, kv.NotFound, 2},
		{"too large", exactly, kv.Append{Key: "a"}, []kv.Status{none, kv.TooLarge}, kv.TooLarge, 2},
		{"revoked by a copy", least, kv.Revoke{Lease: 1}, []kv.Status{none, kv.NoLease}, kv.Maybe, 2},
		{"a change that a copy may have made", exactly, kv.Change{Add: 4}, []kv.Status{none, kv.Invalid}, kv.Maybe, 2},
		{"a change that waits for another", exactly, kv.Change{Add: 4}, []kv.Status{kv.Overloaded, kv.OK}, kv.OK, 2},
		{"a change that no copy can have made", exactly, kv.Change{Add: 4}, []kv.Status{kv.Unavailable, kv.Invalid}, kv.Invalid, 2},
		{"a change, sent once", most, kv.Change{Add: 4}, []kv.Status{none}, kv.Maybe, 1},
		{"overload passes", exactly, write, []kv.Status{kv.Overloaded, kv.OK}, kv.OK, 2},
		{"overload stays", exactly, write, []kv.Status{kv.Overloaded}, kv.Overloaded, 2},
		{"overload stays, one in doubt", exactly, write, []kv.Status{none, kv.Overloaded}, kv.Maybe, 2},
		{"unavailable passes", exactly, write, []kv.Status{kv.Unavailable, kv.Unavailable, kv.OK}, kv.OK, 3},
		{"unavailable stays", exactly, write, []kv.Status{kv.Unavailable}, kv.Unavailable, 2},
		{"server does not know", exactly, write, []kv.Status{kv.Maybe, kv.OK}, kv.OK, 2},
		{"server never knows", exactly, write, []kv.Status{kv.Maybe}, kv.Maybe, 2},
		{"K8: no answer", exactly, write, []kv.Status{none}, kv.Maybe, 2},
		{"K8: no answer without session", least, write, []kv.Status{none}, kv.Maybe, 2},
		{"session lost first", exactly, write, []kv.Status{kv.NoSession, kv.OK}, kv.OK, 2},
		{"session lost, one in doubt", exactly, write, []kv.Status{none, kv.NoSession}, kv.Maybe, 2},
		{"forgotten", exactly, write, []kv.Status{kv.Forgotten}, kv.Maybe, 1},
		{"breaks the contract", exactly, kv.Append{Key: "a"}, []kv.Status{kv.OK}, kv.Maybe, 1},
		{"no such status", exactly, write, []kv.Status{99}, kv.Maybe, 1},
		{"no session asked for, none lost", least, write, []kv.Status{kv.NoSession}, kv.Maybe, 1},
		{"unsupported", exactly, write, []kv.Status{kv.Unsupported}, kv.Unsupported, 1},
		{"sent once: done", most, write, []kv.Status{kv.OK}, kv.OK, 1},
		{"sent once: overload", most, write, []kv.Status{kv.Overloaded}, kv.Overloaded, 1},
		{"sent once: not known", most, write, []kv.Status{kv.Maybe}, kv.Maybe, 1},
		{"sent once: no answer", most, write, []kv.Status{none}, kv.Maybe, 1},
		{"sent once: session lost", most, write, []kv.Status{kv.NoSession}, kv.Unavailable, 1},
		{"read: sent again in every mode", most, get, []kv.Status{none, kv.NotFound}, kv.NotFound, 2},
		{"read: no answer", exactly, get, []kv.Status{none}, kv.Unavailable, 2},
		{"read: overload, one in doubt", exactly, get, []kv.Status{none, kv.Overloaded}, kv.Overloaded, 2},
		{"read: server does not know", exactly, get, []kv.Status{kv.Maybe}, kv.Unavailable, 2},
		{"read: no session", exactly, get, []kv.Status{kv.NoSession}, kv.Unavailable, 1},
		{"read: breaks the contract", exactly, get, []kv.Status{kv.OK}, kv.Unavailable, 1},
		{"read: compacted", exactly, get, []kv.Status{kv.Compacted}, kv.Compacted, 1},
		{"open-session: sent again", most, kv.Stat{}, []kv.Status{none, kv.Unsupported}, kv.Unsupported, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := newClient(t, session.Config{Mode: c.mode, Burst: max(1, len(c.says)-1), Retries: 1})
			id := cl.ask(c.op)
			sends := 0
			say := func(to call, status kv.Status) {
				sends++
				if status != none {
					cl.say(to, status)
				}
			}
			for _, status := range c.says {
				say(cl.again(), status)
			}
			for range 200 {
				cl.pass(100 * machine.Millisecond)
				if len(cl.calls) > 0 {
					say(cl.call(), c.says[len(c.says)-1])
				}
			}
			require.Contains(t, cl.got, id)
			require.Equal(t, c.want, cl.got[id].Status, cl.got[id].Detail)
			require.Equal(t, c.copies, sends, "copies")
			require.Empty(t, cl.timers, "nothing is left to do")
		})
	}
}

func TestWhatWasNeverSentIsDefinitelyNotDone(t *testing.T) {
	c := newClient(t, session.Config{Timeout: 3 * second})
	id := c.ask(write) // only its session is asked for, in vain
	c.pass(10 * second)
	require.Equal(t, kv.Unavailable, c.got[id].Status)
	require.Empty(t, c.timers, "a session that nobody waits for is not asked for")
	for _, call := range c.calls {
		require.IsType(t, kv.OpenSession{}, call.req.Op)
	}
}

func TestCopiesCarryTheSameNumberAndAckedCoversOnlyWhatIsFinished(t *testing.T) {
	c := newClient(t, session.Config{})
	for range 4 {
		c.ask(write)
	}
	var first []call
	for range 4 {
		first = append(first, c.call())
	}
	numbers := func(k call) [3]uint64 { return [3]uint64{k.req.Session, k.req.Seq, k.req.Acked} }
	require.Equal(t, [3]uint64{101, 4, 0}, numbers(first[3]))
	c.say(first[3], kv.OK)
	c.say(first[1], kv.OK)
	again := []call{c.again(), c.again()}
	slices.SortFunc(again, func(a, b call) int { return int(a.req.Seq) - int(b.req.Seq) })
	require.Equal(t, [3]uint64{101, 1, 0}, numbers(again[0]), "1 is not finished")
	require.Equal(t, [3]uint64{101, 3, 0}, numbers(again[1]))
	require.NotEqual(t, first[0].id, again[0].id)
	c.say(first[0], kv.OK) // late, but an answer
	require.Equal(t, kv.OK, c.got[1].Status)
	require.Equal(t, [3]uint64{101, 3, 2}, numbers(c.again()))
	c.say(first[2], kv.OK)
	c.ask(write)
	require.Equal(t, [3]uint64{101, 5, 4}, numbers(c.call()))
}

func TestACancelledOperationIsForgottenAndHoldsNobodyUp(t *testing.T) {
	c := newClient(t, session.Config{InFlight: 1})
	one := c.ask(write)
	sent := c.call()
	two, three := c.ask(write), c.ask(write)
	require.Empty(t, c.calls, "the window is full")
	c.step(machine.Cancel{ID: two}) // waits
	c.step(machine.Cancel{ID: one}) // was sent
	next := c.call()
	require.Equal(t, uint64(2), next.req.Seq)
	require.Equal(t, uint64(1), next.req.Acked)
	c.say(sent, kv.OK)
	c.say(next, kv.OK)
	c.pass(20 * second)
	require.NotContains(t, c.got, one)
	require.NotContains(t, c.got, two)
	require.Equal(t, kv.OK, c.got[three].Status)
	require.Empty(t, c.calls)
}
