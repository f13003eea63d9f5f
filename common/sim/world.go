package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"dss.example/common/machine"
)

// World is one run in progress. It belongs to one goroutine: the race detector would
// find nothing in its bookkeeping, and takes most of the time that a step costs. So
// the methods that every step goes through are marked go:norace. What they call stays
// watched: machines, decoders, judges, and the random numbers, by which a World that
// two goroutines share shows at its first step.
type World struct {
	cfg   *Config
	seed  uint64
	rng   *rand.Rand // every choice of the world, but for
	disks *rand.Rand // those of how its disks fail
	rates Faults     // this seed's
	pace  pace       // this seed's latencies

	now    machine.Time
	sched  scheduler
	listed bool // sched follows a list of actions
	slots  []*slot
	nodes  []*node
	where  map[machine.Node]*node

	boot     []bootStep // steps of restarted nodes: they come before anything else
	clients  []*client
	history  []*Exchange
	judges   []Judge
	cuts     []cut
	strikes  float64      // chance for each step that a fault begins
	calm     bool         // faults have ended
	deadline machine.Time // of the liveness mode

	woken  bool     // a Driver's sleep has ended: it must go on before anything else does
	due    call     // the step that is due: there is one at a time
	shown  Step     // that step, as judges see it
	free   []*event // to be used again
	arena  []byte   // see frame
	steps  int
	length int    // of the run in steps; the liveness mode's come after it
	sent   uint64 // envelopes so far
	hash   digest
	stats  Stats
	fail   *Failure
	buf    []byte
	record *[]Action // filled if not nil
	tracer *tracer   // nil without a trace
	pipe   *Pipe     // nil if all machines are here
}

// slot is one address: its machine in its present life, its log and its calls.
type slot struct {
	i        int
	addr     machine.Addr
	role     *Role
	protocol *machine.Protocol // the role's
	node     *node
	machine  machine.Machine // nil while the node is down
	log      diskLog
	asks     map[uint64]asker // open requests of this life
	nextAsk  uint64
	held     []release // outputs that wait for the sync
	syncing  bool
	lastFrom []uint64 // by sender: the latest envelope that arrived, to count reorderings
}

// node is a process.
type node struct {
	i      int
	id     machine.Node
	safe   bool
	mortal bool // may crash
	slots  []*slot
	up     bool
	wiped  bool // ever: the disk was emptied
	harmed bool // ever: the disk lost what was durable
	life   int
	paused bool
	held   []*event // arrived while it was paused
	skew   machine.Time
	drift  float64
	last   machine.Time // the latest reading of its clock that its machines saw
}

// asker is who waits for an answer: a client's exchange, or a caller elsewhere.
type asker struct {
	exchange *Exchange
	caller   *slot
	callID   uint64
}

// Exchange is one request of a client and its answer.
type Exchange struct {
	Client int // index in Config.Clients
	At     machine.Addr
	ID     uint64
	Cmd    machine.Data
	Asked  machine.Time
	Ended  machine.Time // when the answer came, if Answer is not nil
	Answer machine.Data // nil: none came
	gone   bool         // nobody waits any more
}

// Failure tells what went wrong in a run.
type Failure struct {
	Step  int    // of the run
	Rule  string // who objected: a judge's type, "panic", "liveness", "contract"
	Err   error
	Stack string // of a panic
}

// Error says what went wrong and at which step.
func (f *Failure) Error() string { return fmt.Sprintf("step %d: %s: %v", f.Step, f.Rule, f.Err) }

// Unwrap returns what the judge said.
func (f *Failure) Unwrap() error { return f.Err }

// NewWorld makes the world of a seed. It panics if cfg names a node or an address
// twice, or a client at no address: mistakes of the test's author.
func NewWorld(cfg *Config, seed uint64) *World { return newSeeded(cfg, seed, nil) }

func newSeeded(cfg *Config, seed uint64, pipe *Pipe) *World {
	w := newWorld(cfg, seed, pipe)
	w.drawRates()
	if w.scheduler() == Untimed {
		w.sched = &untimed{w: w}
	} else {
		w.sched = &timed{}
	}
	w.startAll()
	for i := range w.clients {
		w.later(&event{kind: evAsk, detail: &detail{client: i}}, w.think(i))
	}
	return w
}

