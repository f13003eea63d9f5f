// Package programs lets package procedure run the programs of package bayou's writes, in
// Starlark and under procedure.Standard: every replica has to run them alike.
package programs

import (
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/procedure"
)

// New returns what runs the programs of one server's writes, for bayou.Config.Programs. It is
// not safe for concurrent use.
func New() state.Programs { return programs{procedure.New(procedure.Standard())} }

type programs struct{ interpreter *procedure.Interpreter }

// Validate implements state.Programs.
func (p programs) Validate(check, merge string) error {
	if err := p.interpreter.ValidateCheck(check); err != nil {
		return err
	}
	return p.interpreter.ValidateMerge(merge)
}

// Check implements state.Programs.
func (p programs) Check(program string, db state.Reader, update []proto.Change) (bool, error) {
	return p.interpreter.Check(program, db, changed[procedure.Change](update))
}

// Merge implements state.Programs.
func (p programs) Merge(program string, db state.Reader, update []proto.Change) ([]proto.Change, error) {
	made, err := p.interpreter.Merge(program, db, changed[procedure.Change](update))
	if err != nil {
		return nil, err
	}
	return changed[proto.Change](made), nil
}

// change is the change of one package, as the other has it too.
type change interface {
	procedure.Change | proto.Change
}

// changed turns changes into those of the other package; they share the values.
func changed[To, From change](from []From) []To {
	to := make([]To, len(from))
	for i := range from {
		to[i] = To(from[i])
	}
	return to
}
