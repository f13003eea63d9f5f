package run_test

import (
	"context"
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
		<-w.loop.Done()
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
		<-w.loop.Done()
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
