package table

import (
	"math"

	"github.com/tidwall/btree"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// lease is a time to live that keys share.
type lease struct {
	id         uint64
	generation uint64 // of Views when it was made or copied: an older one may be seen by a View
	ttl        machine.Time
	deadline   machine.Time
	keys       *btree.Map[string, struct{}]
}

// grant makes a lease that ends op.TTL after now, and enters its deadline (due). At
// Config.Leases of them it answers Overloaded.
//
//ds:todo p1.8
func (t *Table) grant(now machine.Time, op kv.Grant) *kv.Response {
	if t.leases.Len() >= t.config.Leases {
		return kv.Refuse(kv.Overloaded, "%d leases: at most %d", t.leases.Len(), t.config.Leases)
	}
	l := &lease{id: t.newID(), generation: t.generation, ttl: machine.Time(op.TTL), keys: newKeys()}
	t.clock = now
	l.deadline = later(now, l.ttl)
	t.leases.Set(l.id, l)
	t.due(l.deadline, l.id)
	return ok(l.info(now))
}

// keepAlive puts the end of a lease off to its TTL after now, NoLease if there is none. It
// comes in time as long as no Expire has ended the lease, whatever its deadline was.
//
//ds:todo p1.8
func (t *Table) keepAlive(now machine.Time, op kv.KeepAlive) *kv.Response {
	l := t.ownLease(uint64(op.Lease))
	if l == nil {
		return noLease(op.Lease)
	}
	t.clock = now
	l.deadline = later(now, l.ttl)
	return ok(l.info(now))
}

// revoke ends a lease now, with its keys; NoLease if there is none.
//
//ds:todo p1.8
func (t *Table) revoke(op kv.Revoke) *kv.Response {
	l, found := t.leases.Get(uint64(op.Lease))
	if !found {
		return noLease(op.Lease)
	}
	t.endLease(l)
	return ok(nil)
}

// listLeases tells of all leases in order of IDs, without keys; or of one, with its keys.
//
//ds:todo p1.8
func (t *Table) listLeases(now machine.Time, op kv.Leases) *kv.Response {
	if op.Lease == 0 {
		list := make([]kv.LeaseInfo, 0, t.leases.Len())
		t.leases.Scan(func(_ uint64, l *lease) bool {
			list = append(list, l.info(now))
			return true
		})
		return ok(kv.LeaseList{List: list})
	}
	l, found := t.leases.Get(uint64(op.Lease))
	if !found {
		return noLease(op.Lease)
	}
	info := l.info(now)
	info.Keys = l.keys.Keys()
	return ok(kv.LeaseList{List: []kv.LeaseInfo{info}})
}

func noLease(id kv.LeaseID) *kv.Response { return kv.Refuse(kv.NoLease, "lease %d", id) }

// info tells of l without its keys.
func (l *lease) info(now machine.Time) kv.LeaseInfo {
	info := kv.LeaseInfo{ID: kv.LeaseID(l.id)}
	setSpan(&info.TTL, l.ttl)
	setSpan(&info.Left, max(l.deadline-now, 0))
	return info
}

// endLease removes l and its keys, in order of keys.
//
//ds:todo p1.8
func (t *Table) endLease(l *lease) {
	for _, key := range l.keys.Keys() {
		t.remove(key)
	}
	t.leases.Delete(l.id)
}

// attach takes note that a key is under a lease, which exists; 0 is none.
//
//ds:todo p1.8
func (t *Table) attach(id uint64, key string) {
	if id != 0 {
		t.ownLease(id).keys.Set(key, struct{}{})
	}
}

// detach takes note that a key is under a lease no more; 0 is none.
//
//ds:todo p1.8
func (t *Table) detach(id uint64, key string) {
	if id != 0 {
		t.ownLease(id).keys.Delete(key)
	}
}

// ownLease returns a lease that may be changed because no View sees it; nil if
// there is none.
func (t *Table) ownLease(id uint64) *lease {
	l, _ := t.leases.Get(id)
	if l == nil || l.generation == t.generation {
		return l
	}
	own := *l
	own.generation = t.generation
	own.keys = l.keys.Copy()
	t.leases.Set(id, &own)
	return &own
}

// newID numbers a session or a lease; the two share no number.
func (t *Table) newID() uint64 {
	t.nextID++
	return t.nextID - 1
}

// later returns the time span after now, or the end of time.
func later(now, span machine.Time) machine.Time {
	if now > math.MaxInt64-span {
		return math.MaxInt64
	}
	return now + span
}

// setSpan sets a duration in one of kv's types. A core does not import package time,
// not even for the name of a type.
func setSpan[D ~int64](to *D, span machine.Time) { *to = D(span) }

func newKeys() *btree.Map[string, struct{}] { return new(btree.Map[string, struct{}]) }
