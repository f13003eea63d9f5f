package loglettest

import (
	"fmt"
	"slices"

	"dss.example/common/loglet"
)

func randomChecks() []Check {
	return []Check{promise("random calls do what a list would do", checkRandom)}
}

// model is the log as a list.
type model struct {
	items []item
	head  loglet.Pos
	tail  loglet.Pos // told last
}

func checkRandom(s *subject) {
	b := s.tail(0)
	m := &model{head: b.Head, tail: b.Tail}
	for k := range 400 {
		if s.failed() {
			return
		}
		s.act(m, k)
	}
	s.seal(s.rng.IntN(MaxClients))
	s.refuses(0, loglet.ErrSealed, "too late")
	s.holds(0, m.items)
}

// act makes one call and compares.
func (s *subject) act(m *model, k int) {
	client := s.rng.IntN(MaxClients)
	switch p := s.rng.IntN(100); {
	case p < 40:
		m.items = append(m.items, s.append(client, texts(fmt.Sprint(k), 1+s.rng.IntN(3))...)...)
	case p < 75 && m.head < m.tail:
		span := int(m.tail - m.head)
		from := m.head + loglet.Pos(s.rng.IntN(span))
		to := from + 1 + loglet.Pos(s.rng.IntN(span))
		got, next := s.page(client, from, to)
		s.same(fmt.Sprintf("the page from %d to %d", from, next), got, m.between(from, next))
	case p < 90:
		b := s.tail(client)
		if n := len(m.items); b.Head != m.head || b.Tail < m.tail || b.Sealed || n > 0 && b.Tail <= m.items[n-1].pos {
			s.failf("the log spans %+v, want the head %d and a tail of %d or more", b, m.head, m.tail)
		}
		m.tail = b.Tail
	case p < 95 && m.head < m.tail:
		to := m.head + loglet.Pos(s.rng.IntN(int(m.tail-m.head)+1))
		s.trim(client, to)
		m.head, m.items = to, m.between(to, ^loglet.Pos(0))
	case p == 99 && s.w.Reopen != nil:
		s.reopen()
	}
}

func (m *model) between(from, to loglet.Pos) (some []item) {
	for _, it := range m.items {
		if it.pos >= from && it.pos < to {
			some = append(some, it)
		}
	}
	return slices.Clip(some)
}
