package session

import (
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/machine/pending"
	"dss.example/p1-kvrpc/table/agenda"
)

// Machine is the client. The zero value is of no use.
type Machine struct {
	self   machine.Addr
	config Config
	target int // the server to ask: an index of config.Servers

	ops    pending.Table[*op] // unfinished, by number
	asks   pending.Table[*op] // those that were asked for, by Ask
	number uint64             // of the last op
	spare  []*op              // finished, for their memory

	free     queue    // reads and bare writes that wait
	freeSent int      // reads and bare writes that do not
	writes   queue    // guarded writes that wait
	session  *session // the one for new operations; nil before the first
	opening  *op      // the operation that opens the next one
	without  bool     // the servers offer none

	budget budget
	dues   agenda.Agenda // of ops, by number
	alarm  agenda.Alarm

	now  machine.Time // of this step
	dice dice         // of this step
}

var _ machine.Machine = (*Machine)(nil)

// NewMachine returns a client at the given address. It refuses a Config that cannot
// be used with ErrConfig.
func NewMachine(self machine.Addr, config Config) (*Machine, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Machine{self: self, config: config}
	m.budget = newBudget(&m.config)
	return m, nil
}

// Protocol tells a world how to run a Machine. Its configuration is an encoded
// Config.
func Protocol() *machine.Protocol {
	return &machine.Protocol{
		Name: "session",
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c, err := DecodeConfig(config)
			if err != nil {
				return nil, err
			}
			m, err := NewMachine(self, c)
			if err != nil {
				return nil, err
			}
			return m, nil
		},
		Message: agenda.DecodeTick,
		Command: kv.DecodeRequest,
		Answer:  kv.DecodeResponse,
		Return:  kv.DecodeResponse,
	}
}

// Step implements machine.Machine.
func (m *Machine) Step(in machine.In, out *machine.Out) {
	m.now, m.dice = in.Now, dice(in.Rand)
	switch e := in.Event.(type) {
	case machine.Ready:
		// Late answers to an earlier life of this address must mean nothing: no two
		// lives number their Calls alike.
		m.number = in.Rand >> 24
	case machine.Ask:
		m.ask(e, out)
	case machine.Cancel:
		if o, ok := m.asks.Get(e.ID); ok {
			m.forget(o)
		}
	case machine.Recv:
		m.receive(e, out)
	case machine.Link:
		m.link(e, out)
	}
	m.pump(out)
	m.arm(out)
}

// ask takes an operation in, or refuses it at once.
func (m *Machine) ask(e machine.Ask, out *machine.Out) {
	if _, taken := m.asks.Get(e.ID); taken {
		return // the world has broken its word; the first one keeps the ID
	}
	req, _ := e.Cmd.(*kv.Request)
	if bad := m.refuse(req); bad != nil {
		out.Answer(e.ID, bad)
		return
	}
	o := m.add(req, m.classOf(req.Op), m.now+m.config.Timeout+machine.Time(req.Wait))
	o.ask = e.ID
	m.asks.Put(e.ID, o)
	m.queueOf(o).push(o)
	m.pump(out)
	if o.state == waiting {
		m.due(o, o.deadline)
	}
}

func (m *Machine) refuse(req *kv.Request) *kv.Response {
	switch {
	case req == nil:
		return kv.Refuse(kv.Invalid, "command is no request")
	case m.free.len()+m.writes.len() >= m.config.Queue:
		return kv.Refuse(kv.Overloaded, "%d operations wait to be sent: at most %d", m.config.Queue, m.config.Queue)
	}
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	if _, opening := req.Op.(kv.OpenSession); opening || req.Session != 0 {
		return kv.Refuse(kv.Unsupported, "sessions: this client has one of its own, and numbers its requests itself")
	}
	if _, closing := req.Op.(kv.CloseSession); closing && m.session == nil {
		return kv.Refuse(kv.NoSession, "no session is open")
	}
	return nil
}

