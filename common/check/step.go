package check

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// step is an operation, or the part of a Scan that concerns one key, ready for a
// replay.
type step struct {
	op   *Op
	do   kv.Op
	resp *kv.Response // what was answered; nil when unknown
	rev  kv.Version   // that its writes are given; a guess when nobody told it
	keys []string     // that it reads or may write, in order, each once
}

// A write whose revision nobody told is given a guess: a version of this high part
// that the first answer that shows it replaces by what was meant.
const guessed = math.MaxUint64

func isGuess(v kv.Version) bool { return v.Hi == guessed }

// replay executes steps on spaces and compares answers.
type replay struct {
	taken map[kv.Version]bool             // versions of writes that told theirs
	fits  func(guess, is kv.Version) bool // whether the search allows a guess to come true so
	doubt atomic.Bool                     // a condition depended on a guess
}

// apply executes a step whose answer is known. It returns the contents after it,
// or what the answer should have been and false.
func (r *replay) apply(s space, st *step) (space, kv.Outcome, bool) {
	do, got := st.do, kv.Outcome{Status: st.resp.Status, Result: st.resp.Result}
	m := matcher{replay: r}
	switch op := do.(type) {
	case kv.CAS:
		if it := s.get(op.Key); it != nil && got.Status == kv.OK && isGuess(it.Mod) && !op.Old.IsZero() {
			if !m.version(it.Mod, op.Old) {
				return s, kv.Outcome{Status: kv.Conflict}, false
			}
			s = m.settle(s)
		}
	case kv.Txn:
		if res, ok := got.Result.(kv.TxnResult); ok && r.depends(s, op) {
			do = kv.Txn{Then: op.Then}
			if !res.Succeeded {
				do = kv.Txn{Then: op.Else}
			}
			res.Succeeded = true
			got.Result = res
		}
	}
	d := draft{space: s, rev: st.rev, leased: anyLease}
	if !kv.ReadOnly(do) {
		d.space = slices.Clone(s)
	}
	want := d.do(do)
	if !m.outcome(want, got) {
		return s, want, false
	}
	return m.settle(d.space), want, true
}

// inject executes a step whose outcome is unknown; false if it changes nothing.
func (r *replay) inject(s space, st *step) (space, bool) {
	if op, ok := st.do.(kv.Txn); ok {
		r.depends(s, op)
	}
	if op, ok := st.do.(kv.CAS); ok { // on a guess it may succeed, and need not have happened
		if it := s.get(op.Key); it != nil && isGuess(it.Mod) && !op.Old.IsZero() {
			m := matcher{replay: r}
			if m.version(it.Mod, op.Old) {
				s = m.settle(s)
			}
		}
	}
	d := draft{space: slices.Clone(s), rev: st.rev, leased: anyLease}
	if out := d.do(st.do); out.Status != kv.OK {
		return s, false
	}
	return d.space, d.changed
}

func anyLease(kv.LeaseID) bool { return true }

// depends reports whether a condition of op looks at a guess.
func (r *replay) depends(s space, op kv.Txn) bool {
	for _, c := range op.If {
		it := s.get(c.Key)
		if it != nil && (c.Target == kv.TargetMod && isGuess(it.Mod) || c.Target == kv.TargetCreate && isGuess(it.Create)) {
			r.doubt.Store(true)
			return true
		}
	}
	return false
}

// matcher compares an answer with what the replay expects and collects what
// guesses it settles.
type matcher struct {
	*replay
	settled map[kv.Version]kv.Version
}

