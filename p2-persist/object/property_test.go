package object_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// everything has a field of each kind that objects are made of.
type everything struct {
	V      uint64           `cbor:"v"`
	Signed int64            `cbor:"signed"`
	Narrow int16            `cbor:"narrow"`
	Float  float64          `cbor:"float"`
	Bool   bool             `cbor:"bool"`
	Text   string           `cbor:"text"`
	Bytes  []byte           `cbor:"bytes"`
	List   []string         `cbor:"list"`
	Map    map[string]int64 `cbor:"map"`
	Link   blob.ID          `cbor:"link"`
	Maybe  *blob.ID         `cbor:"maybe,omitempty"`
	Null   *int64           `cbor:"null"`
	Inner  []part           `cbor:"inner,omitempty"`
}

func genEverything() *rapid.Generator[everything] {
	return rapid.Custom(func(t *rapid.T) everything {
		return everything{
			V:      rapid.Uint64().Draw(t, "v"),
			Signed: rapid.Int64().Draw(t, "signed"),
			Narrow: rapid.Int16().Draw(t, "narrow"),
			Float:  genFloat().Draw(t, "float"),
			Bool:   rapid.Bool().Draw(t, "bool"),
			Text:   rapid.String().Draw(t, "text"),
			Bytes:  rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"),
			List:   rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "list"),
			Map:    rapid.MapOf(rapid.String(), rapid.Int64()).Draw(t, "map"),
			Link:   genID().Draw(t, "link"),
			Maybe:  rapid.Ptr(genID(), true).Draw(t, "maybe"),
			Null:   rapid.Ptr(rapid.Int64(), true).Draw(t, "null"),
			Inner: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) part {
				return part{rapid.Int64().Draw(t, "size"), genID().Draw(t, "data")}
			}), 0, 3).Draw(t, "inner"),
		}
	})
}

func genFloat() *rapid.Generator[float64] {
	return rapid.Float64().Filter(func(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) })
}

func genID() *rapid.Generator[blob.ID] {
	return rapid.Custom(func(t *rapid.T) blob.ID {
		codec := rapid.SampledFrom([]blob.Codec{blob.Raw, blob.DAGCBOR}).Draw(t, "codec")
		return blob.Sum(codec, []byte{rapid.Byte().Draw(t, "content")})
	})
}

func TestEveryValueComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genEverything().Draw(t, "value")
		b := encode(t, want)
		require.NoError(t, object.Check(b))
		var got everything
		require.NoError(t, object.Decode(b, &got))
		require.Empty(t, cmp.Diff(want, got, cmpopts.EquateEmpty()))
		require.Equal(t, b, encode(t, got))
	})
}

// Bug B2: equal objects have equal bytes, and others others.
func TestValuesAreEqualIfAndOnlyIfTheirBytesAre(t *testing.T) {
	sameBits := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	small := func(t *rapid.T, name string) everything {
		v := everything{
			V: rapid.Uint64Range(0, 1).Draw(t, name), Text: rapid.SampledFrom([]string{"", "a"}).Draw(t, name),
			Float: rapid.SampledFrom([]float64{0, math.Copysign(0, -1)}).Draw(t, name), Link: leaf,
			Maybe: rapid.SampledFrom([]*blob.ID{nil, &leaf, &node}).Draw(t, name),
			Bytes: rapid.SampledFrom([][]byte{nil, {}, {0}}).Draw(t, name),
			Map:   rapid.SampledFrom([]map[string]int64{nil, {}, {"a": 0}, {"b": 0}}).Draw(t, name),
		}
		return v
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := small(t, "a"), small(t, "b")
		require.Equal(t, cmp.Equal(a, b, cmpopts.EquateEmpty(), sameBits), bytes.Equal(encode(t, a), encode(t, b)))
	})
}

func TestTheOrderOfInsertionIntoAMapLeavesNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.SliceOfNDistinct(rapid.String(), 0, 30, rapid.ID).Draw(t, "keys")
		seed := rapid.Uint64().Draw(t, "seed")
		one, other, third := map[string]string{}, map[any]any{}, map[string]any{}
		for _, key := range pairs {
			one[key] = key
		}
		shuffled := slices.Clone(pairs)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(pairs), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		for i, key := range shuffled {
			other[key] = key
			third[shuffled[len(pairs)-1-i]] = shuffled[len(pairs)-1-i]
			third["taken out again"] = 1
		}
		if !slices.Contains(pairs, "taken out again") {
			delete(third, "taken out again")
			require.Equal(t, encode(t, one), encode(t, third))
		}
		require.Equal(t, encode(t, one), encode(t, other))
	})
}

func TestTheOrderOfFieldsInAStructLeavesNoTrace(t *testing.T) {
	type reversed struct {
		Base  *blob.ID       `cbor:"base,omitempty"`
		Attrs map[string]any `cbor:"attrs,omitempty"`
		Parts []any          `cbor:"parts"`
		Name  any            `cbor:"name"`
		V     int            `cbor:"v"`
	}
	require.Equal(t,
		encode(t, file{V: 1, Name: "a", Attrs: map[string]string{"x": "y"}, Base: leaf}),
		encode(t, reversed{V: 1, Name: "a", Attrs: map[string]any{"x": "y"}, Base: &leaf}))
}
