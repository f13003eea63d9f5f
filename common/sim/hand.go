package sim

import (
	"fmt"
	"slices"

	"dss.example/common/machine"
)

// Hand is a world whose scheduler is a person or a script: nothing happens that is
// not asked for, but disks finish at once unless they are stalled. Its clock moves
// only by Advance, and its faults are the ones it is told.
type Hand struct {
	w       *World
	waiting handScheduler
	stalled map[machine.Node]bool
	out     machine.Out
}

// Letter is an envelope on its way.
type Letter struct {
	ID       uint64
	From, To machine.Addr
	Timer    bool
	Due      machine.Time // of a timer, by the world's clock
	Text     string
}

type handScheduler struct{ events []*event }

func (s *handScheduler) add(ev *event) { s.events = append(s.events, ev) }
func (s *handScheduler) next() *event  { return nil }

// NewHand makes a world at time 0 with all nodes started. Config's clients are
// ignored.
func NewHand(cfg *Config) *Hand {
	c := *cfg
	c.Clients, c.Faults, c.Events = nil, Faults{}, int(^uint(0)>>1)
	h := &Hand{w: newWorld(&c, 1, nil), stalled: map[machine.Node]bool{}}
	h.w.sched = &h.waiting
	h.w.pace = pace{spread: 1, disk: 1, down: 1, local: 1}
	return h
}

// Start starts the nodes. It comes after World().Trace, so that a trace has their
// first steps.
func (h *Hand) Start() {
	h.w.startAll()
	h.settle()
}

// World returns the world, to trace it and to ask for its history and failure.
func (h *Hand) World() *World { return h.w }

// Ask asks the machine at an address. The exchange tells the answer, when it comes.
func (h *Hand) Ask(at machine.Addr, cmd machine.Data) (*Exchange, error) {
	if h.w.at(at) == nil {
		return nil, fmt.Errorf("no address %v: want one of %v", at, h.addrs())
	}
	x := &Exchange{Client: -1, At: at, Cmd: cmd}
	if !h.happen(&event{kind: evInject, detail: &detail{ask: x}}) {
		x.gone = true
		return nil, fmt.Errorf("%v is down", at)
	}
	return x, nil
}

func (h *Hand) addrs() (all []machine.Addr) {
	for _, s := range h.w.slots {
		all = append(all, s.addr)
	}
	return all
}

// Letters lists what is on its way, in the order in which it was sent.
func (h *Hand) Letters() (all []Letter) {
	for _, ev := range h.waiting.events {
		if ev.kind == evDeliver || ev.kind == evTimer {
			all = append(all, Letter{
				ID: ev.id, From: ev.from.addr, To: ev.to.addr, Timer: ev.kind == evTimer, Due: ev.at,
				Text: h.w.frameText(ev.to.addr, ev.frame),
			})
		}
	}
	return all
}

// Deliver brings an envelope to its receiver. A keeper's copy stays on its way, so
// that it can arrive once more.
func (h *Hand) Deliver(id uint64, keep bool) error {
	ev, err := h.take(id)
	if err != nil {
		return err
	}
	if keep {
		twin := *ev
		h.waiting.add(&twin)
	}
	h.happen(ev)
	return nil
}

// Drop loses an envelope.
func (h *Hand) Drop(id uint64) error {
	ev, err := h.take(id)
	if err == nil {
		h.w.lost(ev, FaultDrop)
	}
	return err
}

func (h *Hand) take(id uint64) (*event, error) {
	for i, ev := range h.waiting.events {
		if ev.id == id && id != 0 {
			h.waiting.events = slices.Delete(h.waiting.events, i, i+1)
			return ev, nil
		}
	}
	return nil, fmt.Errorf("no envelope %d is on its way", id)
}

// Advance lets time pass; timers that fall due go off in their order.
func (h *Hand) Advance(d machine.Time) {
	end := h.w.now + d
	for h.w.fail == nil {
		var first *event
		for _, ev := range h.waiting.events {
			if ev.kind == evTimer && ev.at <= end && (first == nil || ev.at < first.at) {
				first = ev
			}
		}
		if first == nil {
			break
		}
		h.waiting.events = slices.DeleteFunc(h.waiting.events, func(ev *event) bool { return ev == first })
		h.w.now = max(h.w.now, first.at)
		h.happen(first)
	}
	h.w.now = max(h.w.now, end)
}

// Crash crashes a node, with all its unsynced records lost.
func (h *Hand) Crash(id machine.Node) error {
	n := h.w.where[id]
	if n == nil || !n.up {
		return fmt.Errorf("node %d is not up", id)
	}
	h.w.crash(n, ending{cause: FaultCrash})
	h.waiting.events = slices.DeleteFunc(h.waiting.events, func(ev *event) bool { return ev.kind == evRestart })
	h.settle()
	return nil
}

// Restart restarts a crashed node with its disk, or with an empty one.
func (h *Hand) Restart(id machine.Node, wipe bool) error {
	n := h.w.where[id]
	if n == nil || n.up {
		return fmt.Errorf("node %d is not down", id)
	}
	h.happen(&event{kind: evRestart, detail: &detail{node: n, wipe: wipe, stop: -1}})
	return nil
}

// Cut loses all that one side sends the other from now on, in both directions.
func (h *Hand) Cut(side []machine.Node) error {
	c := cut{side: make([]bool, len(h.w.nodes))}
	for _, id := range side {
		if h.w.where[id] == nil {
			return fmt.Errorf("no node %d", id)
		}
		c.side[h.w.where[id].i] = true
	}
	h.w.cuts = append(h.w.cuts, c)
	h.w.tracer.cut(h.w, "cut", &c)
	return nil
}

// Heal ends all cuts.
func (h *Hand) Heal() {
	for i := len(h.w.cuts) - 1; i >= 0; i-- {
		h.w.heal(i)
	}
}

// Stall keeps a node's disk from finishing; ending the stall lets go what waits.
func (h *Hand) Stall(id machine.Node, on bool) {
	h.stalled[id] = on
	h.settle()
}

// Close ends the world.
func (h *Hand) Close() { h.w.Close() }

// happen makes an event true at the present time and reports whether a machine
// took a step.
func (h *Hand) happen(ev *event) bool {
	c := h.w.happen(ev)
	if c != nil {
		h.step(c)
	}
	h.settle()
	return c != nil
}

func (h *Hand) step(c *call) {
	h.out.Reset()
	h.w.complete(c, &h.out, h.w.stepLocal(c, &h.out))
}

// settle does what needs no decision: nodes load, disks that are not stalled
// finish, what a Hand does not show is dropped.
func (h *Hand) settle() {
	for h.w.fail == nil {
		if len(h.w.boot) > 0 {
			if c := h.w.nextBoot(); c != nil {
				h.step(c)
			}
			continue
		}
		h.waiting.events = slices.DeleteFunc(h.waiting.events, func(ev *event) bool { return ev.kind == evLink || ev.kind == evInject })
		i := slices.IndexFunc(h.waiting.events, func(ev *event) bool {
			return ev.kind == evSync && !h.stalled[ev.to.node.id]
		})
		if i < 0 {
			return
		}
		ev := h.waiting.events[i]
		h.waiting.events = slices.Delete(h.waiting.events, i, i+1)
		h.w.synced(ev)
	}
}
