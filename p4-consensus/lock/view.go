package lock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// The first bytes of the keys of a View, in its order.
const (
	pairLock    = 'l' // and the lock's name
	pairMeta    = 'm'
	pairSession = 's' // and its number, big-endian
)

// View implements app.App, in O(1). It may be read while the table goes on, from any
// goroutine.
func (t *Table) View() app.View {
	return &view{state{clock: t.clock, token: t.token, sessions: *t.sessions.Copy(), locks: *t.locks.Copy()}}
}

type view struct{ state }

// Pairs implements app.View. Each value has memory of its own.
func (v *view) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		more := true
		pass := func(key string, value []byte) bool {
			more = key < from || yield(key, value)
			return more
		}
		v.locks.Ascend(after(pairLock, from), func(name string, l *held) bool {
			return pass(string(pairLock)+name, l.appendTo(nil))
		})
		if !more || !pass(string(pairMeta), cbor.AppendInt(cbor.AppendUint(nil, v.token), int64(v.clock))) {
			return
		}
		v.sessions.Ascend(firstSession(from), func(id Session, one *session) bool {
			return pass(sessionKey(id), one.appendTo(nil))
		})
	}
}

// after returns where to begin among keys with a prefix.
func after(prefix byte, from string) string {
	switch {
	case from == "" || from[0] < prefix:
		return ""
	case from[0] == prefix:
		return from[1:]
	}
	return "\xff"
}

// firstSession is after for numbers: none before it is wanted.
func firstSession(from string) Session {
	var b [8]byte
	copy(b[:], after(pairSession, from))
	return Session(binary.BigEndian.Uint64(b[:]))
}

func sessionKey(id Session) string {
	return string(binary.BigEndian.AppendUint64([]byte{pairSession}, uint64(id)))
}

func (l *held) appendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendUint(b, uint64(l.holder)), l.token)
	b = cbor.AppendArray(cbor.AppendInt(b, int64(l.since)), len(l.waiters))
	for _, w := range l.waiters {
		b = cbor.AppendUint(b, uint64(w))
	}
	return b
}

func (s *session) appendTo(b []byte) []byte {
	b = cbor.AppendInt(cbor.AppendInt(b, int64(s.ttl)), int64(s.deadline))
	return cbor.AppendBytes(cbor.AppendUint(b, s.seq), s.answer)
}

var errState = errors.New("no state of a lock service")

// Load implements app.App. It refuses pairs that no View has.
func (t *Table) Load(pairs iter.Seq2[string, []byte]) error {
	var fresh Table
	last, meta := "", false
	for key, value := range pairs {
		if key <= last {
			return fmt.Errorf("%w: key %q after %q", errState, key, last)
		}
		last = key
		meta = meta || key == string(pairMeta)
		if err := fresh.loadPair(key, value); err != nil {
			return fmt.Errorf("%w: pair %q: %w", errState, key, err)
		}
	}
	if !meta {
		return fmt.Errorf("%w: no pair %q", errState, pairMeta)
	}
	if err := fresh.join(); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	*t = fresh
	return nil
}

func (t *Table) loadPair(key string, value []byte) error {
	r := cbor.NewReader(value)
	switch {
	case key[0] == pairLock && len(key) > 1 && len(key) <= 1+MaxName:
		t.locks.Set(key[1:], readHeld(&r))
	case key == string(pairMeta):
		t.token, t.clock = r.Uint(), readTime(&r, 0, math.MaxInt64)
	case key[0] == pairSession && len(key) == 9 && firstSession(key) != 0:
		t.put(firstSession(key), readAlive(&r))
	default:
		r.Fail("no such key")
	}
	return r.Close()
}

func readHeld(r *cbor.Reader) *held {
	l := &held{holder: readSession(r), token: r.Uint(), since: readTime(r, 0, math.MaxInt64)}
	n := r.Array()
	if n > MaxWaiters {
		r.Fail("%d waiters, at most %d", n, MaxWaiters)
	}
	for range min(n, MaxWaiters) {
		w := readSession(r)
		if w == l.holder || slices.Contains(l.waiters, w) {
			r.Fail("session %d twice", w)
		}
		l.waiters = append(l.waiters, w)
	}
	return l
}

func readAlive(r *cbor.Reader) *session {
	s := &session{ttl: readTime(r, MinTTL, MaxTTL), deadline: readTime(r, 0, math.MaxInt64), seq: r.Uint(), answer: r.CopyBytes()}
	if _, err := DecodeAnswer(s.answer); (s.seq > 0) != (err == nil) {
		r.Fail("an answer that is none to command %d", s.seq)
	}
	return s
}

// join tells each session what it holds and waits for, and checks what no pair can say alone.
func (t *Table) join() (err error) {
	if t.sessions.Len() > MaxSessions {
		return fmt.Errorf("%d sessions, at most %d", t.sessions.Len(), MaxSessions)
	}
	t.sessions.Scan(func(id Session, s *session) bool {
		if s.deadline <= t.clock || s.deadline-s.ttl > t.clock {
			err = fmt.Errorf("session %d cannot end at %d", id, s.deadline)
		}
		return err == nil
	})
	tokens := map[uint64]bool{}
	t.locks.Scan(func(name string, l *held) bool {
		if l.token == 0 || l.token > t.token || tokens[l.token] || l.since > t.clock {
			err = fmt.Errorf("lock %q cannot have token %d since %d", name, l.token, l.since)
		}
		tokens[l.token] = true
		for _, id := range append([]Session{l.holder}, l.waiters...) {
			s, ok := t.sessions.Get(id)
			if !ok || len(s.locks) >= MaxLocks {
				err = fmt.Errorf("session %d cannot have a part in lock %q", id, name)
				return false
			}
			s.locks = append(s.locks, name)
		}
		return err == nil
	})
	return err
}

var (
	_ app.App      = (*Table)(nil)
	_ machine.Data = (*Answer)(nil)
)
