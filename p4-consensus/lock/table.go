package lock

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tidwall/btree"

	"dss.example/common/machine"
)

// Table is the state: sessions and locks. It is a paxos.Service. Its zero value is empty.
type Table struct {
	state

	agenda btree.Map[string, Session] // the sessions by deadline; derived
}

// state is what a View holds. What the maps point to is never changed but replaced.
type state struct {
	clock    machine.Time // of the last command
	token    uint64       // of the last grant
	sessions btree.Map[Session, *session]
	locks    btree.Map[string, *held] // those that are held
}

// session is one that is alive.
type session struct {
	ttl, deadline machine.Time
	seq           uint64   // of its last Acquire or Release; 0: none
	answer        []byte   // to that
	locks         []string // that it holds or waits for, in order; derived
}

// held is a lock that somebody holds.
type held struct {
	holder  Session
	token   uint64
	since   machine.Time
	waiters []Session
}

// Apply implements app.App. Leases that are over by now end before the command.
func (t *Table) Apply(_ uint64, now machine.Time, cmd machine.Data) machine.Data {
	t.clock = now
	t.expire()
	switch c := cmd.(type) {
	case Open:
		return t.open(c)
	case Renew:
		return t.renew(c.Session)
	case Close:
		return t.close(c.Session)
	case Acquire:
		return t.numbered(c.Session, c.Seq, func() *Answer { return t.acquire(c) })
	case Release:
		return t.numbered(c.Session, c.Seq, func() *Answer { return t.release(c) })
	case Query:
		return t.Read(now, c)
	case expire:
		return t.answer(OK)
	}
	return &Answer{Status: Invalid, At: t.clock, Text: fmt.Sprintf("a %T is no command of a lock service", cmd)}
}

// Read implements paxos.Service. It answers a Query.
func (t *Table) Read(now machine.Time, cmd machine.Data) machine.Data {
	q, ok := cmd.(Query)
	if !ok {
		return &Answer{Status: Invalid, At: t.clock, Text: fmt.Sprintf("a %T changes the state", cmd)}
	}
	a := t.about(OK, q.Session, q.Name)
	a.At = now
	return a
}

// Due implements paxos.Service: the first lease that ends.
func (t *Table) Due() (machine.Time, []byte, bool) {
	_, id, ok := t.agenda.Min()
	if !ok {
		return 0, nil, false
	}
	s, _ := t.sessions.Get(id)
	return s.deadline, expire{}.AppendTo(nil), true
}

func (t *Table) answer(status Status) *Answer { return &Answer{Status: status, At: t.clock} }

// expire ends the sessions whose lease is over, the one that ended first first.
func (t *Table) expire() {
	for {
		_, id, ok := t.agenda.Min()
		if !ok {
			return
		}
		if s, _ := t.sessions.Get(id); s.deadline > t.clock {
			return
		}
		t.end(id)
	}
}

func (t *Table) open(c Open) *Answer {
	if s, ok := t.sessions.Get(c.Session); ok {
		if s.ttl != c.TTL {
			a := t.answer(Invalid)
			a.Text = fmt.Sprintf("the session is open with a TTL of %d ns", s.ttl)
			return a
		}
		return t.renew(c.Session)
	}
	if t.sessions.Len() >= MaxSessions {
		return t.answer(Full)
	}
	t.put(c.Session, &session{ttl: c.TTL})
	return t.renew(c.Session)
}

func (t *Table) renew(id Session) *Answer {
	s, ok := t.sessions.Get(id)
	if !ok {
		return t.answer(NoSession)
	}
	renewed := *s
	renewed.deadline = t.clock + s.ttl
	t.put(id, &renewed)
	a := t.answer(OK)
	a.Until = renewed.deadline
	return a
}

func (t *Table) close(id Session) *Answer {
	if _, ok := t.sessions.Get(id); !ok {
		return t.answer(NoSession)
	}
	t.end(id)
	return t.answer(OK)
}

// end gives up all that a session holds and waits for, and forgets it.
func (t *Table) end(id Session) {
	s, _ := t.sessions.Get(id)
	for _, name := range s.locks {
		t.giveUp(id, name)
	}
	t.sessions.Delete(id)
	t.agenda.Delete(due(s.deadline, id))
}