// outcome compares what matters to consistency. What an answer leaves out (zero
// versions and counts of a store without them) is not compared.
func (m *matcher) outcome(want, got kv.Outcome) bool {
	if want.Status != got.Status {
		return false
	}
	switch w := want.Result.(type) {
	case nil: // a conflict of an absent key shows no item: one that does tells of a write
		return got.Result == nil
	case kv.Item:
		g, ok := got.Result.(kv.Item)
		return ok && m.item(&w, &g)
	case kv.Length:
		return got.Result == kv.Result(w)
	case kv.Items:
		g, ok := got.Result.(kv.Items)
		if !ok || len(w.List) != len(g.List) || w.Count != g.Count {
			return false
		}
		for i := range w.List {
			if !m.item(&w.List[i], &g.List[i]) {
				return false
			}
		}
	case kv.TxnResult:
		g, ok := got.Result.(kv.TxnResult)
		if !ok || w.Succeeded != g.Succeeded || len(w.Outcomes) != len(g.Outcomes) {
			return false
		}
		for i := range w.Outcomes {
			if !m.outcome(w.Outcomes[i], g.Outcomes[i]) {
				return false
			}
		}
	}
	return true
}

func (m *matcher) item(want, got *kv.Item) bool {
	return want.Key == got.Key && sameBytes(want.Value, got.Value) &&
		(got.Count == 0 || got.Count == want.Count) &&
		m.version(want.Mod, got.Mod) && m.version(want.Create, got.Create)
}

func (m *matcher) version(want, got kv.Version) bool {
	if is, ok := m.settled[want]; ok {
		want = is
	}
	switch {
	case got.IsZero() || want == got:
		return true
	case !isGuess(want) || m.taken[got] || m.fits != nil && !m.fits(want, got):
		return false
	}
	if m.settled == nil {
		m.settled = map[kv.Version]kv.Version{}
	}
	m.settled[want] = got
	return true
}

// settle puts what was learnt in the place of the guesses.
func (m *matcher) settle(s space) space {
	if len(m.settled) == 0 {
		return s
	}
	s = slices.Clone(s)
	for i, it := range s {
		mod, isMod := m.settled[it.Mod]
		create, isCreate := m.settled[it.Create]
		if !isMod && !isCreate {
			continue
		}
		is := *it
		if isMod {
			is.Mod = mod
		}
		if isCreate {
			is.Create = create
		}
		s[i] = &is
	}
	return s
}

// wrote reports whether an operation that is done changed something.
func wrote(op kv.Op, out kv.Outcome) bool {
	if kv.ReadOnly(op) || out.Status != kv.OK {
		return false
	}
	txn, ok := op.(kv.Txn)
	if !ok {
		return true
	}
	res, _ := out.Result.(kv.TxnResult)
	branch := txn.Then
	if !res.Succeeded {
		branch = txn.Else
	}
	for i, o := range res.Outcomes {
		if i < len(branch) && wrote(branch[i], o) {
			return true
		}
	}
	return false
}

// steps makes the replayable part of a history: what works on keys and was not
// refused. Scans are taken apart into one step a key, unless whole is asked for.
func steps(h History, whole bool) ([]step, error) {
	universe := keysOf(h)
	var all []step
	for i := range h {
		o := &h[i]
		fate := o.fate()
		if _, ok := o.Req.Op.(kv.Guarded); ok && fate != refused {
			return nil, fmt.Errorf("%w: %s is tentative, and may have another outcome later", ErrNotChecked, o)
		}
		if fate == refused || fate == unknown && kv.ReadOnly(o.Req.Op) || !onKeys(o.Req.Op) {
			continue
		}
		if opNeeds(o.Req.Op)&kv.CapLeases != 0 {
			return nil, fmt.Errorf("%w: %s puts a key under a lease, which may end unseen", ErrNotChecked, o)
		}
		st := step{op: o, do: o.Req.Op, rev: kv.Version{Hi: guessed, Lo: uint64(i) + 1}, keys: touched(o.Req.Op, universe)}
		if fate == done {
			st.resp = o.Resp
			if !o.Resp.Rev.IsZero() {
				st.rev = o.Resp.Rev
			}
		}
		if scan, ok := st.do.(kv.Scan); ok && !whole && !scan.CountOnly {
			all = append(all, apart(st, scan, universe)...)
			continue
		}
		all = append(all, st)
	}
	return all, nil
}

func onKeys(op kv.Op) bool {
	switch op.(type) {
	case kv.Get, kv.Put, kv.Delete, kv.Scan, kv.Append, kv.CAS, kv.Txn:
		return true
	}
	return false
}

