package table

import (
	"bytes"
	"cmp"

	"dss.example/common/kv"
)

// txn does a transaction at present, or with rev one of reads at an old revision. Its
// conditions choose the branch; its operations happen in place, one after the other
// (step), and see each other. The answer has an outcome for each.
//
// An operation that is answered neither OK nor NotFound refuses them all with its own
// answer; so does TooLarge, when the results (resultSize) and the changes (changed)
// exceed maxAnswer together. Then rollback undoes what was done.
//
//ds:todo p1.4
func (t *Table) txn(op kv.Txn, rev uint64) *kv.Response {
	mark := t.nextChange
	result := kv.TxnResult{Succeeded: t.holdAll(op.If, rev)}
	branch := op.Then
	if !result.Succeeded {
		branch = op.Else
	}
	if len(branch) > 0 {
		result.Outcomes = make([]kv.Outcome, 0, len(branch))
	}
	size := 0
	for _, step := range branch {
		from := t.nextChange
		done, bad := t.step(step, rev)
		if bad == nil {
			size += resultSize(done.Result) + t.changed(from)
			if size > maxAnswer {
				bad = kv.Refuse(kv.TooLarge, "transaction reads and writes %d bytes: at most %d", size, maxAnswer)
			}
		}
		if bad != nil {
			t.rollback(mark)
			return bad
		}
		result.Outcomes = append(result.Outcomes, done)
	}
	return ok(result)
}

// step does one operation; bad is why it was refused.
func (t *Table) step(op kv.Op, rev uint64) (done kv.Outcome, bad *kv.Response) {
	if op, isGet := op.(kv.Get); isGet { // most are, and need no Response of their own
		return t.get(op.Key, rev), nil
	}
	resp := t.read(op, rev)
	if resp == nil {
		resp = t.write(op)
	}
	if resp.Status != kv.OK && resp.Status != kv.NotFound {
		return kv.Outcome{}, resp
	}
	return kv.Outcome{Status: resp.Status, Result: resp.Result}, nil
}

// changed is what the events from number mark on take in the answer to a watcher:
// those of one revision must fit into one.
func (t *Table) changed(mark uint64) (size int) {
	for i := mark; i < t.nextChange; i++ {
		e := &t.changes[i-t.first()]
		size += e.after.size(e.key, true)
	}
	return size
}

// resultSize bounds what a result takes in an answer.
func resultSize(r kv.Result) int {
	switch r := r.(type) {
	case kv.Item:
		return itemOverhead + len(r.Key) + len(r.Value)
	case kv.Items:
		size := itemOverhead
		for i := range r.List {
			size += itemOverhead + len(r.List[i].Key) + len(r.List[i].Value)
		}
		return size
	}
	return itemOverhead
}

// holdAll reports whether all conditions hold at revision rev, 0 for the present.
//
//ds:todo p1.4
func (t *Table) holdAll(conditions []kv.Compare, rev uint64) bool {
	for i := range conditions {
		if c := &conditions[i]; !holds(c, t.find(c.Key, rev)) {
			return false
		}
	}
	return true
}

// holds reports whether c holds for r: whether the field c.Target stands to c's value in
// the relation c.Relation. What does not exist has an empty value, zero versions, count 0
// and no lease.
//
//ds:todo p1.4
func holds(c *kv.Compare, r *record) bool {
	if !r.exists() {
		r = &record{}
	}
	var order int // of the field and what c compares it with
	switch c.Target {
	case kv.TargetValue:
		order = bytes.Compare(r.value, c.Value)
	case kv.TargetMod:
		order = kv.Version{Lo: r.mod}.Compare(c.Version)
	case kv.TargetCreate:
		order = kv.Version{Lo: r.create}.Compare(c.Version)
	case kv.TargetCount:
		order = cmp.Compare(r.count, c.Number)
	case kv.TargetLease:
		order = cmp.Compare(r.lease, c.Number)
	}
	switch c.Relation {
	case kv.Equal:
		return order == 0
	case kv.NotEqual:
		return order != 0
	case kv.Less:
		return order < 0
	}
	return order > 0
}
