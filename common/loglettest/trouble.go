package loglettest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"dss.example/common/loglet"
)

func troubleChecks() []Check {
	doubt := func(w *World) bool { return w.Doubt != nil }
	outage := func(w *World) bool { return w.Outage != nil }
	reopen := func(w *World) bool { return w.Reopen != nil }
	damage := func(w *World) bool { return w.Damage != nil }
	return slices.Concat(
		where(doubt,
			promise("an append that ends maybe stands once or never", checkMaybe),
			promise("a seal ends the doubt about appends", checkMaybeSealed)),
		where(outage,
			promise("an outage is told, and nothing is lost in it", checkOutage)),
		where(reopen,
			promise("a reopened log is what it was", checkReopen),
			promise("a reopened log is still trimmed", checkReopenTrimmed),
			promise("a reopened log is still sealed", checkReopenSealed)),
		where(damage,
			promise("a damaged entry is told, and is not the end", checkDamage)),
	)
}

// doubt makes appends whose answers may get lost.
func (s *subject) doubt(l *ledger) {
	s.w.Doubt(true)
	seed := s.rng.Uint64()
	s.w.parallel(appenders, func(i int) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		for k := range rounds {
			if _, err := s.write(l, i, k, rng); err != nil && !errors.Is(err, loglet.ErrMaybe) && !loglet.Definite(err) {
				s.failf("an append whose answer may be lost returned %w, want %w or what is definite", err, loglet.ErrMaybe)
			}
		}
	})
	s.w.Doubt(false)
}

func checkMaybe(s *subject) {
	l := newLedger()
	s.doubt(l)
	before := s.all(0)
	seed := s.rng.Uint64()
	for k := range rounds { // what is late may come now
		if _, err := s.write(l, appenders, k, rand.New(rand.NewPCG(seed, uint64(k)))); err != nil {
			s.failf("an append after the trouble: %w", err)
		}
	}
	log := s.all(1)
	l.judge(s, log)
	s.same("what was read before, and the same again", before, log[:min(len(before), len(log))])
}

func checkMaybeSealed(s *subject) {
	l := newLedger()
	s.doubt(l)
	s.seal(0)
	log := s.all(0)
	l.judge(s, log)
	for i := range 10 {
		s.refuses(i%3, loglet.ErrSealed, "too late")
	}
	s.holds(1, log)
}

func checkOutage(s *subject) {
	l := newLedger()
	bodies := texts("before", 3)
	positions, err := s.try(0, bodies...)
	l.write(bodies, positions, err)
	b := s.tail(0)
	if s.failed() {
		return
	}
	s.w.Outage(true)
	ctx := context.Background()
	log := s.w.Log(0)
	positions, err = log.Append(ctx, [][]byte{[]byte("meanwhile")})
	if l.write([]string{"meanwhile"}, positions, err); !errors.Is(err, loglet.ErrMaybe) {
		s.wants("Append in an outage", err, loglet.ErrUnavailable)
	}
	_, readErr := log.Read(ctx, b.Head, b.Tail)
	_, tailErr := log.Tail(ctx)
	for i, err := range []error{readErr, tailErr, log.Trim(ctx, b.Head), log.Seal(ctx)} {
		s.wants([]string{"Read", "Tail", "Trim", "Seal"}[i]+" in an outage", err, loglet.ErrUnavailable)
	}
	s.w.Outage(false)
	s.afterOutage(l)
}

// afterOutage goes on. The Seal that found nobody may have been done.
func (s *subject) afterOutage(l *ledger) {
	positions, err := s.try(1, "after")
	l.write([]string{"after"}, positions, err)
	if err != nil {
		s.wants("Append after an outage", err, loglet.ErrSealed)
	}
	if b := s.tail(1); err != nil && !b.Sealed {
		s.failf("Append returned %w, but the log is not sealed", err)
	}
	l.judge(s, s.all(0))
}

// reopen starts the log again.
func (s *subject) reopen() {
	if !s.failed() {
		s.fine("Reopen", s.w.Reopen())
	}
}

func checkReopen(s *subject) {
	var all []item
	for i := range 4 {
		all = append(all, s.append(i, texts("entry", 3)...)...)
		b := s.tail(0)
		s.reopen()
		s.holds(i, all)
		if after := s.tail(1); after.Tail < b.Tail || after.Head != b.Head || after.Sealed {
			s.failf("a reopened log spans %+v, %+v before", after, b)
		}
	}
}

func checkReopenTrimmed(s *subject) {
	all := s.append(0, texts("entry", 4)...)
	if s.failed() {
		return
	}
	s.trim(0, all[2].pos)
	s.reopen()
	s.readFails(0, all[1].pos, all[3].pos, loglet.ErrTrimmed)
	s.holds(0, all[2:])
	b := s.tail(0)
	s.trim(0, b.Tail)
	s.reopen()
	if after := s.tail(0); after.Head != b.Tail || after.Tail < b.Tail {
		s.failf("a reopened log spans %+v after a trim to %d", after, b.Tail)
	}
	s.holds(0, s.append(0, "the next"))
}

func checkReopenSealed(s *subject) {
	all := s.append(0, texts("entry", 4)...)
	s.seal(0)
	end := s.tail(0)
	s.reopen()
	s.refuses(0, loglet.ErrSealed, "too late")
	if after := s.tail(0); after != end {
		s.failf("a reopened log that is sealed spans %+v, %+v before", after, end)
	}
	s.holds(0, all)
}

func checkDamage(s *subject) {
	all := s.append(0, texts("entry", 5)...)
	if s.failed() {
		return
	}
	bad := all[2].pos
	s.fine("Damage", s.w.Damage(bad))
	tail := s.tail(0).Tail
	s.readFails(0, bad, tail, loglet.ErrDamaged)
	s.same("what stands before a damaged entry", s.read(0, all[0].pos, bad), all[:2])
	if _, next := s.page(0, all[0].pos, tail); next > bad {
		s.failf("a page is to go on from %d, behind the damaged entry at %d", next, bad)
	}
	s.same("what stands behind a damaged entry", s.read(0, bad+1, tail), all[3:])
	s.append(0, "the next")
}
