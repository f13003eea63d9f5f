package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Errors of a recording.
var (
	// ErrMalformed means that the bytes are not a recording that this package
	// writes, or that an input does not fit in one.
	ErrMalformed = errors.New("not a recording")

	// ErrCut means that the recording ends inside a frame, as that of a killed
	// process does. All steps before are whole.
	ErrCut = errors.New("recording is cut off")
)

// Step is one step of one machine in a recording.
type Step struct {
	Header Header // of the machine; Config must not be changed
	Number int    // of the step, from 0 at each machine
	In     []byte // as machine.DecodeIn reads it
	Hash   uint64 // Hash of what the machine answered
	Ended  bool   // false: the machine panicked in this step, and Hash means nothing
}

// Read iterates the steps of a recording in the order in which they
// ended. An error comes last: ErrCut, ErrMalformed, or r's own. The bytes are
// hostile: no more memory is taken than r has bytes for, and MaxFrame.
func Read(r io.Reader) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		rec := reader{r: r}
		if err := rec.start(); err != nil {
			yield(Step{}, err)
			return
		}
		for {
			step, err := rec.next()
			if err == io.EOF || !yield(step, err) || err != nil {
				return
			}
		}
	}
}

type reader struct {
	r        io.Reader
	machines []recorded
}

type recorded struct {
	header Header
	steps  int
}

func (r *reader) start() error {
	var b [len(magic)]byte
	n, err := io.ReadFull(r.r, b[:])
	switch {
	case string(b[:n]) != magic[:n]:
		return fmt.Errorf("%w: starts with %q, want %q", ErrMalformed, b[:n], magic)
	case err != nil:
		return cut(err)
	}
	return nil
}

// next returns the next step, or io.EOF itself at the end.
func (r *reader) next() (Step, error) {
	for {
		b, err := r.frame()
		if err != nil {
			return Step{}, err
		}
		c := cbor.NewReader(b)
		switch kind := c.Uint(); kind {
		case frameMachine:
			r.addMachine(&c)
		case frameStep:
			step := r.step(&c)
			return step, closeFrame(&c)
		default:
			c.Fail("frame of kind %d", kind)
		}
		if err := closeFrame(&c); err != nil {
			return Step{}, err
		}
	}
}

func (r *reader) addMachine(c *cbor.Reader) {
	var h Header
	h.Self.Node = machine.Node(c.Uint())
	h.Self.Role, h.Protocol, h.Config = c.Text(), c.Text(), c.CopyBytes()
	if len(r.machines) == MaxMachines {
		c.Fail("more than %d machines", MaxMachines)
	}
	r.machines = append(r.machines, recorded{header: h})
}

func (r *reader) step(c *cbor.Reader) Step {
	number := c.Uint()
	if number >= uint64(len(r.machines)) {
		c.Fail("step of machine %d of %d", number, len(r.machines))
		return Step{}
	}
	m := &r.machines[number]
	step := Step{Header: m.header, Number: m.steps, In: c.CopyBytes()}
	if m.steps++; !c.Null() {
		step.Hash, step.Ended = c.Uint(), true
	}
	return step
}

// frame reads one frame, growing its memory as the bytes come in.
func (r *reader) frame() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r.r, head[:]); err == io.EOF {
		return nil, io.EOF
	} else if err != nil {
		return nil, cut(err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > MaxFrame {
		return nil, fmt.Errorf("%w: frame of %d bytes, at most %d", ErrMalformed, n, MaxFrame)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r.r, int64(n)); err != nil {
		return nil, cut(err)
	}
	return b.Bytes(), nil
}

// cut names the end of the bytes inside a frame; another error stays what it is.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrCut
	}
	return err
}

func closeFrame(c *cbor.Reader) error {
	if err := c.Close(); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
