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
func (t *Table) expire(now machine.Time) *kv.Response {
	ids := t.popDue(now)
	if len(ids) > 0 {
		t.clock = now
	}
	for _, id := range ids {
		if l, isLease := t.leases.Get(id); isLease {
			t.endLease(l)
			t.commit()
		} else if s := t.ownSession(id); s != nil {
			t.endSession(s)
		}
	}
	return ok(nil)
}

// popDue returns, in order, the IDs of the leases and sessions that have ended by now.
// NextExpiry leaves a deadline that counts at the front of the agenda, and puts back
// those that were put off.
func (t *Table) popDue(now machine.Time) (ids []uint64) {
	for at, ok := t.NextExpiry(); ok && at <= now; at, ok = t.NextExpiry() {
		_, id, _ := t.dues.Pop(now)
		i, _ := slices.BinarySearch(ids, id)
		ids = slices.Insert(ids, i, id)
	}
	return ids
}
