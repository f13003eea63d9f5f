package judge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

// frames is a process as a stream. Who reads waits for the process.
type frames struct{ p *Process }

func (f frames) Read(b []byte) (int, error) {
	defer f.p.Watch()()
	return f.p.raw.Read(b)
}

func (f frames) Write(b []byte) (int, error) { return f.p.Write(b) }

// Pipe starts a program of the submission that serves its machines, such as sim -pipe,
// and returns the judge's end: for many schedules at once. See [sim.Pipe].
func (t *T) Pipe(name string, args ...string) *sim.Pipe {
	return sim.NewPipe(frames{t.start(true, name, args)})
}

// Stream starts a program of the submission that speaks in frames of its own, and returns
// its input and output as one stream. Who reads or writes waits for the process.
func (t *T) Stream(name string, args ...string) (*Process, io.ReadWriter) {
	p := t.start(true, name, args)
	return p, frames{p}
}

// Far is the machines of a submission, one step at a time: for a world that a suite
// drives by hand. It speaks the protocol of [sim.Pipe], and belongs to one goroutine.
type Far struct {
	p     *Process
	roles map[string]*machine.Protocol
	last  uint64 // instance
}

// Far starts a program of the submission that serves its machines. roles are the
// stage's protocols by role, whose decoders read what the machines say.
func (t *T) Far(roles map[string]*machine.Protocol, name string, args ...string) *Far {
	return &Far{p: t.start(true, name, args), roles: roles}
}

// Process is the one that serves the machines.
func (f *Far) Process() *Process { return f.p }

// Protocol is that of a role, but its machines are the submission's. A machine that
// panics there panics here, and so does one that answers what is no answer: a world
// takes both for a failure of the machine.
func (f *Far) Protocol(role string) *machine.Protocol {
	p := *f.roles[role]
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		f.last++
		m := &farMachine{far: f, id: f.last, protocol: f.roles[role]}
		b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(nil, 5), 0), m.id)
		b = cbor.AppendUint(cbor.AppendText(b, role), uint64(self.Node))
		_, err := f.exchange(cbor.AppendBytes(b, config))
		return m, err
	}
	return &p
}

// farMachine is one of the submission's machines.
type farMachine struct {
	far      *Far
	id       uint64
	protocol *machine.Protocol
}

// Step implements machine.Machine.
func (m *farMachine) Step(in machine.In, out *machine.Out) {
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(nil, 3), 1), m.id)
	answer, err := m.far.exchange(cbor.AppendBytes(b, machine.AppendIn(nil, in)))
	if err == nil {
		err = m.read(answer, out)
	}
	if err != nil {
		panic(farFault{err})
	}
}

// farFault is what a machine of the submission panics with: it tells such a panic from
// one of the judge's own.
type farFault struct{ error }

// Stop implements machine.Stopper.
func (m *farMachine) Stop() {
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(nil, 2), 2), m.id)
	_, _ = m.far.exchange(b) // it may have died, and is not needed any more
}

// exchange sends a frame of one item and returns the answer.
func (f *Far) exchange(item []byte) ([]byte, error) {
	stream := frames{f.p}
	frame := append(cbor.AppendArray(make([]byte, 4), 1), item...)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := stream.Write(frame); err != nil {
		return nil, fmt.Errorf("%w: %w", sim.ErrPipe, err)
	}
	var size [4]byte
	if _, err := io.ReadFull(stream, size[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", sim.ErrPipe, err)
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	if n > sim.MaxFrame {
		return nil, fmt.Errorf("%w: answer of %d bytes", sim.ErrPipe, n)
	}
	answer, err := io.ReadAll(io.LimitReader(stream, n))
	if err == nil && int64(len(answer)) < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sim.ErrPipe, err)
	}
	return answer, nil
}

// read reads the answer to a step.
func (m *farMachine) read(answer []byte, out *machine.Out) error {
	r := cbor.NewReader(answer)
	r.Fixed(1)
	r.Fixed(3)
	id, ok, b := r.Uint(), r.Bool(), r.CopyBytes()
	switch err := r.Close(); {
	case err != nil:
		return fmt.Errorf("%w: %w", sim.ErrPipe, err)
	case id != m.id:
		return fmt.Errorf("%w: answer of instance %d, want %d", sim.ErrPipe, id, m.id)
	case !ok:
		return errors.New(string(b))
	}
	if err := machine.DecodeOut(b, out); err != nil {
		return fmt.Errorf("%w: %w", sim.ErrPipe, err)
	}
	return m.understand(out)
}

// understand turns the raw data of an Out into values, as its receivers will.
func (m *farMachine) understand(out *machine.Out) (err error) {
	for i, rec := range out.Save {
		if m.protocol.Record == nil {
			return fmt.Errorf("saves: %w", machine.ErrNoDecoder)
		}
		if out.Save[i], err = m.protocol.Record(rec.(machine.Raw)); err != nil {
			return fmt.Errorf("saves an unreadable record: %w", err)
		}
	}
	for i := range out.Send {
		e := &out.Send[i]
		to := m.far.roles[e.To.Role]
		if to == nil {
			continue
		}
		if e.Msg, err = machine.DecodeMessage(e.Msg.(machine.Raw), to); err != nil {
			return fmt.Errorf("sends %v an unreadable message: %w", e.To, err)
		}
	}
	for i, a := range out.Reply {
		if m.protocol.Answer == nil {
			return fmt.Errorf("answers: %w", machine.ErrNoDecoder)
		}
		if out.Reply[i].Data, err = m.protocol.Answer(a.Data.(machine.Raw)); err != nil {
			return fmt.Errorf("gives an unreadable answer: %w", err)
		}
	}
	return nil
}
