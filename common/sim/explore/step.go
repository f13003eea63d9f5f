package explore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"dss.example/common/machine"
	"dss.example/common/trace"
)

// meet returns st as it stands when in has left its queue, and the event that its
// machine gets.
func (s *search) meet(st *state, in input) (state, machine.Event) {
	met := *st
	switch in.kind {
	case ask:
		return met, machine.Ask{ID: uint64(in.arg) + 1, Cmd: s.cfg.Asks[in.arg].Cmd}
	case inbox:
		m := met.inbox[0]
		met.inbox = met.inbox[1:]
		return met, s.arrival(st.place, m)
	case expire:
		t := met.timers[0]
		met.timers, met.clock = met.timers[1:], max(met.clock, t.due)
		return met, s.arrival(st.place, t.msg)
	}
	recv := s.arrival(st.place, in.arg)
	c, ok := recv.Msg.(machine.Call)
	if !ok {
		return met, recv
	}
	met.calls = counted(st.calls, in.arg)
	return met, machine.Ask{ID: callID(in.arg, st.arrived(in.arg)), Cmd: c.Cmd}
}

// arrival decodes a message once more, so that no machine can change what another
// one gets. It was decoded before, so it cannot fail.
func (s *search) arrival(place int, msg uint32) machine.Recv {
	m := &s.all[msg]
	data, err := machine.DecodeMessage(m.bytes, s.places[place].Protocol)
	if err != nil {
		panic(fmt.Sprintf("explore: %x was decoded once and now: %v", m.bytes, err))
	}
	return machine.Recv{From: m.from, Msg: data}
}

func (st *state) arrived(msg uint32) int {
	for _, c := range st.calls {
		if c.msg == msg {
			return c.times
		}
	}
	return 0
}

// counted returns calls with one more delivery of msg, still sorted by message.
func counted(calls []call, msg uint32) []call {
	more := make([]call, 0, len(calls)+1)
	added := false
	for _, c := range calls {
		if !added && c.msg > msg {
			more, added = append(more, call{msg, 1}), true
		}
		if c.msg == msg {
			c.times, added = c.times+1, true
		}
		more = append(more, c)
	}
	if !added {
		more = append(more, call{msg, 1})
	}
	return more
}

// ran is one step that was really taken.
type ran struct {
	live   Live  // in the state after it
	met    state // the state before it, as the machine met it
	effect effect
	notes  []machine.Fact
}

// run takes one step from a state. Whoever calls it owns the machine; it is nil
// when err is not.
func (s *search) run(id uint32, in input) (ran, error) {
	st := s.locals[id]
	live, err := s.machine(id)
	if err != nil {
		return ran{}, err
	}
	met, event := s.meet(st, in)
	var out machine.Out
	if err := s.step(live, st.place, met.clock, event, &out); err != nil {
		stop(live)
		return ran{}, err
	}
	e, err := s.effect(st.place, met.clock, &out)
	if err != nil {
		stop(live)
		return ran{}, err
	}
	return ran{live, met, e, out.Note}, nil
}

func (s *search) step(live Live, place int, now machine.Time, event machine.Event, out *machine.Out) error {
	s.steps++
	random := (uint64(place) + 1) * 0x9e3779b97f4a7c15
	if err := step(live, machine.In{Now: now, Rand: random, Event: event}, out); err != nil {
		return fmt.Errorf("%s: %w", trace.Name(s.places[place].Addr), err)
	}
	return nil
}

var errDiffers = errors.New("the same history led to two states: the machine is not deterministic, or shares memory that it should not")

// machine returns a machine in the given state: the one that was kept there, or a
// fresh one that lived through the state's history. The caller owns it.
func (s *search) machine(id uint32) (Live, error) {
	st := s.locals[id]
	if live := st.live; live != nil {
		st.live = nil
		s.lives--
		return live, nil
	}
	var history []input
	first := st
	for ; first.parent >= 0; first = s.locals[first.parent] {
		history = append(history, first.input)
	}
	var out machine.Out
	live, err := s.start(st.place, first.boot, &out)
	if err != nil {
		return nil, err
	}
	at := first
	for i := len(history) - 1; i >= 0; i-- {
		met, event := s.meet(at, history[i])
		out.Reset()
		if err := s.step(live, st.place, met.clock, event, &out); err != nil {
			stop(live)
			return nil, err
		}
		at = s.childOn(st, i)
	}
	s.key = live.Dump(s.key[:0])
	if string(s.key) != st.dump {
		stop(live)
		return nil, fmt.Errorf("%s: %w:\n  %s\n  %s", trace.Name(s.places[st.place].Addr), errDiffers, st.dump, s.key)
	}
	return live, nil
}

// childOn returns the ancestor of st that is above it by so many inputs.
func (s *search) childOn(st *state, above int) *state {
	for ; above > 0; above-- {
		st = s.locals[st.parent]
	}
	return st
}

