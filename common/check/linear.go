package check

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// Bounds of a search. What exceeds them ends as ErrNotChecked.
const (
	maxClients    = 10              // on one group of keys, for porcupine
	searchTime    = 5 * time.Second // for porcupine, in all
	searchSteps   = 4_000_000       // for unknown outcomes, beyond one pass over the history
	maxExhaustive = 7               // operations that are searched without porcupine
)

// Linearizable checks that each operation of h may have taken effect at one
// instant between its call and its return. It judges get, put, delete, append, cas
// and txn as they are and a scan key by key: that a scan sees all its keys at one
// instant is for StrictlySerializable to check. Other operations are passed over.
//
// With CapRevisions the order is the one that the answers give, which takes
// O(n log n) and longer only where outcomes are unknown. Without, all callers of
// one key (or of keys joined by transactions) may be 10 at most.
//
// The error says which operations cannot be explained; ErrNotChecked wraps it if
// the search was too long, or keys stood under leases.
func Linearizable(h History, caps kv.Caps) error { return linearizable(h, caps, false, searchSteps) }

// StrictlySerializable is Linearizable for operations on many keys: there is one
// order of all transactions and scans, each of which sees and does all at once,
// that agrees with real time. A small history without revisions is searched
// exhaustively.
func StrictlySerializable(h History, caps kv.Caps) error {
	return linearizable(h, caps, true, searchSteps)
}

// StrictlySerializableWithin gives up after so many steps of a search for what
// operations of unknown outcome did, beyond one pass over the history: for who tries
// many histories of which most may remain unjudged, as shrinking does.
func StrictlySerializableWithin(h History, caps kv.Caps, steps int) error {
	return linearizable(h, caps, true, steps)
}

func linearizable(h History, caps kv.Caps, whole bool, budget int) error {
	if err := wellFormed(h); err != nil {
		return err
	}
	witnessed := caps.Has.Has(kv.CapRevisions)
	all, err := steps(h, whole && !witnessed)
	switch {
	case err != nil:
		return err
	case witnessed:
		return followWitness(all, budget)
	}
	all = present(all)
	if whole && len(all) <= maxExhaustive {
		return exhaustive(all, false)
	}
	return searchKeys(all, searchTime)
}

// present leaves out reads of the past, which only a witness can judge.
func present(all []step) (now []step) {
	for _, st := range all {
		if st.op.Req.At.IsZero() {
			now = append(now, st)
		}
	}
	return now
}

func newReplay(all []step) *replay {
	r := &replay{taken: map[kv.Version]bool{}}
	for i := range all {
		if st := &all[i]; st.resp != nil && !isGuess(st.rev) && wrote(st.do, outcomeOf(st.resp)) {
			r.taken[st.rev] = true
		}
	}
	return r
}

func outcomeOf(resp *kv.Response) kv.Outcome {
	return kv.Outcome{Status: resp.Status, Result: resp.Result}
}

// searchKeys asks porcupine about each group of keys, for so long in all.
func searchKeys(all []step, limit time.Duration) error {
	r := newReplay(all)
	deadline := time.Now().Add(limit)
	for _, group := range components(all) {
		if n := clients(group); n > maxClients {
			return fmt.Errorf("%w: %d clients use %s: at most %d can be searched",
				ErrNotChecked, n, groupName(group), maxClients)
		}
		model, ops := r.porcupine(), operations(group)
		left := max(time.Until(deadline), time.Millisecond) // 0 would mean without end
		switch porcupine.CheckOperationsTimeout(model, ops, left) {
		case porcupine.Unknown:
			return fmt.Errorf("%w: %d operations on %s: no verdict after %v",
				ErrNotChecked, len(ops), groupName(group), limit)
		case porcupine.Illegal:
			return r.verdict(r.explainIllegal(group, model, ops))
		}
	}
	return nil
}

// verdict turns an accusation into ErrNotChecked if it rests on a guess.
func (r *replay) verdict(err error) error {
	if err != nil && r.doubt.Load() {
		return fmt.Errorf("%w: a condition looked at the version of a write of unknown outcome; without it: %v", ErrNotChecked, err)
	}
	return err
}

func clients(group []step) int {
	seen := map[int]bool{}
	for _, st := range group {
		seen[st.op.Client] = true
	}
	return len(seen)
}

func groupName(group []step) string {
	seen := map[string]bool{}
	for _, st := range group {
		for _, key := range st.keys {
			seen[key] = true
		}
	}
	keys := sortedKeys(seen)
	if len(keys) == 1 {
		return "key " + short([]byte(keys[0]))
	}
	return fmt.Sprintf("%d keys joined by transactions and scans", len(keys))
}

// operations puts a group into porcupine's words. What never returned may happen
// until the end of time, which is as good as not at all.
func operations(group []step) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(group))
	for i := range group {
		st := &group[i]
		ops[i] = porcupine.Operation{
			ClientId: st.op.Client, Input: st, Output: st,
			Call: int64(st.op.Call), Return: int64(st.end()),
		}
	}
	return ops
}

