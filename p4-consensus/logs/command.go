package logs

import (
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/loglet"
	"dss.example/common/machine"
)

// Append adds entries at the tail.
type Append struct {
	Streams []loglet.Stream // that all of them belong to; at most loglet.MaxStreams, different ones, may be none
	Bodies  [][]byte        // 1 to loglet.MaxBatch, of loglet.MaxBytes in all; never changed
}

// Trim lets go of all entries before a position.
type Trim struct{ Before loglet.Pos }

// Seal ends the log: no Append is done after it.
type Seal struct{}

// Tail tells what the log spans. It changes nothing.
type Tail struct{}

// Read tells the entries from a position on and before another: a loglet.Page of them. It
// changes nothing.
type Read struct{ From, To loglet.Pos } // From is 1 or more, and less than To

// Back tells the positions of the newest entries of a stream before a position. It changes
// nothing.
type Back struct {
	Stream loglet.Stream // not 0
	Before loglet.Pos    // 1 or more
	Max    uint64        // how many; 1 to loglet.MaxPage
}

// The kinds of commands and answers, the first item of each encoding. Never reuse a number.
const (
	kindAppend = iota + 1
	kindTrim
	kindSeal
	kindTail
	kindRead
	kindBack
	kindAnswer
)

// AppendTo implements machine.Data.
func (c Append) AppendTo(b []byte) []byte {
	return appendBatch(cbor.AppendUint(b, kindAppend), c.Streams, c.Bodies)
}

// AppendTo implements machine.Data.
func (c Trim) AppendTo(b []byte) []byte { return appendNumbers(b, kindTrim, uint64(c.Before)) }

// AppendTo implements machine.Data.
func (Seal) AppendTo(b []byte) []byte { return appendNumbers(b, kindSeal) }

// AppendTo implements machine.Data.
func (Tail) AppendTo(b []byte) []byte { return appendNumbers(b, kindTail) }

// AppendTo implements machine.Data.
func (c Read) AppendTo(b []byte) []byte {
	return appendNumbers(b, kindRead, uint64(c.From), uint64(c.To))
}

// AppendTo implements machine.Data.
func (c Back) AppendTo(b []byte) []byte {
	return appendNumbers(b, kindBack, uint64(c.Stream), uint64(c.Before), c.Max)
}

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = cbor.AppendUint(b, n)
	}
	return b
}

func appendBatch(b []byte, streams []loglet.Stream, bodies [][]byte) []byte {
	b = cbor.AppendArray(b, len(streams))
	for _, s := range streams {
		b = cbor.AppendUint(b, uint64(s))
	}
	b = cbor.AppendArray(b, len(bodies))
	for _, body := range bodies {
		b = cbor.AppendBytes(b, body)
	}
	return b
}

// DecodeCommand is AppendTo backwards for commands. It refuses what is out of its bounds. An
// Append's bodies share b's memory.
func DecodeCommand(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	cmd := readCommand(&r)
	return cmd, r.Close()
}

func readCommand(r *cbor.Reader) machine.Data {
	switch kind := r.Uint(); kind {
	case kindAppend:
		return Append{readStreams(r), readBodies(r)}
	case kindTrim:
		return Trim{loglet.Pos(r.Uint())}
	case kindSeal:
		return Seal{}
	case kindTail:
		return Tail{}
	case kindRead:
		c := Read{readPos(r), loglet.Pos(r.Uint())}
		if c.From >= c.To {
			r.Fail("a read from %d to %d", c.From, c.To)
		}
		return c
	case kindBack:
		return Back{readStream(r), readPos(r), readMax(r)}
	default:
		r.Fail("command of kind %d", kind)
		return nil
	}
}

func readPos(r *cbor.Reader) loglet.Pos {
	p := r.Uint()
	if p == 0 {
		r.Fail("position 0, want 1 or more")
	}
	return loglet.Pos(p)
}

func readMax(r *cbor.Reader) uint64 {
	n := r.Uint()
	if n == 0 || n > loglet.MaxPage {
		r.Fail("%d positions, want 1 to %d", n, loglet.MaxPage)
	}
	return n
}

func readStream(r *cbor.Reader) loglet.Stream {
	s := r.Uint()
	if s == 0 {
		r.Fail("stream 0, want 1 or more")
	}
	return loglet.Stream(s)
}

func readStreams(r *cbor.Reader) (streams []loglet.Stream) {
	n := r.Array()
	if n > loglet.MaxStreams {
		r.Fail("%d streams, at most %d", n, loglet.MaxStreams)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		s := readStream(r)
		if slices.Contains(streams, s) {
			r.Fail("stream %d twice", s)
		}
		streams = append(streams, s)
	}
	return streams
}

func readBodies(r *cbor.Reader) [][]byte {
	n, size := r.Array(), 0
	if n == 0 || n > loglet.MaxBatch {
		r.Fail("%d entries, want 1 to %d", n, loglet.MaxBatch)
	}
	bodies := make([][]byte, 0, min(n, loglet.MaxBatch))
	for ; n > 0 && r.Err() == nil; n-- {
		body := r.Bytes()
		size += len(body)
		bodies = append(bodies, body)
	}
	if size > loglet.MaxBytes {
		r.Fail("%d bytes of entries, at most %d", size, loglet.MaxBytes)
	}
	return bodies
}