// start makes a machine and hands it a disk, up to and with Ready.
func (s *search) start(place int, d disk, out *machine.Out) (Live, error) {
	live, err := s.load(place, d, out)
	if err != nil {
		return nil, err
	}
	if err := s.step(live, place, 0, machine.Ready{Fresh: d.next() == 1}, out); err != nil {
		stop(live)
		return nil, err
	}
	return live, nil
}

func (s *search) load(place int, d disk, out *machine.Out) (Live, error) {
	p := &s.places[place]
	live, err := p.New()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, trace.Name(p.Addr), err)
	}
	for i, r := range d.records {
		data, err := p.Protocol.Record(s.records[r].bytes)
		if err == nil {
			err = s.step(live, place, 0, machine.Load{Seq: d.first + uint64(i), Record: data}, out)
		}
		if err != nil {
			stop(live)
			return nil, err
		}
	}
	return live, nil
}

// recovered returns the number of what a machine knows that has loaded a disk.
func (s *search) recovered(place int, d disk) (uint32, error) {
	key := string(appendNumbers(binary.AppendUvarint([]byte{byte(place)}, d.first), d.records))
	if id, ok := s.shownBy[key]; ok {
		return id, nil
	}
	var out machine.Out
	live, err := s.load(place, d, &out)
	if err != nil {
		return 0, err
	}
	shows := string(live.Dump([]byte{byte(place)}))
	stop(live)
	id, ok := s.shown[shows]
	if !ok {
		id = uint32(len(s.shown))
		s.shown[shows] = id
	}
	s.shownBy[key] = id
	return id, nil
}

// transit returns what an input does to a state. It is computed once.
func (s *search) transit(id uint32, in input) *transition {
	st := s.locals[id]
	if in.kind == deliver && !in.torn {
		for int(in.arg) >= len(st.delivered) {
			st.delivered = append(st.delivered, nil)
		}
		if st.delivered[in.arg] == nil {
			st.delivered[in.arg] = s.compute(id, in)
		}
		return st.delivered[in.arg]
	}
	t, ok := st.others[in]
	if !ok {
		t = s.compute(id, in)
		if st.others == nil {
			st.others = make(map[input]*transition)
		}
		st.others[in] = t
	}
	return t
}

func (s *search) compute(id uint32, in input) *transition {
	st := s.locals[id]
	if in.kind == crash {
		return s.restart(st.place, st.disk, st.saved, nil)
	}
	if in.kind == deliver && st.arrived(in.arg) >= s.cfg.Calls {
		return &transition{to: id, idle: true}
	}
	whole := in
	whole.torn, whole.keep = false, 0
	r, err := s.run(id, whole)
	if err != nil {
		return &transition{err: err}
	}
	if in.torn {
		stop(r.live)
		kept := effect{saves: r.effect.saves[:in.keep]}
		left, _ := r.met.after(&kept)
		return s.restart(st.place, left.disk, left.saved, r.effect.early)
	}
	return s.settle(r, id, in)
}

// settle files the state that a step led to.
func (s *search) settle(r ran, id uint32, in input) *transition {
	next, err := r.met.after(&r.effect)
	if err != nil {
		stop(r.live)
		return &transition{err: fmt.Errorf("%s %w", trace.Name(s.places[next.place].Addr), err)}
	}
	next.parent, next.input = int32(id), in
	to, err := s.file(&next, r.live)
	if err != nil {
		return &transition{err: err}
	}
	t := &transition{to: to, add: r.effect.sends, idle: to == id && len(r.effect.sends) == 0}
	for keep := range r.effect.saves {
		if keep > 0 || len(r.effect.early) > 0 {
			t.tears = append(t.tears, uint16(keep))
		}
	}
	return t
}

// restart is what a crash does: a fresh machine with what was saved.
func (s *search) restart(place int, d disk, saved, early []uint32) *transition {
	var out machine.Out
	live, err := s.start(place, d, &out)
	if err != nil {
		return &transition{err: err}
	}
	e, err := s.effect(place, 0, &out)
	if err != nil {
		stop(live)
		return &transition{err: err}
	}
	from := state{place: place, disk: d, saved: saved}
	next, err := from.after(&e)
	if err != nil {
		stop(live)
		return &transition{err: fmt.Errorf("%s %w", trace.Name(s.places[place].Addr), err)}
	}
	next.boot = d
	to, err := s.file(&next, live)
	if err != nil {
		return &transition{err: err}
	}
	return &transition{to: to, add: concat(early, e.sends)}
}

// file returns the number of a state, new or known, and keeps its machine for the
// next step or stops it.
func (s *search) file(st *state, live Live) (uint32, error) {
	s.key = live.Dump(s.key[:0])
	st.dump = string(s.key)
	key, err := s.identity(nil, st)
	if err != nil {
		stop(live)
		return 0, err
	}
	id, ok := s.localOf[string(key)]
	if !ok {
		id = uint32(len(s.locals))
		s.locals = append(s.locals, st)
		s.localOf[string(key)] = id
	}
	if at := s.locals[id]; at.live == nil && s.lives < maxLives {
		at.live = live
		s.lives++
	} else {
		stop(live)
	}
	return id, nil
}
