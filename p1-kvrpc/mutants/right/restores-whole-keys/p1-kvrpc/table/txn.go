package table

import (
	"bytes"
	"cmp"
	"slices"

	"dss.example/common/kv"
)

// txn does a transaction at present, or with rev one of reads at an old revision. Its
// conditions choose the branch; its operations happen in place, one after the other
// (step), and see each other. The answer has an outcome for each.
//
// An operation that is answered neither OK nor NotFound refuses them all with its own
// answer; so does TooLarge, when the results (resultSize) and the changes (changed)
// exceed maxAnswer together. Then restore makes good what was done.
func (t *Table) txn(op kv.Txn, rev uint64) *kv.Response {
	result := kv.TxnResult{Succeeded: t.holdAll(op.If, rev)}
	branch := op.Else
	if result.Succeeded {
		branch = op.Then
	}
	before := t.save(branch)
	outcomes, bad := t.steps(branch, rev)
	if bad != nil {
		t.restore(before)
		return bad
	}
	result.Outcomes = outcomes
	return ok(result)
}

// saved is what a transaction may change of the table, as it was before.
type saved struct {
	nextChange uint64
	keys       []string // each of them once
	records    []*record
}

// save notes what stands at each key that the operations of a branch may write.
func (t *Table) save(branch []kv.Op) saved {
	s := saved{nextChange: t.nextChange}
	for _, op := range branch {
		if key, writes := written(op); writes {
			s.keys = append(s.keys, key)
		}
	}
	slices.Sort(s.keys)
	s.keys = slices.Compact(s.keys)
	for _, key := range s.keys {
		s.records = append(s.records, t.last(key))
	}
	return s
}

// written returns the key that an operation may write.
func written(op kv.Op) (key string, writes bool) {
	switch op := op.(type) {
	case kv.Put:
		return op.Key, true
	case kv.Delete:
		return op.Key, true
	case kv.Append:
		return op.Key, true
	case kv.CAS:
		return op.Key, true
	}
	return "", false
}

// steps does the operations of a branch until one is refused: bad is why.
func (t *Table) steps(branch []kv.Op, rev uint64) (outcomes []kv.Outcome, bad *kv.Response) {
	mark, read := t.nextChange, 0
	for _, op := range branch {
		done, bad := t.step(op, rev)
		if bad != nil {
			return nil, bad
		}
		read += resultSize(done.Result)
		if read > maxAnswer || read+t.changed(mark) > maxAnswer {
			return nil, kv.Refuse(kv.TooLarge, "the transaction reads and writes too much at operation %d", len(outcomes))
		}
		outcomes = append(outcomes, done)
	}
	return outcomes, nil
}

// step does one operation; bad is why it was refused.
func (t *Table) step(op kv.Op, rev uint64) (done kv.Outcome, bad *kv.Response) {
	resp := t.read(op, rev)
	if resp == nil {
		resp = t.write(op)
	}
	switch resp.Status {
	case kv.OK, kv.NotFound:
		return kv.Outcome{Status: resp.Status, Result: resp.Result}, nil
	}
	return kv.Outcome{}, resp
}

// changed is what the events from number mark on take in the answer to a watcher:
// those of one revision must fit into one.
func (t *Table) changed(mark uint64) (size int) {
	for _, e := range t.changes[mark-t.first():] {
		size += e.after.size(e.key, true)
	}
	return size
}

// resultSize bounds what a result takes in an answer.
func resultSize(r kv.Result) int {
	size := itemOverhead
	switch r := r.(type) {
	case kv.Item:
		size += len(r.Key) + len(r.Value)
	case kv.Items:
		for _, item := range r.List {
			size += itemOverhead + len(item.Key) + len(item.Value)
		}
	}
	return size
}

// holdAll reports whether all conditions hold at revision rev, 0 for the present.
func (t *Table) holdAll(conditions []kv.Compare, rev uint64) bool {
	return !slices.ContainsFunc(conditions, func(c kv.Compare) bool { return !holds(&c, t.find(c.Key, rev)) })
}

// orders are, by relation, the outcomes of a comparison for which it holds, from less to
// greater.
var orders = [...][3]bool{
	kv.Less:     {true, false, false},
	kv.Equal:    {false, true, false},
	kv.Greater:  {false, false, true},
	kv.NotEqual: {true, false, true},
}

// holds reports whether c holds for r: whether the field c.Target stands to c's value in
// the relation c.Relation. What does not exist has an empty value, zero versions, count 0
// and no lease.
func holds(c *kv.Compare, r *record) bool {
	var is record
	if r.exists() {
		is = *r
	}
	order := 0
	switch version := (kv.Version{}); c.Target {
	case kv.TargetMod, kv.TargetCreate:
		version.Lo = is.mod
		if c.Target == kv.TargetCreate {
			version.Lo = is.create
		}
		order = version.Compare(c.Version)
	case kv.TargetCount:
		order = cmp.Compare(is.count, c.Number)
	case kv.TargetLease:
		order = cmp.Compare(is.lease, c.Number)
	default:
		order = bytes.Compare(is.value, c.Value)
	}
	return orders[c.Relation][1+order]
}
