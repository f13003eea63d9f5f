package logs

import (
	"fmt"
	"slices"

	"github.com/tidwall/btree"

	"dss.example/common/loglet"
	"dss.example/common/machine"
)

// MaxHeld bounds what a log holds, in bytes: of bodies, and of what keeps them.
const MaxHeld = 256 << 20

// What an entry, and what an Append brings, costs beside bodies, in bytes.
const (
	batchCost  = 256
	entryCost  = 32
	streamCost = 64
)

// Table is the state: the log. It is a paxos.Service. Its zero value is empty.
type Table struct {
	state

	held    int                            // bytes, as MaxHeld counts them; derived
	streams map[loglet.Stream][]loglet.Pos // where batches of each begin, in order; derived
}

// state is what a View holds.
type state struct {
	trimmed loglet.Pos // and all before it
	last    loglet.Pos // that was given to an entry
	sealed  bool
	batches btree.Map[loglet.Pos, *batch] // by their first positions; without a gap from trimmed to last
}

// batch is what one Append has brought. It is never changed.
type batch struct {
	streams []loglet.Stream
	bodies  [][]byte
}

func (b *batch) cost() int {
	n := batchCost + streamCost*len(b.streams) + entryCost*len(b.bodies)
	for _, body := range b.bodies {
		n += len(body)
	}
	return n
}

// end returns the position after a batch that begins at first.
func (b *batch) end(first loglet.Pos) loglet.Pos { return first + loglet.Pos(len(b.bodies)) }

// Apply implements app.App. The table keeps an Append's memory.
func (t *Table) Apply(_ uint64, now machine.Time, cmd machine.Data) machine.Data {
	switch c := cmd.(type) {
	case Append:
		return t.append(&batch{c.Streams, c.Bodies})
	case Trim:
		return t.trim(c.Before)
	case Seal:
		t.sealed = true
		return t.answer(OK)
	}
	return t.Read(now, cmd)
}

// Read implements paxos.Service.
func (t *Table) Read(_ machine.Time, cmd machine.Data) machine.Data {
	switch c := cmd.(type) {
	case Tail:
		return t.answer(OK)
	case Read:
		return t.read(c)
	case Back:
		return t.back(c)
	}
	return t.refuse(Invalid, "a %T does not read a log", cmd)
}

// Due implements paxos.Service: nothing ever is.
func (t *Table) Due() (machine.Time, []byte, bool) { return 0, nil, false }

func (t *Table) answer(status Status) *Answer {
	return &Answer{Status: status, Bounds: loglet.Bounds{Head: t.trimmed + 1, Tail: t.last + 1, Sealed: t.sealed}}
}

func (t *Table) refuse(status Status, format string, args ...any) *Answer {
	a := t.answer(status)
	a.Text = fmt.Sprintf(format, args...)
	return a
}

func (t *Table) append(b *batch) *Answer {
	switch {
	case t.sealed:
		return t.refuse(Sealed, "the tail is %d", t.last+1)
	case t.held+b.cost() > MaxHeld:
		return t.refuse(Full, "it holds %d bytes, at most %d: trim it", t.held, MaxHeld)
	}
	first := t.last + 1
	t.put(first, b)
	t.last = b.end(first) - 1
	a := t.answer(OK)
	a.First = first
	return a
}

// put adds a batch behind all others.
func (t *Table) put(first loglet.Pos, b *batch) {
	t.batches.Set(first, b)
	t.held += b.cost()
	if t.streams == nil {
		t.streams = map[loglet.Stream][]loglet.Pos{}
	}
	for _, s := range b.streams {
		t.streams[s] = append(t.streams[s], first)
	}
}

func (t *Table) trim(before loglet.Pos) *Answer {
	switch {
	case before > t.last+1:
		return t.refuse(Unwritten, "trim to %d, the tail is %d", before, t.last+1)
	case before > t.trimmed+1:
		t.trimmed = before - 1
		t.letGo()
	}
	return t.answer(OK)
}

// letGo drops the batches that are trimmed to their last entry.
func (t *Table) letGo() {
	for {
		first, b, ok := t.batches.Min()
		if !ok || b.end(first)-1 > t.trimmed {
			return
		}
		t.batches.Delete(first)
		t.held -= b.cost()
		for _, s := range b.streams { // it is the oldest in each of them
			if t.streams[s] = t.streams[s][1:]; len(t.streams[s]) == 0 {
				delete(t.streams, s)
			}
		}
	}
}

func (t *Table) read(c Read) *Answer {
	switch {
	case c.From <= t.trimmed:
		return t.refuse(Trimmed, "%d, the head is %d", c.From, t.trimmed+1)
	case c.From > t.last:
		return t.refuse(Unwritten, "%d, the tail is %d", c.From, t.last+1)
	}
	a := t.answer(OK)
	a.Page = t.page(c.From, c.To)
	return a
}

// page collects what is there and fits. No entry is larger than a page, so it has one at least.
func (t *Table) page(from, to loglet.Pos) loglet.Page {
	p, size := loglet.Page{Next: from}, 0
	t.batches.Ascend(t.beginning(from), func(first loglet.Pos, b *batch) bool {
		for end := min(b.end(first), to); p.Next < end; p.Next++ {
			body := b.bodies[p.Next-first]
			if size += len(body); size > loglet.MaxBytes || len(p.Entries) == loglet.MaxPage {
				return false
			}
			p.Entries = append(p.Entries, loglet.Entry{Pos: p.Next, Body: body})
		}
		return p.Next < to
	})
	return p
}

// beginning returns the first position of the batch that a position stands in.
func (t *Table) beginning(pos loglet.Pos) (begins loglet.Pos) {
	t.batches.Descend(pos, func(first loglet.Pos, _ *batch) bool {
		begins = first
		return false
	})
	return begins
}

func (t *Table) back(c Back) *Answer {
	if c.Before > t.last+1 {
		return t.refuse(Unwritten, "%d, the tail is %d", c.Before, t.last+1)
	}
	a := t.answer(OK)
	begins := t.streams[c.Stream]
	for i, _ := slices.BinarySearch(begins, c.Before); i > 0; i-- {
		first := begins[i-1]
		b, _ := t.batches.Get(first)
		for pos := min(b.end(first), c.Before) - 1; pos >= first && pos > t.trimmed; pos-- {
			if uint64(len(a.Positions)) == c.Max {
				return a
			}
			a.Positions = append(a.Positions, pos)
		}
	}
	return a
}
