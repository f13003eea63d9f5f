package table

import (
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// due enters the deadline of a new lease or session.
func (t *Table) due(deadline machine.Time, id uint64) {
	t.dues.Prune(t.leases.Len()+t.sessions.Len(), func(_ machine.Time, id uint64) bool {
		_, alive := t.deadline(id)
		return alive
	})
	t.dues.Add(deadline, id)
}

// deadline returns when the lease or session of that ID ends, if there is one.
func (t *Table) deadline(id uint64) (at machine.Time, alive bool) {
	if s, ok := t.sessions.Get(id); ok {
		return s.deadline, true
	}
	if l, ok := t.leases.Get(id); ok {
		return l.deadline, true
	}
	return 0, false
}

// NextExpiry returns when the first lease or session ends if it is not renewed; ok
// is false when there is none. Whoever owns the order of writes applies an Expire
// then.
func (t *Table) NextExpiry() (at machine.Time, ok bool) {
	for {
		at, ok := t.dues.Next()
		if !ok {
			return 0, false
		}
		_, id, _ := t.dues.Pop(at)
		deadline, alive := t.deadline(id)
		if !alive {
			continue
		}
		t.dues.Add(deadline, id)
		if deadline <= at {
			return at, true
		}
	}
}

// expire ends every lease and session whose time has come, in order of IDs. Each lease that
// had keys makes a revision (commit): their events would not fit into one answer together.
// It sets the clock, if there was one to end.
//
//ds:todo p1.5
func (t *Table) expire(now machine.Time) *kv.Response {
	for _, id := range t.popDue(now) {
		t.clock = now
		if s, isSession := t.sessions.Get(id); isSession {
			t.endSession(s)
			continue
		}
		l, _ := t.leases.Get(id)
		t.endLease(l)
		t.commit()
	}
	return ok(nil)
}

// popDue returns, in order, the IDs of the leases and sessions that have ended by now. The
// agenda may hold deadlines that were put off since: those go back into it.
//
//ds:todo p1.5
func (t *Table) popDue(now machine.Time) (ids []uint64) {
	for {
		_, id, ok := t.dues.Pop(now)
		if !ok {
			slices.Sort(ids)
			return ids
		}
		switch deadline, alive := t.deadline(id); {
		case !alive:
		case deadline > now:
			t.dues.Add(deadline, id)
		default:
			ids = append(ids, id)
		}
	}
}
