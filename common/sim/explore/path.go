package explore

import (
	"fmt"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/sim/dump"
	"dss.example/common/trace"
)

// teller walks a violation's path once more, on fresh machines, and writes down
// every step.
type teller struct {
	*search
	path []string
	rec  []trace.Record
	sent map[uint32]uint64 // messages, by the ID under which they were sent last
	next uint64            // the next such ID
}

// tell returns the violation with its path.
func (s *search) tell() *Violation {
	t := teller{search: s, sent: make(map[uint32]uint64), next: 1}
	for i, p := range s.places {
		if p.New != nil {
			t.start(i, disk{first: 1})
		}
	}
	for _, from := range s.pathTo(s.broken) {
		t.act(from)
	}
	t.record(trace.Record{Kind: trace.Violate, Data: s.broken.err.Error()})
	return &Violation{Err: s.broken.err, Path: t.path, Trace: t.rec}
}

// pathTo returns the actions from the first world to the violation, each with the
// world in which it happened.
func (s *search) pathTo(b *broken) []origin {
	var path []origin
	if b.act != nil {
		path = append(path, origin{b.world, *b.act})
	}
	for id := b.world; id > 0; id = s.how[id].parent {
		path = append(path, s.how[id])
	}
	slices.Reverse(path)
	return path
}

// record appends a record. Virtual time counts records: the search has no other.
func (t *teller) record(r trace.Record) {
	r.N = len(t.rec)
	r.At = machine.Time(r.N) * machine.Millisecond
	t.rec = append(t.rec, r)
}

func (t *teller) act(from origin) {
	in := from.act.in
	if in.kind == inject {
		t.inject(t.cfg.Inject(World{t.search, from.parent})[in.arg])
		return
	}
	place := int(from.act.place)
	row := t.world(from.parent)
	name := trace.Name(t.places[place].Addr)
	node := t.places[place].Addr.Node
	if in.kind != crash {
		what := t.step(row[place], in)
		if !in.torn {
			t.path = append(t.path, name+" "+what)
			return
		}
		t.path = append(t.path, fmt.Sprintf("%s %s; node %d crashes when %d records are saved, and restarts", name, what, node, in.keep))
	} else {
		t.path = append(t.path, fmt.Sprintf("node %d crashes and restarts", node))
	}
	t.record(trace.Record{Kind: trace.Crash, Addr: machine.Addr{Node: node}})
	t.record(trace.Record{Kind: trace.Restart, Addr: machine.Addr{Node: node}})
	for _, i := range t.nodeOf(place) {
		d := t.locals[row[i]].disk
		if i == place && in.torn {
			d = t.tornDisk(row[i], in)
		}
		t.start(i, d)
	}
}

// tornDisk returns what an interrupted step left.
func (t *teller) tornDisk(id uint32, in input) disk {
	whole := in
	whole.torn, whole.keep = false, 0
	r, err := t.run(id, whole)
	if err != nil {
		return t.locals[id].disk
	}
	stop(r.live)
	left, _ := r.met.after(&effect{saves: r.effect.saves[:in.keep]})
	return left.disk
}

// step records one step and returns it in words.
func (t *teller) step(id uint32, in input) string {
	st := t.locals[id]
	rec := trace.Record{Addr: t.places[st.place].Addr}
	what := t.input(st, in, &rec)
	before := ""
	if live, err := t.machine(id); err == nil {
		before = lines(live)
		stop(live)
	}
	whole := in
	whole.torn, whole.keep = false, 0
	r, err := t.run(id, whole)
	if err == nil {
		rec.Change = dump.Change(before, lines(r.live))
		stop(r.live)
		e := r.effect
		if in.torn {
			e = effect{saves: e.saves[:in.keep], sends: e.early}
		}
		t.outcome(&rec, &r.met, &e, r.notes)
	}
	t.record(rec)
	return what
}

