package run

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"dss.example/common/machine"
)

// A round is synced early when it has this many steps or saved bytes, so that
// what waits for it is bounded.
const (
	roundSteps = 1024
	roundBytes = 4 << 20
)

// Loop is the Owner of a machine that saves: one goroutine steps many inputs,
// syncs once, and then lets everything go that waited for it.
type Loop struct {
	base
	inbox inbox
	batch []item // this round's inputs
	taken int    // of batch

	held     []machine.Out // what has not left yet, in step order
	unsynced int           // bytes appended since the last sync, and 1 a record
	trim     uint64        // to pass to the log; 0 for none
	record   []byte        // scratch of save
}

var _ Owner = (*Loop)(nil)

// Start loads the machine from its log, makes it ready and serves it until Stop.
// What the machine lets go while it is ready leaves before Start returns. An
// error means that nothing runs: a record that the protocol does not know, or
// what would have stopped the loop.
func Start(cfg Config) (*Loop, error) {
	return start(cfg, nil)
}

// start calls ended, if there is one, when the loop has ended.
func start(cfg Config, ended func(*Loop)) (*Loop, error) {
	l := &Loop{inbox: inbox{wake: make(chan struct{}, 1)}}
	if err := l.init(cfg, l.give, (*waiter).end, l.inbox.nudge); err != nil {
		return nil, err
	}
	l.inbox.limit = l.cfg.Queue
	if err := l.load(); err != nil {
		l.end(err)
		return nil, err
	}
	go l.serve(ended)
	return l, nil
}

