package loglettest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"dss.example/common/loglet"
)

// subject is the log under test. The first broken promise sticks and makes the rest of a
// check do nothing.
type subject struct {
	w   *World
	rng *rand.Rand

	mu  sync.Mutex // guards err
	err error
}

// item is an entry as tests compare it.
type item struct {
	pos  loglet.Pos
	body string
}

func (i item) String() string { return fmt.Sprintf("%d %s", i.pos, brief(i.body)) }

func brief(body string) string {
	if len(body) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", body[:20], len(body))
	}
	return fmt.Sprintf("%q", body)
}

// failf keeps what is wrong if it is the first thing.
func (s *subject) failf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

func (s *subject) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *subject) failed() bool { return s.failure() != nil }

// fine demands that err is nil.
func (s *subject) fine(what string, err error) {
	if err != nil {
		s.failf("%s: %w", what, err)
	}
}

// wants demands that got is the given sentinel.
func (s *subject) wants(what string, got, want error) {
	if !errors.Is(got, want) {
		s.failf("%s returned %w, want %w", what, orNil(got), want)
	}
}

var errNil = errors.New("no error")

func orNil(err error) error {
	if err == nil {
		return errNil
	}
	return err
}

func bytesOf(texts []string) [][]byte {
	bodies := make([][]byte, 0, len(texts))
	for _, text := range texts {
		bodies = append(bodies, []byte(text))
	}
	return bodies
}

// try appends and demands of a success that there is a position for each body, and that they
// grow.
func (s *subject) try(client int, bodies ...string) ([]loglet.Pos, error) {
	got, err := s.w.Log(client).Append(context.Background(), bytesOf(bodies))
	if err == nil {
		s.grow(got, len(bodies))
	}
	return got, err
}

func (s *subject) grow(positions []loglet.Pos, n int) {
	last := loglet.Pos(0)
	for _, p := range positions {
		if p <= last {
			s.failf("Append returned positions %d, want growing ones from 1", positions)
			return
		}
		last = p
	}
	if len(positions) != n {
		s.failf("Append of %d entries returned %d positions", n, len(positions))
	}
}

// append demands that the bodies are appended.
func (s *subject) append(client int, bodies ...string) (items []item) {
	if s.failed() {
		return nil
	}
	positions, err := s.try(client, bodies...)
	s.fine("Append", err)
	if s.failed() {
		return nil
	}
	for i, p := range positions {
		items = append(items, item{p, bodies[i]})
	}
	return items
}

// refuses demands that an Append ends as a sentinel that is definite.
func (s *subject) refuses(client int, want error, bodies ...string) {
	if s.failed() {
		return
	}
	_, err := s.w.Log(client).Append(context.Background(), bytesOf(bodies))
	s.wants(fmt.Sprintf("Append of %d entries", len(bodies)), err, want)
	if !loglet.Definite(err) {
		s.failf("Append returned %w, which leaves doubt", orNil(err))
	}
}

func (s *subject) tail(client int) loglet.Bounds {
	if s.failed() {
		return loglet.Bounds{}
	}
	b, err := s.w.Log(client).Tail(context.Background())
	s.fine("Tail", err)
	if b.Head < 1 || b.Head > b.Tail {
		s.failf("Tail returned %+v, want 1 <= Head <= Tail", b)
	}
	return b
}

// page reads once and demands that the Page keeps its bounds.
func (s *subject) page(client int, from, to loglet.Pos) (items []item, next loglet.Pos) {
	if s.failed() {
		return nil, to
	}
	p, err := s.w.Log(client).Read(context.Background(), from, to)
	s.fine(fmt.Sprintf("Read from %d to %d", from, to), err)
	if s.failed() {
		return nil, to
	}
	if p.Next <= from || p.Next > to {
		s.failf("Read from %d to %d is to go on from %d", from, to, p.Next)
	}
	last, size := from-1, 0
	for _, e := range p.Entries {
		if e.Pos <= last || e.Pos >= p.Next {
			s.failf("Read from %d to %d returned position %d after %d and before %d", from, to, e.Pos, last, p.Next)
		}
		last, size = e.Pos, size+len(e.Body)
		items = append(items, item{e.Pos, string(e.Body)})
	}
	if len(items) > loglet.MaxPage || size > loglet.MaxBytes {
		s.failf("a page has %d entries of %d bytes, at most %d of %d", len(items), size, loglet.MaxPage, loglet.MaxBytes)
	}
	return items, p.Next
}

// read reads all pages of a range.
func (s *subject) read(client int, from, to loglet.Pos) (items []item) {
	for from < to && !s.failed() {
		more, next := s.page(client, from, to)
		items, from = append(items, more...), next
	}
	return items
}

// all reads the whole log.
func (s *subject) all(client int) []item {
	b := s.tail(client)
	return s.read(client, b.Head, b.Tail)
}

// readFails demands that a Read ends as a sentinel.
func (s *subject) readFails(client int, from, to loglet.Pos, want error) {
	if s.failed() {
		return
	}
	p, err := s.w.Log(client).Read(context.Background(), from, to)
	s.wants(fmt.Sprintf("Read from %d to %d (%d entries)", from, to, len(p.Entries)), err, want)
}

// holds demands that a client reads exactly these entries.
func (s *subject) holds(client int, want []item) {
	got := s.all(client)
	s.same(fmt.Sprintf("client %d reads the log", client), got, want)
}

// same demands that two lists are alike.
func (s *subject) same(what string, got, want []item) {
	if s.failed() || slices.Equal(got, want) {
		return
	}
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	s.failf("%s: %d entries, want %d; from entry %d on %s, want %s", what, len(got), len(want), i, few(got[i:]), few(want[i:]))
}

func few(items []item) string {
	var b strings.Builder
	for i, it := range items {
		if i == 3 {
			b.WriteString(" …")
			break
		}
		fmt.Fprintf(&b, " [%v]", it)
	}
	if b.Len() == 0 {
		return "nothing"
	}
	return b.String()[1:]
}

func (s *subject) trim(client int, before loglet.Pos) {
	if !s.failed() {
		s.fine(fmt.Sprintf("Trim to %d", before), s.w.Log(client).Trim(context.Background(), before))
	}
}

func (s *subject) seal(client int) {
	if !s.failed() {
		s.fine("Seal", s.w.Log(client).Seal(context.Background()))
	}
}

// texts makes n bodies that occur nowhere else.
func texts(name string, n int) (bodies []string) {
	for i := range n {
		bodies = append(bodies, fmt.Sprintf("%s.%d", name, i))
	}
	return bodies
}
