package sim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Pipe is the judge's end of a stream to another process that holds the machines
// under judgement. The whole world stays here; only (instance, In) goes over, and
// (instance, Out) comes back, many of them in one frame, so that a hundred worlds
// move in lock-step.
//
// A frame is a length of 4 bytes, big endian, and a CBOR array. To the far end its
// items are [0, instance, role, node, config] (make a machine), [1, instance, In]
// (step it) and [2, instance] (let it go). The answer has an item for each step:
// [instance, true, Out], or [instance, false, text] when the machine panicked, could not be made,
// or could not read its input.
type Pipe struct {
	r     *bufio.Reader
	w     io.Writer
	items int
	out   []byte // items of the frame that is being made
	in    []byte // the item's In
	last  uint64 // instance
}

// MaxFrame bounds a frame of the pipe in bytes.
const MaxFrame = 64 << 20

// ErrPipe is what a broken pipe's failures wrap: the far end is gone, or wrote
// what is no answer. It says nothing about a single world.
var ErrPipe = errors.New("judge's pipe broke")

const (
	pipeNew = iota
	pipeStep
	pipeDrop
)

// NewPipe returns the judge's end of a stream.
func NewPipe(rw io.ReadWriter) *Pipe { return &Pipe{r: bufio.NewReaderSize(rw, 1<<16), w: rw} }

// Many runs n seeds from base on through the pipe, batch worlds at a time, and
// stops at the first failure. A broken pipe is an error, not a failure of a world.
//
// The worlds move in two groups: while the far end steps one, the judge gets the
// other ready.
func (p *Pipe) Many(ctx context.Context, cfg *Config, base uint64, n, batch int) (*Summary, error) {
	start := time.Now()
	m := &pipeMany{p: p, cfg: cfg, next: base, end: base + uint64(n), sum: &Summary{Seed: ^uint64(0)}}
	stop := m.startReading()
	defer stop()
	groups := [2]*group{{size: max(1, batch/2)}, {size: max(1, batch/2)}}
	var err error
	for i := 0; err == nil && ctx.Err() == nil; i++ {
		g := groups[i%2]
		if err = m.receive(g); err == nil {
			err = m.send(g)
		}
		if !groups[0].sent && !groups[1].sent {
			break
		}
	}
	for _, g := range groups {
		if err == nil {
			err = m.receive(g) // it was under way when ctx ended
		}
		for _, w := range g.worlds {
			w.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	m.sum.Stopped = m.sum.Failed == nil && m.sum.Schedules < n
	m.sum.Elapsed = time.Since(start)
	return m.sum, nil
}

// pipeMany is a Many at work.
type pipeMany struct {
	p         *Pipe
	cfg       *Config
	next, end uint64 // seeds that are still to be run
	sum       *Summary
	expected  chan struct{} // a frame is under way
	answers   chan answer
}

type answer struct {
	frame []byte
	err   error
}

// startReading reads answers in a goroutine: the far end must never wait for a judge
// who waits for it to read.
func (m *pipeMany) startReading() (stop func()) {
	m.expected, m.answers = make(chan struct{}, 2), make(chan answer, 2)
	go func() {
		defer close(m.answers)
		for range m.expected {
			frame, err := readFrame(m.p.r)
			m.answers <- answer{frame, err}
		}
	}()
	return func() {
		close(m.expected)
		for range m.answers { // until the goroutine has ended
		}
	}
}

// group is the worlds that share a frame.
type group struct {
	size   int
	worlds []*World
	calls  []*call // what each world waits for
	sent   bool    // a frame is under way
	out    machine.Out
}

// send brings every world of a group to its next step at the far end, new worlds in
// the places of those that have ended, and sends the steps.
func (m *pipeMany) send(g *group) error {
	going := g.worlds[:0]
	g.calls = g.calls[:0]
	take := func(w *World) {
		if c := w.untilRemote(); c != nil {
			m.p.step(c)
			going, g.calls = append(going, w), append(g.calls, c)
		} else {
			m.sum.take(w)
		}
	}
	for _, w := range g.worlds {
		take(w)
	}
	for len(going) < g.size && m.next < m.end && m.sum.Failed == nil {
		m.next++
		take(newSeeded(m.cfg, m.next-1, m.p))
	}
	g.worlds = going
	if g.sent = len(going) > 0; !g.sent {
		return nil
	}
	m.expected <- struct{}{}
	return m.p.send()
}

// receive completes the steps of a group with what the far end answers.
func (m *pipeMany) receive(g *group) error {
	if !g.sent {
		return nil
	}
	g.sent = false
	a := <-m.answers
	if a.err != nil {
		return fmt.Errorf("%w: %w", ErrPipe, a.err)
	}
	r := cbor.NewReader(a.frame)
	if n := r.Array(); n != len(g.calls) {
		return fmt.Errorf("%w: %d answers to %d steps", ErrPipe, n, len(g.calls))
	}
	for i, w := range g.worlds {
		g.out.Reset()
		err := m.p.readOut(&r, w, g.calls[i], &g.out)
		if errors.Is(err, ErrPipe) {
			return err
		}
		w.complete(g.calls[i], &g.out, err)
	}
	return nil
}

// untilRemote runs a world's own machines until one of the far end must step.
func (w *World) untilRemote() *call {
	var out machine.Out
	for {
		c := w.next()
		if c == nil {
			return nil
		}
		if _, far := c.slot.machine.(*remote); far {
			return c
		}
		out.Reset()
		w.complete(c, &out, w.stepLocal(c, &out))
	}
}

func (s *Summary) take(w *World) {
	s.Stats.Add(w.Stats())
	s.Hash += mix(w.seed, w.Hash())
	if w.fail != nil && w.seed < s.Seed {
		s.Failed, s.Seed = w.fail, w.seed
	}
	w.Close()
}

// remote is a machine at the far end.
type remote struct {
	p  *Pipe
	id uint64
}

// Step implements machine.Machine. Nobody calls it: see Pipe.Many.
func (r *remote) Step(machine.In, *machine.Out) {
	panic("sim: remote machine stepped outside of a round")
}

// Stop implements machine.Stopper.
func (r *remote) Stop() {
	r.p.items++
	r.p.out = cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(r.p.out, 2), pipeDrop), r.id)
}

