package blobtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"dss.example/common/blob"
)

// How much the two checks against a model try.
const (
	randomSeeds = 12
	randomSteps = 150
	callers     = 8
	callerSteps = 40
)

// checkRandom holds a store against a map, step by step.
func checkRandom(s *subject) {
	m := &model{subject: s, here: map[string]bool{}, unsure: map[string]bool{}}
	for seed := range uint64(randomSeeds) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		for step := range randomSteps {
			what := m.step(rnd)
			if s.err != nil {
				s.err = fmt.Errorf("seed %d, step %d, %s: %w", seed, step, what, s.err)
				return
			}
		}
		m.compare(1 + int(seed))
	}
}

// model is what a store should hold. The texts are raw blobs.
type model struct {
	*subject
	here   map[string]bool
	unsure map[string]bool // put or deleted since the last Sync: a crash decides
}

// step does one random thing and says what.
func (m *model) step(rnd *rand.Rand) string {
	text := fmt.Sprint("text ", rnd.IntN(25))
	switch n := rnd.IntN(100); {
	case n < 35:
		m.putText(text)
		m.changed(text, true)
		return "Put"
	case n < 50:
		m.delete(idOf(text))
		m.changed(text, false)
		return "Delete"
	case n < 80:
		m.same(text)
		return "Get"
	case n < 88:
		m.compare(1 + rnd.IntN(9))
		return "List"
	case n < 94:
		m.sync()
		clear(m.unsure)
		return "Sync"
	case n < 97:
		m.reopen()
		m.settle()
		return "reopen"
	}
	m.crash()
	m.settle()
	return "crash"
}

func (m *model) changed(text string, here bool) {
	if m.here[text] != here {
		m.unsure[text] = true
	}
	m.here[text] = here
}

// same demands of one blob what the model says.
func (m *model) same(text string) {
	if m.here[text] {
		m.has(idOf(text), []byte(text))
	} else {
		m.lacks(idOf(text))
	}
}

func (m *model) compare(max int) {
	var want []blob.Info
	for _, text := range slices.Sorted(maps.Keys(m.here)) {
		if m.here[text] {
			want = append(want, infoOf(text))
		}
	}
	m.lists(max, want...)
}

// settle learns what a crash has decided.
func (m *model) settle() {
	for _, text := range slices.Sorted(maps.Keys(m.unsure)) {
		m.here[text] = m.wholeOrGone(text)
	}
	clear(m.unsure)
}

// checkConcurrent lets many callers loose on one store. What one of them has put, and
// nobody deletes, all must see from then on.
func checkConcurrent(s *subject) {
	if s.err != nil {
		return
	}
	all := make([]*subject, callers)
	var group sync.WaitGroup
	for i := range all {
		all[i] = &subject{store: s.store}
		group.Go(func() { all[i].visit(i) })
	}
	group.Wait()
	var want []blob.Info
	for i, caller := range all {
		s.fine(fmt.Sprint("caller ", i), caller.err)
		for n := range callerSteps {
			want = append(want, infoOf(own(i, n)))
		}
	}
	for n := range callerSteps {
		want = append(want, infoOf(shared(n)))
	}
	s.lists(100, want...)
	s.sync()
	s.crash()
	s.lists(100, want...)
	for n := range callerSteps {
		s.has(idOf(shared(n)), []byte(shared(n)))
	}
}

func own(caller, n int) string { return fmt.Sprint("blob ", n, " of caller ", caller) }
func shared(n int) string      { return fmt.Sprint("blob ", n, " of everybody") }

// visit is what one caller does, in an order of its own.
func (s *subject) visit(caller int) {
	for n := range callerSteps {
		mine, ours := own(caller, n), shared((n*7+caller*5)%callerSteps)
		passing := fmt.Sprint(mine, ", soon deleted")
		s.putText(mine, ours, passing)
		s.has(idOf(mine), []byte(mine))
		s.has(idOf(ours), []byte(ours))
		s.has(idOf(passing), []byte(passing))
		s.delete(idOf(passing))
		s.lacks(idOf(passing))
		if n%8 == caller {
			s.sync()
		}
		if n%16 == caller {
			s.list(50, nil)
		}
	}
}
