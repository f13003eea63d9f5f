package logs

import (
	"dss.example/common/cbor"
	"dss.example/common/loglet"
	"dss.example/common/machine"
)

// Status is how a command ended.
type Status uint8

// The statuses. The numbers are part of the encoding.
const (
	OK          Status = iota + 1 // done
	Sealed                        // not done: the log has ended
	Trimmed                       // not done: the position is before the head
	Unwritten                     // not done: the position is beyond the tail
	Full                          // not done: the log holds as much as it may
	Invalid                       // not done: it cannot be done at all
	Unavailable                   // not done: this replica cannot now; another may
	Overloaded                    // not done: a bound of the replica is reached; later it may
	Unknown                       // it may have been done, or may be yet
	endOfStatuses
)

var statusNames = [endOfStatuses]string{
	"none", "ok", "sealed", "trimmed", "unwritten", "full", "invalid", "unavailable", "overloaded", "unknown",
}

// String returns the status in words.
func (s Status) String() string {
	if s >= endOfStatuses {
		return "none"
	}
	return statusNames[s]
}

// Answer is what became of a command.
type Answer struct {
	Status    Status
	Bounds    loglet.Bounds // of the state that has answered; zero if none has
	First     loglet.Pos    // after an Append: where its entries begin, one after the other
	Page      loglet.Page   // after a Read; bodies are the state's and must not be changed
	Positions []loglet.Pos  // after a Back: the newest first
	Text      string        // for people: what was wrong
	Try       string        // the address of a replica that may do better; empty if none is known
}

// AppendTo implements machine.Data.
func (a *Answer) AppendTo(b []byte) []byte {
	b = appendNumbers(b, kindAnswer, uint64(a.Status), uint64(a.Bounds.Head), uint64(a.Bounds.Tail))
	b = appendNumbers(cbor.AppendBool(b, a.Bounds.Sealed), uint64(a.First), uint64(a.Page.Next))
	b = cbor.AppendArray(b, 2*len(a.Page.Entries))
	for _, e := range a.Page.Entries {
		b = cbor.AppendBytes(cbor.AppendUint(b, uint64(e.Pos)), e.Body)
	}
	b = cbor.AppendArray(b, len(a.Positions))
	for _, p := range a.Positions {
		b = cbor.AppendUint(b, uint64(p))
	}
	return cbor.AppendKey(cbor.AppendKey(b, a.Text), a.Try)
}

// DecodeAnswer is AppendTo backwards; the result is an *Answer, whose bodies share b's
// memory.
func DecodeAnswer(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	if r.Uint() != kindAnswer {
		r.Fail("no answer of a log")
	}
	a := &Answer{}
	status := r.Uint()
	if status == 0 || status >= uint64(endOfStatuses) {
		r.Fail("status %d", status)
	}
	a.Status = Status(status)
	a.Bounds = loglet.Bounds{Head: loglet.Pos(r.Uint()), Tail: loglet.Pos(r.Uint()), Sealed: r.Bool()}
	a.First = loglet.Pos(r.Uint())
	a.Page = readPage(&r)
	a.Positions = readPositions(&r)
	a.Text, a.Try = r.Key(), r.Key()
	return a, r.Close()
}

func readPage(r *cbor.Reader) loglet.Page {
	p := loglet.Page{Next: loglet.Pos(r.Uint())}
	n, size := r.Array(), 0
	if n%2 != 0 || n > 2*loglet.MaxPage {
		r.Fail("%d positions and bodies, at most %d of both", n, loglet.MaxPage)
	}
	for ; n > 0 && r.Err() == nil; n -= 2 {
		e := loglet.Entry{Pos: loglet.Pos(r.Uint()), Body: r.Bytes()}
		size += len(e.Body)
		p.Entries = append(p.Entries, e)
	}
	if size > loglet.MaxBytes {
		r.Fail("a page of %d bytes, at most %d", size, loglet.MaxBytes)
	}
	return p
}

func readPositions(r *cbor.Reader) (all []loglet.Pos) {
	n := r.Array()
	if n > loglet.MaxPage {
		r.Fail("%d positions, at most %d", n, loglet.MaxPage)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		all = append(all, loglet.Pos(r.Uint()))
	}
	return all
}
