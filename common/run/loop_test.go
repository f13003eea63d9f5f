package run_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
)

// clerk obeys its messages and commands: "save x" saves x, "send x" sends it to
// peer, "early x" sends it early, "self x" sends it to itself, "trim n" trims to
// the record n; several are joined by commas. A command is answered with itself,
// unless it holds "mute".
func clerk(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		obey(string(e.Cmd.(word)), out)
		if !strings.Contains(string(e.Cmd.(word)), "mute") {
			out.Answer(e.ID, e.Cmd)
		}
	case machine.Recv:
		obey(string(e.Msg.(word)), out)
	case machine.Cancel:
		out.SendTo(peer, word("cancelled"))
	case machine.Link:
		out.SendTo(peer, word(fmt.Sprint("link ", e.Peer, e.Up)))
	}
}

func obey(orders string, out *machine.Out) {
	for order := range strings.SplitSeq(orders, ",") {
		verb, what, _ := strings.Cut(order, " ")
		switch verb {
		case "save":
			out.Save = append(out.Save, word(what))
		case "send":
			out.SendTo(peer, word(what))
		case "early":
			out.Send = append(out.Send, machine.Envelope{To: peer, Early: true, Msg: word(what)})
		case "self":
			out.SendTo(self, word("send "+what))
		case "trim":
			_, _ = fmt.Sscan(what, &out.Trim)
		}
	}
}

// gated runs test on a clerk whose first sync waits, so that what comes meanwhile
// is one round. open lets the syncs go and waits until all is done.
func gated(t *testing.T, test func(t *testing.T, w *world, open func()), options ...func(*run.Config)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk), options...)
		w.log.shut()
		call(w.loop, 1, "save first")
		synctest.Wait()
		requireSame(t, []string{"save first"}, w.take(), "something left before it was durable")
		test(t, w, func() {
			w.log.open()
			synctest.Wait()
		})
		w.stop(t)
	})
}

func TestLoopSyncsOnceForManyAsks(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		var asks []*asked
		for i := range 100 {
			asks = append(asks, ask(t.Context(), w.loop, word(fmt.Sprint("save ", i))))
		}
		synctest.Wait()
		open()
		for _, a := range asks {
			_, err := a.wait()
			require.NoError(t, err)
		}
		c := w.loop.Counts()
		require.EqualValues(t, 2, c.Syncs, "not one sync for all that waited")
		require.EqualValues(t, 101, c.Saves)
		require.EqualValues(t, 101, c.Replies)
		require.EqualValues(t, 102, c.Steps)
	})
}

func TestLoopLetsNothingGoBeforeWhatItRestsOnIsSynced(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		call(w.loop, 2, "send b,save a,send c")
		call(w.loop, 3, "send d")
		open()
		want := []string{
			"sync <nil>", "return 1 save first",
			"save a", "sync <nil>", "send b", "send c", "return 2 send b,save a,send c", "send d", "return 3 send d",
		}
		requireSame(t, want, w.take(), "something left before it was durable, or out of step order")
	})
}

func TestLoopLetsEarlyThingsGoBeforeTheSync(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		call(w.loop, 2, "send late,early e,save a")
		call(w.loop, 3, "early f,send g")
		open()
		want := []string{
			"sync <nil>", "return 1 save first",
			"send e", "save a", "send f", "sync <nil>",
			"send late", "return 2 send late,early e,save a", "send g", "return 3 early f,send g",
		}
		requireSame(t, want, w.take(), "what is early waited for the sync")
	})
}

func TestLoopAnswersEarlyBeforeTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			if e, ok := in.Event.(machine.Ask); ok {
				out.Save = append(out.Save, e.Cmd)
				out.Reply = append(out.Reply, machine.Answer{ID: e.ID, Early: true, Data: e.Cmd})
			}
		}))
		w.log.shut()
		data, err := w.loop.Ask(t.Context(), word("x"))
		require.NoError(t, err)
		require.Equal(t, word("x"), data)
		require.Zero(t, w.loop.Counts().Syncs)
		w.log.open()
		w.stop(t)
	})
}

