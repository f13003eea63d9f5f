package sim

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"dss.example/common/machine"
)

// release is what of an Out waits for a sync.
type release struct {
	send  []outgoing
	reply []machine.Answer
}

// outgoing is an envelope as bytes, in the event of its arrival.
type outgoing struct {
	ev    *event // ev.to is nil if the address is outside this world
	after machine.Time
}

// obey does what the machine at s said, in the order save, send, reply.
//
//go:norace
func (w *World) obey(s *slot, out *machine.Out) {
	if (len(out.Save) > 0 || out.Trim > 0) && !w.save(s, out) {
		return
	}
	syncing := s.syncing
	var waits release
	for i := range out.Send {
		e := &out.Send[i]
		o := w.encode(s, e)
		if syncing && !e.Early {
			waits.send = append(waits.send, o)
		} else {
			w.send(s, o)
		}
	}
	for _, a := range out.Reply {
		o, caller := w.toCaller(s, a)
		switch waiting := syncing && !a.Early; {
		case caller && waiting:
			waits.send = append(waits.send, o)
		case caller:
			w.send(s, o)
		case waiting:
			waits.reply = append(waits.reply, a)
		default:
			w.reply(s, a)
		}
	}
	if len(waits.send)+len(waits.reply) > 0 {
		s.held = append(s.held, waits)
	}
}

// save writes what an Out saves and trims, and reports whether it may.
//
//go:norace
func (w *World) save(s *slot, out *machine.Out) bool {
	for _, rec := range out.Save {
		w.buf = rec.AppendTo(w.buf[:0])
		w.hash = w.hash.bytes(w.buf)
		s.log.records = append(s.log.records, bytes.Clone(w.buf))
	}
	if out.Trim > s.log.next() {
		w.failed("contract", fmt.Errorf("%v trims to %d, its log ends at %d", s.addr, out.Trim, s.log.next()), "")
		return false
	}
	s.log.trim = max(s.log.trim, out.Trim)
	if (len(out.Save) > 0 || out.Trim > s.log.first) && !s.syncing {
		s.syncing = true
		w.later(&event{kind: evSync, to: s, life: s.node.life}, w.syncTime())
	}
	return true
}

//go:norace
func (w *World) encode(from *slot, e *machine.Envelope) outgoing {
	msg, to, after := e.Msg, e.To, e.After
	frame, undecoded := msg.(machine.Raw) // for an address outside this world, out of a pipe
	if !undecoded {
		frame = w.frame(msg)
	}
	w.hash = w.hash.bytes(frame).word(uint64(after)<<1 | uint64(to.Node)<<32)
	id := w.sent + 1
	w.sent = id
	ev := w.event()
	*ev = event{kind: evDeliver, id: id, from: from, to: w.at(to), life: anyLife, frame: frame}
	return outgoing{ev, after}
}

// frame encodes a message into memory that many frames share.
func (w *World) frame(msg machine.Data) []byte {
	const piece = 16 << 10
	b := w.arena
	if cap(b)-len(b) < 512 {
		b = make([]byte, 0, piece)
	}
	start := len(b)
	b = machine.AppendMessage(b, msg)
	w.arena = b
	return b[start:len(b):len(b)]
}

func (w *World) release(s *slot, r *release) {
	for _, o := range r.send {
		w.send(s, o)
	}
	for _, a := range r.reply {
		w.reply(s, a)
	}
}

// send puts an envelope on its way: to oneself surely, to a role of the same node
// surely unless it crashes, to others perhaps.
//
//go:norace
func (w *World) send(s *slot, o outgoing) {
	ev, n := o.ev, s.node
	to := ev.to
	switch {
	case to == nil:
		w.recycle(ev) // lost
		return
	case to == s:
		ev.kind, ev.life, ev.due = evTimer, n.life, n.last+o.after
		w.later(ev, machine.Time(float64(o.after)/(1+n.drift)))
		return
	case to.node == n:
		ev.life = n.life
		w.later(ev, w.pace.local)
		return
	}
	if w.chance(w.rates.Drop) {
		w.lost(ev, FaultDrop)
		return
	}
	if w.chance(w.rates.Duplicate) {
		w.stats.Faults[FaultDuplicate]++
		w.tracer.message(w, "duplicate", ev)
		twin := *ev
		w.later(&twin, w.travel(n, to.node, false))
	}
	late := w.chance(w.rates.Delay)
	if late {
		w.stats.Faults[FaultDelay]++
	}
	w.later(ev, w.travel(n, to.node, late))
}

