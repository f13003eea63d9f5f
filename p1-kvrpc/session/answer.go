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

// answer takes the answer to one attempt that is in doubt: the rows of the table "Outcomes"
// in the package comment. An answer to a request without a session that speaks of one, or
// one that does not fit the operation, breaks the contract. Any answer but NoSession shows
// that the session was alive when the operation was first sent.
//
//ds:todo p1.6
func (m *Machine) answer(o *op, attempt int, resp *kv.Response, out *machine.Out) {
	strange := o.session == nil && (resp.Status == kv.NoSession || resp.Status == kv.Forgotten)
	if strange || !fits(o.req.Op, resp) {
		m.finish(o, o.doubtful("response breaks the contract"), out)
		return
	}
	if o.session != nil && resp.Status != kv.NoSession {
		o.session.used = max(o.session.used, o.began)
	}
	switch resp.Status {
	case kv.OK:
		m.done(o, resp, out)
	case kv.Maybe:
		m.uncertain(o, attempt, resp, out)
	case kv.Unavailable, kv.Overloaded:
		o.doubt &^= 1 << attempt
		o.refusal = resp
		m.failed(o, attempt, resp, out)
	case kv.NoSession:
		o.doubt &^= 1 << attempt
		m.noSession(o, resp, out)
	case kv.Forgotten:
		m.finish(o, o.doubtful("the server has forgotten the answer"), out)
	default:
		o.doubt &^= 1 << attempt
		if o.class == bare && o.doubt != 0 {
			resp = o.doubtful("answered " + resp.Status.String() + ", but another copy may have been executed")
		}
		m.finish(o, resp, out)
	}
}

// done ends an operation that was executed.
func (m *Machine) done(o *op, resp *kv.Response, out *machine.Out) {
	if o.closing() {
		o.session.lost = true
	}
	m.finish(o, resp, out)
}

// uncertain takes a Maybe: the attempt stays in doubt, and no other answer to it will come.
// An operation that may not be sent again ends with it.
//
//ds:todo p1.6
func (m *Machine) uncertain(o *op, attempt int, resp *kv.Response, out *machine.Out) {
	if !o.again(m.config.Mode) {
		m.finish(o, resp, out)
		return
	}
	m.failed(o, attempt, resp, out)
}

// failed moves on after an attempt that another may do better than: to the server that the
// answer names, to the next one, or, after Overloaded, to the same. If it is not the last
// attempt, or its time was up before, another is under way or waits, and nothing is done.
//
//ds:todo p1.6
func (m *Machine) failed(o *op, attempt int, resp *kv.Response, out *machine.Out) {
	if attempt != o.attempts-1 || o.state != sent {
		return // given up already, for another one
	}
	redirect := m.follow(resp.Try, o.server)
	if !redirect && resp.Status != kv.Overloaded {
		m.rotate(o.server)
	}
	m.retry(o, redirect, out)
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
//
//ds:todo p1.6
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
//
//ds:todo p1.6
func (m *Machine) timeUp(o *op, out *machine.Out) {
	switch {
	case m.now >= o.deadline:
		m.finish(o, o.last(), out)
	case o.state == sent:
		m.rotate(o.server)
		m.retry(o, false, out)
	case o.state == paused:
		m.resume(o, out)
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