func (p *Pipe) create(s *slot) *remote {
	p.last++
	p.items++
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(p.out, 5), pipeNew), p.last)
	b = cbor.AppendText(b, s.role.Name)
	b = cbor.AppendUint(b, uint64(s.addr.Node))
	p.out = cbor.AppendBytes(b, s.role.Config)
	return &remote{p, p.last}
}

func (p *Pipe) step(c *call) {
	p.items++
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(p.out, 3), pipeStep), c.slot.machine.(*remote).id)
	p.in = machine.AppendIn(p.in[:0], c.in)
	p.out = cbor.AppendBytes(b, p.in)
}

// send sends the frame that was made.
func (p *Pipe) send() error {
	err := writeFrame(p.w, p.items, p.out)
	p.items, p.out = 0, p.out[:0]
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPipe, err)
	}
	return nil
}

// readOut reads one answer. An error that is not ErrPipe is the machine's.
func (p *Pipe) readOut(r *cbor.Reader, w *World, c *call, out *machine.Out) error {
	r.Fixed(3)
	id, ok := r.Uint(), r.Bool()
	if want := c.slot.machine.(*remote).id; r.Err() == nil && id != want {
		return fmt.Errorf("%w: answer of instance %d, want %d", ErrPipe, id, want)
	}
	b := r.Bytes()
	switch {
	case r.Err() != nil:
		return fmt.Errorf("%w: %w", ErrPipe, r.Err())
	case !ok:
		return &panicked{value: string(b)}
	}
	if err := machine.DecodeOut(b, out); err != nil {
		return fmt.Errorf("%w: %w", ErrPipe, err)
	}
	return w.understand(c.slot, out)
}

