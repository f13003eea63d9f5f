package loglettest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"

	"dss.example/common/loglet"
)

func concurrentChecks() []Check {
	return []Check{
		promise("appends of many clients stand once, each client's in order", checkAppenders),
		promise("readers see what was appended, and never see it change", checkReaders),
		promise("the tail never goes back", checkTails),
		promise("appends that race with a seal are done or refused", checkSealRace),
		promise("a trim that races with readers and appenders takes no more than it may", checkTrimRace),
	}
}

const (
	appenders = 4  // clients 0 to 3
	rounds    = 25 // of each
)

// write makes a client's k-th append.
func (s *subject) write(l *ledger, client, k int, rng *rand.Rand) ([]loglet.Pos, error) {
	bodies := texts(fmt.Sprintf("client %d, append %d", client, k), 1+rng.IntN(4))
	positions, err := s.try(client, bodies...)
	l.write(bodies, positions, err)
	return positions, err
}

// writer makes all appends of a client, one after the other. Each must come after the one
// before it.
func (s *subject) writer(l *ledger, client int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, uint64(client)))
	for k := range rounds {
		before := s.tail(client)
		positions, _ := s.write(l, client, k, rng)
		if len(positions) > 0 && positions[0] < before.Tail {
			s.failf("an append at %d, where the tail was %d", positions[0], before.Tail)
		}
		runtime.Gosched()
	}
}

func checkAppenders(s *subject) {
	l := newLedger()
	seed := s.rng.Uint64()
	s.w.parallel(appenders, func(i int) { s.writer(l, i, seed) })
	log := s.all(0)
	l.judge(s, log)
	s.holds(1, log)
}

func checkReaders(s *subject) {
	l := newLedger()
	seed := s.rng.Uint64()
	seen := make([][]item, MaxClients)
	s.w.parallel(MaxClients, func(i int) {
		if i < appenders {
			s.writer(l, i, seed)
			return
		}
		seen[i] = s.follow(l, i)
	})
	log := s.all(0)
	l.judge(s, log)
	for i := appenders; i < MaxClients; i++ {
		s.same(fmt.Sprintf("what reader %d saw, and the same again", i), seen[i], log[:min(len(seen[i]), len(log))])
		s.same(fmt.Sprintf("what reader %d sees at last", i), s.follow(l, i), log)
	}
}

// follow reads what comes, and demands that it holds what was acknowledged before.
func (s *subject) follow(l *ledger, client int) (seen []item) {
	next := s.tail(client).Head
	have := map[item]bool{}
	for range 2 * rounds {
		acknowledged := l.acknowledged()
		tail := s.tail(client).Tail
		for _, it := range s.read(client, next, tail) {
			have[it] = true
			seen = append(seen, it)
		}
		next = max(next, tail)
		for _, it := range acknowledged {
			if !have[it] {
				s.failf("reader %d is up to %d and has not seen %v, whose append was answered before", client, tail, it)
			}
		}
		if s.failed() {
			return seen
		}
		runtime.Gosched()
	}
	return seen
}

func checkTails(s *subject) {
	l := newLedger()
	seed := s.rng.Uint64()
	var told highest
	s.w.parallel(MaxClients, func(i int) {
		if i < appenders {
			s.writer(l, i, seed)
			return
		}
		told.watch(s, i)
	})
	told.watch(s, 0)
}

// highest is the highest tail that anybody was told.
type highest struct{ atomic.Uint64 }

// watch demands that a client is told none that is lower.
func (h *highest) watch(s *subject, client int) {
	for range 2 * rounds {
		before := h.Load()
		tail := uint64(s.tail(client).Tail)
		if tail < before {
			s.failf("client %d was told the tail %d, after somebody was told %d", client, tail, before)
		}
		for old := before; old < tail && !h.CompareAndSwap(old, tail); {
			old = h.Load()
		}
		runtime.Gosched()
	}
}

func checkSealRace(s *subject) {
	l := newLedger()
	seed := s.rng.Uint64()
	var sealed atomic.Bool
	var final loglet.Bounds
	s.w.parallel(appenders+1, func(i int) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		if i < appenders {
			s.writeUntil(&sealed, l, i, rng)
			return
		}
		for k := range 3 {
			_, err := s.write(l, i, k, rng)
			s.fine("Append", err)
			runtime.Gosched()
		}
		s.seal(i)
		sealed.Store(true)
		final = s.tail(i)
	})
	for i := range MaxClients {
		s.refuses(i, loglet.ErrSealed, "too late")
	}
	if b := s.tail(0); b != final || !b.Sealed {
		s.failf("the log spans %+v, after its final bounds were told as %+v", b, final)
	}
	l.judge(s, s.all(0))
}

// writeUntil appends until that is refused for good.
func (s *subject) writeUntil(sealed *atomic.Bool, l *ledger, client int, rng *rand.Rand) {
	for k := range 10 * rounds {
		late := sealed.Load()
		_, err := s.write(l, client, k, rng)
		refused := errors.Is(err, loglet.ErrSealed)
		if late && !refused {
			s.failf("an append after the seal returned %w", orNil(err))
		}
		if late || s.failed() {
			return
		}
		runtime.Gosched()
	}
}

func checkTrimRace(s *subject) {
	l := newLedger()
	seed := s.rng.Uint64()
	var trimmed loglet.Pos
	s.w.parallel(appenders+2, func(i int) {
		switch {
		case i < appenders:
			s.writer(l, i, seed)
		case i == appenders:
			for range rounds {
				b := s.tail(i)
				trimmed = b.Head + (b.Tail-b.Head)/2
				s.trim(i, trimmed)
				runtime.Gosched()
			}
		default:
			s.readTrimmed(i)
		}
	})
	if head := s.tail(0).Head; head != trimmed {
		s.failf("the head is %d after trims up to %d", head, trimmed)
	}
	l.write([]string{"last", "of all"}, positionsOf(s.append(0, "last", "of all")), nil)
	b := s.tail(0)
	trimmed = b.Head + (b.Tail-b.Head)/2
	s.trim(0, trimmed)
	if head := s.tail(0).Head; head != trimmed {
		s.failf("the head is %d after a trim to %d", head, trimmed)
	}
	l.done = slices.DeleteFunc(l.done, func(it item) bool { return it.pos < trimmed })
	l.judge(s, s.all(0))
}

func positionsOf(items []item) (positions []loglet.Pos) {
	for _, it := range items {
		positions = append(positions, it.pos)
	}
	return positions
}

// readTrimmed reads from the head on, which may be trimmed meanwhile.
func (s *subject) readTrimmed(client int) {
	for range 2 * rounds {
		b := s.tail(client)
		if s.failed() {
			return
		}
		if b.Head < b.Tail {
			p, err := s.w.Log(client).Read(context.Background(), b.Head, b.Tail)
			if err != nil && !errors.Is(err, loglet.ErrTrimmed) {
				s.failf("Read from %d: %w", b.Head, err)
			}
			if err == nil && (p.Next <= b.Head || p.Next > b.Tail) {
				s.failf("Read from %d to %d is to go on from %d", b.Head, b.Tail, p.Next)
			}
		}
		runtime.Gosched()
	}
}
