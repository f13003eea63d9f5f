package object_test

import (
	"encoding/hex"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// part and file are objects as programs have them.
type part struct {
	Size int64   `cbor:"size"`
	Data blob.ID `cbor:"data"`
}

type file struct {
	V     uint64            `cbor:"v"`
	Name  string            `cbor:"name"`
	Parts []part            `cbor:"parts"`
	Attrs map[string]string `cbor:"attrs,omitempty"`
	Prev  *blob.ID          `cbor:"prev,omitempty"`
	Base  blob.ID           `cbor:"base,omitzero"`
}

func TestAnObjectHasTheBytesOfDAGCBOR(t *testing.T) {
	b := encode(t, file{V: 1, Name: "a", Parts: []part{{Size: 4, Data: leaf}}})
	require.Equal(t, "a3"+
		"6176"+"01"+ // "v": 1
		"646e616d65"+"6161"+ // "name": "a"
		"657061727473"+"81"+"a2"+ // "parts": [{
		"6464617461"+"d82a582500"+hex.EncodeToString(leaf[:])+ // "data": link
		"6473697a65"+"04", // "size": 4
		hex.EncodeToString(b))
}

func TestWhatWasEncodedIsDecoded(t *testing.T) {
	for _, want := range []file{
		{V: 1, Name: "", Parts: []part{}},
		{V: math.MaxUint64, Name: "ü水𐅑", Parts: []part{{math.MaxInt64, leaf}, {math.MinInt64, node}}},
		{V: 1, Parts: []part{}, Attrs: map[string]string{"": "", "b": "1", "aa": "2"}, Prev: &node, Base: leaf},
	} {
		b := encode(t, want)
		var got file
		require.NoError(t, object.Decode(b, &got))
		require.Empty(t, cmp.Diff(want, got))
		require.Equal(t, b, encode(t, &got), "a pointer has the encoding of what it points to")
	}
}

// Bug B2.
func TestEqualValuesOfOtherTypesHaveOneEncoding(t *testing.T) {
	same := func(values ...any) {
		t.Helper()
		for _, v := range values {
			require.Equal(t, encode(t, values[0]), encode(t, v), "%T", v)
		}
	}
	same(5, int8(5), int16(5), int32(5), int64(5), uint(5), uint8(5), uint16(5), uint32(5), uint64(5), big.NewInt(5))
	same(-5, int8(-5), int16(-5), int32(-5), int64(-5))
	same([]byte{1, 2}, [2]byte{1, 2})
	same([]int{1, 2}, []uint64{1, 2}, [2]int16{1, 2}, []any{1, uint8(2)})
	same(part{4, leaf}, map[string]any{"size": 4, "data": leaf}, map[any]any{"data": &leaf, "size": uint8(4)})
}

func TestNilAndEmptyAreOneValueButForPointers(t *testing.T) {
	require.Equal(t, encode(t, []int{}), encode(t, []int(nil)))
	require.Equal(t, encode(t, map[string]int{}), encode(t, map[string]int(nil)))
	require.Equal(t, encode(t, []byte{}), encode(t, []byte(nil)))
	require.Equal(t, []byte{0xf6}, encode(t, (*file)(nil)))
	require.Equal(t, encode(t, file{V: 1}), encode(t, file{V: 1, Parts: []part{}, Attrs: map[string]string{}}))

	var ints []int
	require.ErrorIs(t, object.Decode([]byte{0xf6}, &ints), object.ErrMismatch, "null is no list")
	var p *int
	require.NoError(t, object.Decode([]byte{0xf6}, &p))
	require.Nil(t, p)
	require.NoError(t, object.Decode([]byte{0x05}, &p))
	require.Equal(t, 5, *p)
}

func TestFloatsKeepTheirBits(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), 1, 1.5, -4.1, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		b := encode(t, v)
		require.Len(t, b, 9)
		var back float64
		require.NoError(t, object.Decode(b, &back))
		require.Equal(t, math.Float64bits(v), math.Float64bits(back))
	}
	require.NotEqual(t, encode(t, 1), encode(t, 1.0), "an integer is no float")
	var f float64
	require.ErrorIs(t, object.Decode(encode(t, 1), &f), object.ErrMismatch)
	var i int
	require.ErrorIs(t, object.Decode(encode(t, 1.0), &i), object.ErrMismatch)
}

func TestValuesWithoutAnEncodingAreRefused(t *testing.T) {
	for name, v := range map[string]any{
		"NaN":             math.NaN(),
		"infinity":        math.Inf(1),
		"-infinity":       map[string]any{"a": math.Inf(-1)},
		"float32":         float32(1.5),
		"time":            time.Unix(1, 0),
		"time in a field": struct{ T time.Time }{time.Unix(1, 5)},
		"text not UTF-8":  "\xff",
		"key not UTF-8":   map[string]int{"\xff": 1},
		"integer keys":    map[int]string{1: "a"},
		"byte keys":       map[[2]byte]int{{1, 2}: 1},
		"links as keys":   map[blob.ID]int{leaf: 1},
		"keys of any":     map[any]any{"a": 1, 2: 2},
		"keyasint": struct {
			A int `cbor:"1,keyasint"`
		}{1},
		"zero link":      struct{ L blob.ID }{},
		"wide integer":   new(big.Int).Lsh(big.NewInt(1), 64),
		"narrow integer": new(big.Int).Sub(big.NewInt(math.MinInt64), big.NewInt(1)),
		"channel":        make(chan int),
		"function":       func() {},
		"complex":        complex(1, 1),
		"deep":           deep(17),
	} {
		b, err := object.Encode(v)
		require.ErrorIs(t, err, object.ErrUnencodable, name)
		require.Nil(t, b)
	}
	b, err := object.Encode(strings.Repeat("x", blob.MaxSize))
	require.ErrorIs(t, err, object.ErrUnencodable)
	require.ErrorIs(t, err, blob.ErrTooLarge)
	require.Nil(t, b)
}

