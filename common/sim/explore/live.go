package explore

import (
	"encoding/binary"
	"fmt"

	"dss.example/common/machine"
	"dss.example/common/sim/dump"
)

// Live is a running machine as the search drives it: a machine in this process
// (see [Local]), or one at the far end of a pipe. If it is a machine.Stopper too,
// it is stopped when it is no longer needed.
type Live interface {
	machine.Machine

	// Dump appends the identity of the state: two machines of one place with equal
	// dumps must behave alike from now on.
	Dump(b []byte) []byte
}

// Local makes a machine of this process searchable: its identity is its dump.
func Local(m machine.Machine) Live { return &local{Machine: m, printer: new(dump.Printer)} }

type local struct {
	machine.Machine
	printer *dump.Printer // may be shared by the machines of one search
}

func (l *local) Dump(b []byte) []byte { return l.printer.Append(b, l.Machine) }
func (l *local) Lines() string        { return dump.Lines(l.Machine) }

func (l *local) Stop() {
	if s, ok := l.Machine.(machine.Stopper); ok {
		s.Stop()
	}
}

// ByHistory makes a machine searchable whose state a dump cannot see (a flow: its
// state is a stack). Its identity is all that ever happened to it, so no two
// histories are joined, and a search ends only where inputs do: bound it.
func ByHistory(m machine.Machine) Live { return &historian{local: local{m, nil}} }

type historian struct {
	local
	history []byte
}

func (h *historian) Step(in machine.In, out *machine.Out) {
	b := machine.AppendIn(nil, in)
	h.history = binary.AppendUvarint(h.history, uint64(len(b)))
	h.history = append(h.history, b...)
	h.Machine.Step(in, out)
}

func (h *historian) Dump(b []byte) []byte { return append(b, h.history...) }

// step runs one step; a panic is a broken contract.
func step(m machine.Machine, in machine.In, out *machine.Out) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	m.Step(in, out)
	return nil
}

func stop(m Live) {
	if s, ok := m.(machine.Stopper); ok {
		s.Stop()
	}
}
