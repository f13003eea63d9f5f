// Package pulse keeps a machine's clock from falling far behind. The clock inside a durable
// machine goes on from its last record after a crash (see package durable), so a lease would
// be put off by all the time in which nothing was saved. [Machine] sends itself a beat, which
// is saved like any envelope to oneself: while time alone can change the state, and only
// then, a record is saved every so often.
package pulse

import (
	"bytes"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p2-persist/durable"
)

// Inside is a machine that can tell whether time matters to it.
type Inside interface {
	durable.Inside

	// Pending reports whether time alone will change the state.
	Pending() bool
}

// Machine is a machine with a pulse.
type Machine struct {
	Inside
	self    machine.Addr
	every   machine.Time
	beating bool // a beat is on its way
}

var _ durable.Inside = (*Machine)(nil)

// Wrap gives a machine at an address a beat every so often. What it sends itself beside
// that, and how its state looks, stays what it is.
func Wrap(self machine.Addr, inside Inside, every machine.Time) *Machine {
	return &Machine{Inside: inside, self: self, every: every}
}

// Step implements machine.Machine.
func (m *Machine) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ready: // a beat that was on its way is lost
		m.beating = false
		m.Inside.Step(in, out)
	case machine.Recv:
		if _, ok := e.Msg.(beat); ok && e.From == m.self {
			m.beating = false
		} else {
			m.Inside.Step(in, out)
		}
	default:
		m.Inside.Step(in, out)
	}
	if !m.beating && m.Pending() {
		m.beating = true
		out.Timer(m.self, m.every, beat{})
	}
}

// beat is the envelope that a Machine sends itself.
type beat struct{}

// AppendTo implements machine.Data.
func (beat) AppendTo(b []byte) []byte { return cbor.AppendNull(cbor.AppendTag(b, tagBeat)) }

// tagBeat begins a beat. No message of a machine inside begins with it.
const tagBeat = 0x4453_0011

// String shows a beat in a trace.
func (beat) String() string { return "beat" }

// Protocol is that of a machine with a pulse around one of the protocol inside. It does not
// make any: New is inside's.
func Protocol(inside *machine.Protocol) *machine.Protocol {
	p := *inside
	beats := beat{}.AppendTo(nil)
	p.Message = func(b []byte) (machine.Data, error) {
		if bytes.Equal(b, beats) {
			return beat{}, nil
		}
		return inside.Message(b)
	}
	return &p
}
