package worlds

import (
	"errors"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p4-consensus/spec"
)

// Judges are those of a run: one looks at every step of the replicas, the other at what
// callers were told.
func (k Kind) Judges() []sim.Judge {
	c := k.Settings()
	return []sim.Judge{spec.New(spec.Config{
		Role: Role, Language: Language(), Alpha: c.Alpha, Lease: c.Lease, Refused: Refused,
	}), told{}}
}

// Refused tells which answers say that nothing was done, or that nobody knows.
func Refused(answer machine.Data) bool {
	switch answer.(*kv.Response).Status {
	case kv.Overloaded, kv.Unavailable, kv.Maybe:
		return true
	}
	return false
}

// told judges what callers were told.
type told struct{}

// Step implements sim.Judge.
func (told) Step(*sim.Step) error { return nil }

// End implements sim.Judge: one order of all requests explains what stage 1's clients were
// told, and a prefix of it what was read of one replica as it stood.
func (told) End(w *sim.World) error {
	steps := searchSteps
	if w.Replaying() {
		steps = 3000 // a list cut at random leaves much unknown
	}
	clients, local := histories(w)
	err := check.StrictlySerializableWithin(clients, table.Offers(), steps)
	if err == nil && len(local) > 0 {
		err = check.Prefix(append(clients, local...), table.Offers())
	}
	if errors.Is(err, check.ErrNotChecked) {
		return unchecked{err}
	}
	return err
}

// searchSteps bounds the search for what requests of unknown outcome did.
const searchSteps = 300_000

// histories takes apart what clients and what callers of single replicas have asked. Each
// of the latter's reads is by a caller of its own: a replica that restarts may go back.
func histories(w *sim.World) (clients, local check.History) {
	for i, op := range world.History(w) {
		switch x := w.History()[i]; {
		case x.At.Role != Role:
			clients = append(clients, op)
		case op.Req.Level == kv.Eventual:
			op.Client = 1000 + i
			local = append(local, op)
		}
	}
	return clients, local
}

// NotChecked is the rule that a run fails by when no order of its requests was found in time,
// nor shown to be missing. That is a fault of the judge, not of what is judged.
const NotChecked = "not checked"

type unchecked struct{ error }

// Rule keeps it apart from a broken order.
func (unchecked) Rule() string { return NotChecked }

// Unwrap returns check.ErrNotChecked.
func (u unchecked) Unwrap() error { return u.error }
