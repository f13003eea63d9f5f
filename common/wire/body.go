package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"

	fx "github.com/fxamacker/cbor/v2"

	"dss.example/common/cbor"
)

// A body whose type has these methods travels as the bytes that they write and
// read; they are canonical CBOR by convention, which wire does not check. What
// DecodeFrom reads is hostile; it overwrites the whole value and keeps nothing of
// b, which is used again.
type (
	appender interface{ AppendTo(b []byte) []byte }
	decoder  interface{ DecodeFrom(b []byte) error }
)

// bodyLimits bound a body that goes through the general decoder: few enough items
// that the smallest ones decode into less than 4 MiB.
var bodyLimits = cbor.Limits{Depth: cbor.DefaultDepth, Items: 1 << 15}

var encMode, decMode = newModes()

// newModes sets fxamacker to the subset of package cbor.
func newModes() (fx.UserBufferEncMode, fx.DecMode) {
	enc := fx.CoreDetEncOptions()
	enc.ShortestFloat = fx.ShortestFloatNone
	enc.NaNConvert, enc.InfConvert = fx.NaNConvertReject, fx.InfConvertReject
	enc.Time = fx.TimeRFC3339Nano
	enc.TagsMd = fx.TagsForbidden
	encMode, err := enc.UserBufferEncMode()
	if err != nil {
		panic(err)
	}
	decMode, err := fx.DecOptions{
		DupMapKey:         fx.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   cbor.DefaultDepth,
		MaxArrayElements:  bodyLimits.Items,
		MaxMapPairs:       bodyLimits.Items,
		IndefLength:       fx.IndefLengthForbidden,
		TagsMd:            fx.TagsForbidden,
		ExtraReturnErrors: fx.ExtraDecErrorUnknownField,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return encMode, decMode
}

// AppendBody appends the encoding of v. It returns b and an error if v has none, as a
// channel or a NaN has not.
func AppendBody(b []byte, v any) ([]byte, error) {
	if a, ok := v.(appender); ok {
		return a.AppendTo(b), nil
	}
	buf := bytes.NewBuffer(b)
	if err := encMode.MarshalToBuffer(v, buf); err != nil {
		return b, fmt.Errorf("encode %T: %w", v, err)
	}
	return buf.Bytes(), nil
}

// AppendArgs appends the body of a request for method. It returns b and the reason why
// the request cannot be sent otherwise: ErrNotSent if args have no encoding, ErrTooLarge
// if that has more than max bytes or the method more than 256.
func AppendArgs(b []byte, method string, args any, max int) ([]byte, error) {
	if len(method) > maxMethod {
		return b, fmt.Errorf("%w: method name of %d bytes: at most %d", ErrTooLarge, len(method), maxMethod)
	}
	body, err := AppendBody(b, args)
	switch size := len(body) - len(b); {
	case err != nil:
		return b, fmt.Errorf("%w: %w", ErrNotSent, err)
	case size > max:
		return b, fmt.Errorf("%w: body of %d bytes: at most %d", ErrTooLarge, size, max)
	}
	return body, nil
}

// DecodeBody decodes b, which is hostile, into the value that v points to, which keeps
// nothing of b; nil throws b away. After an error the value may hold anything.
func DecodeBody(b []byte, v any) error {
	if v == nil {
		return nil
	}
	if d, ok := v.(decoder); ok {
		return d.DecodeFrom(b)
	}
	if err := cbor.Scan(b, bodyLimits); err != nil {
		return err
	}
	// A field that is absent must not keep what a reused value held.
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && !p.IsNil() {
		p.Elem().SetZero()
	}
	return decMode.Unmarshal(b, v)
}

// scratch is memory in which a message is put together.
type scratch struct{ b []byte }

// maxScratch is the size in bytes beyond which memory goes back to the collector
// instead of being kept for the next message.
const maxScratch = 64 << 10

var scratches = sync.Pool{New: func() any { return &scratch{b: make([]byte, 0, 1<<10)} }}

func getScratch() *scratch { return scratches.Get().(*scratch) }

func (s *scratch) free() {
	if cap(s.b) <= maxScratch {
		s.b = s.b[:0]
		scratches.Put(s)
	}
}
