package run_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/flow"
	"dss.example/common/machine"
	"dss.example/common/run"
)

// echo is a Caller: "silent" is never answered, "refuse" refused, and everything
// else answered with itself.
func echo(ctx context.Context, _ machine.Addr, cmd machine.Data) (machine.Data, error) {
	switch cmd {
	case word("silent"):
		<-ctx.Done()
		return nil, ctx.Err()
	case word("refuse"):
		return nil, errors.New("refused")
	}
	return cmd, nil
}

// inFlows runs test in a bubble with flows that are stopped at its end.
func inFlows(t *testing.T, test func(t *testing.T, s *run.Flows)) {
	synctest.Test(t, func(t *testing.T) {
		s := run.NewFlows(run.FlowConfig{Call: echo, MaxFlows: 3})
		t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
		test(t, s)
	})
}

func TestFlowCallsSleepsAndReads(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		require.NoError(t, s.Do(t.Context(), func(f flow.Flow) {
			begun := f.Now()
			f.Sleep(machine.Second)
			f.Sleep(0)
			f.Sleep(-1)
			require.Equal(t, begun+machine.Second, f.Now())
			require.NotEqual(t, f.Rand(), f.Rand())

			data, err := f.Call(peer, word("x"), machine.Second)
			require.NoError(t, err)
			require.Equal(t, word("x"), data)

			_, err = f.Call(peer, word("silent"), machine.Second)
			require.ErrorIs(t, err, flow.ErrNoAnswer)
			require.Equal(t, begun+2*machine.Second, f.Now())
			_, err = f.Call(peer, word("refuse"), machine.Second)
			require.ErrorIs(t, err, flow.ErrNoAnswer)
		}))
	})
}

func TestFlowWaitsForItsThreads(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		var sum machine.Time
		require.NoError(t, s.Do(t.Context(), func(f flow.Flow) {
			m := f.NewMutex()
			add := func(n machine.Time) func(flow.Flow) {
				return func(f flow.Flow) {
					m.Lock(f)
					defer m.Unlock()
					seen := sum
					f.Sleep(n * machine.Second)
					sum = seen + n
				}
			}
			flow.All(f, add(1), add(2), add(3))
			require.Equal(t, machine.Time(6), sum)
			require.Equal(t, 6*machine.Second, f.Now())
		}))
		forgotten := false
		require.NoError(t, s.Do(t.Context(), func(f flow.Flow) {
			f.Go(func(f flow.Flow) { f.Sleep(machine.Second); forgotten = true })
		}))
		require.True(t, forgotten, "Do waits for a thread that nobody waited for")
	})
}

func TestMutexIsGivenInOrderOfArrival(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		var order []int
		require.NoError(t, s.Do(t.Context(), func(f flow.Flow) {
			m := f.NewMutex()
			m.Lock(f)
			var tasks []flow.Task
			for i := range 5 {
				tasks = append(tasks, f.Go(func(f flow.Flow) {
					m.Lock(f)
					order = append(order, i)
					m.Unlock()
				}))
				f.Sleep(1)
			}
			m.Unlock()
			for _, task := range tasks {
				task.Wait(f)
			}
		}))
		requireSame(t, []int{0, 1, 2, 3, 4}, order)
	})
}

// Each of these blocks for ever in another way.
func blocked() map[string]func(f flow.Flow) {
	return map[string]func(f flow.Flow){
		"sleep": func(f flow.Flow) { f.Sleep(1e18) },
		"call":  func(f flow.Flow) { _, _ = f.Call(peer, word("silent"), 1e18) },
		"wait":  func(f flow.Flow) { f.Go(func(f flow.Flow) { f.Sleep(1e18) }).Wait(f) },
		"lock":  func(f flow.Flow) { m := f.NewMutex(); m.Lock(f); m.Lock(f) },
	}
}

func TestFlowIsUnwoundWhenItsCallerGivesUp(t *testing.T) {
	for name, block := range blocked() {
		t.Run(name, func(t *testing.T) {
			inFlows(t, func(t *testing.T, s *run.Flows) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				deferred := false
				err := s.Do(ctx, func(f flow.Flow) {
					defer func() { deferred = true }()
					block(f)
					t.Error("a blocking method returned")
				})
				require.ErrorIs(t, err, run.ErrUnknown)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.True(t, deferred)
			})
		})
	}
}

