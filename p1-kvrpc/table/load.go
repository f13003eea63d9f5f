package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// ErrCorrupt is what every refusal of Load wraps: pairs that are no View of a Table.
var ErrCorrupt = errors.New("table: pairs are not a state")

// Load replaces the state by the pairs of a View. The configuration stays. Pairs
// that no View shows are refused with ErrCorrupt, and the state is what it was.
func (t *Table) Load(pairs iter.Seq2[string, []byte]) error {
	l := loader{Table: New(t.config), made: map[string]int{}}
	for key, value := range pairs {
		if err := l.pair(key, value); err != nil {
			return fmt.Errorf("%w: pair %.40q: %w", ErrCorrupt, key, err)
		}
	}
	if err := l.finish(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	l.generation = t.generation + 1
	*t = *l.Table
	return nil
}

// loader is a Table in the making. The pairs come in the order of their prefixes:
// events, items, leases, meta, sessions.
type loader struct {
	*Table
	last string         // key of the pair before
	made map[string]int // by key, 1 more than the index of the last event seen of it
	meta bool
}

var (
	errOrder    = errors.New("out of order")
	errKey      = errors.New("no such kind of key")
	errRevision = errors.New("revision does not fit the history")
	errLease    = errors.New("lease does not fit")
	errNumber   = errors.New("number out of range")
	errMeta     = errors.New("revision and counters are missing")
)

func (l *loader) pair(key string, value []byte) error {
	if key <= l.last {
		return errOrder
	}
	l.last = key
	r := cbor.NewReader(value)
	var err error
	switch kind, rest := key[0], key[1:]; {
	case kind == pairEvent && len(rest) == 8:
		err = l.event(number(rest), &r)
	case kind == pairItem && kv.Check(&kv.Request{Op: kv.Get{Key: rest}}) == nil:
		err = l.item(rest, &r)
	case kind == pairLease && len(rest) == 8:
		err = l.lease(number(rest), &r)
	case kind == pairMeta && rest == "":
		err = l.counters(&r)
	case kind == pairSession && len(rest) == 8:
		err = l.session(number(rest), &r)
	case kind == pairSession && len(rest) == 16:
		return l.answer(number(rest[:8]), number(rest[8:]), value)
	default:
		return errKey
	}
	if bad := r.Close(); bad != nil {
		return bad
	}
	return err
}

func number(s string) uint64 { return binary.BigEndian.Uint64([]byte(s)) }

// readRecord reads an item as appendTo wrote it.
func readRecord(r *cbor.Reader) *record {
	r.Fixed(5)
	rec := &record{value: r.CopyBytes(), mod: r.Uint(), create: r.Uint(), count: r.Uint(), lease: r.Uint()}
	if rec.count == 0 || rec.create > rec.mod || rec.create <= firstRevision || len(rec.value) > kv.MaxValue {
		r.Fail("item with count %d, made at %d, written at %d, %d bytes", rec.count, rec.create, rec.mod, len(rec.value))
	}
	return rec
}

// event takes the next change, and links it with the one before it of the same key:
// what was there before this one is what that one made.
func (l *loader) event(n uint64, r *cbor.Reader) error {
	r.Fixed(3)
	e := event{rev: r.Uint(), key: r.Key()}
	if !r.Null() {
		e.before = readRecord(r)
	}
	if r.Err() != nil {
		return nil // pair tells
	}
	switch count := len(l.changes); {
	case count == 0:
		l.nextChange = n
	case n != l.nextChange || e.rev < l.changes[count-1].rev:
		return errOrder
	}
	if n == 0 || e.before != nil && e.before.mod > e.rev {
		return errRevision
	}
	if i := l.made[e.key]; i > 0 {
		if err := l.settle(i-1, &e.before); err != nil {
			return err
		}
	}
	e.size = e.weight()
	l.changes = append(l.changes, e)
	l.changeBytes += e.size
	l.nextChange++
	l.made[e.key] = len(l.changes)
	return nil
}

// settle tells the event at index i what it made: *to, or a tombstone if that is nil.
func (l *loader) settle(i int, to **record) error {
	e := &l.changes[i]
	if *to == nil {
		if !e.before.exists() { // nothing was there to delete
			return errRevision
		}
		*to = &record{mod: e.rev}
	}
	if (*to).mod != e.rev {
		return errRevision
	}
	(*to).event = l.first() + uint64(i)
	e.after = *to
	return nil
}

// item takes a present item. Its lease must come later on.
func (l *loader) item(key string, r *cbor.Reader) error {
	rec := readRecord(r)
	if i := l.made[key]; i > 0 && r.Err() == nil {
		if err := l.settle(i-1, &rec); err != nil {
			return err
		}
	}
	l.live.set(key, rec)
	l.bytes += uint64(len(key) + len(rec.value))
	return nil
}

func (l *loader) lease(id uint64, r *cbor.Reader) error {
	r.Fixed(2)
	made := &lease{id: id, ttl: machine.Time(r.Int()), deadline: machine.Time(r.Int())}
	made.keys = newKeys()
	l.leases.Load(id, made)
	return checkSpan(made.ttl, id)
}

func (l *loader) counters(r *cbor.Reader) error {
	r.Fixed(5)
	l.rev, l.oldest, l.nextID = r.Uint(), r.Uint(), r.Uint()
	next := r.Uint()
	l.clock = machine.Time(r.Int())
	l.meta = true
	if len(l.changes) > 0 && next != l.nextChange || next == 0 {
		return errOrder
	}
	l.nextChange = next
	return nil
}

func (l *loader) session(id uint64, r *cbor.Reader) error {
	r.Fixed(3)
	s := &session{id: id, ttl: machine.Time(r.Int()), deadline: machine.Time(r.Int()), acked: r.Uint()}
	if _, taken := l.leases.Get(id); taken {
		return errNumber
	}
	l.sessions.Load(id, s)
	return checkSpan(s.ttl, id)
}

func (l *loader) answer(id, seq uint64, value []byte) error {
	s, ok := l.sessions.Get(id)
	if !ok || seq <= s.acked {
		return errNumber
	}
	resp := new(kv.Response)
	if err := resp.DecodeFrom(value); err != nil {
		return err
	}
	l.answers += s.insert(len(s.answers), remember(seq, resp))
	return nil
}

func checkSpan(ttl machine.Time, id uint64) error {
	if id == 0 || ttl < machine.Time(kv.MinTTL) || ttl > machine.Time(kv.MaxTTL) {
		return errNumber
	}
	return nil
}

// finish checks what only all pairs together tell, and derives what they leave out.
func (l *loader) finish() error {
	if !l.meta {
		return errMeta
	}
	if err := l.finishHistory(); err != nil {
		return err
	}
	if err := l.finishItems(); err != nil {
		return err
	}
	return l.finishTimes()
}

// finishHistory gives each last event of a key that is gone its tombstone, and
// makes sure that walking back through the history never leaves it.
func (l *loader) finishHistory() error {
	if l.oldest < firstRevision || l.rev < l.oldest {
		return errRevision
	}
	seen := map[string]bool{}
	for i := range l.changes {
		e := &l.changes[i]
		if e.rev <= l.oldest || e.rev > l.rev {
			return errRevision
		}
		if first := !seen[e.key]; first && e.before != nil && e.before.mod > l.oldest {
			return errRevision
		}
		seen[e.key] = true
		if e.after == nil {
			var tomb *record
			if err := l.settle(i, &tomb); err != nil {
				return err
			}
			l.ghost.Set(e.key, tomb)
		}
	}
	return nil
}

func (l *loader) finishItems() (err error) {
	l.live.order.Scan(func(key string, r *slot) bool {
		switch {
		case r.mod > l.rev, r.mod > l.oldest && r.event == 0:
			err = errRevision
		case r.lease != 0:
			if holder, ok := l.leases.Get(r.lease); ok {
				holder.keys.Set(key, struct{}{})
			} else {
				err = errLease
			}
		}
		return err == nil
	})
	return err
}

func (l *loader) finishTimes() (err error) {
	enter := func(deadline machine.Time, id uint64) bool {
		if id >= l.nextID {
			err = errNumber
			return false
		}
		l.due(deadline, id)
		return true
	}
	l.leases.Scan(func(id uint64, held *lease) bool { return enter(held.deadline, id) })
	l.sessions.Scan(func(id uint64, s *session) bool { return enter(s.deadline, id) })
	return err
}
