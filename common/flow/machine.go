package flow

import (
	"fmt"
	"iter"
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Handler is what the flows of one address do.
type Handler struct {
	// Start, if not nil, runs as a thread once the node is ready.
	Start func(f Flow)

	// Serve, if not nil, answers each Ask in a thread of its own; a nil answer
	// leaves the caller without one.
	Serve func(f Flow, cmd machine.Data) machine.Data
}

// Machine makes flows a machine: each thread has a coroutine that runs until it
// blocks, within Step, so that the simulator can drive, crash and replay it. A call
// is a machine.Call and a timer; its answer is a machine.Return. A Machine that has
// taken a step must be stopped.
type Machine struct {
	self    machine.Addr
	handler Handler

	now    machine.Time
	random machine.Dice
	out    *machine.Out

	nextID   uint64
	waiting  map[uint64]*thread // by the ID of their call or timer
	serving  map[uint64]*thread // by the ID of their Ask
	runnable []*thread
	roots    []*thread // threads that no other thread started
	idle     []*coroutine
}

// NewMachine returns the machine that runs h at the address self.
func NewMachine(self machine.Addr, h Handler) *Machine {
	return &Machine{
		self: self, handler: h,
		waiting: map[uint64]*thread{}, serving: map[uint64]*thread{},
	}
}

// Step runs every thread that the input concerns until all are blocked again.
func (m *Machine) Step(in machine.In, out *machine.Out) {
	m.now, m.random, m.out = in.Now, machine.Dice(in.Rand), out
	switch e := in.Event.(type) {
	case machine.Ready:
		// Late answers to an earlier life of this address must mean nothing.
		m.nextID = in.Rand >> 16
		if m.handler.Start != nil {
			m.spawn(&m.roots, m.handler.Start)
		}
	case machine.Ask:
		m.ask(e)
	case machine.Cancel:
		if t := m.serving[e.ID]; t != nil {
			delete(m.serving, e.ID)
			t.unwind()
		}
	case machine.Recv:
		m.recv(e)
	}
	for i := 0; i < len(m.runnable); i++ { // whoever runs may make others runnable
		m.runnable[i].run()
	}
	if len(m.runnable) > 0 {
		clear(m.runnable)
		m.runnable = m.runnable[:0]
	}
	m.out = nil
}

func (m *Machine) ask(e machine.Ask) {
	if m.handler.Serve == nil {
		return
	}
	m.serving[e.ID] = m.spawn(&m.roots, func(f Flow) {
		answer := m.handler.Serve(f, e.Cmd)
		delete(m.serving, e.ID)
		if answer != nil {
			m.out.Answer(e.ID, answer)
		}
	})
}

func (m *Machine) recv(e machine.Recv) {
	switch msg := e.Msg.(type) {
	case machine.Return:
		m.wake(msg.ID, msg.Data, nil)
	case wake:
		if e.From == m.self {
			m.wake(msg.id, nil, ErrNoAnswer)
		}
	}
}

// wake ends the wait of the thread that waits under id, if it still does.
func (m *Machine) wake(id uint64, data machine.Data, err error) {
	if t := m.waiting[id]; t != nil {
		delete(m.waiting, id)
		t.data, t.err = data, err
		m.runnable = append(m.runnable, t)
	}
}

// Stop unwinds every thread, as a crash does.
func (m *Machine) Stop() {
	m.out = new(machine.Out) // what deferred functions send is lost
	for len(m.roots) > 0 {
		m.roots[0].unwind()
	}
	for _, c := range m.idle {
		c.stop()
	}
	m.idle = nil
}

// wake is the timer message of a thread.
type wake struct{ id uint64 }

// AppendTo appends the timer's bytes.
func (w wake) AppendTo(b []byte) []byte { return cbor.AppendUint(b, w.id) }

// DecodeMessage decodes the messages of a flow's address, for its Protocol.
func DecodeMessage(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	w := wake{r.Uint()}
	return w, r.Close()
}

// thread is the Flow of the code that runs in it.
type thread struct {
	m        *Machine
	fn       func(Flow)
	on       *coroutine
	family   *[]*thread // where it stands: its parent's children, or the roots
	children []*thread
	data     machine.Data // what it was woken with
	err      error
	done     bool
	waiters  []*thread
}

// unwound is the panic that unwinds a stopped thread.
type unwound struct{}

// coroutine is a stack for one thread after the other: to make one takes as long as
// dozens of switches, and far longer under the race detector.
type coroutine struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	job   *thread // what it runs; nil between two threads
}

