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

// appendBody appends the encoding of v.
func appendBody(b []byte, v any) ([]byte, error) {
	if a, ok := v.(appender); ok {
		return a.AppendTo(b), nil
	}
	buf := bytes.NewBuffer(b)
	if err := encMode.MarshalToBuffer(v, buf); err != nil {
		return b, fmt.Errorf("encode %T: %w", v, err)
	}
	return buf.Bytes(), nil
}

// decodeBody decodes b into the value that v points to; nil throws b away.
func decodeBody(b []byte, v any) error {
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