func TestLoopReleasesAtOnceWhatWaitsForNothing(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		call(w.loop, 2, "send a")
		call(w.loop, 3, "save b,send c")
		open()
		want := []string{
			"sync <nil>", "return 1 save first",
			"send a", "return 2 send a", "save b", "sync <nil>", "send c", "return 3 save b,send c",
		}
		requireSame(t, want, w.take())
	})
}

func TestEnvelopeToOneselfComesBackOnceItsSaveIsDurable(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		call(w.loop, 2, "self durable,save a")
		call(w.loop, 3, "send b")
		open()
		want := []string{
			"sync <nil>", "return 1 save first",
			"save a", "sync <nil>", "return 2 self durable,save a", "send b", "return 3 send b", "send durable",
		}
		requireSame(t, want, w.take(), "what a machine sent itself came back before its save was durable")
	})
}

func TestLoopTrimsBehindTheSync(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		call(w.loop, 2, "trim 2,save a")
		call(w.loop, 3, "trim 1")
		open()
		want := []string{
			"sync <nil>", "return 1 save first",
			"save a", "sync <nil>", "return 2 trim 2,save a", "return 3 trim 1", "trim 2",
		}
		requireSame(t, want, w.take())
	})
}

func TestTrimBeyondTheEndStopsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk))
		tell(w.loop, "trim 7")
		<-w.loop.Done()
		require.ErrorIs(t, w.loop.Err(), stable.ErrTrim)
	})
}

func TestLongRoundIsSyncedInBetween(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		for range 2500 {
			tell(w.loop, "save x")
		}
		open()
		require.EqualValues(t, 1+3, w.loop.Counts().Syncs)
		w.take()
		big := word("save " + strings.Repeat("x", 3<<20))
		for range 4 {
			tell(w.loop, big)
		}
		synctest.Wait()
		require.GreaterOrEqual(t, w.loop.Counts().Syncs, uint64(1+3+2))
		w.take()
	})
}

func TestFailedSyncLetsNothingGoAndIsNotTriedAgain(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		local := ask(t.Context(), w.loop, "save b")
		call(w.loop, 2, "save a,send c,early e")
		synctest.Wait()
		w.log.FailSync()
		open()
		<-w.loop.Done()
		requireSame(t, []string{"sync " + stable.ErrFailed.Error()}, w.take(), "something left after a failed sync, or it was tried again")

		_, err := local.wait()
		require.ErrorIs(t, err, run.ErrStopped)
		require.NotErrorIs(t, err, run.ErrUnknown, "the machine never got it")
		require.ErrorIs(t, w.loop.Err(), stable.ErrFailed)
	})
}

func TestAskWhoseSyncFailsEndsAsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk))
		w.log.shut()
		first := ask(t.Context(), w.loop, "save a")
		synctest.Wait()
		w.log.FailSync()
		w.log.open()
		_, err := first.wait()
		require.ErrorIs(t, err, run.ErrUnknown, "a failed sync was acknowledged, or told as definite")
		require.ErrorIs(t, err, run.ErrStopped)
		require.ErrorIs(t, err, stable.ErrFailed)
		<-w.loop.Done()
		_, err = w.loop.Ask(t.Context(), word("send x"))
		require.ErrorIs(t, err, run.ErrStopped)
		require.ErrorIs(t, err, stable.ErrFailed)
		require.NotErrorIs(t, err, run.ErrUnknown, "a later Ask is definitely refused")
		requireSame(t, []string{"save a", "sync " + stable.ErrFailed.Error()}, w.take())
		w.stop(t)
	})
}

func TestFailedAppendStopsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk))
		big := "save " + strings.Repeat("x", stable.MaxRecord)
		_, err := w.loop.Ask(t.Context(), word(big))
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, stable.ErrTooLarge)
		require.ErrorIs(t, w.loop.Err(), stable.ErrTooLarge)
	})
}