func (r *replay) porcupine() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return space(nil) },
		Step: func(state, input, _ any) (bool, any) {
			s, st := state.(space), input.(*step)
			if st.resp == nil {
				next, _ := r.inject(s, st)
				return true, next
			}
			next, _, ok := r.apply(s, st)
			return ok, next
		},
		Equal:             func(a, b any) bool { return a.(space).equal(b.(space)) },
		Hash:              func(s any) uint64 { return s.(space).hash() },
		DescribeOperation: func(input, _ any) string { return input.(*step).text() },
		DescribeState:     func(s any) string { return s.(space).String() },
	}
}

// explainIllegal says how far the longest explanation comes, and what it cannot
// take in.
func (r *replay) explainIllegal(group []step, model porcupine.Model, ops []porcupine.Operation) error {
	_, info := porcupine.CheckOperationsVerbose(model, ops, searchTime)
	var longest []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations() {
		for _, some := range part {
			if len(some) > len(longest) {
				longest = some
			}
		}
	}
	var s space
	in := map[*step]bool{}
	for _, o := range longest {
		st := o.Input.(*step)
		in[st] = true
		if st.resp == nil {
			s, _ = r.inject(s, st)
		} else {
			s, _, _ = r.apply(s, st)
		}
	}
	var stuck *step
	for i := range group {
		if st := &group[i]; !in[st] && st.resp != nil && (stuck == nil || st.op.Return < stuck.op.Return) {
			stuck = st
		}
	}
	if stuck == nil {
		return fmt.Errorf("%s: no order of the operations explains the answers", groupName(group))
	}
	return fmt.Errorf("%s: no order that agrees with real time explains the answers: %d of %d operations can be ordered, leaving %s, but then not %s",
		groupName(group), len(longest), len(group), s, stuck.op)
}

// Visualize writes an HTML page that shows the operations of h on a time line,
// with the orders that explain as many of them as possible. It is for histories of
// tests, not of benchmarks.
func Visualize(h History, path string) error {
	if err := wellFormed(h); err != nil {
		return err
	}
	all, err := steps(h, false)
	if err != nil {
		return err
	}
	groups := components(present(all))
	r := newReplay(all)
	model := r.porcupine()
	model.Partition = func([]porcupine.Operation) (parts [][]porcupine.Operation) {
		for _, g := range groups {
			parts = append(parts, operations(g))
		}
		return parts
	}
	verdict, info := porcupine.CheckOperationsVerbose(model, nil, searchTime)
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		return fmt.Errorf("visualisation (%s): %w", verdict, err)
	}
	return nil
}

// exhaustive tries every order of a few steps that agrees with real time. Ordered
// demands that it agrees with the revisions of the answers, too.
func exhaustive(all []step, ordered bool) error {
	return tryAll(newReplay(all), all, ordered)
}

func tryAll(r *replay, all []step, ordered bool) error {
	t := &trial{replay: r, all: all, used: make([]bool, len(all)), ordered: ordered}
	if t.someOrder(nil, kv.Version{}, nil) {
		return nil
	}
	text := "none of the orders that agree with real time explains the answers of all of"
	for i := range all {
		text += "\n  " + all[i].op.String()
	}
	return t.verdict(errors.New(text))
}

// trial is the search of exhaustive.
type trial struct {
	*replay
	all     []step
	used    []bool
	ordered bool
}

// someOrder reports whether the steps that are not used up can follow contents s
// of revision last. Spans are those of the guesses so far.
func (t *trial) someOrder(s space, last kv.Version, spans map[uint64]span) bool {
	end, left := machine.Time(math.MaxInt64), false
	for i := range t.all {
		if !t.used[i] && t.all[i].resp != nil {
			end, left = min(end, t.all[i].end()), true
		}
	}
	if !left {
		return true
	}
	for i := range t.all {
		if t.used[i] || t.all[i].op.Call > end {
			continue
		}
		t.used[i] = true
		if t.next(s, &t.all[i], last, maps.Clone(spans)) {
			return true
		}
		t.used[i] = false
	}
	return false
}

// endless is the end of a span of which no later revision is known yet.
var endless = kv.Version{Hi: math.MaxUint64, Lo: math.MaxUint64}

// next reports whether st can follow s, and the rest follow that.
func (t *trial) next(s space, st *step, last kv.Version, spans map[uint64]span) bool {
	if t.ordered {
		t.fits = func(guess, is kv.Version) bool { return spans[guess.Lo].holds(is) }
	}
	if st.resp == nil {
		if spans == nil {
			spans = map[uint64]span{}
		}
		spans[st.rev.Lo] = span{last, endless}
		next, changed := t.inject(s, st)
		if changed {
			for last.Lo++; t.taken[last]; last.Lo++ { // it was given this revision at least
			}
		}
		return t.someOrder(next, last, spans)
	}
	rev := st.resp.Rev
	for guess, in := range spans {
		if in.before == endless {
			spans[guess] = span{in.after, rev}
		}
	}
	s, _, ok := t.apply(s, st)
	order := rev.Compare(last)
	if !ok || t.ordered && (order < 0 || order == 0 && st.wrote()) {
		return false
	}
	return t.someOrder(s, rev, spans)
}

// byOrder sorts steps as their revisions tell: a write before what read it.
func byOrder(all []step) {
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		if c := a.place().Compare(b.place()); c != 0 {
			return c < 0
		}
		if x, y := a.wrote(), b.wrote(); x != y {
			return x
		}
		return a.op.Call < b.op.Call
	})
}
