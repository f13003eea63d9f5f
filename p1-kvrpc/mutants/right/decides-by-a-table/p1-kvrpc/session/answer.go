package session

import (
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table/agenda"
)

// receive takes a tick of its own, or a Return from a server. All else is ignored:
// what does not come from a server, answers no attempt in doubt (an unknown,
// repeated or outdated one), or is no response at all.
func (m *Machine) receive(e machine.Recv, out *machine.Out) {
	switch msg := e.Msg.(type) {
	case agenda.Tick:
		if e.From == m.self {
			m.alarm.Rang(msg)
			m.tick(out)
		}
	case machine.Return:
		resp, ok := msg.Data.(*kv.Response)
		o, known := m.ops.Get(msg.ID >> attemptBits)
		attempt := int(msg.ID % maxAttempts)
		if ok && resp != nil && known && o.doubt&(1<<attempt) != 0 && m.isServer(e.From) {
			m.take(o, attempt, resp, out)
		}
	}
}

func (m *Machine) isServer(from machine.Addr) bool {
	for i := range m.config.Servers {
		if m.config.Servers[i].Addr == from {
			return true
		}
	}
	return false
}

// verdict is what an answer means for its operation.
type verdict uint8

const (
	final    verdict = iota // the answer is the last word
	unknown                 // nobody knows what was done: that is the last word
	again                   // another attempt may do better
	elsewhen                // another session is needed
)

// decide is the table "Outcomes" in the package comment, by rows: others reports whether
// attempts of o beside the one that was answered are in doubt.
func decide(o *op, mode Mode, resp *kv.Response, others bool) verdict {
	switch status := resp.Status; {
	case !fits(o.req.Op, resp), status == kv.Forgotten, status == kv.NoSession && o.session == nil:
		return unknown
	case status == kv.OK, status == kv.NoSession && o.closing(), status == kv.Maybe && !o.again(mode):
		return final
	case status == kv.NoSession:
		return elsewhen
	case status == kv.Unavailable, status == kv.Overloaded, status == kv.Maybe:
		return again
	case o.class == bare && others:
		return unknown
	}
	return final
}

// answer takes the answer to one attempt that is in doubt. Any answer but NoSession shows
// that the session was alive when the operation was first sent.
func (m *Machine) answer(o *op, attempt int, resp *kv.Response, out *machine.Out) {
	if o.session != nil && fits(o.req.Op, resp) {
		o.session.heard(o, resp.Status)
	}
	doubt := o.doubt &^ (1 << attempt)
	v := decide(o, m.config.Mode, resp, doubt != 0)
	if v == unknown {
		m.finish(o, o.doubtful("the answer tells nothing: "+resp.Status.String()), out)
		return
	}
	if resp.Status != kv.Maybe {
		o.doubt = doubt
	}
	switch v {
	case final:
		m.finish(o, resp, out)
	case again:
		if resp.Status != kv.Maybe {
			o.refusal = resp
		}
		m.failed(o, attempt, resp, out)
	case elsewhen:
		m.move(o, out)
	}
}

// heard takes note of what the status of an answer to o tells about its session.
func (s *session) heard(o *op, status kv.Status) {
	if status == kv.NoSession || status == kv.OK && o.closing() {
		s.lost = true
	}
	if status != kv.NoSession {
		s.used = max(s.used, o.began)
	}
}

// failed moves on after an attempt that another may do better than: to the server that the
// answer names, to the next one, or, after Overloaded, to the same. If it is not the last
// attempt, or its time was up before, another is under way or waits, and nothing is done.
func (m *Machine) failed(o *op, attempt int, resp *kv.Response, out *machine.Out) {
	if o.state != sent || attempt+1 != o.attempts {
		return
	}
	better := m.follow(resp.Try, o.server)
	if !better && resp.Status != kv.Overloaded {
		m.rotate(o.server)
	}
	m.retry(o, better, out)
}

// follow makes the server of that name the target, if it is another than asked.
func (m *Machine) follow(name string, asked int) bool {
	if name == "" {
		return false
	}
	for i := range m.config.Servers {
		if i != asked && m.config.Servers[i].Name == name {
			m.target = i
			return true
		}
	}
	return false
}

// noSession takes the word of a server that the session does not exist: the attempt was not
// executed, and the session is lost to all. A CloseSession has its answer then; any other
// operation may move to a new session.
func (m *Machine) noSession(o *op, resp *kv.Response, out *machine.Out) {
	o.session.lost = true
	if o.closing() {
		m.finish(o, resp, out)
		return
	}
	m.move(o, out)
}

// tick does what is due.
func (m *Machine) tick(out *machine.Out) {
	for {
		at, number, ok := m.dues.Pop(m.now)
		if !ok {
			break
		}
		if !m.holds(at, number) {
			continue
		}
		o, _ := m.ops.Get(number)
		o.entered = never
		if o.next > m.now {
			m.enter(o)
			continue
		}
		m.timeUp(o, out)
	}
	m.clean()
}

// timeUp comes when something is due for o: its deadline, which gives it its last word; the
// time of an attempt, which then stays in doubt while the next server is tried; or the end
// of a back-off.
func (m *Machine) timeUp(o *op, out *machine.Out) {
	if o.deadline <= m.now {
		m.finish(o, o.last(), out)
		return
	}
	switch o.state {
	case paused:
		m.resume(o, out)
	case sent:
		m.rotate(o.server)
		m.retry(o, false, out)
	}
}

// due says when there is something to do for o: then, or at its deadline.
func (m *Machine) due(o *op, at machine.Time) {
	o.next = min(at, o.deadline)
	m.enter(o)
}

// enter makes an entry in the agenda unless an earlier one will find o.
func (m *Machine) enter(o *op) {
	if o.next >= o.entered {
		return
	}
	m.dues.Prune(m.ops.Len(), m.holds)
	o.entered = o.next
	m.dues.Add(o.next, o.number)
}

// holds reports whether an entry of the agenda is the one that counts.
func (m *Machine) holds(at machine.Time, number uint64) bool {
	o, ok := m.ops.Get(number)
	return ok && o.entered == at
}

// clean removes outdated entries from the front of the agenda: most operations end
// before their time, and nobody should be woken for them.
func (m *Machine) clean() {
	for {
		at, ok := m.dues.Next()
		if !ok {
			return
		}
		_, number, _ := m.dues.Pop(at)
		if m.holds(at, number) {
			m.dues.Add(at, number)
			return
		}
	}
}

func (m *Machine) arm(out *machine.Out) {
	if at, ok := m.dues.Next(); ok {
		m.alarm.Arm(m.self, m.now, at, out)
	}
}
