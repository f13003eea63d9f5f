package check

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// place is the revision whose contents a step saw or made.
func (st *step) place() kv.Version {
	if at := st.op.Req.At; !at.IsZero() {
		return at
	}
	return st.resp.Rev
}

func (st *step) wrote() bool { return wrote(st.do, outcomeOf(st.resp)) }

// ordered returns the steps of known outcome by their revisions, and the others.
func ordered(all []step) (known, open []step) {
	for _, st := range all {
		if st.resp == nil {
			open = append(open, st)
		} else {
			known = append(known, st)
		}
	}
	byOrder(known)
	return known, open
}

// followWitness checks the order that the revisions of the answers give.
func followWitness(all []step, budget int) error {
	known, open := ordered(all)
	if err := realTime(known); err != nil {
		return err
	}
	// The latest instant at which something may yet happen just before each step.
	latest := map[*Op]machine.Time{}
	end := machine.Time(math.MaxInt64)
	for i := len(known) - 1; i >= 0; i-- {
		if st := &known[i]; st.op.Req.At.IsZero() {
			end = min(end, st.op.Return)
		}
		latest[known[i].op] = end
	}
	return replayOrdered(known, open, latest, budget)
}

// replayOrdered replays each group of keys by itself. An operation of unknown
// outcome may come before a known one until the given time; always, if none is.
func replayOrdered(known, open []step, latest map[*Op]machine.Time, budget int) error {
	r := newReplay(known)
	order := slices.SortedFunc(maps.Keys(r.taken), kv.Version.Compare)
	budget += len(known)
	for _, group := range components(append(known[:len(known):len(known)], open...)) {
		w := &witness{replay: r, order: order, guesses: make(map[uint64]span), placed: map[int]int{}, budget: &budget, seen: map[string]bool{}}
		for i := range group {
			if group[i].resp == nil {
				w.open = append(w.open, &group[i])
				continue
			}
			w.known = append(w.known, &group[i])
			w.latest = append(w.latest, machine.Time(math.MaxInt64))
			if t, ok := latest[group[i].op]; ok {
				w.latest[len(w.latest)-1] = t
			}
		}
		w.used = make([]bool, len(w.open))
		r.fits = w.fits
		if !w.explain(0, nil) {
			return r.verdict(w.failure())
		}
	}
	return nil
}

// realTime checks that the order of revisions agrees with real time: nothing that
// returned before another was called comes after it.
func realTime(known []step) error {
	var late, pending *Op // the one with the latest call: of earlier revisions, and of this one's reads
	for i := range known {
		st := &known[i]
		if !st.op.Req.At.IsZero() {
			continue
		}
		if st.resp.Rev.IsZero() && st.wrote() {
			return fmt.Errorf("%s changed something and tells no revision", st.op)
		}
		if i > 0 && st.place() != known[i-1].place() {
			late, pending = latestCall(late, pending), nil
		}
		if prev := writeAt(known, i-1, st.place()); prev != nil && st.wrote() && prev.op != st.op {
			return fmt.Errorf("two writes of one revision: %s, and %s", prev.op, st.op)
		}
		if late != nil && st.op.Return < late.Call {
			return fmt.Errorf("%s had returned before %s was called, but its revision is later", st.op, late)
		}
		if st.wrote() {
			late = latestCall(late, st.op)
		} else {
			pending = latestCall(pending, st.op)
		}
	}
	return nil
}

// writeAt returns step i if it is a write of the given revision.
func writeAt(known []step, i int, rev kv.Version) *step {
	if i < 0 || known[i].place() != rev || !known[i].wrote() {
		return nil
	}
	return &known[i]
}

func latestCall(a, b *Op) *Op {
	if a == nil || b != nil && b.Call > a.Call {
		return b
	}
	return a
}

// span is the revisions that a write of unknown outcome may have been given.
type span struct{ after, before kv.Version }

func (s span) holds(v kv.Version) bool { return v.Compare(s.after) > 0 && v.Compare(s.before) <= 0 }

