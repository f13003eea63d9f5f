package sim

import (
	"fmt"

	"dss.example/common/machine"
)

// bootStep is one input of a node that starts: a Load, or Ready.
type bootStep struct {
	slot  *slot
	life  int
	event machine.Event
	rand  uint64
	end   *ending // instead of a step, the node's life ends here
}

// ending is how a life ends.
type ending struct {
	cause Fault
	keep  int // unsynced records that survive, of each slot's
}

// everything is more unsynced records than there are.
const everything = 1 << 30

// start makes the machines of a node and queues what they must be told. After stop
// steps its life ends again, as the cause says; -1 is never.
func (w *World) start(n *node, wipe bool, stop int, cause Fault, seed uint64) {
	n.up = true
	var steps []bootStep
	for _, s := range n.slots {
		if wipe {
			s.log = diskLog{}
		}
		if s.log.first == 0 {
			s.log.first = 1
		}
		if !w.makeMachine(s) {
			return
		}
		steps = append(steps, s.loads()...)
	}
	for i := range steps {
		if i == stop {
			end := &ending{cause: cause}
			if cause == FaultShortRead { // the process ends, and not the system
				end.keep = everything
			}
			steps = append(steps[:i], bootStep{slot: n.slots[0], life: n.life, end: end})
			break
		}
		steps[i].life = n.life
		steps[i].rand = mix(seed, uint64(i))
	}
	w.boot = append(w.boot, steps...)
	w.hint(n, true)
}

// mix derives a random word from another and a number.
func mix(seed, i uint64) uint64 {
	return digest{a: seed, b: mixA}.word(i).sum()
}

func (w *World) makeMachine(s *slot) bool {
	if w.pipe != nil && s.role.Remote {
		s.machine = w.pipe.create(s)
	} else {
		m, err := s.protocol.New(s.addr, s.role.Config)
		if err != nil {
			w.failed("contract", fmt.Errorf("%v cannot be made: %w", s.addr, err), "")
			return false
		}
		s.machine = m
	}
	s.asks, s.held, s.syncing = map[uint64]asker{}, nil, false
	return true
}

func (s *slot) loads() (steps []bootStep) {
	fresh := s.log.next() == 1
	for i, b := range s.log.records {
		e := machine.Load{Seq: s.log.first + uint64(i)}
		rec, err := s.decodeRecord(b)
		if err != nil || s.log.damaged[e.Seq] {
			e.Damaged = true
		} else {
			e.Record = rec
		}
		steps = append(steps, bootStep{slot: s, event: e})
	}
	return append(steps, bootStep{slot: s, event: machine.Ready{Fresh: fresh}})
}

func (s *slot) decodeRecord(b []byte) (machine.Data, error) {
	if s.protocol.Record == nil {
		return nil, machine.ErrNoDecoder
	}
	return s.protocol.Record(b)
}

// nextBoot returns the next boot step of a node that still lives, or nil.
func (w *World) nextBoot() *call {
	b := w.boot[0]
	w.boot = w.boot[1:]
	n := b.slot.node
	switch {
	case !n.up || n.life != b.life:
		return nil
	case b.end != nil:
		w.crash(n, *b.end)
		return nil
	}
	return w.turn(b.slot, machine.In{Now: n.show(n.clock(w.now)), Rand: b.rand, Event: b.event}, nil)
}

// crash ends the life of a node's machines; it comes back unless a list of actions
// says when.
func (w *World) crash(n *node, end ending) {
	if !n.up {
		return
	}
	w.did(Action{Kind: ActCrash, Node: n.id, Cause: end.cause, Keep: end.keep})
	w.countCrash(end.cause)
	w.tracer.crash(w, n, end.cause)
	w.hash = w.hash.word(uint64(n.i)<<8 | 1)
	for _, s := range n.slots {
		s.stop()
		kept, lost := s.log.crash(end.keep)
		if lost > 0 {
			w.stats.Faults[FaultUnsynced]++
		}
		if lost > 0 && kept > 0 {
			w.stats.Faults[FaultTorn]++
		}
		for _, id := range sortedKeys(s.asks) {
			w.abandon(s.asks[id].exchange)
		}
		s.asks = nil
	}
	w.hint(n, false)
	n.up, n.paused, n.held = false, false, nil
	n.life++
	n.skew, n.last = -w.now, 0 // a new process, a new monotonic clock
	if !w.listed {
		stop := -1
		if w.chance(w.rates.Recovery) {
			stop = w.rng.IntN(4)
		}
		w.later(&event{kind: evRestart, detail: &detail{
			node: n, stop: stop, cause: FaultRecoveryCrash, wipe: w.mayWipe(n),
		}}, w.pace.outage(w.rng))
	}
}

// countCrash counts the end of a life: by what went wrong with the disk, or as a crash.
func (w *World) countCrash(cause Fault) {
	w.stats.Faults[cause]++
	if cause == FaultRecoveryCrash {
		w.stats.Faults[FaultCrash]++
	}
}

func (w *World) restart(ev *event) {
	n := ev.node
	if n.up {
		return
	}
	rnd := ev.rand
	if rnd == 0 {
		rnd = w.rng.Uint64()
	}
	if !w.listed && !ev.wipe {
		w.decay(n)
		w.readShort(ev)
	}
	w.did(Action{Kind: ActRestart, Node: n.id, Wipe: ev.wipe, Stop: ev.stop, Cause: ev.cause, Rand: rnd})
	w.stats.Faults[FaultRestart]++
	w.hash = w.hash.word(uint64(n.i)<<8 | 2)
	if ev.wipe {
		n.wiped, n.harmed = true, true
		w.stats.Faults[FaultWipe]++
		w.tracer.node(w, "wipe", n)
	} else {
		w.tracer.node(w, "restart", n)
	}
	w.start(n, ev.wipe, ev.stop, ev.cause, rnd)
}

// clock is a node's clock when the world's says now: drifting, jumping, and never
// compared with another node's.
func (n *node) clock(now machine.Time) machine.Time {
	t := now + n.skew
	return t + machine.Time(float64(t)*n.drift)
}

// show makes t, or the latest reading before if that was later, what the node's
// machines see: to them it is monotonic.
func (n *node) show(t machine.Time) machine.Time {
	t = max(t, n.last)
	n.last = t
	return t
}

func (w *World) pause(n *node) {
	n.paused = true
	w.stats.Faults[FaultPause]++
	w.tracer.node(w, "pause", n)
	w.later(&event{kind: evResume, detail: &detail{node: n}}, w.pace.outage(w.rng))
}

func (w *World) resume(n *node) {
	if !n.paused {
		return
	}
	n.paused = false
	w.tracer.node(w, "resume", n)
	held := n.held
	n.held = nil
	for _, ev := range held {
		ev.at = w.now
		w.sched.add(ev)
	}
}
