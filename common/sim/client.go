package sim

import (
	"fmt"

	"dss.example/common/machine"
)

// client is a Config's Client at work: one request at a time.
type client struct {
	Client
	i    int
	slot *slot
	k    int
	open *Exchange
	done bool
}

func (w *World) think(i int) machine.Time {
	limit := w.clients[i].Think
	if limit == 0 {
		limit = 10 * machine.Millisecond
	}
	return machine.Time(w.rng.Uint64N(uint64(limit)) + 1)
}

// ask makes a client's next request.
func (w *World) ask(ev *event) *call {
	c := w.clients[ev.client]
	switch {
	case c.open != nil && !w.listed, c.done:
		return nil
	case !c.slot.node.up || c.slot.node.paused:
		if !w.listed {
			w.later(ev, w.think(c.i)+w.pace.base)
		}
		return nil
	}
	cmd := ev.cmd
	if !w.listed {
		if w.calm && c.asked() {
			c.done = true // one request after the faults is enough to show life
			return nil
		}
		if cmd = c.Next(c.k, w.rng); cmd == nil {
			c.done = true
			return nil
		}
	}
	return w.askNow(c, cmd, ev)
}

// asked reports whether the client has asked since the faults ended.
func (c *client) asked() bool { return c.k < 0 }

func (w *World) askNow(c *client, cmd machine.Data, ev *event) *call {
	s := c.slot
	x := &Exchange{Client: c.i, At: s.addr, Cmd: cmd, Asked: w.now}
	x.ID = s.open(asker{exchange: x})
	w.history = append(w.history, x)
	c.open = x
	if c.k++; w.calm {
		c.k = -1
	}
	w.stats.Asks++
	in := w.input(s.node, ev)
	in.Event = machine.Ask{ID: x.ID, Cmd: cmd}
	w.did(Action{Kind: ActAsk, Client: c.i, Cmd: cmd, Now: in.Now, Rand: in.Rand})
	if c.Patience > 0 && !w.listed {
		w.later(&event{kind: evCancel, detail: &detail{client: c.i, ask: x}}, c.Patience)
	}
	return w.turn(s, in, ev)
}

func (w *World) answered(x *Exchange, answer machine.Data) {
	w.stats.Answers++
	if !x.gone {
		x.Answer, x.Ended = answer, w.now
	}
	w.proceed(x)
}

// proceed lets the client of an ended exchange go on.
func (w *World) proceed(x *Exchange) {
	if x.Client < 0 {
		return // a Driver's
	}
	if c := w.clients[x.Client]; c.open == x {
		c.open = nil
		if !w.listed {
			w.later(&event{kind: evAsk, detail: &detail{client: c.i}}, w.think(c.i))
		}
	}
}

// abandon ends an exchange without an answer: its node crashed.
func (w *World) abandon(x *Exchange) {
	if x != nil {
		x.gone = true
		w.proceed(x)
	}
}

// cancel lets an impatient client go on.
func (w *World) cancel(ev *event) *call {
	c, x := w.clients[ev.client], ev.ask
	if x == nil { // from a list of actions
		x = c.open
	}
	if x == nil || c.open != x || !c.slot.node.up || c.slot.asks[x.ID].exchange != x {
		return nil
	}
	in := w.input(c.slot.node, ev)
	in.Event = machine.Cancel{ID: x.ID}
	w.did(Action{Kind: ActCancel, Client: c.i, Now: in.Now, Rand: in.Rand})
	x.gone = true
	w.proceed(x)
	return w.turn(c.slot, in, ev)
}

// pending reports whether, after the faults, some client still waits.
func (w *World) pending() bool {
	for _, c := range w.clients {
		if c.open != nil || !c.done && !c.asked() {
			return true
		}
	}
	return false
}

func (w *World) unanswered() error {
	for _, c := range w.clients {
		if c.open != nil {
			return fmt.Errorf("client %d has no answer to %s %v after the last fault ended", c.i, Text(c.open.Cmd), duration(w.now-(w.deadline-w.cfg.Liveness)))
		}
	}
	return fmt.Errorf("no client could ask within %v after the last fault ended", duration(w.cfg.Liveness))
}
