package loglet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

// Memory is a Loglet in memory, the twin of all others, and a Streamer. A test breaks it by
// Disturb, Down and Damage. It grows with what is appended, until that is trimmed.
type Memory struct {
	gap Pos

	mu      sync.Mutex // guards all below
	entries []stored   // in order, from head on
	head    Pos
	tail    Pos
	sealed  bool
	down    bool
	fate    func() Fate // nil: Stored
	late    []batch
	streams map[Stream][]Pos // of the entries, in order
}

type stored struct {
	Entry
	damaged bool
}

// batch is what one call appends.
type batch struct {
	streams []Stream
	bodies  [][]byte
}

// Fate is what becomes of an append.
type Fate uint8

// The fates.
const (
	Stored Fate = iota // and answered
	Lost               // ErrMaybe: nothing is stored, nor will be
	Unsaid             // ErrMaybe: it is stored
	Late               // ErrMaybe: it is stored before the next that is, unless a Seal comes first
)

var _ Streamer = (*Memory)(nil)

// NewMemory returns an empty log that leaves gap positions empty after each entry.
func NewMemory(gap int) *Memory {
	return &Memory{gap: Pos(gap), head: 1, tail: 1, streams: map[Stream][]Pos{}}
}

// Append implements Loglet.
func (m *Memory) Append(ctx context.Context, bodies [][]byte) ([]Pos, error) {
	if err := CheckAppend(ctx, bodies); err != nil {
		return nil, err
	}
	return m.append(batch{bodies: bodies})
}

// AppendTo implements Streamer.
func (m *Memory) AppendTo(ctx context.Context, streams []Stream, bodies [][]byte) ([]Pos, error) {
	if err := CheckStreams(streams); err != nil {
		return nil, err
	}
	if err := CheckAppend(ctx, bodies); err != nil {
		return nil, err
	}
	return m.append(batch{streams: slices.Clone(streams), bodies: bodies})
}

// append decides what becomes of a batch.
func (m *Memory) append(b batch) ([]Pos, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down:
		return nil, ErrUnavailable
	case m.sealed:
		return nil, fmt.Errorf("%w at %d", ErrSealed, m.tail)
	}
	b.bodies = cloneBodies(b.bodies)
	fate := Stored
	if m.fate != nil {
		fate = m.fate()
	}
	switch fate {
	case Lost:
		return nil, ErrMaybe
	case Late:
		m.late = append(m.late, b)
		return nil, ErrMaybe
	}
	for _, l := range m.late {
		m.store(l)
	}
	m.late = nil
	positions := m.store(b)
	if fate == Unsaid {
		return nil, ErrMaybe
	}
	return positions, nil
}

// store puts a batch at the tail. Its bytes are never changed.
func (m *Memory) store(b batch) (positions []Pos) {
	for _, body := range b.bodies {
		m.entries = append(m.entries, stored{Entry: Entry{Pos: m.tail, Body: body}})
		for _, s := range b.streams {
			m.streams[s] = append(m.streams[s], m.tail)
		}
		positions = append(positions, m.tail)
		m.tail += 1 + m.gap
	}
	return positions
}

// Read implements Loglet.
func (m *Memory) Read(ctx context.Context, from, to Pos) (Page, error) {
	if err := CheckRead(ctx, from, to); err != nil {
		return Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down:
		return Page{}, ErrUnavailable
	case from < m.head:
		return Page{}, fmt.Errorf("%w: %d, the head is %d", ErrTrimmed, from, m.head)
	case from >= m.tail:
		return Page{}, fmt.Errorf("%w: %d, the tail is %d", ErrUnwritten, from, m.tail)
	}
	return m.page(from, min(to, m.tail))
}

// page collects what fits. It ends before an entry that is damaged or fits no more.
func (m *Memory) page(from, to Pos) (Page, error) {
	p := Page{Next: to}
	size := 0
	for _, e := range m.entries[m.index(from):] {
		if e.Pos >= to {
			break
		}
		size += len(e.Body)
		if e.damaged || size > MaxBytes || len(p.Entries) == MaxPage {
			p.Next = e.Pos
			break
		}
		p.Entries = append(p.Entries, Entry{Pos: e.Pos, Body: append([]byte{}, e.Body...)})
	}
	if p.Next == from {
		return Page{}, fmt.Errorf("%w: %d", ErrDamaged, from)
	}
	return p, nil
}

// Tail implements Loglet.
func (m *Memory) Tail(ctx context.Context) (Bounds, error) {
	if err := CheckContext(ctx); err != nil {
		return Bounds{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return Bounds{}, ErrUnavailable
	}
	return Bounds{Head: m.head, Tail: m.tail, Sealed: m.sealed}, nil
}

// Trim implements Loglet.
func (m *Memory) Trim(ctx context.Context, before Pos) error {
	if err := CheckContext(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down:
		return ErrUnavailable
	case before > m.tail:
		return fmt.Errorf("%w: trim to %d, the tail is %d", ErrUnwritten, before, m.tail)
	case before > m.head:
		m.trim(before)
	}
	return nil
}

func (m *Memory) trim(before Pos) {
	m.entries = slices.Delete(m.entries, 0, m.index(before))
	m.head = before
	for s, positions := range m.streams {
		n, _ := slices.BinarySearch(positions, before)
		if m.streams[s] = slices.Delete(positions, 0, n); n == len(positions) {
			delete(m.streams, s)
		}
	}
}

// Seal implements Loglet.
func (m *Memory) Seal(ctx context.Context) error {
	if err := CheckContext(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return ErrUnavailable
	}
	m.sealed, m.late = true, nil
	return nil
}

// Back implements Streamer.
func (m *Memory) Back(ctx context.Context, stream Stream, before Pos, max int) ([]Pos, error) {
	if err := CheckBack(ctx, stream, before, max); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down:
		return nil, ErrUnavailable
	case before > m.tail:
		return nil, fmt.Errorf("%w: %d, the tail is %d", ErrUnwritten, before, m.tail)
	}
	all := m.streams[stream]
	end, _ := slices.BinarySearch(all, before)
	newest := slices.Clone(all[end-min(end, max) : end])
	slices.Reverse(newest)
	return newest, nil
}

// Disturb lets fate say what becomes of each append from now on; nil lets all be stored. It
// is called by one append at a time, and must not use m.
func (m *Memory) Disturb(fate func() Fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fate = fate
}

// Down makes m unavailable, or available again.
func (m *Memory) Down(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// Damage loses the bytes of the entry at a position, and reports whether there is one.
func (m *Memory) Damage(pos Pos) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.index(pos)
	if i == len(m.entries) || m.entries[i].Pos != pos {
		return false
	}
	m.entries[i] = stored{Entry: Entry{Pos: pos}, damaged: true}
	return true
}

// index returns where the first entry not before pos stands.
func (m *Memory) index(pos Pos) int {
	i, _ := slices.BinarySearchFunc(m.entries, pos, func(e stored, pos Pos) int { return cmp.Compare(e.Pos, pos) })
	return i
}

func cloneBodies(bodies [][]byte) [][]byte {
	out := make([][]byte, 0, len(bodies))
	for _, b := range bodies {
		out = append(out, slices.Clone(b))
	}
	return out
}
