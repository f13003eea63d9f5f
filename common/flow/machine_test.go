package flow_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/flow"
	"dss.example/common/machine"
)

var self, far = machine.Addr{Node: 1, Role: "flow"}, machine.Addr{Node: 2, Role: "unit"}

// stage drives a flow machine by hand and keeps what it wrote down.
type stage struct {
	t     *testing.T
	m     *flow.Machine
	now   machine.Time
	out   machine.Out
	notes []string
}

func newStage(t *testing.T, serve func(s *stage, f flow.Flow) machine.Data) *stage {
	s := &stage{t: t}
	s.m = flow.NewMachine(self, flow.Handler{Serve: func(f flow.Flow, _ machine.Data) machine.Data { return serve(s, f) }})
	s.step(machine.Ready{})
	t.Cleanup(func() {
		s.m.Stop()
		goleak.VerifyNone(t)
	})
	return s
}

func (s *stage) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// step gives the machine an event and returns what it sent, timers left out.
func (s *stage) step(e machine.Event) []machine.Envelope {
	s.out.Reset()
	s.m.Step(machine.In{Now: s.now, Rand: uint64(s.now)<<20 + 7, Event: e}, &s.out)
	var sent []machine.Envelope
	for _, e := range s.out.Send {
		if e.To != self {
			sent = append(sent, e)
		}
	}
	return sent
}

// timers are the envelopes to itself of the last step.
func (s *stage) timers() (all []machine.Envelope) {
	for _, e := range s.out.Send {
		if e.To == self {
			all = append(all, e)
		}
	}
	return all
}

func (s *stage) ring(e machine.Envelope) []machine.Envelope {
	s.now += e.After
	return s.step(machine.Recv{From: self, Msg: e.Msg})
}

func text(s string) machine.Data { return machine.Raw(s) }

func TestACallIsSentOnceAndReturnsItsAnswer(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		data, err := f.Call(far, text("read"), machine.Second)
		require.NoError(t, err)
		return data
	})
	sent := s.step(machine.Ask{ID: 5, Cmd: text("go")})
	require.Len(t, sent, 1)
	call := sent[0].Msg.(machine.Call)
	require.Equal(t, text("read"), call.Cmd)
	s.step(machine.Recv{From: far, Msg: machine.Return{ID: call.ID + 1, Data: text("another's")}})
	require.Empty(t, s.out.Reply)
	s.step(machine.Recv{From: far, Msg: machine.Return{ID: call.ID, Data: text("x")}})
	require.Equal(t, []machine.Answer{{ID: 5, Data: text("x")}}, s.out.Reply)
	s.step(machine.Recv{From: far, Msg: machine.Return{ID: call.ID, Data: text("again")}})
	require.Empty(t, s.out.Reply, "a late copy of the answer means nothing")
}

func TestACopyOfAnAnswerDoesNotEndTheNextCall(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		_, _ = f.Call(far, text("first"), machine.Second)
		data, _ := f.Call(far, text("second"), machine.Second)
		return data
	})
	first := s.step(machine.Ask{ID: 1, Cmd: text("go")})[0].Msg.(machine.Call)
	answer := machine.Recv{From: far, Msg: machine.Return{ID: first.ID, Data: text("x")}}
	second := s.step(answer)[0].Msg.(machine.Call)
	s.step(answer)
	require.Empty(t, s.out.Reply)
	s.step(machine.Recv{From: far, Msg: machine.Return{ID: second.ID, Data: text("y")}})
	require.Equal(t, []machine.Answer{{ID: 1, Data: text("y")}}, s.out.Reply)
}

func TestNobodyElseCanRingATimer(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		f.Sleep(machine.Second)
		return text("done")
	})
	s.step(machine.Ask{ID: 1, Cmd: text("go")})
	timer := s.timers()[0]
	s.step(machine.Recv{From: far, Msg: timer.Msg})
	require.Empty(t, s.out.Reply)
	s.ring(timer)
	require.Len(t, s.out.Reply, 1)
}

func TestACallWithoutAnAnswerEndsWhenItsTimeIsUp(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		_, err := f.Call(far, text("read"), machine.Second)
		require.ErrorIs(t, err, flow.ErrNoAnswer)
		return text("gave up")
	})
	s.step(machine.Ask{ID: 1, Cmd: text("go")})
	timer := s.timers()[0]
	require.Equal(t, machine.Second, timer.After)
	s.ring(timer)
	require.Equal(t, []machine.Answer{{ID: 1, Data: text("gave up")}}, s.out.Reply)
}

func TestAnswersToAnEarlierLifeMeanNothing(t *testing.T) {
	serve := func(s *stage, f flow.Flow) machine.Data {
		data, _ := f.Call(far, text("read"), machine.Second)
		return data
	}
	first := newStage(t, serve)
	old := first.step(machine.Ask{ID: 1, Cmd: text("go")})[0].Msg.(machine.Call)
	first.m.Stop()
	second := &stage{t: t, now: 99 * machine.Second}
	second.m = flow.NewMachine(self, flow.Handler{Serve: func(f flow.Flow, _ machine.Data) machine.Data { return serve(second, f) }})
	second.step(machine.Ready{})
	second.step(machine.Ask{ID: 1, Cmd: text("go")})
	second.step(machine.Recv{From: far, Msg: machine.Return{ID: old.ID, Data: text("stale")}})
	require.Empty(t, second.out.Reply)
	second.m.Stop()
}

