package sim

import (
	"iter"

	"dss.example/common/machine"
)

// Driver lets plain sequential code act as the clients of a world: it asks, and
// the world goes on until the answer is there. It is how a conformance suite that
// was written for real stores visits a simulated one.
type Driver struct {
	w       *World
	threads []*driven // of the Parallel that runs
	current *driven   // nil: the Driver's own caller
	out     machine.Out
}

// driven is one caller in a Parallel: a coroutine that waits for an exchange.
type driven struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	waits *Exchange
}

// patience is how much virtual time a Driver gives a request before it takes it
// for lost.
const patience = 10 * 60 * machine.Second

// NewDriver makes a world without clients of its own, for a Driver.
func NewDriver(cfg *Config, seed uint64) *Driver {
	c := *cfg
	c.Events = int(^uint(0) >> 1)
	c.Clients = nil
	return &Driver{w: NewWorld(&c, seed)}
}

// World returns the Driver's world.
func (d *Driver) World() *World { return d.w }

// Now returns the virtual time.
func (d *Driver) Now() machine.Time { return d.w.now }

// Err returns what went wrong in the world so far, or nil.
func (d *Driver) Err() error {
	if d.w.fail == nil {
		return nil
	}
	return d.w.fail
}

// Ask asks the machine at an address and returns its answer, or nil if none came:
// its node crashed, nothing can happen any more, or ten minutes of virtual time
// have passed.
func (d *Driver) Ask(at machine.Addr, cmd machine.Data) machine.Data {
	x := &Exchange{Client: -1, At: at, Cmd: cmd, Asked: d.w.now}
	d.w.later(&event{kind: evInject, detail: &detail{ask: x}}, machine.Time(d.w.rng.Uint64N(uint64(machine.Millisecond))))
	d.await(x, d.w.now+patience)
	x.gone = true
	return x.Answer
}

// Sleep lets virtual time pass.
func (d *Driver) Sleep(t machine.Time) {
	x := &Exchange{Client: -1}
	d.w.later(&event{kind: evWake, detail: &detail{ask: x}}, t)
	d.await(x, d.w.now+2*t+patience)
}

// Calm ends all faults: what is down comes back and what is cut heals.
func (d *Driver) Calm() { d.w.calmDown() }

// await blocks the caller until the exchange has ended.
func (d *Driver) await(x *Exchange, deadline machine.Time) {
	if t := d.current; t != nil {
		t.waits = x
		t.yield(struct{}{})
		return
	}
	for !x.over() && d.w.now < deadline && d.advance() {
	}
}

func (x *Exchange) over() bool { return x.Answer != nil || x.gone }

// advance takes one step of the world, or ends a sleep.
func (d *Driver) advance() bool {
	c := d.w.next()
	if c == nil {
		woken := d.w.woken
		d.w.woken = false
		return woken
	}
	d.out.Reset()
	d.w.complete(c, &d.out, d.w.stepLocal(c, &d.out))
	return true
}

// Parallel runs n callers at the same time, in virtual time: fn(0) to fn(n-1) are
// coroutines that take turns whenever one of them waits. It returns when all have
// returned, and must not be nested.
func (d *Driver) Parallel(n int, fn func(i int)) {
	for i := range n {
		t := &driven{}
		t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
			t.yield = yield
			fn(i)
		})
		d.threads = append(d.threads, t)
	}
	deadline := d.w.now + patience
	for len(d.threads) > 0 {
		d.resume(d.w.now >= deadline)
		if len(d.threads) > 0 && !d.advance() {
			deadline = d.w.now // nothing more will happen: let them see it
		}
	}
}

// resume lets every caller go on whose exchange has ended.
func (d *Driver) resume(all bool) {
	kept := d.threads[:0]
	for _, t := range d.threads {
		for t.waits == nil || t.waits.over() || all {
			t.waits = nil
			d.current = t
			_, more := t.next()
			d.current = nil
			if !more {
				t = nil
				break
			}
		}
		if t != nil {
			kept = append(kept, t)
		}
	}
	d.threads = kept
}

// Close ends the world and whoever still waits in it.
func (d *Driver) Close() {
	for _, t := range d.threads {
		t.stop()
	}
	d.threads = nil
	d.w.Close()
}

// inject makes a Driver's request, once its machine's node is up.
func (w *World) inject(ev *event) *call {
	s := w.at(ev.ask.At)
	switch {
	case ev.ask.gone:
		return nil
	case !s.node.up || s.node.paused:
		w.later(ev, w.pace.base+machine.Millisecond)
		return nil
	}
	x := ev.ask
	x.ID = s.open(asker{exchange: x})
	x.Asked = w.now
	w.history = append(w.history, x)
	w.stats.Asks++
	in := w.input(s.node, ev)
	in.Event = machine.Ask{ID: x.ID, Cmd: x.Cmd}
	return w.turn(s, in, ev)
}
