package object

import (
	"bytes"
	"errors"
	"fmt"

	fxcbor "github.com/fxamacker/cbor/v2"

	"dss.example/common/blob"
	"dss.example/common/cbor"
)

// Errors of Encode and Decode.
var (
	// ErrUnencodable means a Go value that has no encoding in the profile.
	ErrUnencodable = errors.New("value has no encoding")

	// ErrMismatch means an object that the Go value cannot hold, or not without
	// losing or adding something.
	ErrMismatch = errors.New("object does not fit the type")
)

// Encode returns the one encoding of v, whatever way v was built. It returns
// ErrUnencodable if there is none (see the package comment), and blob.ErrTooLarge with it
// if it would be larger than a blob.
//
//ds:todo p2.1
func Encode(v any) ([]byte, error) {
	b, err := marshal(v)
	if err != nil {
		return nil, err
	}
	if err := Check(b); err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrUnencodable, v, err)
	}
	return b, nil
}

// Decode reads the object b into v, which points to a zero value. It returns ErrInvalid
// if b is no object; ErrMismatch if v cannot hold it or would be encoded as other bytes
// than b: a field that v does not know, one that v must have and b has not, one that is
// there although it is empty. After an error v is not to be used.
//
// What of b has no place in v, unknownFields tells. Here it is ErrMismatch, and the error
// names the type and the first of these fields: *main.Person has no field "age".
//
//ds:todo p2.1
func Decode(b []byte, v any) error {
	if err := Check(b); err != nil {
		return err
	}
	if err := unmarshal(b, v, fxcbor.ExtraDecErrorNone); err != nil {
		return err
	}
	unknown, err := unknownFields(b, v)
	if err == nil && len(unknown) > 0 {
		err = fmt.Errorf("%w: %T has no field %q", ErrMismatch, v, unknown[0].key)
	}
	return err
}

// Save encodes v and puts it into the store. It is durable after the store's next Sync.
// Errors: those of Encode and of the store.
func Save(store blob.Store, v any) (blob.ID, error) {
	b, err := Encode(v)
	if err != nil {
		return blob.ID{}, err
	}
	return store.Put(blob.DAGCBOR, b)
}

// Load reads the object id into v, which points to a zero value. Errors: those of the
// store and of Decode; ErrMismatch if id names a raw blob.
func Load(store blob.Store, id blob.ID, v any) error {
	if codec := id.Codec(); codec == blob.Raw {
		return fmt.Errorf("%w: %v holds raw bytes", ErrMismatch, id)
	}
	b, err := store.Get(id)
	if err != nil {
		return err
	}
	if err := Decode(b, v); err != nil {
		return fmt.Errorf("%v: %w", id, err)
	}
	return nil
}

// marshal writes v in the canonical form, unless v holds what has none: then Check will
// refuse the result. Which options of fxcbor.EncOptions that takes follows from "Go
// values" in the package comment; a time gets a tag for that sake alone. An error of
// fxcbor's is ErrUnencodable.
//
//ds:todo p2.1
func marshal(v any) ([]byte, error) {
	mode, err := fxcbor.EncOptions{
		Sort:          fxcbor.SortBytewiseLexical,
		NilContainers: fxcbor.NilContainerAsEmpty,
		TimeTag:       fxcbor.EncTagRequired,
		IndefLength:   fxcbor.IndefLengthForbidden,
	}.EncMode()
	if err != nil {
		return nil, err
	}
	b, err := mode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnencodable, err)
	}
	return b, nil
}

// unmarshal reads b, which was checked, into v.
func unmarshal(b []byte, v any, extra fxcbor.ExtraDecErrorCond) error {
	mode, err := fxcbor.DecOptions{
		FieldNameMatching: fxcbor.FieldNameMatchingCaseSensitive,
		ExtraReturnErrors: extra,
	}.DecMode()
	if err != nil {
		return err
	}
	if err := mode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %T: %w", ErrMismatch, v, err)
	}
	return nil
}

// unknownFields returns the entries of b that v, into which b was read, has no field for.
// If v would be encoded as other bytes for another reason it is ErrMismatch.
func unknownFields(b []byte, v any) ([]pair, error) {
	missing, err := compare(b, v)
	if err != nil {
		return nil, err
	}
	for _, p := range missing {
		if knows(v, p) {
			return nil, fmt.Errorf("%w: field %q of %T is there and empty", ErrMismatch, p.key, v)
		}
	}
	return missing, nil
}

// knows reports whether v has a field for p, which was read and is not written again.
func knows(v any, p pair) bool {
	alone := append(cbor.AppendText(cbor.AppendMap(nil, 1), p.key), p.value...)
	var unknown *fxcbor.UnknownFieldError
	return !errors.As(unmarshal(alone, v, fxcbor.ExtraDecErrorUnknownField), &unknown)
}

// compare encodes v, into which b was read, and returns the entries of b that are missing
// then. Any other difference is ErrMismatch.
func compare(b []byte, v any) (missing []pair, err error) {
	again, err := marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	if bytes.Equal(b, again) {
		return nil, nil
	}
	have, ok1 := pairs(b)
	want, ok2 := pairs(again)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%w: %T holds another value than was read", ErrMismatch, v)
	}
	for _, p := range have {
		switch {
		case len(want) == 0 || compareKeys(p.key, want[0].key) < 0:
			missing = append(missing, p)
			continue
		case p.key != want[0].key:
			return nil, fmt.Errorf("%w: %T wants a field %q", ErrMismatch, v, want[0].key)
		case !bytes.Equal(p.value, want[0].value):
			return nil, fmt.Errorf("%w: field %q of %T holds another value than was read", ErrMismatch, p.key, v)
		}
		want = want[1:]
	}
	if len(want) > 0 {
		return nil, fmt.Errorf("%w: %T wants a field %q", ErrMismatch, v, want[0].key)
	}
	return missing, nil
}
