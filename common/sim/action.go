package sim

import (
	"bytes"
	"fmt"
	"slices"

	"dss.example/common/machine"
)

// ActionKind is what an Action does.
type ActionKind uint8

// The kinds of actions: inputs to machines, and what ends and begins their lives.
// Loss, delay and pauses are no actions: they are what a list leaves out.
const (
	ActDeliver ActionKind = iota + 1
	ActTimer
	ActAsk
	ActCancel
	ActLink
	ActSync
	ActCrash
	ActRestart
	ActDamage
)

// Action is one entry of a schedule, named by its content and not by a position, so
// that it still means something when others are taken out of the list.
type Action struct {
	Kind   ActionKind
	At     machine.Time // virtual time of the world
	Now    machine.Time // of the node's clock
	Rand   uint64
	Addr   machine.Addr // ActDeliver, ActTimer, ActLink, ActSync, ActDamage: whom
	From   machine.Addr // ActDeliver
	Frame  []byte       // ActDeliver, ActTimer: the message
	Client int          // ActAsk, ActCancel
	Cmd    machine.Data // ActAsk
	Node   machine.Node // ActCrash, ActRestart, ActLink
	Cause  Fault        // ActCrash, ActDamage: what went wrong. ActRestart: why it stops again
	Up     bool         // ActLink
	Wipe   bool         // ActRestart
	Stop   int          // ActRestart: stop after so many steps of loading; -1 never
	Keep   int          // ActCrash: unsynced records that survive

	Records []uint64 // ActDamage: their numbers
}

// did records an action, if anybody wants the list.
func (w *World) did(a Action) {
	if w.record != nil {
		a.At = w.now
		*w.record = append(*w.record, a)
	}
}

func (w *World) didDeliver(ev *event, in machine.In) {
	kind := ActDeliver
	if ev.kind == evTimer {
		kind = ActTimer
	}
	w.did(Action{Kind: kind, Addr: ev.to.addr, From: ev.from.addr, Frame: ev.frame, Now: in.Now, Rand: in.Rand})
}

// letter identifies an envelope by its content.
type letter struct {
	from, to int
	digest   uint64
}

func letterOf(from, to int, frame []byte) letter {
	return letter{from, to, digest{}.bytes(frame).sum()}
}

// listed is the scheduler that follows a list of actions. What cannot happen any
// more, because something before it was taken out, is passed over. Envelopes stay,
// for a list may deliver one twice; timers go off once.
//
// Taking out an action may change what later messages say (a number in them is one
// less), so where no envelope has the content that an action names, the oldest that
// has not arrived between the same two takes its place.
type listed struct {
	w      *World
	list   []Action
	mail   map[letter]*event
	queues map[[2]int][]*event // by sender and receiver: what has not arrived, in order
	timers map[*slot][]*event
	syncs  map[*slot]*event
}

func newListed(w *World, list []Action) *listed {
	return &listed{
		w: w, list: list, mail: map[letter]*event{}, queues: map[[2]int][]*event{},
		timers: map[*slot][]*event{}, syncs: map[*slot]*event{},
	}
}

func (l *listed) add(ev *event) {
	switch ev.kind {
	case evDeliver:
		l.mail[letterOf(ev.from.i, ev.to.i, ev.frame)] = ev
		between := [2]int{ev.from.i, ev.to.i}
		l.queues[between] = append(l.queues[between], ev)
	case evTimer:
		l.timers[ev.to] = append(l.timers[ev.to], ev)
	case evSync:
		l.syncs[ev.to] = ev
	}
}

func (l *listed) next() *event {
	for len(l.list) > 0 {
		a := &l.list[0]
		l.list = l.list[1:]
		if ev := l.find(a); ev != nil {
			if ev.detail == nil {
				ev.detail = new(detail)
			}
			ev.at, ev.clock, ev.rand = a.At, a.Now, a.Rand
			return ev
		}
	}
	return nil
}

