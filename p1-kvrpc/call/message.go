package call

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"dss.example/common/cbor"
	"dss.example/common/wire"
)

// The numbers of the contract in doc.go, in bytes.
const (
	prefixSize = 4
	maxHello   = 64
	maxMethod  = 256
	maxText    = 1 << 10
	maxHead    = maxText + 64 // so that a body of the full size fits into a frame
)

// firstPiece is how many bytes of a frame are allocated before any has come.
const firstPiece = 64 << 10

// readFrame reads a frame of at most max bytes and returns what follows its length.
// The bytes are the caller's. It returns io.EOF if the stream ends between frames,
// io.ErrUnexpectedEOF if it ends within one, wire.ErrTooLarge or wire.ErrMalformed
// for a wrong length.
func readFrame(r io.Reader, max int) ([]byte, error) {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(prefix[:])
	switch {
	case n == 0:
		return nil, fmt.Errorf("%w: empty frame", wire.ErrMalformed)
	case uint64(n) > uint64(max):
		return nil, fmt.Errorf("%w: frame of %d bytes: at most %d", wire.ErrTooLarge, n, max)
	}
	var b bytes.Buffer // it doubles as bytes come: a claimed length costs nothing
	b.Grow(min(int(n), firstPiece) + bytes.MinRead)
	switch _, err := io.CopyN(&b, r, int64(n)); {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return b.Bytes(), nil
}

// beginFrame appends room for a frame's length; endFrame fills it in. start is where
// the frame begins in b.
func beginFrame(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func endFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-prefixSize))
	return b
}

// The hello of a connection for calls.
const (
	magic     = "dss"
	version   = 1
	kindCalls = 1
)

// appendHello appends the frame that opens a connection.
func appendHello(b []byte) []byte {
	start := len(b)
	b = cbor.AppendArray(beginFrame(b), 4)
	b = cbor.AppendUint(cbor.AppendText(b, magic), version)
	b = cbor.AppendUint(cbor.AppendUint(b, kindCalls), 0)
	return endFrame(b, start)
}

// parseHello checks a frame that opens a connection. Its error is wire.ErrRefused.
func parseHello(frame []byte) error {
	r := cbor.NewReader(frame)
	r.Fixed(4)
	name, v, kind, node := r.Text(), r.Uint(), r.Uint(), r.Uint()
	switch err := r.Close(); {
	case err != nil || name != magic:
		return fmt.Errorf("%w: the first frame is no hello", wire.ErrRefused)
	case v != version:
		return fmt.Errorf("%w: protocol version %d, this side speaks %d", wire.ErrRefused, v, version)
	case kind != kindCalls || node != 0:
		return fmt.Errorf("%w: this side takes calls only", wire.ErrRefused)
	}
	return nil
}

// request is what a client sends. Its body shares the frame's memory.
type request struct {
	seq    uint64
	method string
	body   []byte
}

// append appends the request's frame.
func (q request) append(b []byte) []byte {
	start := len(b)
	b = cbor.AppendUint(cbor.AppendArray(beginFrame(b), 2), q.seq)
	b = append(cbor.AppendKey(b, q.method), q.body...)
	return endFrame(b, start)
}

// parseRequest takes a request's frame apart. Its error is wire.ErrMalformed.
func parseRequest(frame []byte) (request, error) {
	r := cbor.NewReader(frame)
	r.Fixed(2)
	q := request{seq: r.Uint(), method: r.Key()}
	q.body = r.Rest()
	switch {
	case r.Err() != nil:
		return request{}, fmt.Errorf("%w: request: %v", wire.ErrMalformed, r.Err())
	case len(q.method) > maxMethod:
		return request{}, fmt.Errorf("%w: method name of %d bytes: at most %d", wire.ErrMalformed, len(q.method), maxMethod)
	}
	return q, nil
}

// response is what a server sends: the reply to a request, an error instead, the
// answer to a hello, or a notice. Its body shares the frame's memory.
type response struct {
	seq  uint64 // 0: the answer to the hello, or a notice
	code uint64 // wire.CodeDone, or what text explains
	text string
	body []byte // of wire.CodeDone only
}

// append appends the response's frame. Of a text that is too long it takes the
// beginning; what is not UTF-8 becomes a question mark.
func (p response) append(b []byte) []byte {
	start := len(b)
	b = cbor.AppendUint(cbor.AppendArray(beginFrame(b), 3), p.seq)
	text := strings.ToValidUTF8(p.text[:min(len(p.text), maxText)], "?")
	b = cbor.AppendText(cbor.AppendUint(b, p.code), text)
	return endFrame(append(b, p.body...), start)
}

// parseResponse takes a response's frame apart. Its error is wire.ErrMalformed.
func parseResponse(frame []byte) (response, error) {
	r := cbor.NewReader(frame)
	r.Fixed(3)
	p := response{seq: r.Uint(), code: r.Uint(), text: r.Text()}
	p.body = r.Rest()
	switch {
	case r.Err() != nil:
		return response{}, fmt.Errorf("%w: response: %v", wire.ErrMalformed, r.Err())
	case p.code != wire.CodeDone && len(p.body) != 0:
		return response{}, fmt.Errorf("%w: error response with %d bytes of body", wire.ErrMalformed, len(p.body))
	case len(p.text) > maxText:
		return response{}, fmt.Errorf("%w: error text of %d bytes: at most %d", wire.ErrMalformed, len(p.text), maxText)
	}
	return p, nil
}
