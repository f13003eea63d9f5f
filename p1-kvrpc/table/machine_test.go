package table_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/table/agenda"
)

// server drives a Machine: it keeps its timers, and gives them back when told that
// time has passed.
type server struct {
	t      *testing.T
	m      machine.Machine
	now    machine.Time
	id     uint64
	timers []machine.Time
	got    map[uint64]*kv.Response // answers by Ask
}

var self = machine.Addr{Node: 1, Role: "table"}

func newServer(t *testing.T, c table.Config) *server {
	c.FirstID = 1
	m, err := table.Protocol().New(self, c.AppendTo(nil))
	require.NoError(t, err)
	return &server{t: t, m: m, got: map[uint64]*kv.Response{}}
}

func (s *server) step(e machine.Event) {
	s.t.Helper()
	var out machine.Out
	s.m.Step(machine.In{Now: s.now, Rand: 7, Event: e}, &out)
	require.Empty(s.t, out.Save)
	for _, e := range out.Send {
		require.Equal(s.t, self, e.To)
		require.Equal(s.t, e.Msg.(agenda.Tick).At, s.now+e.After)
		s.timers = append(s.timers, s.now+e.After)
	}
	for _, a := range out.Reply {
		require.NotContains(s.t, s.got, a.ID, "answered twice")
		s.got[a.ID] = a.Data.(*kv.Response)
	}
}

// ask asks and returns the answer, nil if there is none yet.
func (s *server) ask(req kv.Request) *kv.Response {
	s.t.Helper()
	s.id++
	s.step(machine.Ask{ID: s.id, Cmd: &req})
	return s.got[s.id]
}

// pass lets time pass, with the timers that end in it.
func (s *server) pass(d machine.Time) {
	s.t.Helper()
	for end := s.now + d; ; {
		first := -1
		for i, at := range s.timers {
			if at <= end && (first < 0 || at < s.timers[first]) {
				first = i
			}
		}
		if first < 0 {
			s.now = end
			return
		}
		at := s.timers[first]
		s.timers = append(s.timers[:first], s.timers[first+1:]...)
		s.now = max(s.now, at)
		s.step(machine.Recv{From: self, Msg: agenda.Tick{At: at}})
	}
}

func poll(from, to string, wait time.Duration) kv.Request {
	return kv.Request{Wait: wait, Op: kv.Events{From: from, To: to}}
}

func TestALongPollIsAnsweredByTheFirstChangeItWaitsFor(t *testing.T) {
	s := newServer(t, table.Config{})
	require.Nil(t, s.ask(poll("a", "b", time.Minute)))
	require.Nil(t, s.ask(poll("b", "", time.Minute)))
	s.ask(kv.Request{Op: put("a", "1")})
	want := &kv.Response{Status: kv.OK, Rev: rev(2), Stable: true, Result: kv.EventList{
		List: []kv.Event{{Kind: kv.EventPut, Item: kv.Item{Key: "a", Value: []byte("1"), Mod: rev(2), Create: rev(2), Count: 1}}}, Next: rev(2),
	}}
	require.Empty(t, cmp.Diff(want, s.got[1]))
	require.NotContains(t, s.got, uint64(2))
	s.ask(kv.Request{Op: kv.Get{Key: "b"}})
	s.ask(kv.Request{Op: put("b", "1")})
	require.Equal(t, rev(3), s.got[2].Result.(kv.EventList).Next)
	now := kv.Request{Wait: time.Minute, Op: kv.Events{After: rev(1)}}
	require.Len(t, s.ask(now).Result.(kv.EventList).List, 2, "what is there already is not waited for")
}

func TestALongPollEndsEmptyAfterItsWait(t *testing.T) {
	s := newServer(t, table.Config{})
	s.ask(poll("", "", 9*time.Second))
	s.ask(poll("", "", 3*time.Second))
	s.ask(poll("x", "y", 5*time.Second))
	s.pass(3*second - 1)
	require.Empty(t, s.got)
	s.pass(1)
	require.Empty(t, cmp.Diff(&kv.Response{Status: kv.OK, Rev: rev(1), Stable: true, Result: kv.EventList{Next: rev(1)}}, s.got[2]))
	s.pass(second)
	s.ask(kv.Request{Op: put("a", "")})
	s.pass(second)
	require.Equal(t, kv.EventList{Next: rev(2)}, s.got[3].Result, "the place to go on from has moved on")
	require.Contains(t, s.got, uint64(1))
	s.pass(10 * second)
	require.Empty(t, s.timers)
}