func (m *Machine) classOf(operation kv.Op) class {
	if kv.ReadOnly(operation) {
		return read
	}
	switch {
	case m.config.Mode == AtLeastOnce || kv.Administers(operation):
		return bare
	case m.without:
		return once
	}
	return guarded
}

func (m *Machine) queueOf(o *op) *queue {
	if o.class == guarded {
		return &m.writes
	}
	return &m.free
}

func (m *Machine) add(req *kv.Request, c class, deadline machine.Time) *op {
	m.number++
	o := m.blank()
	*o = op{number: m.number, req: req, class: c, state: waiting, deadline: deadline, entered: never}
	m.ops.Put(o.number, o)
	return o
}

// blank returns memory for one operation.
func (m *Machine) blank() *op {
	last := len(m.spare) - 1
	if last < 0 {
		return new(op)
	}
	o := m.spare[last]
	m.spare = m.spare[:last]
	return o
}

// pump sends what waits, as far as the windows reach.
func (m *Machine) pump(out *machine.Out) {
	for m.free.len() > 0 && m.freeSent < m.config.InFlight {
		o := m.free.pop()
		m.freeSent++
		m.send(o, out)
	}
	for m.writes.len() > 0 {
		if !m.session.usable(m.now) {
			if o := m.writes.peek(); o.closing() {
				m.finish(o, kv.Refuse(kv.NoSession, "no session is open"), out)
				continue
			}
			m.open(out)
			return
		}
		if m.session.given-m.session.acked >= uint64(m.config.InFlight) {
			return
		}
		o := m.writes.pop()
		o.session, o.seq = m.session, m.session.give()
		m.send(o, out)
	}
}

// open asks for a session, once.
func (m *Machine) open(out *machine.Out) {
	if m.opening != nil {
		return
	}
	var open kv.OpenSession
	setSpan(&open.TTL, m.config.TTL)
	m.opening = m.add(&kv.Request{Op: open}, bare, never)
	m.opening.own = true
	m.send(m.opening, out)
}

// send makes one more attempt.
func (m *Machine) send(o *op, out *machine.Out) {
	if o.attempts == 0 && !o.own {
		m.budget.earn()
	}
	if o.state == waiting {
		o.began = m.now
	}
	id := o.number<<attemptBits | uint64(o.attempts)
	o.doubt |= 1 << o.attempts
	o.attempts++
	o.state, o.server = sent, m.target
	out.SendTo(m.config.Servers[o.server].Addr, machine.Call{ID: id, Cmd: o.request()})
	if o.again(m.config.Mode) {
		m.due(o, m.now+m.config.Attempt+machine.Time(o.req.Wait))
	} else {
		m.due(o, o.deadline)
	}
}

// retry comes when the last attempt has failed: it is made again after a back-off, or at
// once, on the budget, if a server has named a better one and that was not so for the
// attempt before.
func (m *Machine) retry(o *op, redirect bool, out *machine.Out) {
	if o.spent(m.config.Mode) {
		if !m.conclude(o, out) {
			o.state = paused
			m.due(o, o.deadline)
		}
		return
	}
	o.redirect = redirect && !o.redirect && m.budget.spend()
	if o.redirect {
		m.send(o, out)
		return
	}
	m.pause(o)
}

// conclude ends an operation that has no other attempt with its last word, unless one is
// in doubt: an answer to it may come yet. For the client's own nobody waits so long.
func (m *Machine) conclude(o *op, out *machine.Out) (over bool) {
	if o.doubt != 0 && !o.own {
		return false
	}
	m.finish(o, o.last(), out)
	return true
}

// pause backs off: a random time of up to Config.Backoff, twice that after each attempt,
// and Config.MaxDelay at most (exponential back-off with full jitter).
func (m *Machine) pause(o *op) {
	most := min(m.config.Backoff, m.config.MaxDelay)
	for i := 1; i < o.attempts && most < m.config.MaxDelay; i++ {
		most = min(2*most, m.config.MaxDelay)
	}
	o.state = paused
	m.due(o, m.now+m.dice.within(most))
}

