// Package chain is a toy shared log, to prove the simulator's flows: positions
// from a sequencer, write-once units written in chain order, holes filled with
// junk by whoever waits too long (after CORFU, Balakrishnan et al. 2012, sections
// 3.2 and 3.3).
package chain

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/flow"
	"dss.example/common/machine"
)

// Bug breaks the toy on purpose, one line each.
type Bug string

// The bugs. None is the right toy.
const (
	None      Bug = ""
	Overwrite Bug = "junk overwrites a value"
	AckLoser  Bug = "an append is acknowledged though another value stands at its position"
	BlindFill Bug = "a filler returns junk though a value won"
	Forget    Bug = "a unit answers without saving"
	NoFill    Bug = "holes are never filled"
)

// Cmd is what units, sequencer and clients are asked; which fields count depends
// on its kind.
type Cmd struct {
	Kind  Kind
	Pos   uint64
	Value string // empty is junk: the mark of a filled hole
}

// Kind is what a Cmd asks.
type Kind uint64

// Kinds of commands: of units Write and Read, of the sequencer Next, of clients
// Append and Fetch (which fills a hole).
const (
	Write Kind = iota + 1
	Read
	Next
	Append
	Fetch
)

// Answer is what they answer.
type Answer struct {
	OK    bool // Write: written now. Read, Fetch: there is a value. Next, Append: done
	Pos   uint64
	Value string // what stands at Pos
}

// String prints the command: "write 3 x".
func (c Cmd) String() string {
	name := [...]string{"?", "write", "read", "next", "append", "fetch"}[min(c.Kind, Fetch)]
	switch c.Kind {
	case Next:
		return name
	case Append:
		return name + " " + c.Value
	case Write:
		return fmt.Sprintf("%s %d %s", name, c.Pos, valueText(c.Value))
	}
	return fmt.Sprintf("%s %d", name, c.Pos)
}

// String prints the answer: "ok 3 x".
func (a Answer) String() string {
	if !a.OK {
		return fmt.Sprintf("no %d %s", a.Pos, a.Value)
	}
	return fmt.Sprintf("ok %d %s", a.Pos, valueText(a.Value))
}

func valueText(v string) string {
	if v == "" {
		return "junk"
	}
	return v
}

// AppendTo implements machine.Data.
func (c Cmd) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 3), uint64(c.Kind))
	return cbor.AppendKey(cbor.AppendUint(b, c.Pos), c.Value)
}

// AppendTo implements machine.Data.
func (a Answer) AppendTo(b []byte) []byte {
	b = cbor.AppendBool(cbor.AppendArray(b, 3), a.OK)
	return cbor.AppendKey(cbor.AppendUint(b, a.Pos), a.Value)
}

func decodeCmd(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	r.Fixed(3)
	c := Cmd{Kind(r.Uint()), r.Uint(), r.Key()}
	return c, r.Close()
}

func decodeAnswer(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	r.Fixed(3)
	a := Answer{r.Bool(), r.Uint(), r.Key()}
	return a, r.Close()
}

// unit keeps write-once positions. It saves before it answers.
type unit struct {
	cells map[uint64]string
	bug   Bug
}

// UnitProtocol is a storage unit's.
func UnitProtocol(bug Bug) *machine.Protocol {
	return &machine.Protocol{
		Name: "unit", Record: decodeCmd, Command: decodeCmd, Answer: decodeAnswer,
		New: func(machine.Addr, []byte) (machine.Machine, error) {
			return &unit{cells: map[uint64]string{}, bug: bug}, nil
		},
	}
}

// Step implements machine.Machine.
func (u *unit) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		if rec, ok := e.Record.(Cmd); ok {
			u.cells[rec.Pos] = rec.Value
		}
	case machine.Ask:
		cmd := e.Cmd.(Cmd)
		old, written := u.cells[cmd.Pos]
		if cmd.Kind == Write && (!written || u.bug == Overwrite && cmd.Value == "") {
			u.cells[cmd.Pos] = cmd.Value
			if u.bug != Forget {
				out.Save = append(out.Save, cmd)
			}
			out.Answer(e.ID, Answer{OK: true, Pos: cmd.Pos, Value: cmd.Value})
			return
		}
		out.Answer(e.ID, Answer{OK: cmd.Kind == Read && written, Pos: cmd.Pos, Value: old})
	}
}