func TestAParkedPollDoesNotFallBehindTheHistory(t *testing.T) {
	s := newServer(t, table.Config{HistoryEvents: 2})
	s.ask(poll("b", "", time.Minute))
	for range 9 {
		s.ask(kv.Request{Op: put("a", "")})
	}
	s.ask(kv.Request{Op: put("b", "")})
	require.Len(t, s.got[1].Result.(kv.EventList).List, 1)

	s.ask(poll("b", "", time.Minute))
	ask := s.id
	s.ask(kv.Request{Op: kv.Txn{Then: []kv.Op{put("b", "1"), put("b", "2"), put("b", "3")}}})
	require.Equal(t, kv.Compacted, s.got[ask].Status, "a change too large for the history is not passed over")
}

func TestACancelledPollIsForgotten(t *testing.T) {
	s := newServer(t, table.Config{Parked: 1})
	require.Nil(t, s.ask(poll("", "", time.Second)))
	require.Equal(t, kv.Overloaded, s.ask(poll("", "", time.Second)).Status)
	s.step(machine.Cancel{ID: 1})
	s.step(machine.Cancel{ID: 99})
	require.Nil(t, s.ask(poll("a", "", time.Second)))
	s.ask(kv.Request{Op: put("b", "")})
	s.pass(second)
	require.NotContains(t, s.got, uint64(1))
	require.Contains(t, s.got, uint64(3))
}

func TestLeasesAndSessionsExpireByThemselves(t *testing.T) {
	s := newServer(t, table.Config{})
	id := s.ask(kv.Request{Op: kv.OpenSession{TTL: 4 * time.Second}}).Result.(kv.SessionInfo).ID
	lease := s.ask(kv.Request{Op: kv.Grant{TTL: 3 * time.Second}}).Result.(kv.LeaseInfo).ID
	s.ask(kv.Request{Op: kv.Put{Key: "a", Lease: lease}})
	s.ask(poll("a", "", time.Minute))
	watch := s.id
	s.pass(2 * second)
	s.ask(kv.Request{Op: kv.KeepAlive{Lease: lease}})
	s.pass(3*second - 1)
	require.NotContains(t, s.got, watch)
	s.pass(1)
	require.Equal(t, kv.EventDelete, s.got[watch].Result.(kv.EventList).List[0].Kind)
	require.Equal(t, kv.NoSession, s.ask(kv.Request{Session: id, Seq: 1, Op: put("b", "")}).Status)
	s.pass(60 * second)
	require.Empty(t, s.timers, "nothing is left to wait for")
}

func TestALoadedMachineGoesOnWhereTheViewWasTaken(t *testing.T) {
	s := newServer(t, table.Config{})
	s.step(machine.Ready{Fresh: true})
	lease := s.ask(kv.Request{Op: kv.Grant{TTL: time.Second}}).Result.(kv.LeaseInfo).ID
	s.ask(kv.Request{Op: kv.Put{Key: "a", Value: []byte("x"), Lease: lease}})
	s.ask(kv.Request{Op: kv.Put{Key: "b", Value: []byte("y")}})
	view := s.m.(*table.Machine).View()

	next := newServer(t, table.Config{})
	next.now = s.now
	m := next.m.(*table.Machine)
	require.ErrorIs(t, m.Load(func(yield func(string, []byte) bool) { yield("x", nil) }), table.ErrCorrupt)
	require.NoError(t, m.Load(view.Pairs("")))
	next.step(machine.Ready{})
	require.Equal(t, app.Hash(view), app.Hash(m.View()))
	require.Equal(t, kv.OK, next.ask(kv.Request{Op: kv.Get{Key: "a"}}).Status)
	next.pass(2 * second)
	require.Equal(t, kv.NotFound, next.ask(kv.Request{Op: kv.Get{Key: "a"}}).Status, "its lease has ended")
	require.Equal(t, kv.OK, next.ask(kv.Request{Op: kv.Get{Key: "b"}}).Status)
}

