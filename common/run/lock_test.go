package run_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
)

func newLock(t *testing.T, m machine.Machine, options ...func(*run.Config)) (*run.Lock, *journal) {
	t.Helper()
	j := &journal{}
	cfg := run.Config{Self: self, Machine: m, Protocol: words(), Send: j.send}
	for _, option := range options {
		option(&cfg)
	}
	l, err := run.NewLock(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Stop(context.Background())) })
	return l, j
}

// door answers "open" after a second, "link" when a message or a Link comes, and
// "echo" when it has heard itself. It does other commands as clerk does.
type door struct{ waiting []uint64 }

func (d *door) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		switch e.Cmd {
		case word("open"):
			d.waiting = append(d.waiting, e.ID)
			out.Timer(self, machine.Second, word("now"))
		case word("link"):
			d.waiting = append(d.waiting, e.ID)
		case word("echo"):
			out.SendTo(self, word("now"))
			d.waiting = append(d.waiting, e.ID)
		default:
			clerk(in, out)
		}
	case machine.Recv, machine.Link:
		for _, id := range d.waiting {
			out.Answer(id, word(fmt.Sprint("open at ", in.Now)))
		}
		d.waiting = nil
	case machine.Cancel:
		d.waiting = nil
		out.SendTo(peer, word(fmt.Sprint("cancelled ", e.ID)))
	}
}

func TestLockAnswersInTheAsksOwnTurn(t *testing.T) {
	l, j := newLock(t, &door{})
	data, err := l.Ask(t.Context(), word("send a"))
	require.NoError(t, err)
	require.Equal(t, word("send a"), data)
	requireSame(t, []string{"send a"}, j.take())
	c := l.Counts()
	requireSame(t, run.Counts{Steps: 2, Sends: 1, Replies: 1}, c)
}

func TestLockPerformsWhatAMachineSendsItselfInTheSameTurn(t *testing.T) {
	l, _ := newLock(t, &door{}, func(c *run.Config) { c.Clock = &run.Manual{} })
	data, err := l.Ask(t.Context(), word("echo"))
	require.NoError(t, err)
	require.Equal(t, word("open at 0"), data)
}

func TestLockAnswersLaterByATimerAMessageOrALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newLock(t, &door{})
		data, err := l.Ask(t.Context(), word("open"))
		require.NoError(t, err)
		require.Equal(t, word("open at 1000000000"), data)

		a := ask(t.Context(), l, "link")
		synctest.Wait()
		l.Link(2, true)
		data, err = a.wait()
		require.NoError(t, err)
		require.Equal(t, word("open at 1000000000"), data)

		var all []*asked
		for range 3 {
			all = append(all, ask(t.Context(), l, "link"))
		}
		synctest.Wait()
		tell(l, "now")
		for _, a := range all {
			_, err = a.wait()
			require.NoError(t, err)
		}
	})
}

func TestLockUnderAManualClockRingsInsideAdvance(t *testing.T) {
	var clock run.Manual
	var j journal
	_, _ = newLock(t, toy(func(in machine.In, out *machine.Out) {
		j.add("%T at %d", in.Event, in.Now)
		out.Timer(self, machine.Second, word("tick"))
	}), func(c *run.Config) { c.Clock = &clock })
	clock.Advance(2 * machine.Second)
	requireSame(t, []string{"machine.Ready at 0", "machine.Recv at 1000000000", "machine.Recv at 2000000000"}, j.take())
}

func TestLockCancelsAnAbandonedAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, j := newLock(t, &door{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Ask(ctx, word("link"))
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		requireSame(t, []string{"send cancelled 1"}, j.take())
		_, err = l.Ask(ctx, word("send x"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, run.ErrUnknown)
		require.Empty(t, j.take())
	})
}

func TestLockAnswersACallOfAnotherAddress(t *testing.T) {
	l, j := newLock(t, &door{})
	call(l, 7, "send a")
	requireSame(t, []string{"send a", "return 7 send a"}, j.take())
	l.Recv(peer, []byte{9})
	require.EqualValues(t, 1, l.Counts().Malformed)
}

func TestLockHandsOverMessagesWithoutTheirBytes(t *testing.T) {
	var sent []machine.Data
	var l *run.Lock
	l, j := newLock(t, &door{}, func(c *run.Config) {
		c.SendData = func(_ machine.Addr, msg machine.Data) { sent = append(sent, msg) }
	})
	_, err := l.Ask(t.Context(), word("send a"))
	require.NoError(t, err)
	l.RecvData(peer, []machine.Data{machine.Call{ID: 1, Cmd: word("send b")}, machine.Call{ID: 2, Cmd: word("send c")}})
	requireSame(t, []machine.Data{word("a"), word("b"), machine.Return{ID: 1, Data: word("send b")}, word("c"), machine.Return{ID: 2, Data: word("send c")}}, sent)
	require.Empty(t, j.take(), "Send was called beside SendData")

	l.RecvData(self, []machine.Data{word("forged")})
	requireSame(t, run.Counts{Steps: 4, Sends: 5, Replies: 3, Malformed: 1}, l.Counts())
}