func deep(n int) any {
	if n == 0 {
		return 0
	}
	return []any{deep(n - 1)}
}

func TestDecodeTakesOnlyWhatWouldBeWrittenTheSame(t *testing.T) {
	type object1 struct {
		N int8   `cbor:"n"`
		S string `cbor:"s,omitempty"`
	}
	fits := encode(t, map[string]any{"n": 1})
	require.NoError(t, object.Decode(fits, new(object1)))
	for _, c := range []struct {
		v      any
		reason string
	}{
		{map[string]any{}, `wants a field "n"`},
		{map[string]any{"N": 1}, `wants a field "n"`},
		{map[string]any{"N": 1, "n": 1}, `has no field "N"`},
		{map[string]any{"n": 1, "x": nil}, `has no field "x"`},
		{map[string]any{"n": 1, "s": ""}, `field "s" of *object_test.object1 is there and empty`},
		{map[string]any{"n": nil}, `field "n" of *object_test.object1 holds another value`},
		{map[string]any{"n": 128}, "cannot unmarshal"},
		{map[string]any{"n": "1"}, "cannot unmarshal"},
		{map[string]any{"n": 1.0}, "cannot unmarshal"},
		{map[string]any{"n": 1, "s": []byte("x")}, "cannot unmarshal"},
		{[]any{1}, "cannot unmarshal"},
		{1, "cannot unmarshal"},
		{nil, "holds another value"},
	} {
		err := object.Decode(encode(t, c.v), new(object1))
		require.ErrorIs(t, err, object.ErrMismatch, "%v", c.v)
		require.ErrorContains(t, err, c.reason)
	}
	require.ErrorIs(t, object.Decode(fits, object1{}), object.ErrMismatch, "no pointer")
	require.ErrorIs(t, object.Decode(fits, nil), object.ErrMismatch)
}

// A value that is used twice would mix two objects.
func TestDecodeIntoAUsedValueIsNoticed(t *testing.T) {
	v := file{Attrs: map[string]string{"left": "over"}}
	b := encode(t, file{V: 1, Attrs: map[string]string{"a": "b"}})
	require.ErrorIs(t, object.Decode(b, &v), object.ErrMismatch)
	v = file{Prev: &leaf}
	require.ErrorIs(t, object.Decode(encode(t, file{V: 1}), &v), object.ErrMismatch)
}

func TestDecodedBytesAreTheCallersOwn(t *testing.T) {
	b := encode(t, map[string][]byte{"a": []byte("kept")})
	var v map[string][]byte
	require.NoError(t, object.Decode(b, &v))
	clear(b)
	require.Equal(t, "kept", string(v["a"]))
}

func TestSaveAndLoadGoThroughAStore(t *testing.T) {
	store := blob.NewMemory()
	want := file{V: 1, Name: "a", Parts: []part{{4, leaf}}}
	id, err := object.Save(store, want)
	require.NoError(t, err)
	require.Equal(t, blob.Sum(blob.DAGCBOR, encode(t, want)), id)
	again, err := object.Save(store, &want)
	require.NoError(t, err)
	require.Equal(t, id, again)

	var got file
	require.NoError(t, object.Load(store, id, &got))
	require.Empty(t, cmp.Diff(want, got))

	_, err = object.Save(store, math.NaN())
	require.ErrorIs(t, err, object.ErrUnencodable)
	require.ErrorIs(t, object.Load(store, node, &got), blob.ErrNotFound)
	require.ErrorIs(t, object.Load(store, blob.ID{}, &got), blob.ErrBadID)
	require.ErrorIs(t, object.Load(store, id, new(part)), object.ErrMismatch)
	require.ErrorContains(t, object.Load(store, id, new(part)), id.String())

	raw, err := store.Put(blob.Raw, encode(t, want))
	require.NoError(t, err)
	require.ErrorIs(t, object.Load(store, raw, &got), object.ErrMismatch, "raw bytes are no object, whatever they look like")
	bad, err := store.Put(blob.DAGCBOR, []byte{0x18, 0x17})
	require.NoError(t, err)
	require.ErrorIs(t, object.Load(store, bad, &got), object.ErrInvalid)
	store.Damage(id)
	require.ErrorIs(t, object.Load(store, id, &got), blob.ErrCorrupt)
}

func BenchmarkCheck(b *testing.B) { bench(b, func(enc []byte) error { return object.Check(enc) }) }
func BenchmarkDecode(b *testing.B) {
	bench(b, func(enc []byte) error { return object.Decode(enc, new(file)) })
}

func BenchmarkEncode(b *testing.B) {
	v := large()
	bench(b, func([]byte) error { _, err := object.Encode(v); return err })
}

func BenchmarkEncodeSmall(b *testing.B) {
	v := part{4, leaf}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = object.Encode(v)
	}
}

func bench(b *testing.B, f func([]byte) error) {
	enc := encode(b, large())
	b.SetBytes(int64(len(enc)))
	b.ReportAllocs()
	for b.Loop() {
		if err := f(enc); err != nil {
			b.Fatal(err)
		}
	}
}

// large is a file of 1,000 parts: about 56 KB.
func large() file {
	f := file{V: 1, Name: "large"}
	for i := range 1000 {
		f.Parts = append(f.Parts, part{int64(i) << 20, leaf})
	}
	return f
}
