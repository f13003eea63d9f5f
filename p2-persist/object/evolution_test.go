package object_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/p2-persist/object"
)

// Three ages of one program's objects: the first, one that added a field, and one that
// keeps what it does not know.
type (
	personV1 struct {
		V    uint64 `cbor:"v"`
		Name string `cbor:"name"`
	}
	personV2 struct {
		V    uint64   `cbor:"v"`
		Name string   `cbor:"name"`
		Mail []string `cbor:"mail,omitempty"`
	}
	keeper struct {
		V     uint64       `cbor:"v"`
		Name  string       `cbor:"name"`
		Age   int          `cbor:"age,omitzero"`
		Extra object.Extra `cbor:"-"`
	}
)

func (k keeper) MarshalCBOR() ([]byte, error) {
	type known keeper
	return object.EncodeWith(known(k), k.Extra)
}

func (k *keeper) UnmarshalCBOR(b []byte) (err error) {
	type known keeper
	k.Extra, err = object.DecodeWith(b, (*known)(k))
	return err
}

func TestNewProgramsReadOldObjects(t *testing.T) {
	old := encode(t, personV1{1, "Ann"})
	var p personV2
	require.NoError(t, object.Decode(old, &p))
	require.Empty(t, cmp.Diff(personV2{V: 1, Name: "Ann"}, p))
	require.Equal(t, old, encode(t, p), "what is not used leaves no trace")
}

func TestOldProgramsRefuseNewObjectsRatherThanLoseTheirFields(t *testing.T) {
	b := encode(t, personV2{1, "Ann", []string{"ann@example.org"}})
	err := object.Decode(b, new(personV1))
	require.ErrorIs(t, err, object.ErrMismatch)
	require.ErrorContains(t, err, `has no field "mail"`)
	require.ErrorIs(t, object.Decode(encode(t, []any{map[string]any{"v": 1, "name": "", "mail": 1}}), new([]personV1)),
		object.ErrMismatch, "nor in an object within an object")
}

func TestAProgramThatKeepsWhatItDoesNotKnowWritesItBack(t *testing.T) {
	b := encode(t, map[string]any{
		"v": 1, "name": "Ann", "": nil, "links": []any{leaf, node}, "zz": map[string]any{"a": 1.5}, "b": -1,
	})
	var k keeper
	require.NoError(t, object.Decode(b, &k))
	require.Equal(t, "Ann", k.Name)
	require.Len(t, k.Extra, 4)
	require.Equal(t, b, encode(t, k))

	k.Name, k.Age = "Bob", 7
	require.Equal(t, encode(t, map[string]any{
		"v": 1, "name": "Bob", "age": 7, "": nil, "links": []any{leaf, node}, "zz": map[string]any{"a": 1.5}, "b": -1,
	}), encode(t, k))
}

func TestWhatIsKeptIsKeptWithinOtherObjectsToo(t *testing.T) {
	b := encode(t, map[string][]any{"people": {
		map[string]any{"v": 1, "name": "Ann", "new": leaf},
		map[string]any{"v": 2, "name": "Bob"},
	}})
	var people map[string][]keeper
	require.NoError(t, object.Decode(b, &people))
	require.Equal(t, encode(t, leaf), people["people"][0].Extra["new"])
	require.Nil(t, people["people"][1].Extra)
	require.Equal(t, b, encode(t, people))
}

func TestWhatIsKeptIsTheKeepersOwn(t *testing.T) {
	b := encode(t, map[string]any{"v": 1, "name": "Ann", "x": "kept"})
	var k keeper
	require.NoError(t, object.Decode(b, &k))
	clear(b)
	require.Equal(t, encode(t, "kept"), k.Extra["x"])
}

func TestAKeeperIsAsStrictAboutTheFieldsThatItKnows(t *testing.T) {
	for _, v := range []any{
		map[string]any{"v": 1, "x": 1},
		map[string]any{"v": 1, "name": "Ann", "age": 0},
		map[string]any{"v": 1, "name": "Ann", "age": nil, "x": 1},
		map[string]any{"v": 1, "name": nil, "x": 1},
		map[string]any{"v": 1, "name": []byte("Ann"), "x": 1},
		[]any{1, "Ann"},
		nil,
	} {
		require.ErrorIs(t, object.Decode(encode(t, v), new(keeper)), object.ErrMismatch, "%v", v)
	}
	_, err := object.DecodeWith([]byte{0x18, 0x17}, new(personV1))
	require.ErrorIs(t, err, object.ErrInvalid)
}

func TestKeptFieldsThatSpoilTheObjectAreRefused(t *testing.T) {
	for _, extra := range []object.Extra{
		{"name": encode(t, "twice")},
		{"age": encode(t, 8)},
		{"x": nil},
		{"x": {0x18, 0x17}},
		{"x": {0x01, 0x01}},
		{"x": {0x61}},
		{"x": {0xa1, 0x01, 0x01}},
		{"\xff": {0x01}},
	} {
		_, err := object.Encode(keeper{V: 1, Name: "Ann", Age: 7, Extra: extra})
		require.ErrorIs(t, err, object.ErrUnencodable, "%v", extra)
	}
	_, err := object.EncodeWith(personV1{}, object.Extra{"name": encode(t, "twice")})
	require.ErrorIs(t, err, object.ErrUnencodable)
	require.ErrorContains(t, err, `has a field "name" and was to keep another`)
	_, err = object.EncodeWith([]int{1}, object.Extra{"x": {0x01}})
	require.ErrorIs(t, err, object.ErrUnencodable)
	_, err = object.EncodeWith(make(chan int), object.Extra{"x": {0x01}})
	require.ErrorIs(t, err, object.ErrUnencodable)
}

// The version tells which type to read an object into, when a field has changed its
// meaning.
func TestVersionChoosesTheTypeOfAnObject(t *testing.T) {
	type seconds struct {
		V    uint64 `cbor:"v"`
		Time int64  `cbor:"time"` // in seconds
	}
	type nanoseconds struct {
		V    uint64 `cbor:"v"`
		Time int64  `cbor:"time"` // in nanoseconds
	}
	for _, b := range [][]byte{encode(t, seconds{1, 3}), encode(t, nanoseconds{2, 3_000_000_000})} {
		version, err := object.Version(b)
		require.NoError(t, err)
		var got nanoseconds
		if version == 1 {
			var old seconds
			require.NoError(t, object.Decode(b, &old))
			got = nanoseconds{2, old.Time * 1e9}
		} else {
			require.NoError(t, object.Decode(b, &got))
		}
		require.Empty(t, cmp.Diff(nanoseconds{2, 3e9}, got))
	}
}