func TestAskBehindTheOneThatStopsTheLoopIsDefinitelyRefused(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		big := ask(t.Context(), w.loop, word("save "+strings.Repeat("x", stable.MaxRecord)))
		synctest.Wait()
		behind := ask(t.Context(), w.loop, "save never")
		synctest.Wait()
		open()
		_, err := big.wait()
		require.ErrorIs(t, err, run.ErrUnknown)
		_, err = behind.wait()
		require.ErrorIs(t, err, stable.ErrTooLarge)
		require.NotErrorIs(t, err, run.ErrUnknown, "the machine never got it")
	})
}

func TestSaveWithoutALogStopsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk), func(c *run.Config) { c.Log = nil })
		_, err := w.loop.Ask(t.Context(), word("send x"))
		require.NoError(t, err)
		_, err = w.loop.Ask(t.Context(), word("save x"))
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, run.ErrContract)
	})
}

func TestDelayOnAnothersEnvelopeStopsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			if _, ok := in.Event.(machine.Link); ok {
				out.Timer(peer, machine.Second, word("x"))
			}
		}))
		w.loop.Link(2, true)
		<-w.loop.Done()
		require.ErrorIs(t, w.loop.Err(), run.ErrContract)
	})
}

func TestMachineThatFloodsItselfIsStopped(t *testing.T) {
	double := func(in machine.In, out *machine.Out) {
		if _, ok := in.Event.(machine.Load); !ok {
			out.SendTo(self, word("x"))
			out.Timer(self, machine.Second, word("y"))
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(double))
		<-w.loop.Done()
		require.ErrorIs(t, w.loop.Err(), run.ErrContract)
	})
}

func TestLinkHintsAndFactsPassThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var facts []machine.Fact
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			out.Note = append(out.Note, machine.Fact{Name: "event", Text: fmt.Sprintf("%T", in.Event)})
			clerk(in, out)
		}), func(c *run.Config) { c.OnFact = func(f machine.Fact) { facts = append(facts, f) } })
		w.loop.Link(7, true)
		synctest.Wait()
		w.stop(t)
		requireSame(t, []string{"send link 7 true"}, w.take())
		requireSame(t, []machine.Fact{{Name: "event", Text: "machine.Ready"}, {Name: "event", Text: "machine.Link"}}, facts)
	})
}

func TestPanicStopsTheLoopWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			if _, ok := in.Event.(machine.Link); ok {
				panic("boom")
			}
		}))
		waiting := ask(t.Context(), w.loop, "mute")
		synctest.Wait()
		w.loop.Link(2, true)
		_, err := waiting.wait()
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, run.ErrPanic)
		require.ErrorContains(t, w.loop.Err(), "1/toy in step 3: boom")
		require.ErrorContains(t, w.loop.Err(), "loop_test.go", "it has a stack")
	})
}

func TestStopFinishesTheRoundAndEndsThoseWhoWait(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		queued := ask(t.Context(), w.loop, "save never")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.loop.Stop(ctx), context.DeadlineExceeded, "the sync hangs")
		open()
		requireSame(t, []string{"sync <nil>", "return 1 save first"}, w.take())
		<-w.loop.Done()
		require.NoError(t, w.loop.Err())
		_, err := queued.wait()
		require.ErrorIs(t, err, run.ErrStopped)
		require.NotErrorIs(t, err, run.ErrUnknown, "the machine never got it")
	})
	synctest.Test(t, func(t *testing.T) {
		stopped := false
		w := newWorld(t, &stoppable{toy: clerk, stopped: &stopped})
		waiting := ask(t.Context(), w.loop, "mute")
		synctest.Wait()
		w.stop(t)
		_, err := waiting.wait()
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, run.ErrStopped)
		require.True(t, stopped, "a machine.Stopper is stopped")
		w.stop(t)
	})
}

type stoppable struct {
	toy
	stopped *bool
}

func (s *stoppable) Stop() { *s.stopped = true }