// witness replays the steps of one group in the given order and finds places for
// those of unknown outcome where the answers demand them.
type witness struct {
	*replay
	known   []*step
	latest  []machine.Time // of each known step: until when something may come before it
	open    []*step        // outcome unknown
	used    []bool         // of open: has a place
	placed  map[int]int    // of known: open operations placed right before it
	order   []kv.Version   // revisions of all known writes
	guesses map[uint64]span
	budget  *int
	seen    map[string]bool

	stuck int // the furthest step that could not be explained
	want  kv.Outcome
	left  space
}

// explain replays from step i on contents s. Where an answer does not fit it puts
// an operation of unknown outcome before that step, or before an earlier one that
// would hide it, and tries again.
func (w *witness) explain(i int, s space) bool {
	from, states := i, []space{s}
	for ; i < len(w.known); i++ {
		*w.budget--
		next, want, ok := w.apply(s, w.known[i])
		if !ok {
			if i >= w.stuck {
				w.stuck, w.want, w.left = i, want, s
			}
			break
		}
		s = next
		if len(w.open) > 0 {
			states = append(states, s)
		}
	}
	if i == len(w.known) {
		return true
	}
	for p := i; p >= from; p-- {
		for u := range w.open {
			if p < i && sees(w.known[p], w.open[u]) {
				continue
			}
			if w.tryBefore(p, u, states[min(p-from, len(states)-1)]) {
				return true
			}
		}
	}
	return false
}

// tryBefore puts open operation u before step p and explains the rest.
func (w *witness) tryBefore(p, u int, s space) bool {
	st := w.open[u]
	if w.used[u] || st.op.Call > w.latest[p] || *w.budget < 0 {
		return false
	}
	room := span{before: w.known[p].place()}
	if p > 0 {
		room.after = w.known[p-1].place()
	}
	if w.full(room, w.placed[p]) {
		return false
	}
	w.guesses[st.rev.Lo] = room
	next, changed := w.inject(s, st)
	if !changed {
		delete(w.guesses, st.rev.Lo)
		return false
	}
	w.used[u] = true
	w.placed[p]++
	mark := fmt.Sprint(p, w.guesses, next.hash())
	if !w.seen[mark] && w.explain(p, next) {
		return true
	}
	w.seen[mark], w.used[u] = true, false
	w.placed[p]--
	delete(w.guesses, st.rev.Lo)
	return false
}

// full reports whether known writes, and some more that were placed there, have
// used up the revisions of a span.
func (w *witness) full(s span, placed int) bool {
	if s.after.Hi != s.before.Hi {
		return false // revisions of two high parts: nobody can count them
	}
	i, _ := slices.BinarySearchFunc(w.order, s.after, kv.Version.Compare)
	j, _ := slices.BinarySearchFunc(w.order, s.before, kv.Version.Compare)
	if j < len(w.order) && w.order[j] == s.before {
		j++
	}
	if i < len(w.order) && w.order[i] == s.after {
		i++
	}
	return s.after.Compare(s.before) >= 0 || s.before.Lo-s.after.Lo <= uint64(j-i+placed)
}

// sees reports whether a step shows all that the write u could have changed, so
// that u does not fit right before it.
func sees(st, u *step) bool {
	if len(st.keys) != 1 || !slices.Equal(st.keys, u.keys) {
		return false
	}
	if st.resp.Status == kv.NotFound {
		return true
	}
	switch r := st.resp.Result.(type) {
	case kv.Item:
		return !r.Mod.IsZero()
	case kv.Items:
		return len(r.List) == 0 || !r.List[0].Mod.IsZero()
	}
	return false
}

// fits reports whether a guess may turn out to be a revision.
func (w *witness) fits(guess, is kv.Version) bool {
	return w.guesses[guess.Lo].holds(is)
}

func (w *witness) failure() error {
	st := w.known[w.stuck]
	var open strings.Builder
	for _, u := range w.open {
		if u.op.Call <= w.latest[w.stuck] {
			fmt.Fprintf(&open, "; nor does %s, whose outcome is unknown, explain it", u.op)
		}
	}
	err := fmt.Errorf("%s: in order of revisions %s should have answered %s, for the writes before it leave %s%s",
		groupName([]step{*st}), st.op, responseText(&kv.Response{Status: w.want.Status, Result: w.want.Result}), w.left, &open)
	if *w.budget < 0 {
		return fmt.Errorf("%w: %d operations of unknown outcome: too many ways to place them; at %v", ErrNotChecked, len(w.open), err)
	}
	return err
}
