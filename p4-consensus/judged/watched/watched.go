// Package watched lets a judge search the runs of machines that live in another process.
// A search must know when two machines are in the same state; only the process that holds
// them can see that. So there each notes after every step which state it is in, and here the
// note is taken off again, before anybody else reads it.
//
// A search rests on this note in one way only: it does not look twice at what was the same
// before. A machine whose note is false is searched less; it is not believed more.
package watched

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"dss.example/common/machine"
	"dss.example/common/sim/dump"
	"dss.example/common/sim/explore"
)

// Role is the name under which machines of a role are made that note their state.
func Role(role string) string { return "watched " + role }

const noteName = "state"

// Protocol is that of machines of a role that note their state. They live under their own
// address, whatever name they are made by.
func Protocol(role string, p *machine.Protocol) *machine.Protocol {
	watched := *p
	watched.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		self.Role = role
		m, err := p.New(self, config)
		if err != nil {
			return nil, err
		}
		return &noting{Machine: m}, nil
	}
	return &watched
}

// noting is a machine that notes its state.
type noting struct {
	machine.Machine
	printer dump.Printer
	buf     []byte
}

// Step implements machine.Machine.
func (m *noting) Step(in machine.In, out *machine.Out) {
	m.Machine.Step(in, out)
	m.buf = m.printer.Append(m.buf[:0], m.Machine)
	sum := sha256.Sum256(m.buf)
	out.Note = append(out.Note, machine.Fact{Name: noteName, Text: hex.EncodeToString(sum[:])})
}

// ErrNote is what a step of a machine ends with, as a panic, that does not note its state.
var ErrNote = errors.New("watched: a machine does not note its state")

// Live is a machine at the far end, of a Protocol, as a search drives it.
func Live(m machine.Machine) explore.Live { return &live{Machine: m} }

type live struct {
	machine.Machine
	state string // after the last step; empty before the first
}

// Step implements machine.Machine.
func (l *live) Step(in machine.In, out *machine.Out) {
	l.Machine.Step(in, out)
	last := len(out.Note) - 1
	if last < 0 || out.Note[last].Name != noteName {
		panic(ErrNote)
	}
	l.state, out.Note = out.Note[last].Text, out.Note[:last]
}

// Dump implements explore.Live.
func (l *live) Dump(b []byte) []byte { return append(b, l.state...) }

// Stop implements machine.Stopper.
func (l *live) Stop() {
	if s, ok := l.Machine.(machine.Stopper); ok {
		s.Stop()
	}
}