func TestFullQueueRefusesDefinitelyAndDropsMessages(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		a := ask(t.Context(), w.loop, "save a")
		synctest.Wait()
		b := ask(t.Context(), w.loop, "save b")
		synctest.Wait()
		_, err := w.loop.Ask(t.Context(), word("save c"))
		require.ErrorIs(t, err, run.ErrOverloaded)
		require.NotErrorIs(t, err, run.ErrUnknown)
		tell(w.loop, "send lost")
		w.loop.Link(2, true)
		open()
		for _, x := range []*asked{a, b} {
			_, err := x.wait()
			require.NoError(t, err)
		}
		require.NotContains(t, w.take(), "save c")
		c := w.loop.Counts()
		require.EqualValues(t, 1, c.Refused)
		require.EqualValues(t, 2, c.Dropped)
	}, func(c *run.Config) { c.Queue = 2 })
}

func TestAbandonedAskIsCancelledEvenWhenTheQueueIsFull(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		ctx, cancel := context.WithCancel(t.Context())
		mute := ask(ctx, w.loop, "mute,save m")
		synctest.Wait()
		answered := ask(ctx, w.loop, "save a")
		synctest.Wait()
		cancel()
		for _, a := range []*asked{mute, answered} {
			_, err := a.wait()
			require.ErrorIs(t, err, run.ErrUnknown)
			require.ErrorIs(t, err, context.Canceled)
		}
		open()
		want := []string{"sync <nil>", "return 1 save first", "save m", "save a", "sync <nil>", "send cancelled", "send cancelled"}
		requireSame(t, want, w.take())
	}, func(c *run.Config) { c.Queue = 2 })
}

func TestAskIsCancelledOnlyWhileTheMachineOwesTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk))
		ctx, cancel := context.WithCancel(t.Context())
		_, err := w.loop.Ask(ctx, word("send a"))
		require.NoError(t, err)
		mute := ask(ctx, w.loop, "mute")
		synctest.Wait()
		cancel()
		_, err = mute.wait()
		require.ErrorIs(t, err, run.ErrUnknown)
		synctest.Wait()
		requireSame(t, []string{"send a", "send cancelled"}, w.take(), "nobody waits and the machine was not told")

		_, err = w.loop.Ask(ctx, word("send never"))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, run.ErrUnknown, "it was not queued")
		w.stop(t)
		require.Empty(t, w.take())
	})
}

func TestBadFramesAreCountedAndDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk))
		w.loop.Recv(peer, nil)
		w.loop.Recv(peer, []byte{0xff, 0x00})
		w.loop.Recv(peer, append(machine.AppendMessage(nil, word("send x")), 0))
		w.loop.Recv(self, machine.AppendMessage(nil, word("send forged")))
		synctest.Wait()
		require.EqualValues(t, 4, w.loop.Counts().Malformed)
		require.Empty(t, w.take())
		w.stop(t)
	})
}

func TestFrameIsNotKept(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		frame := machine.AppendMessage(nil, word("send right"))
		w.loop.Recv(peer, frame)
		copy(frame, "garbage garbage")
		open()
		require.Contains(t, w.take(), "send right")
	})
}

func TestOldestUnansweredCallIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk), func(c *run.Config) { c.Queue = 2 * run.MaxCalls })
		call(w.loop, 1, "mute")
		call(w.loop, 2, "send answered")
		for i := range run.MaxCalls - 2 {
			call(w.loop, uint64(i)+3, "mute")
		}
		synctest.Wait()
		requireSame(t, []string{"send answered", "return 2 send answered"}, w.take())
		call(w.loop, 9, "mute")
		call(w.loop, 9, "mute")
		synctest.Wait()
		requireSame(t, []string{"send cancelled"}, w.take(), "the first lapsed, the second was answered")
		w.stop(t)
	})
}

func TestTooManyUnansweredAsksAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk), func(c *run.Config) { c.Waiting = 100 })
		ctx, cancel := context.WithCancel(t.Context())
		var all []*asked
		for range 100 {
			all = append(all, ask(ctx, w.loop, "mute"))
		}
		synctest.Wait()
		_, err := w.loop.Ask(t.Context(), word("send x"))
		require.ErrorIs(t, err, run.ErrOverloaded)
		cancel()
		for _, a := range all {
			_, err := a.wait()
			require.ErrorIs(t, err, run.ErrUnknown)
		}
		_, err = w.loop.Ask(t.Context(), word("send x"))
		require.NoError(t, err)
		w.stop(t)
	})
}

