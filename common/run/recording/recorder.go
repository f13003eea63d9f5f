// Package recording keeps every input of machines in the real world, so that a
// simulator can replay what happened there: run writes a recording, sim reads it.
//
// A recording is a magic, then frames: a length in four bytes, the most significant
// first, and as many bytes of a CBOR sequence that starts with the frame's kind.
// Several machines of one process share a recording; each has a [Track] of it.
package recording

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Header tells of one machine in a recording: what Protocol.New needs to make it
// again.
type Header struct {
	Self     machine.Addr
	Protocol string
	Config   []byte
}

// Bounds of a recording.
const (
	MaxFrame    = 16 << 20 // bytes of one frame; a larger input ends the recording
	MaxMachines = 1024     // machines of one recording
)

const (
	magic = "dssrec\x00\x01" // the last byte is the format's version

	frameMachine = 1 // node, role, protocol, config
	frameStep    = 2 // number of the machine from 0, In, hash of the Out or null
)

// Recorder writes every input of one or more machines, each with a hash of what
// the machine answered to it. The writing is buffered and flushed when a machine
// stops: after a kill the last inputs are missing. An error of the writer ends the
// recording, not the machines. A Recorder may be used by many goroutines. The
// recording grows with every input and has no bound but the writer's.
type Recorder struct {
	name string // of the writer, for messages

	mu       sync.Mutex // guards what follows
	w        *bufio.Writer
	machines int
	err      error // of the first write that failed
}

// New starts a recording. w stays open: it belongs to the caller, who asks
// Flush for the errors of the recording.
func New(w io.Writer) *Recorder {
	r := &Recorder{w: bufio.NewWriterSize(w, 64<<10), name: "the recording"}
	if file, ok := w.(interface{ Name() string }); ok {
		r.name = file.Name()
	}
	_, r.err = r.w.WriteString(magic)
	return r
}

// Flush writes what is buffered and returns the recording's first error.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = r.w.Flush()
	}
	return r.err
}

// Track adds a machine to the recording, MaxMachines at most.
func (r *Recorder) Track(h Header) (*Track, error) {
	b := cbor.AppendUint(nil, frameMachine)
	b = cbor.AppendText(cbor.AppendUint(b, uint64(h.Self.Node)), h.Self.Role)
	b = cbor.AppendBytes(cbor.AppendText(b, h.Protocol), h.Config)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.machines == MaxMachines {
		return nil, fmt.Errorf("more than %d machines in one recording", MaxMachines)
	}
	r.machines++
	r.frame(b)
	return &Track{rec: r, number: uint64(r.machines - 1)}, nil
}

// frame writes one frame. The mutex is held.
func (r *Recorder) frame(b []byte) {
	if len(b) > MaxFrame && r.err == nil {
		r.err = fmt.Errorf("%w: input of %d bytes", ErrMalformed, len(b))
	}
	if r.err != nil {
		return
	}
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(b)))
	if _, r.err = r.w.Write(head[:]); r.err == nil {
		_, r.err = r.w.Write(b)
	}
}

// Track is one machine's part of a recording. It belongs to the machine's owner, who
// calls Begin before each step and End after it.
type Track struct {
	rec      *Recorder
	number   uint64
	buf      []byte // the frame of the step under way
	out      []byte // scratch
	stepping bool
}

// Begin notes the input before the machine gets it, so that it is there if the
// machine panics.
func (t *Track) Begin(in machine.In) {
	b := cbor.AppendUint(cbor.AppendUint(t.buf[:0], frameStep), t.number)
	t.out = machine.AppendIn(t.out[:0], in)
	t.buf = cbor.AppendBytes(b, t.out)
	t.stepping = true
}

// End writes the step with the hash of what the machine answered.
func (t *Track) End(out *machine.Out) {
	t.out = machine.AppendOut(t.out[:0], out)
	t.buf = cbor.AppendUint(t.buf, fnv(t.out))
	t.write()
}

// Abort writes the step under way, if there is one, as one that did not end. It
// tells where to find the input, for an error message.
func (t *Track) Abort() string {
	if !t.stepping {
		return ""
	}
	t.buf = cbor.AppendNull(t.buf)
	t.write()
	return fmt.Sprintf(" (its input ends %s)", t.rec.name)
}

func (t *Track) write() {
	t.stepping = false
	t.rec.mu.Lock()
	defer t.rec.mu.Unlock()
	t.rec.frame(t.buf)
}

// Hash returns the hash that a recording keeps of out: FNV-1a, 64 bits, of its
// canonical encoding. It tells two Outs of honest machines apart, no more.
func Hash(out *machine.Out) uint64 { return fnv(machine.AppendOut(nil, out)) }

func fnv(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