func TestFewTimersAreUnderWay(t *testing.T) {
	s := newServer(t, table.Config{})
	id := s.ask(kv.Request{Op: kv.OpenSession{TTL: time.Minute}}).Result.(kv.SessionInfo).ID
	for seq := uint64(1); seq <= 1000; seq++ {
		s.ask(poll("", "", time.Second))
		s.ask(kv.Request{Session: id, Seq: seq, Acked: seq - 1, Op: put("a", "")})
		s.pass(50 * machine.Millisecond)
		require.LessOrEqual(t, len(s.timers), 2)
	}
}

func TestAMachineRefusesWhatItDoesNotOffer(t *testing.T) {
	s := newServer(t, table.Config{})
	require.Equal(t, kv.Unsupported, s.ask(kv.Request{Level: kv.StrictSerializable, Op: kv.Get{Key: "a"}}).Status)
	require.Equal(t, kv.NotFound, s.ask(kv.Request{Level: kv.Linearizable, Op: kv.Get{Key: "a"}}).Status)
	require.Equal(t, kv.Invalid, s.ask(kv.Request{Level: 99, Op: kv.Get{Key: "a"}}).Status)
	for _, cmd := range []machine.Data{nil, machine.Raw("x"), (*kv.Request)(nil)} {
		s.id++
		s.step(machine.Ask{ID: s.id, Cmd: cmd})
		require.Equal(t, kv.Invalid, s.got[s.id].Status)
	}
	require.Equal(t, kv.Caps{Stage: 1, Level: kv.Linearizable, Has: 127}, table.Offers())
}

func TestNumbersOfAnEarlierLifeMeanNothing(t *testing.T) {
	id := func(random uint64) uint64 {
		var out machine.Out
		m := table.NewMachine(self, table.Config{})
		m.Step(machine.In{Rand: random, Event: machine.Ready{Fresh: true}}, &out)
		m.Step(machine.In{Rand: 1, Event: machine.Ask{ID: 1, Cmd: &kv.Request{Op: kv.OpenSession{TTL: time.Second}}}}, &out)
		return out.Reply[0].Data.(*kv.Response).Result.(kv.SessionInfo).ID
	}
	require.NotEqual(t, id(1<<40), id(1<<50))
}

func TestForeignMessagesAreIgnored(t *testing.T) {
	s := newServer(t, table.Config{})
	s.ask(poll("", "", time.Second))
	timers := len(s.timers)
	s.now = 5 * second
	s.step(machine.Recv{From: machine.Addr{Node: 2}, Msg: agenda.Tick{At: second}})
	s.step(machine.Recv{From: self, Msg: machine.Return{ID: 1, Data: &kv.Response{}}})
	s.step(machine.Recv{})
	s.step(machine.Link{Peer: 1})
	require.Empty(t, s.got)
	require.Len(t, s.timers, timers)
}

// FuzzStep feeds a Machine with inputs made of arbitrary bytes: it never panics,
// and never answers an Ask twice.
func FuzzStep(f *testing.F) {
	p := table.Protocol()
	var seed []byte
	for i, e := range []machine.Event{
		machine.Ready{Fresh: true},
		machine.Ask{ID: 1, Cmd: &kv.Request{Op: kv.OpenSession{TTL: time.Second}}},
		machine.Ask{ID: 2, Cmd: &kv.Request{Wait: time.Second, Op: kv.Events{}}},
		machine.Ask{ID: 3, Cmd: &kv.Request{Session: 1, Seq: 1, Op: put("a", "b")}},
		machine.Cancel{ID: 2},
		machine.Recv{From: self, Msg: agenda.Tick{At: second}},
	} {
		in := machine.AppendIn(nil, machine.In{Now: machine.Time(i) * second, Event: e})
		seed = cbor.AppendBytes(seed, in)
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := table.NewMachine(self, small)
		r := cbor.NewReader(b)
		answered := map[uint64]int{}
		for r.Err() == nil && len(r.Rest()) > 0 {
			in, err := machine.DecodeIn(r.Bytes(), p)
			if err != nil {
				continue
			}
			if ask, ok := in.Event.(machine.Ask); ok {
				answered[ask.ID]++
			}
			var out machine.Out
			m.Step(in, &out)
			for _, a := range out.Reply {
				answered[a.ID]--
				require.GreaterOrEqual(t, answered[a.ID], 0)
			}
		}
	})
}