func TestThreadsRunAtTheSameTimeAndAreWaitedFor(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		flow.All(f,
			func(f flow.Flow) { f.Sleep(2 * machine.Second); s.note("slow at %d", f.Now()/machine.Second) },
			func(f flow.Flow) { f.Sleep(machine.Second); s.note("fast at %d", f.Now()/machine.Second) },
		)
		s.note("both")
		return text("done")
	})
	s.step(machine.Ask{ID: 1, Cmd: text("go")})
	timers := s.timers()
	s.now = machine.Second
	s.step(machine.Recv{From: self, Msg: timers[1].Msg})
	require.Empty(t, s.out.Reply)
	s.now = 2 * machine.Second
	s.step(machine.Recv{From: self, Msg: timers[0].Msg})
	require.Equal(t, []string{"fast at 1", "slow at 2", "both"}, s.notes)
	require.Len(t, s.out.Reply, 1)
}

func TestAMutexIsHandedOnInOrderOfArrival(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		mu := f.NewMutex()
		hold := func(name string) func(flow.Flow) {
			return func(f flow.Flow) {
				mu.Lock(f)
				defer mu.Unlock()
				s.note("%s in", name)
				f.Sleep(machine.Second)
				s.note("%s out", name)
			}
		}
		flow.All(f, hold("a"), hold("b"), hold("c"))
		return text("done")
	})
	s.step(machine.Ask{ID: 1, Cmd: text("go")})
	for range 3 {
		s.ring(s.timers()[0])
	}
	require.Equal(t, []string{"a in", "a out", "b in", "b out", "c in", "c out"}, s.notes)
	require.Len(t, s.out.Reply, 1)
}

func TestACrashUnwindsEveryThreadAndRunsItsDeferredFunctions(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		defer s.note("parent unwound")
		f.Go(func(f flow.Flow) {
			defer s.note("child unwound")
			f.Sleep(machine.Second)
			s.note("never")
		})
		_, _ = f.Call(far, text("read"), machine.Second)
		s.note("never")
		return nil
	})
	s.step(machine.Ask{ID: 1, Cmd: text("go")})
	s.m.Stop()
	require.ElementsMatch(t, []string{"parent unwound", "child unwound"}, s.notes)
}

func TestACancelledThreadGivesItsMutexBack(t *testing.T) {
	var mu flow.Mutex
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		if mu == nil {
			mu = f.NewMutex()
		}
		mu.Lock(f)
		defer mu.Unlock()
		s.note("in")
		f.Sleep(machine.Second)
		return text("done")
	})
	s.step(machine.Ask{ID: 1, Cmd: text("go")})
	s.step(machine.Ask{ID: 2, Cmd: text("go")})
	s.step(machine.Ask{ID: 3, Cmd: text("go")})
	s.step(machine.Cancel{ID: 2}) // it waits for the mutex
	s.step(machine.Cancel{ID: 1}) // it holds it
	require.Equal(t, []string{"in", "in"}, s.notes, "the third has it now")
	s.ring(s.timers()[0])
	require.Equal(t, []machine.Answer{{ID: 3, Data: text("done")}}, s.out.Reply)
}

// Threads run on the coroutines of those that ended before them.
func TestAThreadThatEndsOrIsCancelledSpoilsNothingForTheNext(t *testing.T) {
	s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
		defer s.note("ended")
		f.Sleep(machine.Second)
		return text("done")
	})
	for id := uint64(1); id <= 3; id++ {
		s.step(machine.Ask{ID: id, Cmd: text("go")})
		s.ring(s.timers()[0])
		require.Equal(t, []machine.Answer{{ID: id, Data: text("done")}}, s.out.Reply)
		s.step(machine.Ask{ID: 100 + id, Cmd: text("go")})
		late := s.timers()[0]
		s.step(machine.Cancel{ID: 100 + id})
		s.ring(late)
		require.Empty(t, s.out.Reply)
	}
	require.Len(t, s.notes, 6)
}

func TestRandomBitsDependOnTheInputOnly(t *testing.T) {
	draw := func() (bits []uint64) {
		s := newStage(t, func(s *stage, f flow.Flow) machine.Data {
			bits = append(bits, f.Rand(), f.Rand())
			return text("done")
		})
		s.step(machine.Ask{ID: 1, Cmd: text("go")})
		s.m.Stop()
		return bits
	}
	first := draw()
	require.NotEqual(t, first[0], first[1])
	require.Equal(t, first, draw())
}

func TestAPanicOfAFlowIsTheMachines(t *testing.T) {
	s := newStage(t, func(*stage, flow.Flow) machine.Data { panic("boom") })
	require.PanicsWithValue(t, "boom", func() { s.step(machine.Ask{ID: 1, Cmd: text("go")}) })
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{0x1b, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, err := flow.DecodeMessage(b)
		if err == nil {
			require.Equal(t, b, msg.AppendTo(nil))
		}
	})
}
