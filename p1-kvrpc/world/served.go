package world

import (
	"bytes"
	"fmt"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

// served is a judge that stands beside the server and sees what goes in and comes
// out: a write takes effect once, and a watch misses nothing. What it finds it finds
// at the step, so that the schedule shrinks to what led there. It counts on values
// that never repeat, as New's callers write them, and on keys without leases.
type served struct {
	rev     uint64                // the last that an answer told
	done    map[string]bool       // writes that took effect, by their encoding
	answers map[numbered][]byte   // first answer to each numbered write
	written map[uint64][]string   // keys that each revision wrote
	asked   map[uint64]*kv.Events // long polls that wait, by Ask
}

// numbered names an operation of a session.
type numbered struct{ session, seq uint64 }

func newServed() *served {
	return &served{
		rev: 1, done: map[string]bool{}, answers: map[numbered][]byte{}, written: map[uint64][]string{}, asked: map[uint64]*kv.Events{},
	}
}

// End implements sim.Judge.
func (*served) End(*sim.World) error { return nil }

// Step implements sim.Judge.
func (j *served) Step(s *sim.Step) error {
	if s.Addr != Server() {
		return nil
	}
	ask, _ := s.In.Event.(machine.Ask)
	req, _ := ask.Cmd.(*kv.Request)
	if req != nil {
		if op, ok := req.Op.(kv.Events); ok {
			j.asked[ask.ID] = j.from(op)
		}
	}
	for _, a := range s.Out.Reply { // that of the Ask itself comes last: it wakes others
		resp := a.Data.(*kv.Response)
		if a.ID == ask.ID && req != nil {
			if err := j.took(req, resp); err != nil {
				return err
			}
		}
	}
	for _, a := range s.Out.Reply {
		if op := j.asked[a.ID]; op != nil {
			delete(j.asked, a.ID)
			if err := j.told(op, a.Data.(*kv.Response)); err != nil {
				return err
			}
		}
	}
	return nil
}

// from fixes where a watch begins that begins now.
func (j *served) from(op kv.Events) *kv.Events {
	if op.After.IsZero() {
		op.After.Lo = j.rev
	}
	return &op
}

// took looks at the answer to a request that did not wait.
func (j *served) took(req *kv.Request, resp *kv.Response) error {
	switch resp.Status {
	case kv.NoSession, kv.Forgotten, kv.Overloaded:
		return nil // not executed
	}
	if req.Session != 0 && !kv.ReadOnly(req.Op) {
		n := numbered{req.Session, req.Seq}
		answer := resp.AppendTo(nil)
		if first, repeated := j.answers[n]; !repeated {
			j.answers[n] = answer
		} else if !bytes.Equal(first, answer) {
			return fmt.Errorf("operation %d of session %d was executed twice: %v", n.seq, n.session, &kv.Request{Op: req.Op})
		} else {
			return nil
		}
	}
	return j.did(req.Op, resp)
}

// did takes note of what a request changed.
func (j *served) did(op kv.Op, resp *kv.Response) error {
	if resp.Rev.Lo <= j.rev {
		return nil
	}
	if resp.Rev.Lo != j.rev+1 || kv.ReadOnly(op) {
		return fmt.Errorf("revision %d follows %d by %v", resp.Rev.Lo, j.rev, &kv.Request{Op: op})
	}
	j.rev++
	j.written[j.rev] = writes(op, resp.Result)
	if !unique(op) {
		return nil
	}
	id := string((&kv.Request{Op: op}).AppendTo(nil))
	if j.done[id] {
		return fmt.Errorf("executed twice: %v", &kv.Request{Op: op})
	}
	j.done[id] = true
	return nil
}

// unique reports whether no two callers' requests of this kind are alike.
func unique(op kv.Op) bool {
	switch op := op.(type) {
	case kv.Put:
		return len(op.Value) > 0
	case kv.Append, kv.CAS, kv.Txn:
		return true
	}
	return false
}

// writes lists the keys that an operation wrote, which did write.
func writes(op kv.Op, result kv.Result) (keys []string) {
	switch op := op.(type) {
	case kv.Put:
		return []string{op.Key}
	case kv.Append:
		return []string{op.Key}
	case kv.CAS:
		return []string{op.Key}
	case kv.Delete:
		return []string{op.Key}
	case kv.Txn:
		branch, done := op.Else, result.(kv.TxnResult)
		if done.Succeeded {
			branch = op.Then
		}
		for i, o := range done.Outcomes {
			if o.Status == kv.OK {
				keys = append(keys, writes(branch[i], o.Result)...)
			}
		}
	}
	return keys
}

// told compares what a watch was told with what was written from where it began to
// where it is to go on.
func (j *served) told(op *kv.Events, resp *kv.Response) error {
	list, ok := resp.Result.(kv.EventList)
	if !ok {
		return nil
	}
	if list.Next.Lo > j.rev || list.Next.Lo < op.After.Lo {
		return fmt.Errorf("a watch from revision %v at %d is to go on from %v", op.After, j.rev, list.Next)
	}
	rest := list.List
	for rev := op.After.Lo + 1; rev <= list.Next.Lo; rev++ {
		for _, key := range j.written[rev] {
			if key < op.From || op.To != "" && key >= op.To {
				continue
			}
			if len(rest) == 0 || rest[0].Item.Key != key || rest[0].Item.Mod.Lo != rev {
				return fmt.Errorf("a watch from revision %v to %v misses the change of %q at %d", op.After, list.Next, key, rev)
			}
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("a watch from revision %v to %v tells of %q at %v, which is not so", op.After, list.Next, rest[0].Item.Key, rest[0].Item.Mod)
	}
	return nil
}