// understand turns the raw data of an Out into values, as its receivers will.
func (w *World) understand(s *slot, out *machine.Out) (err error) {
	p := s.protocol
	for i, rec := range out.Save {
		if out.Save[i], err = s.decodeRecord(rec.(machine.Raw)); err != nil {
			return fmt.Errorf("saves an unreadable record: %w", err)
		}
	}
	for i := range out.Send {
		e := &out.Send[i]
		to := w.at(e.To)
		if to == nil {
			continue
		}
		if e.Msg, err = machine.DecodeMessage(e.Msg.(machine.Raw), to.protocol); err != nil {
			return fmt.Errorf("sends %v an unreadable message: %w", e.To, err)
		}
	}
	for i, a := range out.Reply {
		if p.Answer == nil {
			return fmt.Errorf("answers: %w", machine.ErrNoDecoder)
		}
		if out.Reply[i].Data, err = p.Answer(a.Data.(machine.Raw)); err != nil {
			return fmt.Errorf("gives an unreadable answer: %w", err)
		}
	}
	return nil
}

// ServePipe is the far end: it makes machines of the given protocols, by role, and
// steps them until the stream ends.
func ServePipe(rw io.ReadWriter, roles map[string]*machine.Protocol) error {
	s := &pipeServer{roles: roles, machines: map[uint64]*hosted{}}
	defer s.stopAll()
	in := bufio.NewReaderSize(rw, 1<<16)
	for {
		frame, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrPipe, err)
		}
		if err := s.serve(frame); err != nil {
			return fmt.Errorf("%w: %w", ErrPipe, err)
		}
		if err := writeFrame(rw, s.items, s.out); err != nil {
			return fmt.Errorf("%w: %w", ErrPipe, err)
		}
	}
}

type pipeServer struct {
	roles    map[string]*machine.Protocol
	machines map[uint64]*hosted
	items    int
	out      []byte
	step     machine.Out
	stepped  []byte // the step's Out
}

// hosted is a machine at the far end, or the reason why there is none.
type hosted struct {
	protocol *machine.Protocol
	machine  machine.Machine
	err      error
}

func (s *pipeServer) stopAll() {
	for _, h := range s.machines {
		stop(h.machine)
	}
}

func (s *pipeServer) serve(frame []byte) error {
	s.items, s.out = 0, s.out[:0]
	r := cbor.NewReader(frame)
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.Array()
		switch op, id := r.Uint(), r.Uint(); op {
		case pipeNew:
			s.machines[id] = s.create(r.Text(), machine.Node(r.Uint()), r.CopyBytes())
		case pipeStep:
			s.stepOne(id, r.Bytes())
		case pipeDrop:
			if h := s.machines[id]; h != nil {
				stop(h.machine)
				delete(s.machines, id)
			}
		default:
			r.Fail("operation %d", op)
		}
	}
	return r.Close()
}

func (s *pipeServer) create(role string, node machine.Node, config []byte) *hosted {
	p := s.roles[role]
	if p == nil {
		return &hosted{err: fmt.Errorf("no role %q here", role)}
	}
	m, err := p.New(machine.Addr{Node: node, Role: role}, config)
	return &hosted{protocol: p, machine: m, err: err}
}

func (s *pipeServer) stepOne(id uint64, b []byte) {
	s.step.Reset()
	err := s.try(s.machines[id], b)
	s.items++
	s.out = cbor.AppendBool(cbor.AppendUint(cbor.AppendArray(s.out, 3), id), err == nil)
	if err != nil {
		s.out = cbor.AppendBytes(s.out, []byte(err.Error()))
		return
	}
	s.stepped = machine.AppendOut(s.stepped[:0], &s.step)
	s.out = cbor.AppendBytes(s.out, s.stepped)
}

func (s *pipeServer) try(h *hosted, b []byte) error {
	switch {
	case h == nil:
		return errors.New("no such machine")
	case h.err != nil:
		return h.err
	}
	in, err := machine.DecodeIn(b, h.protocol)
	if err != nil {
		return err
	}
	return step(h.machine, in, &s.step)
}

func writeFrame(w io.Writer, items int, body []byte) error {
	b := make([]byte, 4, len(body)+16)
	b = append(cbor.AppendArray(b, items), body...)
	if len(b)-4 > MaxFrame {
		return fmt.Errorf("frame of %d bytes exceeds %d", len(b)-4, MaxFrame)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := w.Write(b)
	return err
}

// readFrame reads a frame in growing pieces, so that a length costs little before
// the bytes are there.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n > MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes exceeds %d", n, MaxFrame)
	}
	b := bytes.NewBuffer(make([]byte, 0, min(n+bytes.MinRead, 1<<16)))
	_, err := io.CopyN(b, r, n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b.Bytes(), err
}