func newWorld(cfg *Config, seed uint64, pipe *Pipe) *World {
	w := &World{
		cfg: cfg, seed: seed, rng: rand.New(rand.NewPCG(seed, 0x646973747269)), disks: rand.New(rand.NewPCG(seed, 0x6469736b73)),
		where: map[machine.Node]*node{}, pipe: pipe, length: 500,
	}
	w.stats.Schedules = 1
	if cfg.Events > 0 {
		w.length = cfg.Events
	}
	for _, n := range cfg.Nodes {
		w.addNode(n)
	}
	for i, c := range cfg.Clients {
		at := w.at(c.At)
		if at == nil {
			panic(fmt.Sprintf("sim: client %d asks at %v, which is no address of this world", i, c.At))
		}
		w.clients = append(w.clients, &client{Client: c, i: i, slot: at})
	}
	if cfg.Judges != nil {
		w.judges = cfg.Judges()
	}
	return w
}

func (w *World) startAll() {
	for _, n := range w.nodes {
		w.start(n, false, -1, FaultRecoveryCrash, mix(w.seed, uint64(n.i)))
	}
}

func (w *World) addNode(c Node) {
	if w.where[c.ID] != nil {
		panic(fmt.Sprintf("sim: node %d twice", c.ID))
	}
	n := &node{i: len(w.nodes), id: c.ID, safe: c.Safe, mortal: !c.Safe && !c.Volatile}
	w.where[c.ID] = n
	w.nodes = append(w.nodes, n)
	for i := range c.Roles {
		role := &c.Roles[i]
		s := &slot{i: len(w.slots), addr: machine.Addr{Node: c.ID, Role: role.Name}, role: role, protocol: role.Protocol, node: n}
		if w.at(s.addr) != nil {
			panic(fmt.Sprintf("sim: address %v twice", s.addr))
		}
		w.slots = append(w.slots, s)
		n.slots = append(n.slots, s)
	}
}

// at returns the slot of an address, or nil if there is none.
func (w *World) at(a machine.Addr) *slot {
	if n := w.where[a.Node]; n != nil {
		for _, s := range n.slots {
			if s.addr.Role == a.Role {
				return s
			}
		}
	}
	return nil
}

// Run runs the world to its end and returns what went wrong, or nil.
func (w *World) Run() *Failure {
	var out machine.Out
	for c := w.next(); c != nil; c = w.next() {
		out.Reset()
		w.complete(c, &out, w.stepLocal(c, &out))
	}
	return w.fail
}

// Hash returns the hash of all steps so far.
func (w *World) Hash() uint64 { return w.hash.sum() }

// Stats returns the counts so far.
func (w *World) Stats() Stats {
	s := w.stats
	s.Steps, s.Virtual = w.steps, w.now
	return s
}

// History returns the requests of all clients in the order they were asked.
func (w *World) History() []*Exchange { return w.history }

// Close lets go of what the machines hold. A World must be closed.
func (w *World) Close() {
	for _, s := range w.slots {
		s.stop()
	}
}

// call is a step that is due: an input for a machine, whose Out the world awaits.
type call struct {
	slot *slot
	in   machine.In
	ev   *event // what it came from; nil for a boot step
}

// turn makes the step that is due.
func (w *World) turn(s *slot, in machine.In, ev *event) *call {
	w.due = call{slot: s, in: in, ev: ev}
	return &w.due
}

// event returns an event to be filled: half of what a run needs has happened before.
func (w *World) event() *event {
	if n := len(w.free); n > 0 {
		ev := w.free[n-1]
		w.free = w.free[:n-1]
		return ev
	}
	return new(event)
}

// recycle takes back an event that a machine has taken its step for. A list of
// actions may name it again.
func (w *World) recycle(ev *event) {
	if ev != nil && !w.listed {
		w.free = append(w.free, ev)
	}
}

// next returns the next step that a machine must take, or nil at the end.
//
//go:norace
func (w *World) next() *call {
	for w.fail == nil {
		if len(w.boot) > 0 {
			if c := w.nextBoot(); c != nil {
				return c
			}
			continue
		}
		if w.steps >= w.length && w.over() {
			return nil
		}
		if len(w.boot) > 0 {
			continue // the faults have ended, and what was down starts
		}
		if w.strikes > 0 {
			w.strike()
		}
		ev := w.sched.next()
		if ev == nil {
			w.end()
			return nil
		}
		w.now = max(w.now, ev.at)
		if c := w.happen(ev); c != nil {
			return c
		}
		if w.woken {
			return nil
		}
	}
	return nil
}

