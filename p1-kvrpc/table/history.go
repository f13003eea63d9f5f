package table

import (
	"sort"

	"dss.example/common/kv"
)

// history is the revision and the changes that led to it.
//
// Events are only appended at the end and dropped at the start of a slice, so that
// the slice of a View stays valid while the table goes on. Events of one revision
// stand together.
type history struct {
	rev         uint64 // present revision; that of all events is at most it, or one more within an operation
	oldest      uint64 // oldest revision that can be read: all events after it are kept
	nextChange  uint64 // number of the next event
	changes     []event
	changeBytes int // of changes, by event.size
	stale       int // events dropped since changes was last copied: they still take memory
}

// event is one change of a key.
type event struct {
	rev    uint64
	key    string
	before *record // what stood there: an item, a tombstone, or nil
	after  *record // an item or a tombstone
	size   int     // what it counts for Config.HistoryBytes, by weight
}

// weight depends on what a View shows of the event alone.
func (e *event) weight() int { return e.before.size(e.key, true) }

// first is the number of the oldest event that is kept.
func (h *history) first() uint64 { return h.nextChange - uint64(len(h.changes)) }

// add appends the event of a change within the operation at hand.
func (h *history) add(key string, before, after *record) {
	e := event{rev: h.rev + 1, key: key, before: before, after: after}
	e.size = e.weight()
	h.changes = append(h.changes, e)
	h.changeBytes += e.size
	h.nextChange++
}

// since returns the events after revision rev, without copying them.
//
//ds:todo p1.7
func (h *history) since(rev uint64) []event {
	n := len(h.changes)
	if n == 0 || h.changes[n-1].rev <= rev { // what a long poll finds most often
		return nil
	}
	return h.changes[sort.Search(n, func(i int) bool { return h.changes[i].rev > rev }):]
}

// at walks back from r, the last record of a key, to what stood there at revision rev: it
// returns an item, a tombstone, or nil. rev must be known. The event that made a record
// is number record.event, and knows what stood there before.
//
//ds:todo p1.7
func (h *history) at(r *record, rev uint64) *record {
	for r != nil && r.mod > rev {
		r = h.changes[r.event-h.first()].before
	}
	return r
}

// known answers nil if the state of revision v can be read, else why not: FutureRev if it
// is after the present one, Compacted if it is before the oldest.
//
//ds:todo p1.7
func (h *history) known(v kv.Version) *kv.Response {
	switch {
	case v.Compare(kv.Version{Lo: h.rev}) > 0:
		return kv.Refuse(kv.FutureRev, "revision %s: the present one is %d", v, h.rev)
	case v.Lo < h.oldest:
		return kv.Refuse(kv.Compacted, "revision %s: the oldest one kept is %d", v, h.oldest)
	}
	return nil
}

// commit ends an operation: if it changed something, that is a revision.
func (t *Table) commit() {
	n := len(t.changes)
	if n == 0 || t.changes[n-1].rev == t.rev {
		return
	}
	t.rev++
	t.trim()
}

// trim cuts the history to its bounds, which may take even what was just added: the state
// itself needs none of it. What has been dropped takes at most as much memory as what is
// kept.
//
//ds:todo p1.7 return
func (t *Table) trim() {
	for len(t.changes) > t.config.HistoryEvents || t.changeBytes > t.config.HistoryBytes {
		t.dropOldest()
	}
	if n := len(t.changes); t.stale > n {
		t.changes, t.stale = append(make([]event, 0, 2*n+kv.MaxTxnOps), t.changes...), 0
	}
}

// dropOldest forgets the events of the oldest revision that has any, and the tombstones
// that they left and that are still the last record of their key: that revision is then
// the oldest one that can be read. It keeps changeBytes and stale right.
//
//ds:todo p1.7
func (t *Table) dropOldest() {
	t.oldest = t.changes[0].rev
	for len(t.changes) > 0 && t.changes[0].rev == t.oldest {
		e := &t.changes[0]
		if t.ghost.Len() > 0 && !e.after.exists() {
			if g, ok := t.ghost.Get(e.key); ok && g == e.after {
				t.ghost.Delete(e.key)
			}
		}
		t.changeBytes -= e.size
		t.changes = t.changes[1:]
		t.stale++
	}
}

