// Package ledger is a toy of one machine and its disk, to prove the simulator's faults of
// disks: a list of entries, each saved as two records, that is appended to and read. What
// was acknowledged is there, no entry is there by half, and a ledger that has lost a
// record says so for ever instead of reading out the rest.
package ledger

import (
	"strings"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Bug breaks the toy on purpose, one line each.
type Bug string

// The bugs. None is the right toy.
const (
	None    Bug = ""
	Early   Bug = "an entry is acknowledged before it is durable"
	Hurry   Bug = "an entry is taken for durable after 10 ms"
	Halves  Bug = "a first half without a second is an entry"
	Skip    Bug = "a damaged record is passed over"
	Rewrite Bug = "each record is saved anew as it is loaded, and only then the old ones are trimmed"
)

// haste is what a ledger in a Hurry waits: longer than the sync of any disk that is sound.
const haste = 10 * machine.Millisecond

// Append asks for an entry. Its answer is Done.
type Append string

// Read asks for all entries. Its answer is Pages.
type Read struct{}

// Done acknowledges an entry.
type Done struct{}

// Pages is all entries in order, with a space between two.
type Pages string

// Lost refuses a request: the ledger's disk has lost a record.
type Lost struct{}

// half is a record: one half of an entry.
type half struct {
	second bool
	text   string
}

// wake is the timer of a ledger in a Hurry.
type wake uint64 // the Ask

// book is the ledger.
type book struct {
	self    machine.Addr
	bug     Bug
	entries []string
	first   string // a half whose other half has not been loaded yet
	loaded  uint64 // number of the last record loaded
	lost    bool
}

// Protocol is the ledger's.
func Protocol(bug Bug) *machine.Protocol {
	return &machine.Protocol{
		Name: "ledger", Message: decodeWake, Record: decodeHalf, Command: decodeCommand, Answer: decodeAnswer,
		New: func(self machine.Addr, _ []byte) (machine.Machine, error) { return &book{self: self, bug: bug}, nil },
	}
}

// Step implements machine.Machine.
func (b *book) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		b.load(e, out)
	case machine.Ready:
		b.ready(out)
	case machine.Ask:
		b.ask(e, out)
	case machine.Recv:
		if w, ok := e.Msg.(wake); ok {
			out.Reply = append(out.Reply, machine.Answer{ID: uint64(w), Early: true, Data: Done{}})
		}
	}
}

func (b *book) load(e machine.Load, out *machine.Out) {
	b.loaded = e.Seq
	h, ok := e.Record.(half)
	switch {
	case !ok:
		b.lost = b.lost || b.bug != Skip
	case h.second:
		b.entries = append(b.entries, b.first+h.text)
		b.first = ""
	default:
		b.keepHalf()
		b.first = h.text
	}
	if ok && b.bug == Rewrite {
		out.Save = append(out.Save, h)
	}
}

func (b *book) ready(out *machine.Out) {
	b.keepHalf()
	if b.bug == Rewrite && b.loaded > 0 {
		out.Trim = b.loaded + 1
	}
}

// keepHalf is what becomes of a first half whose second was lost in a crash: nothing.
func (b *book) keepHalf() {
	if b.bug == Halves && b.first != "" {
		b.entries = append(b.entries, b.first)
	}
	b.first = ""
}

func (b *book) ask(e machine.Ask, out *machine.Out) {
	switch cmd := e.Cmd.(type) {
	case Append:
		if b.lost {
			out.Answer(e.ID, Lost{})
			return
		}
		b.write(string(cmd), out)
		b.acknowledge(e.ID, out)
	case Read:
		if b.lost {
			out.Answer(e.ID, Lost{})
			return
		}
		out.Answer(e.ID, Pages(strings.Join(b.entries, " ")))
	}
}

func (b *book) write(entry string, out *machine.Out) {
	b.entries = append(b.entries, entry)
	middle := len(entry) / 2
	out.Save = append(out.Save, half{false, entry[:middle]}, half{true, entry[middle:]})
}

func (b *book) acknowledge(id uint64, out *machine.Out) {
	switch b.bug {
	case Hurry:
		out.Send = append(out.Send, machine.Envelope{To: b.self, After: haste, Early: true, Msg: wake(id)})
	case Early:
		out.Reply = append(out.Reply, machine.Answer{ID: id, Early: true, Data: Done{}})
	default:
		out.Answer(id, Done{})
	}
}

// AppendTo implements machine.Data.
func (a Append) AppendTo(b []byte) []byte { return cbor.AppendText(b, string(a)) }

// AppendTo implements machine.Data.
func (Read) AppendTo(b []byte) []byte { return cbor.AppendNull(b) }

// AppendTo implements machine.Data.
func (p Pages) AppendTo(b []byte) []byte { return cbor.AppendText(b, string(p)) }

// AppendTo implements machine.Data.
func (Done) AppendTo(b []byte) []byte { return cbor.AppendUint(b, 1) }

// AppendTo implements machine.Data.
func (Lost) AppendTo(b []byte) []byte { return cbor.AppendUint(b, 0) }

// AppendTo implements machine.Data.
func (w wake) AppendTo(b []byte) []byte { return cbor.AppendUint(b, uint64(w)) }

// AppendTo implements machine.Data.
func (h half) AppendTo(b []byte) []byte {
	return cbor.AppendText(cbor.AppendBool(cbor.AppendArray(b, 2), h.second), h.text)
}

func decodeWake(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	w := wake(r.Uint())
	return w, r.Close()
}

func decodeHalf(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	r.Fixed(2)
	h := half{r.Bool(), r.Text()}
	return h, r.Close()
}

func decodeCommand(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	if r.Null() {
		return Read{}, r.Close()
	}
	a := Append(r.Text())
	return a, r.Close()
}

func decodeAnswer(b []byte) (machine.Data, error) {
	if r := cbor.NewReader(b); r.Text() != "" || r.Err() == nil {
		r = cbor.NewReader(b)
		p := Pages(r.Text())
		return p, r.Close()
	}
	r := cbor.NewReader(b)
	n := r.Uint()
	if n > 1 {
		r.Fail("answer %d", n)
	}
	if n == 1 {
		return Done{}, r.Close()
	}
	return Lost{}, r.Close()
}