func TestNowIsReadWhenTheInputLeavesTheQueueAndNeverGoesBackwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []machine.Time
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			times = append(times, in.Now)
			clerk(in, out)
		}))
		w.log.shut()
		tell(w.loop, "save a")
		synctest.Wait()
		tell(w.loop, "send b")
		pass(time.Second) // the sync takes a second
		w.log.open()
		synctest.Wait()
		requireSame(t, []machine.Time{0, 0, machine.Second}, times, "Now was read before the input left its queue")
		w.stop(t)

		back := &backwards{}
		times = nil
		w = newWorld(t, toy(func(in machine.In, _ *machine.Out) { times = append(times, in.Now) }),
			func(c *run.Config) { c.Clock = back })
		tell(w.loop, "a")
		tell(w.loop, "b")
		synctest.Wait()
		require.Len(t, times, 3)
		require.IsNonDecreasing(t, times)
		w.stop(t)
	})
}

// backwards is a broken clock.
type backwards struct {
	run.Manual
	reads machine.Time
}

func (b *backwards) Now() machine.Time { b.reads++; return 100 - b.reads }

func TestTimersComeInOrderOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			switch e := in.Event.(type) {
			case machine.Ready:
				for _, ms := range []machine.Time{30, 10, 20, 10} {
					out.Timer(self, ms*machine.Millisecond, word(fmt.Sprint(len(out.Send))))
				}
			case machine.Recv:
				require.Equal(t, self, e.From)
				out.SendTo(peer, word(fmt.Sprint(e.Msg, " at ", in.Now)))
				if in.Now == 20*machine.Millisecond {
					out.Timer(self, 5*machine.Millisecond, word("again"))
				}
			}
		}))
		pass(100 * time.Millisecond)
		want := []string{"send 1 at 10000000", "send 3 at 10000000", "send 2 at 20000000", "send again at 25000000", "send 0 at 30000000"}
		requireSame(t, want, w.take())
		w.stop(t)
	})
}

func TestTimersOfOneTimeComeInOrderOfSetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var want []string
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			switch e := in.Event.(type) {
			case machine.Ready:
				for i := range 20 {
					want = append(want, fmt.Sprint("send ", i))
					out.Timer(self, machine.Second, word(fmt.Sprint(i)))
				}
			case machine.Recv:
				out.SendTo(peer, e.Msg)
			}
		}))
		pass(time.Second)
		requireSame(t, want, w.take())
		w.stop(t)
	})
}

func TestTimerStartsWhenItsSaveIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			switch in.Event.(type) {
			case machine.Link:
				out.Save = append(out.Save, word("a"))
				out.Timer(self, machine.Second, word("x"))
			case machine.Recv:
				out.SendTo(peer, word(fmt.Sprint(in.Now)))
			}
		}))
		w.log.shut()
		w.loop.Link(2, true)
		pass(5 * time.Second)
		requireSame(t, []string{"save a"}, w.take())
		w.log.open()
		pass(5 * time.Second)
		requireSame(t, []string{"sync <nil>", "send 6000000000"}, w.take())
		w.stop(t)
	})
}

func TestManualClockDrivesALoopWithoutSleeping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &run.Manual{}
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			switch in.Event.(type) {
			case machine.Ready, machine.Recv:
				out.Timer(self, machine.Second, word("tick"))
				out.SendTo(peer, word(fmt.Sprint(in.Now)))
			}
		}), func(c *run.Config) { c.Clock = clock })
		for range 3 {
			clock.Advance(machine.Second)
			synctest.Wait()
		}
		clock.Advance(machine.Second / 2)
		synctest.Wait()
		requireSame(t, []string{"send 0", "send 1000000000", "send 2000000000", "send 3000000000"}, w.take())
		w.stop(t)
	})
}

