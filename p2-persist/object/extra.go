package object

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	fxcbor "github.com/fxamacker/cbor/v2"

	"dss.example/common/cbor"
)

// Extra holds the fields of an object that a program does not know, each as it was
// encoded, so that they are not lost when the program writes the object again. A type
// keeps them by these two methods, whatever object it is in:
//
//	type Person struct {
//		Name  string       `cbor:"name"`
//		Extra object.Extra `cbor:"-"`
//	}
//
//	func (p Person) MarshalCBOR() ([]byte, error) {
//		type known Person
//		return object.EncodeWith(known(p), p.Extra)
//	}
//
//	func (p *Person) UnmarshalCBOR(b []byte) (err error) {
//		type known Person
//		p.Extra, err = object.DecodeWith(b, (*known)(p))
//		return err
//	}
type Extra map[string][]byte

// EncodeWith encodes known, which must be a map or a struct without those methods, and
// extra as one object. It returns ErrUnencodable if a field is in both.
func EncodeWith(known any, extra Extra) ([]byte, error) {
	b, err := Encode(known)
	if err != nil || len(extra) == 0 {
		return b, err
	}
	all, ok := pairs(b)
	if !ok {
		return nil, fmt.Errorf("%w: %T is no map", ErrUnencodable, known)
	}
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		all = append(all, pair{key, extra[key]})
	}
	slices.SortStableFunc(all, func(p, q pair) int { return compareKeys(p.key, q.key) })
	out := cbor.AppendMap(nil, len(all))
	for i, p := range all {
		if i > 0 && p.key == all[i-1].key {
			return nil, fmt.Errorf("%w: %T has a field %q and was to keep another", ErrUnencodable, known, p.key)
		}
		out = append(cbor.AppendText(out, p.key), p.value...)
	}
	return out, nil
}

// DecodeWith reads the object b into known, which points to a zero value of a struct
// without those methods, and returns the fields that it does not know; nil if there are
// none. Errors: those of Decode, but for unknown fields.
func DecodeWith(b []byte, known any) (Extra, error) {
	if err := Check(b); err != nil {
		return nil, err
	}
	if err := unmarshal(b, known, fxcbor.ExtraDecErrorNone); err != nil {
		return nil, err
	}
	unknown, err := unknownFields(b, known)
	if err != nil || len(unknown) == 0 {
		return nil, err
	}
	extra := make(Extra, len(unknown))
	for _, p := range unknown {
		extra[p.key] = bytes.Clone(p.value)
	}
	return extra, nil
}

// compareKeys is the order of the keys of a map: shorter ones first, those of one length
// by their bytes.
func compareKeys(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