func TestLockLendsThoseWhoWaitToItsTransport(t *testing.T) {
	var l *run.Lock
	helped := 0
	l, _ = newLock(t, &door{}, func(c *run.Config) {
		c.Help = func(done <-chan struct{}) {
			helped++
			require.Empty(t, done)
			l.RecvData(peer, []machine.Data{word("now")})
			require.Len(t, done, 1, "the answer was not told when the messages were in")
		}
		c.Clock = &run.Manual{}
	})
	data, err := l.Ask(context.Background(), word("link"))
	require.NoError(t, err)
	require.Equal(t, word("open at 0"), data)
	_, err = l.Ask(t.Context(), word("send a"))
	require.NoError(t, err)
	require.Equal(t, 1, helped, "an answer in the Ask's own turn needs no help")
}

func TestLockRefusesAsksBeyondItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newLock(t, &door{}, func(c *run.Config) { c.Waiting = 1 })
		a := ask(t.Context(), l, "link")
		synctest.Wait()
		_, err := l.Ask(t.Context(), word("send x"))
		require.ErrorIs(t, err, run.ErrOverloaded)
		require.EqualValues(t, 1, l.Counts().Refused)
		l.Link(2, true)
		_, err = a.wait()
		require.NoError(t, err)
	})
}

func TestLockStopEndsThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := false
		l, _ := newLock(t, &stoppable{toy: clerk, stopped: &stopped})
		a := ask(t.Context(), l, "mute")
		synctest.Wait()
		require.NoError(t, l.Stop(t.Context()))
		_, err := a.wait()
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, run.ErrStopped)
		_, err = l.Ask(t.Context(), word("send x"))
		require.ErrorIs(t, err, run.ErrStopped)
		require.NotErrorIs(t, err, run.ErrUnknown)
		l.Link(2, true)
		tell(l, "x")
		<-l.Done()
		require.NoError(t, l.Err())
		require.True(t, stopped)
		require.EqualValues(t, 2, l.Counts().Steps)
	})
}

func TestPanicStopsALockAndTellsItsCaller(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(in machine.In, out *machine.Out)
		want error
	}{
		{"panics", func(machine.In, *machine.Out) { panic("boom") }, run.ErrPanic},
		{"saves", func(_ machine.In, out *machine.Out) { out.Save = append(out.Save, word("x")) }, run.ErrContract},
		{"delays another's", func(_ machine.In, out *machine.Out) { out.Timer(peer, 1, word("x")) }, run.ErrContract},
		{"sends itself for ever", func(_ machine.In, out *machine.Out) { out.SendTo(self, word("x")) }, run.ErrContract},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := newLock(t, toy(func(in machine.In, out *machine.Out) {
				if _, ok := in.Event.(machine.Ready); !ok {
					c.bad(in, out)
				}
			}))
			_, err := l.Ask(t.Context(), word("x"))
			require.ErrorIs(t, err, run.ErrUnknown)
			require.ErrorIs(t, err, run.ErrStopped)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, l.Err(), c.want)
			_, err = l.Ask(t.Context(), word("x"))
			require.ErrorIs(t, err, c.want)
			require.NotErrorIs(t, err, run.ErrUnknown)
		})
	}
}

func TestTimerOfALockThatPanicsStopsIt(t *testing.T) {
	var clock run.Manual
	l, _ := newLock(t, toy(func(in machine.In, out *machine.Out) {
		if _, ok := in.Event.(machine.Recv); ok {
			panic("boom")
		}
		out.Timer(self, 1, word("x"))
	}), func(c *run.Config) { c.Clock = &clock })
	clock.Advance(2)
	<-l.Done()
	require.ErrorIs(t, l.Err(), run.ErrPanic)
}

func TestLockTakesNoLogAndNoMachineThatFailsAtOnce(t *testing.T) {
	_, err := run.NewLock(run.Config{Self: self, Machine: toy(clerk), Log: stable.NewMemory()})
	require.Error(t, err)
	_, err = run.NewLock(run.Config{Self: self})
	require.Error(t, err)
	_, err = run.NewLock(run.Config{Self: self, Machine: toy(func(machine.In, *machine.Out) { panic("boom") })})
	require.ErrorIs(t, err, run.ErrPanic)
}

func TestManyGoroutinesShareALock(t *testing.T) {
	sum := 0
	l, _ := newLock(t, toy(func(in machine.In, out *machine.Out) {
		if e, ok := in.Event.(machine.Ask); ok {
			sum++
			out.Answer(e.ID, e.Cmd)
		}
	}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 200 {
				cmd := word(fmt.Sprint(i, " ", k))
				data, err := l.Ask(context.Background(), cmd)
				if err != nil || data != cmd {
					t.Errorf("answer %v, %v to %v", data, err, cmd)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1600, sum)
}

func TestAnAskThatIsAnsweredInItsTurnAllocatesAtMostTwice(t *testing.T) {
	l, _ := newLock(t, toy(func(in machine.In, out *machine.Out) {
		if e, ok := in.Event.(machine.Ask); ok {
			out.Answer(e.ID, e.Cmd)
		}
	}))
	ctx, cmd := t.Context(), machine.Data(word("x"))
	allocs := testing.AllocsPerRun(1000, func() { _, _ = l.Ask(ctx, cmd) })
	require.LessOrEqual(t, allocs, 2.0)
}
