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
// Return, told apart by the first item. The result is a CBOR sequence.
func AppendMessage(b []byte, msg Data) []byte {
	switch msg.(type) {
	case Call, Return:
		return msg.AppendTo(b)
	}
	return msg.AppendTo(cbor.AppendUint(b, tagMessage))
}

// DecodeMessage is AppendMessage backwards, for a receiver of protocol p.
func DecodeMessage(b []byte, p *Protocol) (Data, error) {
	r := cbor.NewReader(b)
	switch tag := r.Uint(); {
	case r.Err() != nil:
		return nil, r.Err()
	case tag == tagMessage:
		return decode(p.Message, "messages", p, r.Rest())
	case tag == tagCall:
		id := r.Uint()
		if r.Err() != nil {
			return nil, r.Err()
		}
		cmd, err := decode(p.Command, "commands", p, r.Rest())
		return Call{ID: id, Cmd: cmd}, err
	case tag == tagReturn:
		id := r.Uint()
		if r.Err() != nil {
			return nil, r.Err()
		}
		data, err := decode(p.Return, "returns", p, r.Rest())
		return Return{ID: id, Data: data}, err
	default:
		return nil, fmt.Errorf("%w: message tag %d", cbor.ErrMalformed, tag)
	}
}

// ErrNoDecoder tells that a role was sent a kind of data that it does not take.
var ErrNoDecoder = errors.New("role takes no such data")

func decode(fn func([]byte) (Data, error), kind string, p *Protocol, b []byte) (Data, error) {
	if fn == nil {
		return nil, fmt.Errorf("%w: %s takes no %s", ErrNoDecoder, p.Name, kind)
	}
	return fn(b)
}