func TestStopUnwindsEveryFlow(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- s.Do(context.Background(), func(f flow.Flow) { f.Sleep(1e18) }) }()
		}
		synctest.Wait()
		require.ErrorIs(t, s.Do(t.Context(), func(flow.Flow) { t.Error("ran") }), run.ErrOverloaded)
		require.NoError(t, s.Stop(t.Context()))
		for range 3 {
			err := <-errs
			require.ErrorIs(t, err, run.ErrUnknown)
			require.ErrorIs(t, err, run.ErrStopped)
		}
		err := s.Do(t.Context(), func(flow.Flow) { t.Error("ran") })
		require.ErrorIs(t, err, run.ErrStopped)
		require.NotErrorIs(t, err, run.ErrUnknown)
	})
}

func TestStopOfFlowsWaitsNoLongerThanItsContext(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		release := make(chan struct{})
		go func() { _ = s.Do(context.Background(), func(flow.Flow) { <-release }) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Stop(ctx), context.DeadlineExceeded)
		close(release)
	})
}

func TestFlowThatIsNotRunIsDefinite(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.Do(ctx, func(flow.Flow) { t.Error("ran") })
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, run.ErrUnknown)
	})
}

func TestPanicOfOneThreadUnwindsTheFlowAndIsContained(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		err := s.Do(t.Context(), func(f flow.Flow) {
			f.Go(func(flow.Flow) { panic("boom") })
			f.Sleep(1e18)
		})
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, run.ErrPanic)
		require.ErrorContains(t, err, "boom")
		err = s.Do(t.Context(), func(f flow.Flow) { f.NewMutex().Unlock() })
		require.ErrorIs(t, err, run.ErrPanic)
		err = s.Do(t.Context(), func(f flow.Flow) {
			f.Go(func(f flow.Flow) { f.Sleep(1e18) })
			runtime.Goexit()
		})
		require.ErrorIs(t, err, run.ErrUnknown)
		require.ErrorIs(t, err, run.ErrStopped)
	})
}

func TestFlowWithTooManyThreadsEnds(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		started := 0
		err := s.Do(t.Context(), func(f flow.Flow) {
			for range 2 * run.MaxThreads {
				f.Go(func(f flow.Flow) { f.Sleep(1e18) })
				started++
			}
		})
		require.ErrorIs(t, err, run.ErrThreads)
		require.Equal(t, run.MaxThreads-1, started)
	})
}

func TestMutexOutlivesAWaiterThatIsUnwound(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		var m flow.Mutex
		require.NoError(t, s.Do(t.Context(), func(f flow.Flow) { m = f.NewMutex() }))
		var order []string
		lock := func(ctx context.Context, name string) <-chan error {
			done := make(chan error, 1)
			go func() {
				done <- s.Do(ctx, func(f flow.Flow) {
					m.Lock(f)
					defer m.Unlock()
					order = append(order, name)
					f.Sleep(machine.Second)
				})
			}()
			synctest.Wait()
			return done
		}
		a := lock(t.Context(), "a")
		ctx, cancel := context.WithCancel(t.Context())
		b := lock(ctx, "b")
		c := lock(t.Context(), "c")
		cancel()
		require.ErrorIs(t, <-b, run.ErrUnknown)
		require.NoError(t, <-a)
		require.NoError(t, <-c)
		requireSame(t, []string{"a", "c"}, order)
	})
}

func TestMutexGivenToAWaiterThatIsBeingUnwoundIsPassedOn(t *testing.T) {
	inFlows(t, func(t *testing.T, s *run.Flows) {
		var m flow.Mutex
		require.NoError(t, s.Do(t.Context(), func(f flow.Flow) {
			m = f.NewMutex()
			m.Lock(f)
		}))
		for range 50 { // which of two ready events a select takes is left to chance
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan error, 1)
			go func() {
				gone <- s.Do(ctx, func(f flow.Flow) {
					m.Lock(f)
					t.Error("a blocking method returned")
				})
			}()
			synctest.Wait()
			cancel()
			m.Unlock()
			require.ErrorIs(t, <-gone, run.ErrUnknown)
			require.NoError(t, s.Do(t.Context(), func(f flow.Flow) { m.Lock(f) }))
		}
	})
}

func TestFlowsFollowAManualClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &run.Manual{}
		s := run.NewFlows(run.FlowConfig{Clock: clock, Rand: func() uint64 { return 7 }})
		done := make(chan error, 1)
		var woke string
		go func() {
			done <- s.Do(context.Background(), func(f flow.Flow) {
				f.Sleep(machine.Second)
				woke = fmt.Sprint(f.Now(), " ", f.Rand())
			})
		}()
		synctest.Wait()
		clock.Advance(machine.Second)
		require.NoError(t, <-done)
		require.Equal(t, "1000000000 7", woke)
		require.NoError(t, s.Stop(t.Context()))
	})
}
