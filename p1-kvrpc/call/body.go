package call

import (
	"bytes"
	"fmt"
	"reflect"

	fx "github.com/fxamacker/cbor/v2"

	"dss.example/common/cbor"
)

// A value with these methods travels as the bytes that they write and read; any
// other goes through the general codec. What DecodeFrom reads is hostile.
type (
	appender interface{ AppendTo(b []byte) []byte }
	decoder  interface{ DecodeFrom(b []byte) error }
)

// bodyLimits bound what the general codec decodes: its memory stays below a few MiB
// beside the bytes themselves.
var bodyLimits = cbor.Limits{Depth: cbor.DefaultDepth, Items: 1 << 15}

// encMode and decMode are the subset of package cbor, as the general codec's options.
var encMode, decMode = newModes()

func newModes() (fx.UserBufferEncMode, fx.DecMode) {
	enc := fx.CoreDetEncOptions()
	enc.ShortestFloat = fx.ShortestFloatNone
	enc.NaNConvert, enc.InfConvert = fx.NaNConvertReject, fx.InfConvertReject
	enc.Time, enc.TagsMd = fx.TimeRFC3339Nano, fx.TagsForbidden
	encMode, err := enc.UserBufferEncMode()
	if err != nil {
		panic(err) // the options above are fixed
	}
	decMode, err := fx.DecOptions{
		DupMapKey: fx.DupMapKeyEnforcedAPF, IndefLength: fx.IndefLengthForbidden, TagsMd: fx.TagsForbidden,
		MaxNestedLevels: bodyLimits.Depth, MaxArrayElements: bodyLimits.Items, MaxMapPairs: bodyLimits.Items,
		ExtraReturnErrors: fx.ExtraDecErrorUnknownField,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return encMode, decMode
}

// encodeBody returns the encoding of v. It fails if v has none.
func encodeBody(v any) ([]byte, error) {
	if a, ok := v.(appender); ok {
		return a.AppendTo(nil), nil
	}
	var b bytes.Buffer
	if err := encMode.MarshalToBuffer(v, &b); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b.Bytes(), nil
}

// decodeBody decodes b into the value that v points to, which keeps nothing of b; a
// nil v throws b away.
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