func newCoroutine() *coroutine {
	c := &coroutine{}
	c.next, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		for more := true; more; more = yield(struct{}{}) {
			c.work()
		}
	})
	return c
}

// work runs its thread to the end.
func (c *coroutine) work() {
	defer func() {
		c.job = nil
		if v := recover(); v != nil && v != any(unwound{}) {
			panic(v)
		}
	}()
	c.job.fn(c.job)
}

func (m *Machine) spawn(family *[]*thread, fn func(Flow)) *thread {
	t := &thread{m: m, fn: fn, family: family}
	*family = append(*family, t)
	if last := len(m.idle) - 1; last >= 0 {
		t.on = m.idle[last]
		m.idle = m.idle[:last]
	} else {
		t.on = newCoroutine()
	}
	t.on.job = t
	m.runnable = append(m.runnable, t)
	return t
}

// run lets the thread go on until it blocks or ends.
func (t *thread) run() {
	if t.done {
		return
	}
	if t.on.next(); t.on.job == nil {
		t.m.idle = append(t.m.idle, t.on)
		t.end()
	}
}

func (t *thread) end() {
	t.done = true
	if i := slices.Index(*t.family, t); i >= 0 {
		*t.family = slices.Delete(*t.family, i, i+1)
	}
	t.m.runnable = append(t.m.runnable, t.waiters...)
	t.waiters = nil
	for len(t.children) > 0 { // nobody waited for them
		t.children[0].unwind()
	}
}

// unwind ends a blocked thread and all that it started.
func (t *thread) unwind() {
	t.on.stop()
	t.end()
}

// park blocks the thread until somebody makes it runnable.
func (t *thread) park() {
	if !t.on.yield(struct{}{}) {
		panic(unwound{})
	}
}

// Now implements Flow.
func (t *thread) Now() machine.Time { return t.m.now }

// Rand implements Flow.
func (t *thread) Rand() uint64 { return t.m.random.Roll() }

// Sleep implements Flow.
func (t *thread) Sleep(d machine.Time) { t.wait(d) }

// wait parks the thread under a fresh ID until it is woken, at the latest after d.
func (t *thread) wait(d machine.Time) {
	id := t.m.nextID
	t.m.waiting[id] = t
	t.m.nextID++
	t.m.out.Timer(t.m.self, max(d, 1), wake{id})
	t.park()
}

// Call implements Flow.
func (t *thread) Call(to machine.Addr, cmd machine.Data, within machine.Time) (machine.Data, error) {
	if within <= 0 {
		return nil, fmt.Errorf("%w: a call needs some time", ErrNoAnswer)
	}
	t.m.out.SendTo(to, machine.Call{ID: t.m.nextID, Cmd: cmd})
	t.wait(within)
	return t.data, t.err
}

// Go implements Flow.
func (t *thread) Go(fn func(Flow)) Task { return task{t.m.spawn(&t.children, fn)} }

type task struct{ t *thread }

// Wait implements Task.
func (k task) Wait(f Flow) {
	if !k.t.done {
		k.t.waiters = append(k.t.waiters, f.(*thread))
		f.(*thread).park()
	}
}

// NewMutex implements Flow.
func (t *thread) NewMutex() Mutex { return &mutex{} }

// mutex hands itself to the thread that has waited longest.
type mutex struct {
	owner   *thread
	waiting []*thread
}

// Lock implements Mutex.
func (x *mutex) Lock(f Flow) {
	t := f.(*thread)
	if x.owner == nil {
		x.owner = t
		return
	}
	x.waiting = append(x.waiting, t)
	running := false
	defer func() {
		if !running && x.owner == t { // unwound between getting the lock and running
			x.Unlock()
		}
	}()
	t.park()
	running = true
}

// Unlock implements Mutex.
func (x *mutex) Unlock() {
	x.owner = nil
	for len(x.waiting) > 0 && x.owner == nil {
		t := x.waiting[0]
		x.waiting = x.waiting[1:]
		if !t.done {
			x.owner = t
			t.m.runnable = append(t.m.runnable, t)
		}
	}
}