// load hands the machine what it saved before, and tells it that this was all.
// What it wants done meanwhile is held until the log has been read.
func (l *Loop) load() (err error) {
	defer l.rescue(&err)
	fresh := true
	if l.cfg.Log != nil {
		fresh = l.cfg.Log.Next() == 1
		if err := l.cfg.Log.Replay(l.replay); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	for i := range l.held {
		if err := l.prepare(&l.held[i]); err != nil {
			return err
		}
	}
	if err := l.commit(); err != nil {
		return err
	}
	if err := l.give(machine.Ready{Fresh: fresh}); err != nil {
		return err
	}
	return l.commit()
}

func (l *Loop) replay(seq uint64, record []byte, damaged bool) error {
	e := machine.Load{Seq: seq, Damaged: damaged}
	if !damaged {
		if l.cfg.Protocol == nil || l.cfg.Protocol.Record == nil {
			return fmt.Errorf("record %d: %w", seq, machine.ErrNoDecoder)
		}
		var err error
		if e.Record, err = l.cfg.Protocol.Record(record); err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
	}
	out := l.hold()
	l.step(e, out)
	if len(out.Save)+len(out.Send)+len(out.Reply) == 0 && out.Trim == 0 {
		l.release(len(l.held) - 1)
	}
	return nil
}

// serve is the loop's goroutine.
func (l *Loop) serve(ended func(*Loop)) {
	var cause error
	for cause == nil && l.inbox.open() {
		if cause = l.round(); cause == nil && len(l.self) == 0 {
			l.timers.arm(l.now)
			<-l.inbox.wake
		}
	}
	l.inbox.close(stopped(cause))
	l.refuse(l.batch[l.taken:])
	l.refuse(l.inbox.take(nil))
	l.timers.disarm()
	l.timers.ringing.Wait()
	l.end(cause)
	if ended != nil {
		ended(l)
	}
}

// round performs every input that is there, then what the machine has sent itself and its
// timers, and commits. So what the machine gathers until it hears from itself, and what a
// deadline waits for, has all come by then that could.
func (l *Loop) round() (err error) {
	defer l.rescue(&err)
	sent := l.self
	l.self = nil
	clear(l.batch)
	runtime.Gosched() // those just answered may ask again: nearly twice as many share a sync
	l.batch, l.taken = l.inbox.take(l.batch[:0]), 0
	for l.taken < len(l.batch) {
		it := &l.batch[l.taken]
		l.taken++
		if err := l.admit(it); err != nil {
			return err
		}
	}
	for _, msg := range sent {
		if err := l.arrive(machine.Recv{From: l.cfg.Self, Msg: msg}); err != nil {
			return err
		}
	}
	if err := l.ring(); err != nil {
		return err
	}
	return l.commit()
}

// admit performs an input that has left the queue.
func (l *Loop) admit(it *item) error {
	switch e := it.event.(type) {
	case nil:
		if l.full() {
			l.refused.Add(1)
			it.waiter.end(result{err: ErrOverloaded})
			return nil
		}
		it.waiter.id = l.asks.next()
		l.asks.waiting.Put(it.waiter.id, asker{waiter: it.waiter})
		return l.give(machine.Ask{ID: it.waiter.id, Cmd: it.waiter.cmd})
	case machine.Cancel:
		return l.cancel(it.waiter.id)
	case machine.Recv:
		return l.arrive(e)
	default:
		return l.give(e)
	}
}

// give steps the machine. What it wants done leaves at once if nothing is
// unsynced, and else with commit.
func (l *Loop) give(e machine.Event) error {
	out := l.hold()
	l.step(e, out)
	if err := l.prepare(out); err != nil {
		return err
	}
	if l.unsynced == 0 {
		return l.flush()
	}
	if len(l.held) >= roundSteps || l.unsynced >= roundBytes {
		return l.commit()
	}
	return nil
}

// prepare does what waits for nothing: it lets go what is early, and saves.
func (l *Loop) prepare(out *machine.Out) error {
	if err := l.leave(out, true); err != nil {
		return err
	}
	l.trim = max(l.trim, out.Trim)
	return l.save(out)
}

// save appends what out saves to the log.
func (l *Loop) save(out *machine.Out) error {
	if len(out.Save) > 0 && l.cfg.Log == nil {
		return fmt.Errorf("%w: saves without a log", ErrContract)
	}
	for _, data := range out.Save {
		l.record = data.AppendTo(l.record[:0])
		if _, err := l.cfg.Log.Append(l.record); err != nil {
			return fmt.Errorf("append: %w", err)
		}
		l.unsynced += 1 + len(l.record)
		l.saves.Add(1)
	}
	return nil
}

// commit makes everything durable that was saved, lets go what waited for it, and
// trims. A sync that fails is never tried again: nothing leaves.
func (l *Loop) commit() error {
	if l.unsynced > 0 {
		l.letGo()
		if err := l.cfg.Log.Sync(); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		l.unsynced = 0
		l.syncs.Add(1)
	}
	if err := l.flush(); err != nil {
		return err
	}
	l.letGo()
	if l.trim > 0 && l.cfg.Log != nil {
		if err := l.cfg.Log.Trim(l.trim); err != nil {
			return fmt.Errorf("trim: %w", err)
		}
	}
	l.trim = 0
	return nil
}

// flush lets go everything that is held, in step order.
func (l *Loop) flush() error {
	for i := range l.held {
		if err := l.leave(&l.held[i], false); err != nil {
			return err
		}
	}
	l.release(0)
	return nil
}

// leave lets go what out sends and then what it answers: either what is early, or
// the rest.
func (l *Loop) leave(out *machine.Out, early bool) error {
	for i := range out.Send {
		if out.Send[i].Early == early {
			if err := l.send(&out.Send[i]); err != nil {
				return err
			}
		}
	}
	for i := range out.Reply {
		if out.Reply[i].Early == early {
			if err := l.reply(&out.Reply[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// hold returns an empty Out at the end of those held. It is valid until the next
// call.
func (l *Loop) hold() *machine.Out {
	n := len(l.held)
	if n < cap(l.held) {
		l.held = l.held[:n+1]
	} else {
		l.held = append(l.held, machine.Out{})
	}
	return &l.held[n]
}

// release empties the held Outs from number n on and keeps their memory.
func (l *Loop) release(n int) {
	for i := n; i < len(l.held); i++ {
		l.held[i].Reset()
	}
	l.held = l.held[:n]
}

// refuse ends Asks that the machine never got.
func (l *Loop) refuse(items []item) {
	for _, it := range items {
		if it.event == nil {
			it.waiter.end(result{err: l.inbox.closed})
		}
	}
}

// Ask implements Owner.
func (l *Loop) Ask(ctx context.Context, cmd machine.Data) (machine.Data, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := l.pool.Get().(*waiter)
	w.cmd = cmd
	if err := l.inbox.put(item{waiter: w}); err != nil {
		if errors.Is(err, ErrOverloaded) {
			l.refused.Add(1)
		}
		w.result.err = err
		return l.finish(w)
	}
	return l.await(ctx, w, l.abandon)
}

// Submit is Ask without waiting: then is told, once, what Ask would return. If the machine
// does not get the command it is told before Submit returns, and else by the loop, which
// waits for it: so it must be brief, and not ask the loop for anything.
func (l *Loop) Submit(cmd machine.Data, then func(machine.Data, error)) {
	if err := l.inbox.put(item{waiter: &waiter{cmd: cmd, then: then}}); err != nil {
		if errors.Is(err, ErrOverloaded) {
			l.refused.Add(1)
		}
		then(nil, err)
	}
}

// abandon tells the machine that w waits no more. A loop that has stopped need
// not know.
func (l *Loop) abandon(w *waiter) {
	_ = l.inbox.put(item{event: machine.Cancel{}, waiter: w})
}

// Recv implements Owner.
func (l *Loop) Recv(from machine.Addr, frame []byte) {
	if msg, ok := l.decode(from, frame); ok {
		l.post(machine.Recv{From: from, Msg: msg})
	}
}

// Link implements Owner.
func (l *Loop) Link(peer machine.Node, up bool) { l.post(machine.Link{Peer: peer, Up: up}) }

func (l *Loop) post(e machine.Event) {
	if l.inbox.put(item{event: e}) != nil {
		l.dropped.Add(1)
	}
}

// Stop implements Owner. The round under way is committed first.
func (l *Loop) Stop(ctx context.Context) error {
	l.inbox.close(ErrStopped)
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