// input fills in what came in and returns it in words.
func (t *teller) input(st *state, in input, rec *trace.Record) string {
	switch in.kind {
	case ask:
		rec.Kind, rec.ID = trace.Ask, uint64(in.arg)+1
		rec.Data = text(t.cfg.Asks[in.arg].Cmd)
		return "is asked " + rec.Data
	case inbox:
		rec.Kind, rec.Msg, rec.Data = trace.Timer, t.sent[st.inbox[0]], t.text(st.inbox[0])
		return "hears from itself " + rec.Data
	case expire:
		m := st.timers[0].msg
		rec.Kind, rec.Msg, rec.Data = trace.Timer, t.sent[m], t.text(m)
		return "has a timer fire: " + rec.Data
	}
	m := &t.all[in.arg]
	rec.Kind, rec.From, rec.Msg, rec.Data = trace.Recv, m.from, t.sent[in.arg], t.text(in.arg)
	return fmt.Sprintf("receives %s from %s", rec.Data, trace.Name(m.from))
}

func (t *teller) text(msg uint32) string { return text(t.all[msg].data) }

// text prints data for people: its own String if it has one, else its dump.
func text(d machine.Data) string {
	switch d := d.(type) {
	case machine.Call:
		return fmt.Sprintf("call %d: %s", d.ID, text(d.Cmd))
	case machine.Return:
		return fmt.Sprintf("return %d: %s", d.ID, text(d.Data))
	case fmt.Stringer:
		return d.String()
	}
	return dump.String(d)
}

// outcome fills in what came out.
func (t *teller) outcome(rec *trace.Record, met *state, e *effect, notes []machine.Fact) {
	for _, r := range e.saves {
		rec.Saved = append(rec.Saved, text(t.records[r].data))
	}
	for _, m := range e.sends {
		if a := &t.all[m]; a.ask >= 0 {
			rec.Replied = append(rec.Replied, trace.Reply{ID: uint64(a.ask) + 1, Data: t.text(m)})
			continue
		}
		t.send(rec, m, t.all[m].to, 0)
	}
	for _, m := range e.inbox {
		t.send(rec, m, rec.Addr, 0)
	}
	for _, timer := range e.timer {
		t.send(rec, timer.msg, rec.Addr, timer.due-met.clock)
	}
	rec.Trim = e.trim
	for _, f := range notes {
		rec.Notes = append(rec.Notes, trace.Note{Name: f.Name, Text: f.Text})
	}
}

func (t *teller) send(rec *trace.Record, m uint32, to machine.Addr, after machine.Time) {
	t.sent[m] = t.next
	rec.Sent = append(rec.Sent, trace.Sent{ID: t.next, To: to, After: after, Data: t.text(m)})
	t.next++
}

func (t *teller) inject(act Act) {
	t.path = append(t.path, fmt.Sprintf("the environment acts: %s", act.Name))
	rec := trace.Record{Addr: act.From, Kind: trace.Ask, Data: act.Name}
	ids, err := t.injected(act)
	if err == nil {
		for _, m := range ids {
			t.send(&rec, m, t.all[m].to, 0)
		}
	}
	t.record(rec)
}

// start records a start from a disk: a record for each Load, then Ready with all
// that came out.
func (t *teller) start(place int, d disk) {
	self := t.places[place].Addr
	for _, r := range d.records {
		t.record(trace.Record{Addr: self, Kind: trace.Load, Data: text(t.records[r].data)})
	}
	rec := trace.Record{Addr: self, Kind: trace.Ready}
	var out machine.Out
	if live, err := t.search.start(place, d, &out); err == nil {
		rec.Change = dump.Change("", lines(live))
		stop(live)
		if e, err := t.effect(place, 0, &out); err == nil {
			t.outcome(&rec, &state{}, &e, out.Note)
		}
	}
	t.record(rec)
}

// lines returns a machine's fields, if it shows them.
func lines(m Live) string {
	if l, ok := m.(interface{ Lines() string }); ok {
		return l.Lines()
	}
	return ""
}
