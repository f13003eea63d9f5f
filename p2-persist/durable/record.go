package durable

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Record is an input as it was saved. Its time is that of the clock inside.
type Record machine.In

// AppendTo implements machine.Data.
func (r Record) AppendTo(b []byte) []byte { return machine.AppendIn(b, machine.In(r)) }

// Protocol is that of a Machine around machines of the protocol inside, which make makes
// from a configuration. A Machine that it makes has no snapshot to begin with.
func Protocol(inside *machine.Protocol, make func(self machine.Addr, config []byte) (Config, error)) *machine.Protocol {
	return &machine.Protocol{
		Name: "durable " + inside.Name,
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c, err := make(self, config)
			if err != nil {
				return nil, err
			}
			return New(c)
		},
		Message: inside.Message,
		Record: func(b []byte) (machine.Data, error) {
			in, err := machine.DecodeIn(b, inside)
			return Record(in), err
		},
		Command: func(b []byte) (machine.Data, error) {
			if cmd, err := decodeOwn(b); cmd != nil || err != nil {
				return cmd, err
			}
			return inside.Command(b)
		},
		Answer: func(b []byte) (machine.Data, error) {
			if mark, err := decodeMark(b); mark != nil || err != nil {
				return mark, err
			}
			return inside.Answer(b)
		},
	}
}

// What is a Machine's own business begins with one of these tags, with which no data of a
// machine inside does.
const (
	tagTake = 0x4453_0001 + iota
	tagKept
	tagMark
)

// own begins data of the given tag.
func own(b []byte, tag uint64) []byte { return cbor.AppendTag(b, tag) }

// owned opens data that begins with a tag; ok is false if it does not. Most does not, and is
// spared an error.
func owned(b []byte) (r cbor.Reader, tag uint64, ok bool) {
	const majorTag = 6
	if len(b) == 0 || b[0]>>5 != majorTag {
		return r, 0, false
	}
	r = cbor.NewReader(b)
	tag = r.Tag()
	return r, tag, r.Err() == nil
}

func decodeOwn(b []byte) (machine.Data, error) {
	r, tag, ok := owned(b)
	if !ok {
		return nil, nil
	}
	var cmd machine.Data
	switch tag {
	case tagTake:
		if !r.Null() {
			r.Fail("a snapshot is taken without arguments")
		}
		cmd = TakeSnapshot{}
	case tagKept:
		cmd = Kept{Seq: r.Uint()}
	default:
		r.Fail("no command has tag %d", tag)
	}
	return cmd, r.Close()
}

func decodeMark(b []byte) (machine.Data, error) {
	r, tag, ok := owned(b)
	if !ok {
		return nil, nil
	}
	if tag != tagMark {
		r.Fail("no answer has tag %d", tag)
	}
	r.Fixed(3)
	m := Mark{Seq: r.Uint(), Now: machine.Time(r.Int()), Refused: r.Text()}
	return m, r.Close()
}
