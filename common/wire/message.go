package wire

import (
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// magic and version open every hello.
const (
	magic   = "dss"
	version = 1
)

// kind is what a connection is for.
type kind uint64

const (
	kindCalls kind = iota + 1
	kindPeer
)

// maxHello bounds the first frame of a connection in bytes.
const maxHello = 64

// hello is the first frame of a connection, from the side that dialled.
type hello struct {
	kind kind
	node machine.Node // of a peer: who it claims to be
}

// append appends the whole frame.
func (h hello) append(b []byte) []byte {
	start := len(b)
	b = cbor.AppendArray(beginFrame(b), 4)
	b = cbor.AppendUint(cbor.AppendText(b, magic), version)
	b = cbor.AppendUint(cbor.AppendUint(b, uint64(h.kind)), uint64(h.node))
	return endFrame(b, start)
}

func parseHello(frame []byte) (hello, error) {
	r := cbor.NewReader(frame)
	r.Fixed(4)
	name, v := r.Text(), r.Uint()
	if r.Err() == nil && name == magic && v != version {
		return hello{}, fmt.Errorf("%w: protocol version %d, this side speaks %d", ErrRefused, v, version)
	}
	h := hello{kind: kind(r.Uint()), node: machine.Node(r.Uint())}
	switch err := r.Close(); {
	case err != nil || name != magic:
		return hello{}, fmt.Errorf("%w: the first frame is no hello", ErrRefused)
	case h.kind != kindCalls && h.kind != kindPeer:
		return hello{}, fmt.Errorf("%w: connection of kind %d, want 1 or 2", ErrRefused, h.kind)
	case (h.kind == kindPeer) != (h.node != 0):
		return hello{}, fmt.Errorf("%w: kind %d with node %d", ErrRefused, h.kind, h.node)
	}
	return h, nil
}

// appendRequest appends a whole request frame.
func appendRequest(b []byte, seq uint64, method string, body []byte) []byte {
	start := len(b)
	b, _ = beginRequest(b, seq, method)
	return endFrame(append(b, body...), start)
}

// beginRequest appends a request frame up to its body, which starts at head; the body
// and endFrame must follow.
func beginRequest(b []byte, seq uint64, method string) (_ []byte, head int) {
	b = cbor.AppendUint(cbor.AppendArray(beginFrame(b), 2), seq)
	b = cbor.AppendKey(b, method)
	return b, len(b)
}

// request is a request frame taken apart. Its bytes are the frame's.
type request struct {
	seq    uint64
	method []byte
	body   []byte
}

// parseRequest refuses a sequence number that is not after the last one.
func parseRequest(frame []byte, last uint64) (request, error) {
	r := cbor.NewReader(frame)
	r.Fixed(2)
	q := request{seq: r.Uint(), method: r.Bytes()}
	switch {
	case r.Err() != nil:
		return request{}, fmt.Errorf("%w: request: %v", ErrMalformed, r.Err())
	case q.seq <= last:
		return request{}, fmt.Errorf("%w: request %d after %d", ErrMalformed, q.seq, last)
	case len(q.method) > maxMethod:
		return request{}, fmt.Errorf("%w: method name of %d bytes: at most %d", ErrMalformed, len(q.method), maxMethod)
	}
	q.body = r.Rest()
	return q, nil
}

// beginResponse appends the start of a response frame that is not an error; the
// body and endFrame must follow.
func beginResponse(b []byte, seq uint64) []byte {
	b = cbor.AppendUint(cbor.AppendArray(beginFrame(b), 3), seq)
	return cbor.AppendText(cbor.AppendUint(b, CodeDone), "")
}

// appendError appends a whole response frame that tells of an error, or a notice
// if seq is 0.
func appendError(b []byte, seq, code uint64, text string) []byte {
	start := len(b)
	b = cbor.AppendUint(cbor.AppendArray(beginFrame(b), 3), seq)
	b = cbor.AppendText(cbor.AppendUint(b, code), clip(text))
	return endFrame(b, start)
}

// appendNotice appends the notice with which a connection is refused or ends.
func appendNotice(b []byte, err error) []byte {
	return appendError(b, 0, CodeOf(err), err.Error())
}

// response is a response frame taken apart. Its body is the frame's.
type response struct {
	seq, code uint64
	text      string
	body      []byte
}

func parseResponse(frame []byte) (response, error) {
	r := cbor.NewReader(frame)
	r.Fixed(3)
	p := response{seq: r.Uint(), code: r.Uint(), text: r.Text()}
	p.body = r.Rest()
	switch {
	case r.Err() != nil:
		return response{}, fmt.Errorf("response: %w", r.Err())
	case p.code != CodeDone && len(p.body) != 0:
		return response{}, fmt.Errorf("error response with %d bytes of body", len(p.body))
	case len(p.text) > maxText:
		return response{}, fmt.Errorf("error text of %d bytes: at most %d", len(p.text), maxText)
	}
	return p, nil
}

// parseAnswer takes the answer to a hello apart: nil if it is a welcome.
func parseAnswer(frame []byte, listed Errors) error {
	switch p, err := parseResponse(frame); {
	case err != nil:
		return err
	case p.seq != 0 || len(p.body) != 0:
		return fmt.Errorf("response to request %d before the welcome", p.seq)
	case p.code != CodeDone:
		return listed.Remote(p.code, p.text)
	}
	return nil
}
