package stable

import (
	"fmt"
	"slices"
)

// Memory is a Log in memory, the twin of one on a disk: what was not synced is
// lost when it crashes. It is cheap, deterministic and not safe for concurrent
// use. A test or a simulator breaks it by Crash, Damage and FailSync.
//
// A Memory that was closed, has failed or has crashed keeps what its disk would
// hold: Crash hands that over to the next one.
type Memory struct {
	entries []entry
	base    uint64 // number of entries[0]
	first   uint64 // entries before it were trimmed and go with the next Sync; base <= first <= next
	synced  uint64 // entries before it are durable; base <= synced <= next
	chunk   []byte // the end of it has room for the next records
	failing bool   // the next Sync fails
	dead    error  // ErrFailed or ErrClosed
}

// entry is a record, or nil if it is damaged. It is never changed, so that a crashed Memory may
// share it.
type entry []byte

// NewMemory returns an empty Log.
func NewMemory() *Memory { return &Memory{base: 1, first: 1, synced: 1} }

// Append implements Log.
func (m *Memory) Append(record []byte) (uint64, error) {
	switch {
	case m.dead != nil:
		return 0, m.dead
	case len(record) > MaxRecord:
		return 0, ErrTooLarge
	}
	if n := len(m.entries); n == cap(m.entries) {
		m.entries = slices.Grow(m.entries, max(n, 16))
	}
	m.entries = append(m.entries, m.copy(record))
	return m.Next() - 1, nil
}

// copy returns a copy of a record. Short ones share a chunk, which stays as long as one of them
// does: records are trimmed in their order.
func (m *Memory) copy(record []byte) entry {
	n := len(record)
	if n > maxChunk/8 {
		return append([]byte{}, record...)
	}
	if m.chunk == nil || n > cap(m.chunk)-len(m.chunk) {
		m.chunk = make([]byte, 0, min(maxChunk, 2*max(n, cap(m.chunk))))
	}
	m.chunk = append(m.chunk, record...)
	return m.chunk[len(m.chunk)-n : len(m.chunk) : len(m.chunk)]
}

// maxChunk bounds the bytes of a chunk.
const maxChunk = 64 << 10

// Sync implements Log.
func (m *Memory) Sync() error {
	if m.dead == nil && m.failing {
		m.dead = ErrFailed
	}
	if m.dead != nil {
		return m.dead
	}
	m.synced = m.Next()
	gone := m.entries[:m.first-m.base]
	clear(gone)
	m.entries, m.base = m.entries[len(gone):], m.first
	return nil
}

// Replay implements Log. The bytes are a copy that the next record overwrites.
func (m *Memory) Replay(fn func(seq uint64, record []byte, damaged bool) error) error {
	if m.dead != nil {
		return m.dead
	}
	var buf []byte
	for seq := m.first; seq < m.Next(); seq++ {
		e := m.entries[seq-m.base]
		if e == nil {
			if err := fn(seq, nil, true); err != nil {
				return err
			}
			continue
		}
		buf = append(buf[:0], e...)
		if buf == nil {
			buf = []byte{} // an empty record is not a damaged one
		}
		if err := fn(seq, buf, false); err != nil {
			return err
		}
	}
	return nil
}

// Trim implements Log.
func (m *Memory) Trim(seq uint64) error {
	switch {
	case m.dead != nil:
		return m.dead
	case seq > m.Next():
		return fmt.Errorf("%w: to %d, next is %d", ErrTrim, seq, m.Next())
	}
	m.first = max(m.first, seq)
	return nil
}

// Next implements Log.
func (m *Memory) Next() uint64 { return m.base + uint64(len(m.entries)) }

// Close implements Log.
func (m *Memory) Close() error {
	if m.dead == ErrClosed {
		return ErrClosed
	}
	m.dead = ErrClosed
	return nil
}

// Unsynced returns how many records would be lost by the worst crash.
func (m *Memory) Unsynced() int { return int(m.Next() - m.synced) }

// Crash returns what a Log opened after a crash holds: every synced record and
// the first keep of those that were not, at most Unsynced of them. A trim that
// was not synced is undone. m is closed.
func (m *Memory) Crash(keep int) *Memory {
	end := m.synced + uint64(min(max(keep, 0), m.Unsynced()))
	after := &Memory{
		entries: m.entries[: end-m.base : end-m.base],
		base:    m.base, first: m.base, synced: end,
	}
	m.entries, m.dead = nil, ErrClosed
	m.base, m.first, m.synced = end, end, end
	return after
}

// Damage loses the bytes of record seq and reports whether it is there. The
// record reads as damaged from now on, and its neighbours stay.
func (m *Memory) Damage(seq uint64) bool {
	if seq < m.base || seq >= m.Next() {
		return false
	}
	m.entries[seq-m.base] = nil
	return true
}

// FailSync makes the next Sync fail, and the Log with it.
func (m *Memory) FailSync() { m.failing = true }
