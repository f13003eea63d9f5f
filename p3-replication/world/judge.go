package world

import (
	"errors"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/sim"

	"dss.example/p3-replication/spec"
)

// Judges are those of a run: one looks at every step of the servers, the other at what travellers
// were told.
func (k Kind) Judges() []sim.Judge {
	c := spec.Config{Role: Role, Programs: k.Programs(), Audit: roleAuditor}
	if k.sequencer {
		c.Order = roleOrder
	}
	return []sim.Judge{spec.New(c), told{}}
}

// told judges what travellers were told, by the four guarantees of a session ('94). Reads of what
// is stable are none of them.
type told struct{}

// Step implements sim.Judge.
func (told) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (told) End(w *sim.World) error {
	var h check.History
	for _, x := range w.History() {
		req := x.Cmd.(*kv.Request)
		if x.At.Role != roleTraveller || req.Level == kv.Prefix {
			continue
		}
		op := check.Op{Client: x.Client, Call: x.Asked, Return: check.Never, Req: req}
		if resp, ok := x.Answer.(*kv.Response); ok {
			op.Return, op.Resp = x.Ended, resp
		}
		h = append(h, op)
	}
	return errors.Join(check.ReadYourWrites(h), check.MonotonicReads(h), check.MonotonicWrites(h), check.WritesFollowReads(h))
}
