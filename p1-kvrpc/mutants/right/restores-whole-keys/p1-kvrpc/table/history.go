package table

import "dss.example/common/kv"

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

// since returns the events after revision rev, without copying them: it looks from the
// end, where watchers are.
func (h *history) since(rev uint64) []event {
	from := len(h.changes)
	for from > 0 && h.changes[from-1].rev > rev {
		from--
	}
	return h.changes[from:]
}

// at walks back from r, the last record of a key, to what stood there at revision rev: it
// returns an item, a tombstone, or nil. rev must be known.
func (h *history) at(r *record, rev uint64) *record {
	if r == nil || r.mod <= rev {
		return r
	}
	made := &h.changes[r.event-h.first()]
	return h.at(made.before, rev)
}

// known answers nil if the state of revision v can be read, else why not: FutureRev if it
// is after the present one, Compacted if it is before the oldest.
func (h *history) known(v kv.Version) *kv.Response {
	if v.Hi > 0 || v.Lo > h.rev {
		return kv.Refuse(kv.FutureRev, "that revision is still to come")
	}
	if v.Lo < h.oldest {
		return kv.Refuse(kv.Compacted, "that revision was dropped")
	}
	return nil
}

// commit ends an operation: if it changed something, that is a revision.
func (t *Table) commit() {
	if len(t.since(t.rev)) == 0 {
		return
	}
	t.rev++
	t.trim()
}

// trim cuts the history to its bounds.
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
func (t *Table) dropOldest() {
	gone, rest := nextRevision(t.changes)
	for i := range gone {
		t.changeBytes -= gone[i].size
		if tomb, found := t.ghost.Get(gone[i].key); found && tomb == gone[i].after {
			t.ghost.Delete(gone[i].key)
		}
	}
	t.oldest = gone[0].rev
	t.stale += len(gone)
	t.changes = rest
}

// restore puts back what was saved before a transaction, and cuts its events off.
func (t *Table) restore(s saved) {
	for i, key := range s.keys {
		if is, was := t.last(key), s.records[i]; is != was {
			t.replace(key, is, was)
			if was == nil {
				t.ghost.Delete(key) // the transaction made the key and deleted it
			}
		}
	}
	kept := s.nextChange - t.first()
	for _, e := range t.changes[kept:] {
		t.changeBytes -= e.size
	}
	t.changes = t.changes[:kept]
	t.nextChange = s.nextChange
}

// events answers with the changes after op.After (zero: after the present) that op asks
// for, and with the revision to go on from. Revisions are told whole (nextRevision). It
// stops before a revision that would make the list longer than op.Max (0: kv.MaxEvents,
// and never more) or larger than maxAnswer (weigh), unless the list is empty: then more
// than op.Max are told, but more than maxAnswer bytes are refused as TooLarge.
func (t *Table) events(op kv.Events) *kv.Response {
	if op.After.IsZero() {
		op.After.Lo = t.rev
	}
	if bad := t.known(op.After); bad != nil {
		return bad
	}
	if op.Max == 0 {
		op.Max = kv.MaxEvents
	}
	op.Max = min(op.Max, kv.MaxEvents)
	list := t.since(op.After.Lo)
	n, next, fits := measure(list, &op, t.rev)
	if !fits {
		return kv.Refuse(kv.TooLarge, "a revision is too large to be told")
	}
	return ok(kv.EventList{List: appendEvents(nil, list[:n], &op), Next: kv.Version{Lo: next}})
}

// measure returns how many events of a list are looked at in one answer, and the revision
// to go on from: rev, if that is all of them. fits is false if the first that op asks for
// is too large to be told.
func measure(list []event, op *kv.Events, rev uint64) (n int, next uint64, fits bool) {
	count, size := 0, 0
	for n < len(list) {
		group, _ := nextRevision(list[n:])
		more, bytes := weigh(group, op)
		count, size = count+more, size+bytes
		first := count == more
		if first && size > maxAnswer {
			return 0, 0, false
		}
		if !first && (count > op.Max || size > maxAnswer) {
			return n, group[0].rev - 1, true
		}
		n += len(group)
	}
	return n, rev, true
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

// appendEvents appends those of a list of events that op asks for, as callers see them.
func appendEvents(to []kv.Event, list []event, op *kv.Events) []kv.Event {
	for _, e := range list {
		if e.wanted(op) {
			to = append(to, e.told(op.Previous))
		}
	}
	return to
}

// told is e as callers see it: an item, or of a deletion the key and its revision; and
// what stood there before if that is asked for and was an item.
func (e *event) told(previous bool) kv.Event {
	told := kv.Event{Kind: e.kind(), Item: kv.Item{Key: e.key, Mod: kv.Version{Lo: e.rev}}}
	if told.Kind == kv.EventPut {
		told.Item = e.after.item(e.key, true)
	}
	if previous && e.before.exists() {
		before := e.before.item(e.key, true)
		told.Previous = &before
	}
	return told
}
