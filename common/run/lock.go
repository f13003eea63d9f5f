package run

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"dss.example/common/machine"
)

// Lock is the Owner of a machine that saves nothing: the goroutine that brings an
// input steps the machine under a mutex. An Ask that is answered in its own step
// costs no channel, no goroutine and no timer.
type Lock struct {
	mu sync.Mutex // guards base, but for what says otherwise there
	base
	halted bool
	out    machine.Out

	// Those who are answered are told when the mutex is free: they will want it.
	told, lastTold *waiter

	asking   uint64 // the Ask in whose turn we are; 0 if in none
	answer   machine.Data
	answered bool
}

var _ Owner = (*Lock)(nil)

// NewLock makes the machine ready. cfg.Log must be nil and cfg.Queue is not used:
// whoever comes waits for the mutex.
func NewLock(cfg Config) (*Lock, error) {
	if cfg.Log != nil {
		return nil, errors.New("run: a Lock has no log")
	}
	l := &Lock{}
	if err := l.init(cfg, l.give, l.owe, l.alarm); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn(machine.Ready{Fresh: true}); l.err != nil {
		return nil, l.err
	}
	return l, nil
}

// Ask implements Owner.
func (l *Lock) Ask(ctx context.Context, cmd machine.Data) (machine.Data, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	switch {
	case l.halted:
		defer l.mu.Unlock()
		return nil, stopped(l.err)
	case l.full():
		defer l.mu.Unlock()
		l.refused.Add(1)
		return nil, ErrOverloaded
	}
	id := l.asks.next()
	l.asking, l.answered = id, false
	l.turn(machine.Ask{ID: id, Cmd: cmd})
	l.asking = 0
	if l.answered {
		answer := l.answer
		l.answer = nil
		l.unlock()
		return answer, nil
	}
	return l.later(ctx, id)
}

// owe remembers to tell w its result as soon as the mutex is free.
func (l *Lock) owe(w *waiter, r result) {
	w.result = r
	if l.told == nil {
		l.told = w
	} else {
		l.lastTold.next = w
	}
	l.lastTold = w
}

// unlock releases the mutex and tells those who were answered under it.
func (l *Lock) unlock() {
	w := l.told
	l.told, l.lastTold = nil, nil
	l.mu.Unlock()
	for w != nil {
		next := w.next
		w.next = nil
		w.done <- struct{}{}
		w = next
	}
}

// later waits for an answer that did not come in the Ask's own turn. The mutex is
// held, and released here.
func (l *Lock) later(ctx context.Context, id uint64) (machine.Data, error) {
	if l.halted {
		defer l.unlock()
		return nil, fmt.Errorf("%w: %w", ErrUnknown, stopped(l.err))
	}
	w := l.pool.Get().(*waiter)
	w.id = id
	l.asks.waiting.Put(id, asker{waiter: w})
	l.unlock()
	if l.cfg.Help != nil {
		l.cfg.Help(w.done)
	}
	return l.await(ctx, w, l.abandon)
}

func (l *Lock) abandon(w *waiter) {
	l.enter(func() error { return l.cancel(w.id) })
}

// turn performs one input and all that the machine sends itself because of it.
func (l *Lock) turn(e machine.Event) {
	if err := l.try(e); err != nil {
		l.halt(err)
		return
	}
	l.timers.arm(l.now)
}

func (l *Lock) try(e machine.Event) (err error) {
	defer l.rescue(&err)
	if err := l.give(e); err != nil {
		return err
	}
	return l.drain()
}

// drain performs what the machine has sent itself. Many rounds of that are one
// envelope that sends itself for ever.
func (l *Lock) drain() error {
	for i := 0; len(l.self) > 0; i++ {
		if i == MaxSelf {
			return fmt.Errorf("%w: more than %d envelopes to itself", ErrContract, MaxSelf)
		}
		msg := l.self[0]
		if l.self = l.self[1:]; len(l.self) == 0 {
			l.self = nil
		}
		if err := l.arrive(machine.Recv{From: l.cfg.Self, Msg: msg}); err != nil {
			return err
		}
	}
	return nil
}

// enter performs several inputs, from a goroutine that waits for none.
func (l *Lock) enter(inputs func() error) {
	l.mu.Lock()
	defer l.unlock()
	if l.halted {
		return
	}
	if err := l.several(inputs); err != nil {
		l.halt(err)
		return
	}
	l.timers.arm(l.now)
}

func (l *Lock) several(inputs func() error) (err error) {
	defer l.rescue(&err)
	if err := inputs(); err != nil {
		return err
	}
	return l.drain()
}

// give steps the machine and obeys it.
func (l *Lock) give(e machine.Event) error {
	l.out.Reset()
	l.step(e, &l.out)
	if len(l.out.Save) > 0 {
		return fmt.Errorf("%w: saves without a log", ErrContract)
	}
	for i := range l.out.Send {
		if err := l.send(&l.out.Send[i]); err != nil {
			return err
		}
	}
	for i := range l.out.Reply {
		a := &l.out.Reply[i]
		if a.ID == l.asking && !l.answered {
			l.answer, l.answered = a.Data, true
			l.replies.Add(1)
		} else if err := l.reply(a); err != nil {
			return err
		}
	}
	l.letGo()
	return nil
}

// alarm is called by the clock.
func (l *Lock) alarm() { l.enter(l.ring) }

// Recv implements Owner. The machine is stepped before it returns.
func (l *Lock) Recv(from machine.Addr, frame []byte) {
	if msg, ok := l.decode(from, frame); ok {
		l.enter(func() error { return l.arrive(machine.Recv{From: from, Msg: msg}) })
	}
}

// RecvData is Recv of messages that the transport has decoded already. They are
// immutable, and the slice is not kept. The machine is stepped for all of them, in
// order, before anybody else's input.
func (l *Lock) RecvData(from machine.Addr, msgs []machine.Data) {
	if from == l.cfg.Self { // forged, as decode says
		l.malformed.Add(uint64(len(msgs)))
		return
	}
	l.enter(func() error {
		for _, msg := range msgs {
			if err := l.arrive(machine.Recv{From: from, Msg: msg}); err != nil {
				return err
			}
			if err := l.drain(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Link implements Owner. The machine is stepped before it returns.
func (l *Lock) Link(peer machine.Node, up bool) {
	l.enter(func() error { return l.give(machine.Link{Peer: peer, Up: up}) })
}

// Stop implements Owner. It waits for steps under way, whatever ctx says: a step
// does not wait for anything.
func (l *Lock) Stop(context.Context) error {
	l.mu.Lock()
	l.halt(nil)
	l.unlock()
	l.timers.ringing.Wait()
	return nil
}

func (l *Lock) halt(cause error) {
	if !l.halted {
		l.halted = true
		l.end(cause)
	}
}
