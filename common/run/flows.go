package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"dss.example/common/flow"
	"dss.example/common/machine"
)

// Caller asks the machine or flow at to and returns its answer, or an error when
// ctx ends or none will come. Many goroutines call it.
type Caller func(ctx context.Context, to machine.Addr, cmd machine.Data) (machine.Data, error)

// FlowConfig is what the flows of a node need. Call is required if they call.
type FlowConfig struct {
	Call     Caller
	Clock    Clock         // nil: a new Real
	Rand     func() uint64 // safe for concurrent use; nil: math/rand/v2
	MaxFlows int           // under way at a time; 0: DefaultFlows
}

// Bounds of flows. A flow that has MaxThreads threads ends when it starts another.
const (
	DefaultFlows = 4096
	MaxThreads   = 1024
)

// ErrThreads means that a flow wanted more than MaxThreads threads.
var ErrThreads = errors.New("flow has too many threads")

// Flows runs the flows of one node: each thread of a flow is a goroutine, and Do
// waits for all of them.
type Flows struct {
	cfg  FlowConfig
	done chan struct{}

	mu       sync.Mutex // guards what follows
	running  map[*running]struct{}
	stopping bool
}

// NewFlows returns the flows of one node. They stand apart from its machines,
// which they reach by cfg.Call.
func NewFlows(cfg FlowConfig) *Flows {
	if cfg.Clock == nil {
		cfg.Clock = NewReal()
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Uint64
	}
	if cfg.MaxFlows <= 0 {
		cfg.MaxFlows = DefaultFlows
	}
	return &Flows{cfg: cfg, done: make(chan struct{}), running: make(map[*running]struct{})}
}

// Do runs fn as a flow and waits until all its threads have ended. nil means that
// fn returned. When ctx ends or Stop is called first, the threads are unwound and
// the error is ErrUnknown, as it is after a panic (ErrPanic): what fn called may
// have happened. ErrOverloaded, ErrStopped alone and ctx's own error alone mean
// that fn was not run.
func (s *Flows) Do(ctx context.Context, fn func(flow.Flow)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &running{flows: s}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	if err := s.enter(r); err != nil {
		return err
	}
	defer s.leave(r)
	r.start(fn)
	r.threads.Wait()
	if !r.unwound.Load() {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnknown, context.Cause(r.ctx))
}

func (s *Flows) enter(r *running) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return ErrStopped
	case len(s.running) >= s.cfg.MaxFlows:
		return ErrOverloaded
	}
	s.running[r] = struct{}{}
	return nil
}

func (s *Flows) leave(r *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, r)
	if s.stopping && len(s.running) == 0 {
		close(s.done)
	}
}

// Stop unwinds every flow and waits until all have ended, or ctx has. The error
// is ctx's. No flow starts any more.
func (s *Flows) Stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopping && len(s.running) == 0 {
		close(s.done)
	}
	s.stopping = true
	for r := range s.running {
		r.cancel(ErrStopped)
	}
	s.mu.Unlock()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// running is one flow under way, and flow.Flow for all its threads: they differ in
// nothing but their goroutines. The end of ctx unwinds them.
type running struct {
	flows   *Flows
	ctx     context.Context
	cancel  context.CancelCauseFunc
	threads sync.WaitGroup
	count   atomic.Int32 // of threads
	unwound atomic.Bool  // a thread has ended without returning
}

// task implements flow.Task: it is closed when the thread has ended.
type task chan struct{}

func (r *running) start(fn func(flow.Flow)) task {
	t := make(task)
	r.count.Add(1)
	r.threads.Go(func() {
		returned := false
		defer func() {
			if !returned {
				r.unwind(recover())
			}
			r.count.Add(-1)
			close(t)
		}()
		fn(r)
		returned = true
	})
	return t
}

// unwind ends all threads because one has ended without returning: panicked is
// nil if it was unwound itself, or called runtime.Goexit.
func (r *running) unwind(panicked any) {
	r.unwound.Store(true)
	if panicked != nil {
		r.cancel(fmt.Errorf("%w: %v\n%s", ErrPanic, panicked, debug.Stack()))
	}
	r.cancel(ErrStopped) // does nothing if there is a cause already
}

// check unwinds the thread if the flow is to end.
func (r *running) check() {
	if r.ctx.Err() != nil {
		runtime.Goexit()
	}
}

// wait blocks until ready is closed, or unwinds the thread.
func (r *running) wait(ready <-chan struct{}) {
	select {
	case <-ready:
		r.check()
	case <-r.ctx.Done():
		runtime.Goexit()
	}
}

// Now implements flow.Flow.
func (r *running) Now() machine.Time { return r.flows.cfg.Clock.Now() }

// Rand implements flow.Flow.
func (r *running) Rand() uint64 { return r.flows.cfg.Rand() }

// Sleep implements flow.Flow.
func (r *running) Sleep(d machine.Time) {
	r.check()
	if d <= 0 {
		return
	}
	over := make(chan struct{})
	alarm := r.flows.cfg.Clock.AfterFunc(d, func() { close(over) })
	defer alarm.Stop()
	r.wait(over)
}

// Call implements flow.Flow. Every error of the Caller is an ErrNoAnswer: nothing
// finer would be the same under sim.
func (r *running) Call(to machine.Addr, cmd machine.Data, within machine.Time) (machine.Data, error) {
	r.check()
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	defer r.flows.cfg.Clock.AfterFunc(within, cancel).Stop()
	data, err := r.flows.cfg.Call(ctx, to, cmd)
	r.check()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", flow.ErrNoAnswer, err)
	}
	return data, nil
}

// Go implements flow.Flow.
func (r *running) Go(fn func(flow.Flow)) flow.Task {
	r.check()
	if r.count.Load() >= MaxThreads {
		r.cancel(ErrThreads)
		runtime.Goexit()
	}
	return r.start(fn)
}

// NewMutex implements flow.Flow.
func (r *running) NewMutex() flow.Mutex { return &mutex{} }

// Wait implements flow.Task.
func (t task) Wait(f flow.Flow) { f.(*running).wait(t) }

// mutex implements flow.Mutex for the flows of one node: each waiter has a channel
// that is closed when it is its turn.
type mutex struct {
	mu      sync.Mutex // guards what follows
	held    bool
	waiters []chan struct{} // in order of arrival
}

// Lock implements flow.Mutex.
func (m *mutex) Lock(f flow.Flow) {
	r := f.(*running)
	r.check()
	turn := m.join()
	if turn == nil {
		return
	}
	select {
	case <-turn:
	case <-r.ctx.Done():
	}
	if r.ctx.Err() != nil {
		m.quit(turn)
		runtime.Goexit()
	}
}

// join takes the mutex, or returns what to wait for.
func (m *mutex) join() chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.held {
		m.held = true
		return nil
	}
	turn := make(chan struct{})
	m.waiters = append(m.waiters, turn)
	return turn
}

// quit leaves the queue. Whoever was given the mutex already passes it on.
func (m *mutex) quit(turn chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, w := range m.waiters {
		if w == turn {
			m.waiters = append(m.waiters[:i], m.waiters[i+1:]...)
			return
		}
	}
	m.pass()
}

// Unlock implements flow.Mutex.
func (m *mutex) Unlock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.held {
		panic("run: unlock of a mutex that is not locked")
	}
	m.pass()
}

// pass gives the mutex to the first waiter, or frees it.
func (m *mutex) pass() {
	if len(m.waiters) == 0 {
		m.held = false
		return
	}
	close(m.waiters[0])
	m.waiters = m.waiters[1:]
}