// travel is how long a message takes.
func (w *World) travel(from, to *node, late bool) machine.Time {
	if w.cfg.Latency == nil {
		return w.pace.latency(w.rng, late)
	}
	t := w.cfg.Latency(from.id, to.id)
	t += machine.Time(w.rng.Uint64N(uint64(t)/4+1)) - t/8
	if late {
		t += machine.Time(w.rng.Uint64N(uint64(w.pace.tail)))
	}
	return t
}

func (w *World) lost(ev *event, why Fault) {
	if w.listed {
		return
	}
	w.stats.Faults[why]++
	w.tracer.message(w, "drop", ev)
}

func (w *World) later(ev *event, after machine.Time) {
	ev.at = w.now + after
	w.sched.add(ev)
}

// toCaller turns the answer to a machine.Call into the envelope that brings it back.
//
//go:norace
func (w *World) toCaller(s *slot, a machine.Answer) (outgoing, bool) {
	who := s.asks[a.ID]
	if who.caller == nil {
		return outgoing{}, false
	}
	delete(s.asks, a.ID)
	e := machine.Envelope{To: who.caller.addr, Msg: machine.Return{ID: who.callID, Data: a.Data}}
	o := w.encode(s, &e)
	if w.tracer != nil {
		w.tracer.returned(a.ID, o.ev.id, e)
	}
	return o, true
}

// reply ends a client's request.
func (w *World) reply(s *slot, a machine.Answer) {
	who, open := s.asks[a.ID]
	if !open {
		w.failed("contract", fmt.Errorf("%v answers request %d, which is not open", s.addr, a.ID), "")
		return
	}
	delete(s.asks, a.ID)
	w.answered(who.exchange, a.Data)
}

// happen makes an event true. It returns the step that a machine must take, if any.
func (w *World) happen(ev *event) *call {
	switch ev.kind {
	case evDeliver, evTimer:
		return w.deliver(ev)
	case evAsk:
		return w.ask(ev)
	case evCancel:
		return w.cancel(ev)
	case evLink:
		return w.link(ev)
	case evInject:
		return w.inject(ev)
	case evWake:
		ev.ask.gone, w.woken = true, true
	case evSync:
		w.synced(ev)
	case evCrash:
		w.crash(ev.node, ending{cause: ev.cause, keep: ev.keep})
	case evDamage:
		w.damage(ev.to, ev.cause, ev.records)
	case evRestart:
		w.restart(ev)
	case evResume:
		w.resume(ev.node)
	case evHeal:
		w.heal(ev.cut)
	}
	return nil
}

// deliver brings an envelope to its receiver, if that can hear it.
//
//go:norace
func (w *World) deliver(ev *event) *call {
	s, from := ev.to, ev.from
	n := s.node
	switch {
	case !n.up, ev.life != anyLife && ev.life != n.life:
		return nil
	case len(w.cuts) > 0 && w.isCut(from.node, n):
		w.lost(ev, FaultDrop)
		return nil
	case n.paused:
		n.held = append(n.held, ev)
		return nil
	}
	var msg machine.Data
	call, isCall, err := machine.DecodeCall(ev.frame, s.protocol)
	if !isCall {
		msg, err = machine.DecodeMessage(ev.frame, s.protocol)
	}
	if err != nil {
		w.failed("contract", fmt.Errorf("%v cannot decode what %v sent: %w", s.addr, from.addr, err), "")
		return nil
	}
	if from != s {
		w.noteOrder(ev)
	}
	in := w.input(n, ev)
	if w.record != nil {
		w.didDeliver(ev, in)
	}
	if isCall {
		id := s.open(asker{caller: from, callID: call.ID})
		in.Event = machine.Ask{ID: id, Cmd: call.Cmd}
	} else {
		in.Event = machine.Recv{From: from.addr, Msg: msg}
	}
	return w.turn(s, in, ev)
}

