package machine

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
)

// Call and Return are the calling convention between addresses. A machine that
// sends a Call asks the machine at the far end: the world there turns it into an
// [Ask] and sends the answer back as a Return with the same ID. Like all messages
// both may be lost, repeated or late, so a repeated Call asks twice: removing
// duplicates is the business of the state that the command changes.
type (
	Call struct {
		ID  uint64
		Cmd Data
	}
	Return struct {
		ID   uint64
		Data Data
	}
)

// The first item of an encoded message says which of the three it is.
const (
	tagMessage = iota
	tagCall
	tagReturn
)

// AppendTo makes Call a message. It is what AppendMessage writes.
func (c Call) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendUint(b, tagCall), c.ID)
	return c.Cmd.AppendTo(b)
}

// AppendTo makes Return a message. It is what AppendMessage writes.
func (r Return) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendUint(b, tagReturn), r.ID)
	return r.Data.AppendTo(b)
}

// AppendMessage appends msg as it travels: a protocol's own message, a Call or a
// Return, told apart by the first item. A Raw travelled before and has that item.
// The result is a CBOR sequence.
func AppendMessage(b []byte, msg Data) []byte {
	switch msg.(type) {
	case Call, Return, Raw:
		return msg.AppendTo(b)
	}
	return msg.AppendTo(cbor.AppendUint(b, tagMessage))
}

// DecodeMessage is AppendMessage backwards, for a receiver of protocol p. Its
// errors wrap [cbor.ErrMalformed], ErrNoDecoder or what p's decoders return.
func DecodeMessage(b []byte, p *Protocol) (Data, error) {
	if len(b) > 0 && b[0] == tagMessage { // a small integer is its own encoding
		return decode(p.Message, "messages", p, b[1:])
	}
	if c, ok, err := DecodeCall(b, p); ok {
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	r := cbor.NewReader(b)
	switch tag := r.Uint(); {
	case r.Err() != nil:
		return nil, r.Err()
	case tag == tagReturn:
		id, data, err := decodeNumbered(r, p.Return, "returns", p)
		if err != nil {
			return nil, err
		}
		return Return{ID: id, Data: data}, nil
	default:
		return nil, fmt.Errorf("%w: message tag %d", cbor.ErrMalformed, tag)
	}
}

// DecodeCall is DecodeMessage for a world, which makes an Ask of each Call; ok is
// false for any other message.
func DecodeCall(b []byte, p *Protocol) (c Call, ok bool, err error) {
	if len(b) == 0 || b[0] != tagCall {
		return Call{}, false, nil
	}
	c.ID, c.Cmd, err = decodeNumbered(cbor.NewReader(b[1:]), p.Command, "commands", p)
	return c, true, err
}

func decodeNumbered(r cbor.Reader, fn func([]byte) (Data, error), kind string, p *Protocol) (uint64, Data, error) {
	id := r.Uint()
	if r.Err() != nil {
		return 0, nil, r.Err()
	}
	data, err := decode(fn, kind, p, r.Rest())
	return id, data, err
}

// ErrNoDecoder tells that a role was sent a kind of data that it does not take.
var ErrNoDecoder = errors.New("role takes no such data")

func decode(fn func([]byte) (Data, error), kind string, p *Protocol, b []byte) (Data, error) {
	if fn == nil {
		return nil, fmt.Errorf("%w: %s takes no %s", ErrNoDecoder, p.Name, kind)
	}
	return fn(b)
}

// SplitCall takes a Call apart as it travels, without decoding its command; ok is
// false for anything else. The body shares the frame's memory. A shell that carries
// Calls over another protocol uses it.
func SplitCall(frame []byte) (id uint64, body []byte, ok bool) {
	r := cbor.NewReader(frame)
	tag := r.Uint()
	id = r.Uint()
	return id, r.Rest(), r.Err() == nil && tag == tagCall
}

// AppendReturn appends a Return as it travels, around an encoded answer.
func AppendReturn(b []byte, id uint64, body []byte) []byte {
	return append(cbor.AppendUint(cbor.AppendUint(b, tagReturn), id), body...)
}
