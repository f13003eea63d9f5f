// Package pipe is how the judge of stage 2 and the parts of a submission talk over a
// stream of bytes: one request, one answer, and in between as many callbacks as the
// parts have calls for their world, whose disk and blobs are the judge's.
//
//	judge                                parts
//	  ── wal.append ────────────────────▶
//	  ◀──────────────────────────── disk ─  write file 3 …
//	  ── ok ────────────────────────────▶
//	  ◀────────────────────────────── ok ─  record 1
//
// A frame is the length of what follows, four bytes, the highest first, and the
// canonical encoding of a [Message]. Either end takes the other for hostile as far as
// frames go; what a message says its receiver judges.
package pipe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"dss.example/common/blob"
	"dss.example/common/cbor"
)

// Bounds.
const (
	MaxFrame = 16 << 20 // bytes of a frame, without its length
	MaxItems = 1 << 18  // numbers, and byte strings, of one message
)

// ErrPipe is what a stream that ended, or holds no message, is an error of.
var ErrPipe = errors.New("pipe to the parts broke")

// Message is a request, a callback, or what answers either.
type Message struct {
	Verb    string // what is asked; OK or Failed in an answer
	Numbers []uint64
	Bytes   [][]byte
}

// Answers, and the callbacks of the parts.
const (
	OK     = "ok"
	Failed = "failed" // with a text, and the numbers of known errors

	Disk   = "disk"   // a disk.Call, answered by a disk.Result
	Put    = "put"    // codec, bytes: id
	Get    = "get"    // id: bytes
	Stat   = "stat"   // ids: a size for each, plus 1
	List   = "list"   // number, id: ids, and their sizes
	Sync   = "sync"   //
	Delete = "delete" // ids
	Done   = "done"   // number: so many operations of the request are acknowledged
)

// Say returns a message.
func Say(verb string, numbers []uint64, b ...[]byte) Message {
	return Message{Verb: verb, Numbers: numbers, Bytes: b}
}

// IDs takes the byte strings of a message from the i-th on as the names of blobs.
func (m Message) IDs(i int) (ids []blob.ID, err error) {
	for ; i < len(m.Bytes); i++ {
		id, err := blob.ParseBytes(m.Bytes[i])
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// AppendTo appends the canonical encoding of m.
func (m Message) AppendTo(b []byte) []byte {
	b = cbor.AppendText(cbor.AppendArray(b, 3), m.Verb)
	b = cbor.AppendArray(b, len(m.Numbers))
	for _, n := range m.Numbers {
		b = cbor.AppendUint(b, n)
	}
	b = cbor.AppendArray(b, len(m.Bytes))
	for _, s := range m.Bytes {
		b = cbor.AppendBytes(b, s)
	}
	return b
}

// Decode is AppendTo backwards. The Message shares b's memory.
func Decode(b []byte) (m Message, err error) {
	r := cbor.NewReader(b)
	r.Fixed(3)
	m.Verb = r.Text()
	for range count(&r) {
		m.Numbers = append(m.Numbers, r.Uint())
	}
	for range count(&r) {
		m.Bytes = append(m.Bytes, r.Bytes())
	}
	return m, r.Close()
}

// count reads how many items a list has.
func count(r *cbor.Reader) int {
	n := r.Array()
	if n > MaxItems {
		r.Fail("%d items, at most %d", n, MaxItems)
		return 0
	}
	return n
}

// Conn is one end of a stream of messages. One goroutine sends at a time, and one
// receives.
type Conn struct {
	r   *bufio.Reader
	w   io.Writer
	buf []byte
}

// NewConn returns one end of a stream, which nobody else uses.
func NewConn(rw io.ReadWriter) *Conn { return &Conn{r: bufio.NewReaderSize(rw, 1<<16), w: rw} }

// keep bounds the memory in bytes that a Conn keeps for the next frame.
const keep = 1 << 20

// Send sends a message, at most MaxFrame bytes of it. Errors: ErrPipe.
func (c *Conn) Send(m Message) error {
	b := m.AppendTo(append(c.buf[:0], 0, 0, 0, 0))
	if cap(b) <= keep {
		c.buf = b
	}
	if len(b)-4 > MaxFrame {
		return fmt.Errorf("%w: %d bytes to send, at most %d", ErrPipe, len(b)-4, MaxFrame)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if _, err := c.w.Write(b); err != nil {
		return fmt.Errorf("%w: %w", ErrPipe, err)
	}
	return nil
}

// Receive returns the next message. Its memory grows with what has come, not with what
// a length promises. Errors: io.EOF at the end of the stream; ErrPipe.
func (c *Conn) Receive() (Message, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.r, length[:]); errors.Is(err, io.EOF) {
		return Message{}, io.EOF
	} else if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrPipe, err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > MaxFrame {
		return Message{}, fmt.Errorf("%w: frame of %d bytes, at most %d", ErrPipe, n, MaxFrame)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, c.r, int64(n)); err != nil {
		return Message{}, fmt.Errorf("%w: a frame ends early: %w", ErrPipe, err)
	}
	m, err := Decode(b.Bytes())
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrPipe, err)
	}
	return m, nil
}
