package durable

import (
	"fmt"
	"iter"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Snapshot is the state after all records up to one.
type Snapshot struct {
	Seq   uint64                     // of the last record that is in it
	Now   machine.Time               // by the clock of the machine inside
	Pairs iter.Seq2[app.Pair, error] // an error is the last thing that it yields
}

// Last returns the record of a snapshot, 0 of none.
func (s *Snapshot) Last() uint64 {
	if s == nil {
		return 0
	}
	return s.Seq
}

// load gives the state to a machine. A snapshot that cannot be read to its end is an
// error even if what came before it looks like a state.
func (s *Snapshot) load(inside Inside) error {
	var torn error
	err := inside.Load(func(yield func(string, []byte) bool) {
		for p, err := range s.Pairs {
			if err != nil {
				torn = err
				return
			}
			if !yield(p.Key, p.Value) {
				return
			}
		}
	})
	if torn != nil {
		err = torn
	}
	if err != nil {
		return fmt.Errorf("the snapshot at record %d: %w", s.Seq, err)
	}
	return nil
}

// TakeSnapshot is the command that asks for the present state. The answer is a [Taken].
// Like every answer it comes when what it rests on is durable.
type TakeSnapshot struct{}

// Kept is the command that says that the snapshot up to record Seq is durable: records up
// to it are not needed any more. The answer is a [Mark].
type Kept struct{ Seq uint64 }

// Mark says up to where something goes. It answers Kept, and where a snapshot cannot
// travel, it stands for it.
type Mark struct {
	Seq     uint64
	Now     machine.Time
	Refused string // why there is none; empty if there is
}

// Taken is a state that was asked for.
type Taken struct {
	Mark
	View app.View // nil if Refused
}

// Snapshot returns what New can begin with.
func (t Taken) Snapshot() *Snapshot {
	return &Snapshot{t.Seq, t.Now, func(yield func(app.Pair, error) bool) {
		for k, v := range t.View.Pairs("") {
			if !yield(app.Pair{Key: k, Value: v}, nil) {
				return
			}
		}
	}}
}

// AppendTo implements machine.Data.
func (TakeSnapshot) AppendTo(b []byte) []byte { return cbor.AppendNull(own(b, tagTake)) }

// AppendTo implements machine.Data.
func (k Kept) AppendTo(b []byte) []byte { return cbor.AppendUint(own(b, tagKept), k.Seq) }

// AppendTo implements machine.Data. Of a Taken it is the Mark: the state does not travel.
func (m Mark) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(own(b, tagMark), 3)
	return cbor.AppendText(cbor.AppendInt(cbor.AppendUint(b, m.Seq), int64(m.Now)), m.Refused)
}

func (m *Machine) snapshot() machine.Data {
	if m.broken != "" {
		return Taken{Mark: Mark{Refused: m.broken}}
	}
	return Taken{Mark{Seq: m.seq, Now: m.last}, m.config.Inside.View()}
}

// kept lets go of the records up to k.Seq, which a durable snapshot stands for: only now,
// and not when it was taken. What claims to be of the future is refused, and so is everything
// while the state is not known.
//
//ds:todo p2.9
func (m *Machine) kept(k Kept, out *machine.Out) machine.Data {
	switch {
	case m.broken != "":
		return Mark{Refused: m.broken}
	case k.Seq > m.seq:
		return Mark{Refused: fmt.Sprintf("a snapshot up to record %d, and the last record is %d", k.Seq, m.seq)}
	}
	out.Trim = max(out.Trim, k.Seq+1)
	return Mark{Seq: k.Seq, Now: m.last}
}