// resume ends a back-off: one more attempt, if there is one left and the budget allows it.
// If its session was lost meanwhile, a write may move to a new one. Without another
// attempt the operation ends with its last word if none is in doubt (or it is the client's
// own), else it backs off again. An own operation for which no write waits is forgotten.
func (m *Machine) resume(o *op, out *machine.Out) {
	if o.own && m.writes.len() == 0 {
		m.forget(o)
		return
	}
	if o.session != nil && o.session.lost {
		m.move(o, out)
		return
	}
	if o.attempts < maxAttempts && m.budget.spend() {
		m.send(o, out)
		return
	}
	if !m.conclude(o, out) {
		m.pause(o)
	}
}

// move takes a write whose session was lost to the queue of those that wait for a new one,
// row NoSession and note (3) of the package comment: if no attempt is in doubt and less
// than half the session's TTL has passed since the first one, else it is doubtful. One
// that may not be sent again, by its mode, its attempts or the budget, is Unavailable.
func (m *Machine) move(o *op, out *machine.Out) {
	fresh := m.now < o.began+o.session.ttl/2
	if o.doubt != 0 || !fresh {
		m.finish(o, o.doubtful("it may have been done before the session ended"), out)
		return
	}
	if o.spent(m.config.Mode) || !m.budget.spend() {
		m.finish(o, kv.Refuse(kv.Unavailable, "the session ended, and there is no other attempt"), out)
		return
	}
	o.state, o.session, o.seq = waiting, nil, 0
	m.due(o, o.deadline)
	m.writes.push(o)
}

// link takes a hint that a server cannot be reached: what was sent there is likely
// lost.
func (m *Machine) link(e machine.Link, out *machine.Out) {
	if e.Up {
		return
	}
	if m.config.Servers[m.target].Addr.Node == e.Peer {
		m.rotate(m.target)
	}
	for _, number := range m.ops.Numbers() {
		o, ok := m.ops.Get(number)
		if !ok || o.state != sent || !o.again(m.config.Mode) {
			continue // ended by one before it, or nothing to do about it
		}
		if m.config.Servers[o.server].Addr.Node == e.Peer {
			m.retry(o, false, out)
		}
	}
}

// rotate moves on from a server, unless another operation has done so already.
func (m *Machine) rotate(from int) {
	if m.target == from {
		m.target = (from + 1) % len(m.config.Servers)
	}
}

// finish gives an operation its final word. After that o is blank: its memory waits for
// another operation.
func (m *Machine) finish(o *op, resp *kv.Response, out *machine.Out) {
	ask, own := o.ask, o.own
	m.forget(o)
	if !own {
		out.Answer(ask, resp)
		return
	}
	if info, ok := resp.Result.(kv.SessionInfo); ok && resp.Status == kv.OK {
		m.session = &session{id: info.ID, ttl: machine.Time(info.TTL), used: m.now}
		return
	}
	if resp.Status == kv.Unsupported {
		m.goWithout(out)
		return
	}
	if resp.Status == kv.Maybe { // of the session, not of the writes that wait for it
		resp = kv.Refuse(kv.Unavailable, "no session: %s", resp.Detail)
	}
	for m.writes.len() > 0 {
		m.finish(m.writes.peek(), resp, out)
	}
}

// forget drops an operation and gives its place and its memory to another. What was
// sent of it is on its own from now on.
func (m *Machine) forget(o *op) {
	m.ops.Take(o.number)
	if !o.own {
		m.asks.Take(o.ask)
	}
	switch {
	case o.own:
		m.opening = nil
	case o.state == waiting:
		m.queueOf(o).remove(o)
	case o.session != nil:
		o.session.finish(o.seq)
	default:
		m.freeSent--
	}
	*o = op{}
	m.spare = append(m.spare, o)
}

// setSpan sets a duration in one of kv's types. A core does not import package time,
// not even for the name of a type.
func setSpan[D ~int64](to *D, span machine.Time) { *to = D(span) }