// apart turns a Scan into what it says of each key that it covers.
func apart(st step, scan kv.Scan, universe []string) (parts []step) {
	items, ok := st.resp.Result.(kv.Items)
	if !ok {
		return []step{st} // the replay will say that this is no answer
	}
	found := map[string]kv.Item{}
	for _, it := range items.List {
		found[it.Key] = it
	}
	if n := len(items.List); items.More && n > 0 {
		if last := items.List[n-1].Key; scan.Descending {
			scan.From = last
		} else {
			scan.To = last + "\x00"
		}
	} else if items.More {
		return nil
	}
	for _, key := range touched(kv.Scan{From: scan.From, To: scan.To}, universe) {
		part, resp := st, *st.resp
		part.do = kv.Scan{From: key, To: key + "\x00", KeysOnly: scan.KeysOnly}
		resp.Result = kv.Items{}
		if it, ok := found[key]; ok {
			resp.Result = kv.Items{List: []kv.Item{it}, Count: 1}
		}
		part.resp, part.keys = &resp, []string{key}
		parts = append(parts, part)
	}
	return parts
}

// touched returns the keys that op reads or may write, in order, each once.
func touched(op kv.Op, universe []string) (keys []string) {
	switch op := op.(type) {
	case kv.Get:
		return []string{op.Key}
	case kv.Put:
		return []string{op.Key}
	case kv.Delete:
		return []string{op.Key}
	case kv.Append:
		return []string{op.Key}
	case kv.CAS:
		return []string{op.Key}
	case kv.Scan:
		from, _ := slices.BinarySearch(universe, op.From)
		to := len(universe)
		if op.To != "" {
			to, _ = slices.BinarySearch(universe, op.To)
		}
		return universe[from:max(from, to)]
	case kv.Txn:
		for _, c := range op.If {
			keys = append(keys, c.Key)
		}
		for _, o := range slices.Concat(op.Then, op.Else) {
			keys = append(keys, touched(o, universe)...)
		}
		slices.Sort(keys)
		return slices.Compact(keys)
	case kv.Guarded: // and what its merge procedure writes: that, nobody can tell
		return touched(kv.Txn{Then: op.Then}, universe)
	}
	return nil
}

// keysOf returns every key that a history speaks of, in order, each once.
func keysOf(h History) []string {
	seen := map[string]bool{}
	var of func(kv.Result)
	of = func(r kv.Result) {
		switch r := r.(type) {
		case kv.Items:
			for _, it := range r.List {
				seen[it.Key] = true
			}
		case kv.TxnResult:
			for _, o := range r.Outcomes {
				of(o.Result)
			}
		}
	}
	for i := range h {
		for _, key := range touched(h[i].Req.Op, nil) {
			seen[key] = true
		}
		if h[i].Resp != nil {
			of(h[i].Resp.Result)
		}
	}
	return sortedKeys(seen)
}

// components splits steps into groups that share no key, in order of their first
// steps: a history is linearizable if each group is.
func components(all []step) [][]step {
	root := map[string]string{} // a key without a root is one
	var find func(key string) string
	find = func(key string) string {
		up, ok := root[key]
		if !ok {
			return key
		}
		root[key] = find(up)
		return root[key]
	}
	for i := range all {
		for _, key := range all[i].keys {
			if a, b := find(all[i].keys[0]), find(key); a != b {
				root[b] = a
			}
		}
	}
	index := map[string]int{}
	var groups [][]step
	for _, st := range all {
		if len(st.keys) == 0 {
			groups = append(groups, []step{st}) // a scan of no key: of its own
			continue
		}
		r := find(st.keys[0])
		n, ok := index[r]
		if !ok {
			n = len(groups)
			index[r] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], st)
	}
	return groups
}

// end is when a step must have happened.
func (st *step) end() machine.Time {
	if st.resp == nil {
		return math.MaxInt64
	}
	return st.op.Return
}

func (st *step) text() string {
	return opText(&kv.Request{At: st.op.Req.At, Op: st.do}) + " -> " + responseText(st.resp)
}
