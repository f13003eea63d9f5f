package sim

import (
	"fmt"

	"dss.example/common/machine"
	"dss.example/common/sim/dump"
	"dss.example/common/trace"
)

// tracer turns what happens into trace records. A nil tracer does nothing.
type tracer struct {
	sink func(trace.Record)
	n    int
	old  map[*slot]string // dumps of the machines
	back []trace.Sent     // Returns that left in the present step
	far  map[uint64]bool  // the requests that they answered
}

// Trace makes the world tell sink of each step and fault from now on. Tracing
// changes nothing in the run, and is slow.
func (w *World) Trace(sink func(trace.Record)) {
	w.tracer = &tracer{sink: sink, old: map[*slot]string{}}
}

func (t *tracer) emit(w *World, r trace.Record) {
	r.N, r.At = t.n, w.now
	t.n++
	t.sink(r)
}

// before notes a machine's state before a step, to show what the step changed.
func (t *tracer) before(c *call) {
	if c.slot.here() {
		t.old[c.slot] = dump.Lines(c.slot.machine)
	}
}

func (t *tracer) step(w *World, c *call, out *machine.Out, first uint64) {
	if t == nil {
		return
	}
	r := describe(c)
	r.Addr = c.slot.addr
	for _, rec := range out.Save {
		r.Saved = append(r.Saved, Text(rec))
	}
	for i, e := range out.Send {
		r.Sent = append(r.Sent, trace.Sent{ID: first + uint64(i), To: e.To, After: e.After, Data: Text(e.Msg)})
	}
	for _, a := range out.Reply {
		if !t.far[a.ID] {
			r.Replied = append(r.Replied, trace.Reply{ID: a.ID, Data: Text(a.Data)})
		}
	}
	r.Sent = append(r.Sent, t.back...)
	t.back, t.far = nil, nil
	for _, f := range out.Note {
		r.Notes = append(r.Notes, trace.Note(f))
	}
	r.Trim = out.Trim
	if c.slot.here() {
		r.Change = dump.Change(t.old[c.slot], dump.Lines(c.slot.machine))
	}
	t.emit(w, r)
}

// returned notes the envelope that carries an answer back to a caller.
func (t *tracer) returned(ask, id uint64, e machine.Envelope) {
	if t.far == nil {
		t.far = map[uint64]bool{}
	}
	t.far[ask] = true
	t.back = append(t.back, trace.Sent{ID: id, To: e.To, Data: Text(e.Msg)})
}

func describe(c *call) (r trace.Record) {
	switch e := c.in.Event.(type) {
	case machine.Load:
		r.Kind, r.Data = trace.Load, fmt.Sprintf("%d: damaged", e.Seq)
		if !e.Damaged {
			r.Data = fmt.Sprintf("%d: %s", e.Seq, Text(e.Record))
		}
	case machine.Ready:
		r.Kind = trace.Ready
		if e.Fresh {
			r.Data = "empty disk"
		}
	case machine.Recv:
		r.Kind, r.From, r.Data = trace.Recv, e.From, Text(e.Msg)
		if e.From == c.slot.addr {
			r.Kind = trace.Timer
		}
	case machine.Ask:
		r.Kind, r.ID, r.Data = trace.Ask, e.ID, Text(e.Cmd)
		if c.ev != nil && c.ev.from != nil {
			r.From = c.ev.from.addr
		}
	case machine.Cancel:
		r.Kind, r.ID = trace.Cancel, e.ID
	case machine.Link:
		r.Kind, r.Data = trace.Link, fmt.Sprintf("node %d up=%v", e.Peer, e.Up)
	}
	if c.ev != nil {
		r.Msg = c.ev.id
	}
	return r
}

func (t *tracer) node(w *World, kind trace.Kind, n *node) {
	if t != nil {
		t.emit(w, trace.Record{Kind: kind, Addr: machine.Addr{Node: n.id}})
	}
}

func (t *tracer) crash(w *World, n *node, cause Fault) {
	if t != nil {
		r := trace.Record{Kind: trace.Crash, Addr: machine.Addr{Node: n.id}}
		if cause != FaultCrash {
			r.Data = cause.String()
		}
		t.emit(w, r)
	}
}

func (t *tracer) message(w *World, kind trace.Kind, ev *event) {
	if t != nil {
		t.emit(w, trace.Record{Kind: kind, Addr: ev.to.addr, From: ev.from.addr, Msg: ev.id, Data: w.frameText(ev.to.addr, ev.frame)})
	}
}

func (t *tracer) cut(w *World, kind trace.Kind, c *cut) {
	if t == nil {
		return
	}
	for _, from := range w.nodes {
		for _, to := range w.nodes {
			if c.side[from.i] != c.side[to.i] && (!c.oneWay || c.side[from.i]) {
				t.emit(w, trace.Record{Kind: kind, Addr: machine.Addr{Node: to.id}, From: machine.Addr{Node: from.id}})
			}
		}
	}
}

func (t *tracer) violate(w *World, f *Failure) {
	if t != nil {
		t.emit(w, trace.Record{Kind: trace.Violate, Data: f.Rule + ": " + f.Err.Error()})
	}
}