// find turns an action into the event that it names, or nil if that cannot be.
func (l *listed) find(a *Action) *event {
	w := l.w
	to := w.at(a.Addr)
	switch a.Kind {
	case ActDeliver:
		return l.envelope(w.at(a.From).i, to.i, a)
	case ActTimer:
		return l.timer(to, a)
	case ActSync:
		ev := l.syncs[to]
		delete(l.syncs, to)
		return ev
	case ActAsk:
		return &event{kind: evAsk, detail: &detail{client: a.Client, cmd: a.Cmd}}
	case ActCancel:
		return &event{kind: evCancel, detail: &detail{client: a.Client}}
	case ActLink:
		return &event{kind: evLink, to: to, life: to.node.life, detail: &detail{peer: a.Node, up: a.Up}}
	case ActCrash:
		return &event{kind: evCrash, detail: &detail{node: w.where[a.Node], keep: a.Keep, cause: a.Cause}}
	case ActRestart:
		return &event{kind: evRestart, detail: &detail{node: w.where[a.Node], wipe: a.Wipe, stop: a.Stop, cause: a.Cause}}
	case ActDamage:
		return &event{kind: evDamage, to: to, detail: &detail{cause: a.Cause, records: a.Records}}
	}
	return nil
}

// envelope returns a copy of the envelope that an action names, or of the next one
// between the same two.
func (l *listed) envelope(from, to int, a *Action) *event {
	queue := l.queues[[2]int{from, to}]
	ev := l.mail[letterOf(from, to, a.Frame)]
	if ev == nil {
		if len(queue) == 0 {
			return nil
		}
		ev = queue[0]
	}
	if i := slices.Index(queue, ev); i >= 0 {
		l.queues[[2]int{from, to}] = slices.Delete(queue, i, i+1)
	}
	twin := *ev
	return &twin
}

// timer returns the timer that an action names, or else the earliest, of the present
// life and due by the action's clock.
func (l *listed) timer(s *slot, a *Action) *event {
	best := -1
	for i, ev := range l.timers[s] {
		if ev.life != s.node.life || ev.due > a.Now {
			continue
		}
		if bytes.Equal(ev.frame, a.Frame) {
			best = i
			break
		}
		if best < 0 || ev.due < l.timers[s][best].due {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	ev := l.timers[s][best]
	l.timers[s] = slices.Delete(l.timers[s], best, best+1)
	return ev
}

// describe prints an action for people.
func (a *Action) describe(w *World) string {
	switch a.Kind {
	case ActDeliver:
		return fmt.Sprintf("deliver %v -> %v  %s", a.From, a.Addr, w.frameText(a.Addr, a.Frame))
	case ActTimer:
		return fmt.Sprintf("timer   %v  %s", a.Addr, w.frameText(a.Addr, a.Frame))
	case ActAsk:
		return fmt.Sprintf("ask     client %d at %v  %s", a.Client, w.clients[a.Client].At, Text(a.Cmd))
	case ActCancel:
		return fmt.Sprintf("cancel  client %d", a.Client)
	case ActLink:
		return fmt.Sprintf("link    %v hears that node %d is %s", a.Addr, a.Node, map[bool]string{true: "up", false: "down"}[a.Up])
	case ActSync:
		return fmt.Sprintf("sync    %v", a.Addr)
	case ActCrash:
		return a.describeCrash()
	case ActDamage:
		return fmt.Sprintf("damage  %v, %v: records %v", a.Addr, a.Cause, a.Records)
	}
	disk := "its disk"
	if a.Wipe {
		disk = "an empty disk"
	}
	return fmt.Sprintf("restart node %d with %s", a.Node, disk)
}

func (a *Action) describeCrash() string {
	text := fmt.Sprintf("crash   node %d, ", a.Node)
	if a.Cause != FaultCrash {
		text += fmt.Sprintf("%v, ", a.Cause)
	}
	switch {
	case a.Keep == everything:
		return text + "all unsynced records survive"
	default:
		return text + fmt.Sprintf("%d unsynced records survive", a.Keep)
	}
}

func (w *World) frameText(to machine.Addr, frame []byte) string {
	s := w.at(to)
	if s == nil {
		return fmt.Sprintf("%x", frame)
	}
	msg, err := machine.DecodeMessage(frame, s.protocol)
	if err != nil {
		return fmt.Sprintf("%x", frame)
	}
	return Text(msg)
}

// Replaying reports whether the world follows a list of actions instead of its seed.
func (w *World) Replaying() bool { return w.listed }

// Describe prints a schedule for people, a line an action.
func Describe(cfg *Config, list []Action) (lines []string) {
	w := newWorld(cfg, 0, nil)
	for i := range list {
		lines = append(lines, list[i].describe(w))
	}
	return lines
}