// numbered executes a command of a session once.
func (t *Table) numbered(id Session, seq uint64, do func() *Answer) machine.Data {
	s, ok := t.sessions.Get(id)
	switch {
	case !ok:
		return t.answer(NoSession)
	case seq < s.seq:
		return t.answer(Stale)
	case seq == s.seq:
		a, err := DecodeAnswer(s.answer)
		if err != nil {
			panic("lock: an answer that was kept is none: " + err.Error())
		}
		return a
	}
	a := do()
	t.change(id, func(s *session) { s.seq, s.answer = seq, a.AppendTo(nil) })
	return a
}

func (t *Table) acquire(c Acquire) *Answer {
	l, taken := t.locks.Get(c.Name)
	s, _ := t.sessions.Get(c.Session)
	switch {
	case taken && l.holder == c.Session:
		return t.about(OK, c.Session, c.Name)
	case taken && slices.Contains(l.waiters, c.Session):
		return t.about(Waiting, c.Session, c.Name)
	case taken && !c.Wait:
		return t.about(Held, c.Session, c.Name)
	case len(s.locks) >= MaxLocks || taken && len(l.waiters) >= MaxWaiters:
		return t.about(Full, c.Session, c.Name)
	}
	t.change(c.Session, func(s *session) {
		i, _ := slices.BinarySearch(s.locks, c.Name)
		s.locks = slices.Insert(slices.Clone(s.locks), i, c.Name)
	})
	if !taken {
		t.grant(c.Name, c.Session, nil)
		return t.about(OK, c.Session, c.Name)
	}
	queued := *l
	queued.waiters = append(slices.Clone(l.waiters), c.Session)
	t.locks.Set(c.Name, &queued)
	return t.about(Waiting, c.Session, c.Name)
}

func (t *Table) release(c Release) *Answer {
	s, _ := t.sessions.Get(c.Session)
	i, ok := slices.BinarySearch(s.locks, c.Name)
	if !ok {
		return t.about(NotHeld, c.Session, c.Name)
	}
	t.change(c.Session, func(s *session) { s.locks = slices.Delete(slices.Clone(s.locks), i, i+1) })
	t.giveUp(c.Session, c.Name)
	return t.about(OK, c.Session, c.Name)
}

// giveUp takes a session from a lock or from its queue.
func (t *Table) giveUp(id Session, name string) {
	l, _ := t.locks.Get(name)
	switch {
	case l.holder != id:
		left := *l
		left.waiters = slices.DeleteFunc(slices.Clone(l.waiters), func(w Session) bool { return w == id })
		t.locks.Set(name, &left)
	case len(l.waiters) > 0:
		t.grant(name, l.waiters[0], l.waiters[1:])
	default:
		t.locks.Delete(name)
	}
}

// grant gives a lock to a session. If expire is to end that one, too, the lock goes on to the
// next in the same command, and nobody is told of this grant.
func (t *Table) grant(name string, to Session, waiters []Session) {
	t.token++
	t.locks.Set(name, &held{holder: to, token: t.token, since: t.clock, waiters: waiters})
}

// about tells what is known of a lock.
func (t *Table) about(status Status, who Session, name string) *Answer {
	a := t.answer(status)
	if s, ok := t.sessions.Get(who); ok {
		a.Until = s.deadline
	}
	if l, ok := t.locks.Get(name); ok {
		holder, _ := t.sessions.Get(l.holder)
		a.Lock = Lock{
			Holder: l.holder, Token: l.token, Since: l.since, Until: holder.deadline,
			Waiters: uint64(len(l.waiters)), Place: uint64(slices.Index(l.waiters, who) + 1),
		}
	}
	return a
}

// change replaces a session by one that is different.
func (t *Table) change(id Session, how func(s *session)) {
	s, _ := t.sessions.Get(id)
	changed := *s
	how(&changed)
	t.put(id, &changed)
}

// put sets a session, and its place in the agenda.
func (t *Table) put(id Session, s *session) {
	if old, ok := t.sessions.Get(id); ok {
		t.agenda.Delete(due(old.deadline, id))
	}
	t.sessions.Set(id, s)
	t.agenda.Set(due(s.deadline, id), id)
}

// due is a session's key in the agenda, in order of deadlines.
func due(deadline machine.Time, id Session) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(deadline))
	return string(binary.BigEndian.AppendUint64(b, uint64(id)))
}