// sequencer hands out positions. Each restart skips ahead: it saves a bound, and
// hands out nothing at or above it.
type sequencer struct{ next, bound uint64 }

// SequencerProtocol is the sequencer's.
func SequencerProtocol() *machine.Protocol {
	return &machine.Protocol{
		Name: "sequencer", Record: decodeCmd, Command: decodeCmd, Answer: decodeAnswer,
		New: func(machine.Addr, []byte) (machine.Machine, error) { return &sequencer{}, nil },
	}
}

// Step implements machine.Machine.
func (s *sequencer) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		if rec, ok := e.Record.(Cmd); ok {
			s.next, s.bound = rec.Pos, rec.Pos
		}
	case machine.Ask:
		if s.next == s.bound {
			s.bound += 8
			out.Save = append(out.Save, Cmd{Kind: Next, Pos: s.bound})
		}
		out.Answer(e.ID, Answer{OK: true, Pos: s.next})
		s.next++
	}
}

// Client is the log's client: plain blocking code.
type Client struct {
	Sequencer machine.Addr
	Units     []machine.Addr // head first
	Within    machine.Time   // of one call
	Patience  machine.Time   // before a hole is filled
	Bug       Bug
}

// ClientProtocol runs the client as flows of an address.
func ClientProtocol(c Client) *machine.Protocol {
	return &machine.Protocol{
		Name: "client", Message: flow.DecodeMessage, Command: decodeCmd, Answer: decodeAnswer, Return: decodeAnswer,
		New: func(self machine.Addr, _ []byte) (machine.Machine, error) {
			return flow.NewMachine(self, flow.Handler{Serve: c.serve}), nil
		},
	}
}

func (c Client) serve(f flow.Flow, cmd machine.Data) machine.Data {
	switch cmd := cmd.(Cmd); cmd.Kind {
	case Append:
		return c.Append(f, cmd.Value)
	default:
		return c.Fetch(f, cmd.Pos)
	}
}

// Append writes value at a fresh position, and at another if that was filled.
func (c Client) Append(f flow.Flow, value string) Answer {
	for {
		token := c.ask(f, c.Sequencer, Cmd{Kind: Next})
		got, err := c.chain(f, token.Pos, value)
		if err == nil && (got == value || c.Bug == AckLoser) {
			return Answer{OK: true, Pos: token.Pos, Value: value}
		}
	}
}

var errBehind = errors.New("another value stands here")

// chain writes value at pos from head to tail and returns what ends up there: the
// first unit decides, the rest must follow.
func (c Client) chain(f flow.Flow, pos uint64, value string) (string, error) {
	for i, u := range c.Units {
		a := c.ask(f, u, Cmd{Kind: Write, Pos: pos, Value: value})
		switch {
		case a.OK || a.Value == value:
		case i == 0:
			value = a.Value
		default:
			return "", errBehind
		}
	}
	return value, nil
}

// Fetch reads pos at the tail, and fills it if nothing comes within the patience.
func (c Client) Fetch(f flow.Flow, pos uint64) Answer {
	tail := c.Units[len(c.Units)-1]
	for start := f.Now(); ; f.Sleep(c.Patience / 4) {
		if a := c.ask(f, tail, Cmd{Kind: Read, Pos: pos}); a.OK {
			return a
		}
		if f.Now()-start < c.Patience || c.Bug == NoFill {
			continue
		}
		if value, err := c.chain(f, pos, ""); err == nil {
			if c.Bug == BlindFill {
				value = ""
			}
			return Answer{OK: true, Pos: pos, Value: value}
		}
	}
}

// ask calls until an answer comes: everything that units are asked may be repeated.
func (c Client) ask(f flow.Flow, to machine.Addr, cmd Cmd) Answer {
	for {
		if data, err := f.Call(to, cmd, c.Within); err == nil {
			return data.(Answer)
		}
	}
}