// rollback undoes all changes from event number mark on, the last one first (replace), and
// takes their events away.
//
//ds:todo p1.4
func (t *Table) rollback(mark uint64) {
	for t.nextChange > mark {
		e := &t.changes[len(t.changes)-1]
		t.replace(e.key, e.after, e.before)
		t.changeBytes -= e.size
		t.changes = t.changes[:len(t.changes)-1]
		t.nextChange--
	}
}

// events answers with the changes after op.After (zero: after the present) that op asks
// for, and with the revision to go on from. Revisions are told whole (nextRevision). It
// stops before a revision that would make the list longer than op.Max (0: kv.MaxEvents,
// and never more) or larger than maxAnswer (weigh), unless the list is empty: then more
// than op.Max are told, but more than maxAnswer bytes are refused as TooLarge.
//
//ds:todo p1.7
func (t *Table) events(op kv.Events) *kv.Response {
	from := op.After
	if from.IsZero() {
		from.Lo = t.rev
	}
	if bad := t.known(from); bad != nil {
		return bad
	}
	limit := op.Max
	if limit == 0 || limit > kv.MaxEvents {
		limit = kv.MaxEvents
	}
	found := kv.EventList{Next: kv.Version{Lo: t.rev}}
	size := 0
	for rest := t.since(from.Lo); len(rest) > 0; {
		var group []event
		group, rest = nextRevision(rest)
		count, bytes := weigh(group, &op)
		if full := len(found.List)+count > limit || size+bytes > maxAnswer; full && len(found.List) > 0 {
			found.Next.Lo = group[0].rev - 1
			break
		}
		if size += bytes; size > maxAnswer {
			return kv.Refuse(kv.TooLarge, "revision %d takes %d bytes with what was before, at most %d: ask without", group[0].rev, size, maxAnswer)
		}
		found.List = appendEvents(found.List, group, &op)
	}
	return ok(found)
}

// nextRevision splits off the events of the first revision.
func nextRevision(list []event) (group, rest []event) {
	n := 1
	for n < len(list) && list[n].rev == list[0].rev {
		n++
	}
	return list[:n], list[n:]
}

// wanted reports whether op asks for e.
func (e *event) wanted(op *kv.Events) bool {
	return e.key >= op.From && (op.To == "" || e.key < op.To) && (op.Only == 0 || op.Only == e.kind())
}

func (e *event) kind() kv.EventKind {
	if e.after.exists() {
		return kv.EventPut
	}
	return kv.EventDelete
}

// weigh counts the events that op asks for and their bytes in an answer.
func weigh(list []event, op *kv.Events) (count, bytes int) {
	for i := range list {
		e := &list[i]
		if !e.wanted(op) {
			continue
		}
		count++
		bytes += e.after.size(e.key, true)
		if op.Previous && e.before.exists() {
			bytes += e.before.size(e.key, true)
		}
	}
	return count, bytes
}

// appendEvents appends those of a list of events that op asks for, as callers see them: an
// item, or of a deletion the key and its revision; and what stood there before if op asks
// for it and it was an item.
//
//ds:todo p1.7
func appendEvents(to []kv.Event, list []event, op *kv.Events) []kv.Event {
	for i := range list {
		e := &list[i]
		if !e.wanted(op) {
			continue
		}
		told := kv.Event{Kind: e.kind()}
		if e.after.exists() {
			told.Item = e.after.item(e.key, true)
		} else {
			told.Item = kv.Item{Key: e.key, Mod: kv.Version{Lo: e.rev}}
		}
		if op.Previous && e.before.exists() {
			item := e.before.item(e.key, true)
			told.Previous = &item
		}
		to = append(to, told)
	}
	return to
}