// remember notes what it is loaded with and told when ready.
func remember(j *journal) toy {
	return func(in machine.In, out *machine.Out) {
		switch e := in.Event.(type) {
		case machine.Load:
			j.add("load %d %v %v", e.Seq, e.Record, e.Damaged)
		case machine.Ready:
			j.add("ready %v", e.Fresh)
		default:
			clerk(in, out)
		}
	}
}

func TestRestartedMachineIsLoadedWithWhatIsStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		log := stable.NewMemory()
		boot := func() *run.Loop {
			l, err := run.Start(run.Config{Self: self, Machine: remember(&j), Protocol: words(), Log: log})
			require.NoError(t, err)
			return l
		}
		l := boot()
		requireSame(t, []string{"ready true"}, j.take())
		for _, cmd := range []word{"save a", "save b", "save c,trim 2"} {
			_, err := l.Ask(t.Context(), cmd)
			require.NoError(t, err)
		}
		_, err := l.Ask(t.Context(), word("save d"))
		require.NoError(t, err)
		require.NoError(t, l.Stop(t.Context()))

		log = log.Crash(0)
		require.True(t, log.Damage(3))
		l = boot()
		requireSame(t, []string{"load 2 b false", "load 3 <nil> true", "load 4 d false", "ready false"}, j.take(), "a record was kept from the machine")
		require.NoError(t, l.Stop(t.Context()))

		require.NoError(t, log.Trim(log.Next()))
		l = boot()
		requireSame(t, []string{"ready false"}, j.take(), "an empty log that was used is not a fresh disk")
		require.NoError(t, l.Stop(t.Context()))
	})
}

func TestWhatAMachineWantsWhileLoadingIsObeyedAfterTheLogWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		log := &gatedLog{Memory: stable.NewMemory(), j: &j}
		for _, r := range []word{"a", "b", "c"} {
			_, err := log.Memory.Append(r.AppendTo(nil))
			require.NoError(t, err)
		}
		l, err := run.Start(run.Config{
			Self: self, Protocol: words(), Log: log, Send: j.send,
			Machine: toy(func(in machine.In, out *machine.Out) {
				switch e := in.Event.(type) {
				case machine.Load:
					if e.Seq != 2 {
						out.SendTo(peer, e.Record)
						out.Save = append(out.Save, word(e.Record.(word)+"'"))
					}
				case machine.Ready:
					out.SendTo(peer, word("ready"))
				}
			}),
		})
		require.NoError(t, err)
		requireSame(t, []string{"save a'", "save c'", "sync <nil>", "send a", "send c", "send ready"}, j.take())
		require.NoError(t, l.Stop(t.Context()))
	})
}

func TestStartFailsOnWhatItCannotLoad(t *testing.T) {
	log := stable.NewMemory()
	_, err := log.Append([]byte{0xff})
	require.NoError(t, err)
	cfg := run.Config{Self: self, Machine: toy(clerk), Protocol: words(), Log: log}
	_, err = run.Start(cfg)
	require.ErrorContains(t, err, "record 1")
	cfg.Protocol = nil
	_, err = run.Start(cfg)
	require.ErrorIs(t, err, machine.ErrNoDecoder)
	require.NoError(t, log.Close())
	_, err = run.Start(cfg)
	require.ErrorIs(t, err, stable.ErrClosed)
	cfg.Log, cfg.Machine = nil, toy(func(machine.In, *machine.Out) { panic("boom") })
	_, err = run.Start(cfg)
	require.ErrorIs(t, err, run.ErrPanic)
	_, err = run.Start(run.Config{})
	require.Error(t, err)
}

func TestManyCallersAreAllAnswered(t *testing.T) {
	w := newWorld(t, toy(clerk), func(c *run.Config) { c.Send = nil })
	var all []*asked
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		all = append(all, ask(ctx, w.loop, word(fmt.Sprint("save ", i))))
		if i%10 == 9 {
			cancel()
		}
		defer cancel()
	}
	for i, a := range all {
		data, err := a.wait()
		if err == nil {
			require.Equal(t, word(fmt.Sprint("save ", i)), data)
		} else {
			require.True(t, errors.Is(err, context.Canceled), "%v", err)
		}
	}
	w.stop(t)
}
