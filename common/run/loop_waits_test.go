package run_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
)

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

func TestSubmitTellsOnceWhatAskWouldReturn(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		var told []string
		submit := func(cmd word) {
			w.loop.Submit(cmd, func(data machine.Data, err error) {
				told = append(told, fmt.Sprint(data, " ", errors.Is(err, run.ErrUnknown), errors.Is(err, run.ErrOverloaded), errors.Is(err, run.ErrStopped)))
			})
		}
		submit("save a")
		submit("mute")
		submit("one too many")
		requireSame(t, []string{"<nil> false true false"}, told, "what the machine does not get is told at once")
		open()
		requireSame(t, []string{"save a false false false"}, told[1:], "an answer is told when it is durable")
		w.stop(t)
		submit("save b")
		requireSame(t, []string{"<nil> true false true", "<nil> false false true"}, told[2:])
		require.EqualValues(t, 1, w.loop.Counts().Refused)
	}, func(c *run.Config) { c.Queue = 2 })
}