// input makes the frame of an input: the node's clock and fresh random bits, or
// what a list of actions says they were. A timer never fires before its time: one that
// was set by a clock that ran fast, and runs true since, puts the clock forward, or it
// would stand still until the others have caught up.
//
//go:norace
func (w *World) input(n *node, ev *event) machine.In {
	now, random := n.clock(w.now), uint64(0)
	if d := ev.detail; d != nil {
		if random = d.rand; d.clock != 0 {
			now = d.clock
		}
	}
	if random == 0 {
		random = w.rng.Uint64()
	}
	if now < ev.due {
		if n.drift == 0 {
			n.skew += ev.due - now
		}
		now = ev.due
	}
	return machine.In{Now: n.show(now), Rand: random}
}

func (s *slot) open(who asker) uint64 {
	s.nextAsk++
	s.asks[s.nextAsk] = who
	return s.nextAsk
}

// noteOrder counts envelopes that arrive after a later one of the same sender.
func (w *World) noteOrder(ev *event) {
	s := ev.to
	latest := s.lastFrom
	if latest == nil {
		latest = make([]uint64, len(w.slots))
		s.lastFrom = latest
	}
	if id, from := ev.id, ev.from.i; id < latest[from] {
		w.stats.Faults[FaultReorder]++
	} else {
		latest[from] = id
	}
}

// hint tells the other nodes that a node came or went; some never hear of it.
func (w *World) hint(n *node, up bool) {
	for _, o := range w.slots {
		if o.node != n && o.node.up && !w.chance(0.3) {
			w.later(&event{kind: evLink, to: o, life: o.node.life, detail: &detail{peer: n.id, up: up}}, w.pace.latency(w.rng, false))
		}
	}
}

func (w *World) link(ev *event) *call {
	s := ev.to
	if !s.node.up || s.node.life != ev.life || s.node.paused {
		return nil
	}
	in := w.input(s.node, ev)
	in.Event = machine.Link{Peer: ev.peer, Up: ev.up}
	w.did(Action{Kind: ActLink, Addr: s.addr, Node: ev.peer, Up: ev.up, Now: in.Now, Rand: in.Rand})
	return w.turn(s, in, ev)
}

// cut is a set of nodes that others do not hear, or that do not hear others.
type cut struct {
	side   []bool // by node
	oneWay bool   // only what leaves side is lost
	healed bool
}

func (w *World) isCut(from, to *node) bool {
	for i := range w.cuts {
		c := &w.cuts[i]
		if !c.healed && c.side[from.i] != c.side[to.i] && (!c.oneWay || c.side[from.i]) {
			return true
		}
	}
	return false
}

func (w *World) heal(i int) {
	if i >= len(w.cuts) || w.cuts[i].healed {
		return
	}
	w.cuts[i].healed = true
	w.tracer.cut(w, "heal", &w.cuts[i])
	if !slices.ContainsFunc(w.cuts, func(c cut) bool { return !c.healed }) {
		w.cuts = w.cuts[:0]
	}
}

// pace is how fast this seed's world is.
type pace struct {
	base, spread, tail machine.Time
	disk               machine.Time
	local              machine.Time
	down               machine.Time
}

func drawPace(r *rand.Rand) pace {
	return pace{
		base:   logUniform(r, 20*machine.Microsecond, 2*machine.Millisecond),
		spread: logUniform(r, 10*machine.Microsecond, 20*machine.Millisecond),
		tail:   logUniform(r, 20*machine.Millisecond, 5*machine.Second),
		disk:   logUniform(r, 20*machine.Microsecond, 10*machine.Millisecond),
		local:  5 * machine.Microsecond,
		down:   logUniform(r, machine.Millisecond, 5*machine.Second),
	}
}

// logUniform draws between lo and hi so that every magnitude is as likely.
func logUniform(r *rand.Rand, lo, hi machine.Time) machine.Time {
	return machine.Time(float64(lo) * math.Pow(float64(hi)/float64(lo), r.Float64()))
}

func (p *pace) latency(r *rand.Rand, late bool) machine.Time {
	if late {
		return p.base + machine.Time(r.Uint64N(uint64(p.tail)))
	}
	return p.base + machine.Time(r.Uint64N(uint64(p.spread)))
}

func (p *pace) sync(r *rand.Rand) machine.Time { return 1 + machine.Time(r.Uint64N(uint64(p.disk))) }

func (p *pace) outage(r *rand.Rand) machine.Time { return 1 + machine.Time(r.Uint64N(uint64(p.down))) }

func (w *World) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func sortedKeys[V any](m map[uint64]V) []uint64 { return slices.Sorted(maps.Keys(m)) }