// over decides whether a run that has its length has reached its end, and judges it
// if so.
func (w *World) over() bool {
	if w.cfg.Liveness > 0 {
		if !w.calm {
			w.calmDown()
		}
		if w.pending() && w.now < w.deadline {
			return false
		}
	}
	w.end()
	return true
}

func (w *World) end() {
	if w.fail != nil {
		return
	}
	if w.calm && w.pending() {
		w.failed("liveness", w.unanswered(), "")
		return
	}
	for _, j := range w.judges {
		if err := j.End(w); err != nil {
			w.failed(ruleOf(j, err), err, "")
			return
		}
	}
}

// ruleOf names the rule that a judge says is broken: its own type, or what the error
// tells by a method Rule, so that a judge of several rules can keep them apart.
func ruleOf(j Judge, err error) string {
	var named interface{ Rule() string }
	if errors.As(err, &named) {
		return named.Rule()
	}
	return fmt.Sprintf("%T", j)
}

func (w *World) failed(rule string, err error, stack string) {
	if w.fail == nil {
		w.fail = &Failure{Step: w.steps, Rule: rule, Err: err, Stack: stack}
		w.tracer.violate(w, w.fail)
	}
}

// panicked is a panic of a machine as an error.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string { return fmt.Sprint(p.value) }

// step runs one step of a machine; a panic of it is an error.
func step(m machine.Machine, in machine.In, out *machine.Out) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, string(debug.Stack())}
		}
	}()
	m.Step(in, out)
	return nil
}

// stop lets go of what a machine holds.
func stop(m machine.Machine) {
	if s, ok := m.(machine.Stopper); ok {
		s.Stop()
	}
}

func (s *slot) stop() {
	stop(s.machine)
	s.machine = nil
}

// here reports whether the slot's machine is in this process.
func (s *slot) here() bool {
	_, far := s.machine.(*remote)
	return !far
}

//go:norace
func (w *World) stepLocal(c *call, out *machine.Out) error {
	if w.tracer != nil {
		w.tracer.before(c)
	}
	return step(c.slot.machine, c.in, out)
}

// complete does what the machine said: it folds the step into the hash, shows it
// to the judges, and obeys the Out.
//
//go:norace
func (w *World) complete(c *call, out *machine.Out, err error) {
	s := c.slot
	if err != nil {
		w.broke(s, err)
		return
	}
	w.hashStep(c, out)
	first := w.sent + 1
	w.obey(s, out)
	if w.tracer != nil {
		w.tracer.step(w, c, out, first)
	}
	if len(w.judges) > 0 {
		w.judge(c, out)
	}
	w.recycle(c.ev)
	w.steps++
	if len(out.Save) > 0 && w.rates.Full > 0 {
		w.fill(s, len(out.Save))
	}
}

// judge shows a step to the judges.
//
//go:norace
func (w *World) judge(c *call, out *machine.Out) {
	w.shown = Step{N: w.steps, At: w.now, Addr: c.slot.addr, Life: c.slot.node.life, In: c.in, Out: out}
	for _, j := range w.judges {
		if err := j.Step(&w.shown); err != nil {
			w.failed(ruleOf(j, err), err, "")
			return
		}
	}
}

func (w *World) broke(s *slot, err error) {
	if p, ok := err.(*panicked); ok {
		w.failed("panic", fmt.Errorf("%v panicked: %v", s.addr, p.value), p.stack)
		return
	}
	w.failed("contract", fmt.Errorf("%v: %w", s.addr, err), "")
}

// hashStep folds in a step but for its saves and sends, which follow when they are
// encoded.
//
//go:norace
func (w *World) hashStep(c *call, out *machine.Out) {
	s, in, b := c.slot, c.in, w.buf
	h := w.hash.word(uint64(s.i)<<32 | uint64(s.node.life)).word(uint64(in.Now)).word(in.Rand)
	switch e := in.Event.(type) {
	case machine.Ask:
		b = e.Cmd.AppendTo(b[:0])
		h = h.word(e.ID).bytes(b)
	case machine.Recv:
		h = h.word(c.ev.id)
	default:
		b = machine.AppendIn(b[:0], in)
		h = h.bytes(b)
	}
	for _, r := range out.Reply {
		b = r.Data.AppendTo(b[:0])
		h = h.word(r.ID).bytes(b)
	}
	for _, n := range out.Note {
		h = h.text(n.Name).text(n.Text)
	}
	w.hash, w.buf = h.word(out.Trim), b
}
