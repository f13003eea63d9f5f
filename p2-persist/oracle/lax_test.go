package oracle_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// Their decoder is laxer than DAG-CBOR. In each test below it takes some bytes and
// would write others, and we refuse these bytes: an object would have two names.

func requireLax(t *testing.T, bytesToWritten map[string]string) {
	t.Helper()
	for in, want := range bytesToWritten {
		b, err := hex.DecodeString(in)
		require.NoError(t, err)
		n, err := decodeTheirs(b)
		require.NoError(t, err, in)
		written, err := encodeTheirs(n)
		require.NoError(t, err, in)
		require.Equal(t, want, hex.EncodeToString(written), "what they write for %s", in)
		require.ErrorIs(t, object.Check(b), object.ErrInvalid, in)
		require.Equal(t, lax, compare(t, b), in)
	}
}

func TestTheyTakeMapKeysOutOfOrder(t *testing.T) {
	requireLax(t, map[string]string{
		"a2616200616100":   "a2616100616200",
		"a262616100616200": "a261620062616100", // the longer one first
	})
}

func TestTheyTakeShortFloats(t *testing.T) {
	requireLax(t, map[string]string{
		"f93c00":     "fb3ff0000000000000",
		"fa3f800000": "fb3ff0000000000000",
	})
}

func TestTheyTakeUndefinedForNull(t *testing.T) {
	requireLax(t, map[string]string{"f7": "f6", "a16161f7": "a16161f6"})
}

// A tag is looked at in front of bytes only: in front of all else it is lost, whatever
// its number, also 42 and also in front of a map's key.
func TestTheyLoseTagsInFrontOfWhatIsNotBytes(t *testing.T) {
	requireLax(t, map[string]string{
		"c101": "01", "d82b6161": "6161", "d82a01": "01", "d82a6161": "6161", "d82a80": "80",
		"d82aa0": "a0", "d82af6": "f6", "d82af5": "f5", "d82afb3ff0000000000000": "fb3ff0000000000000",
		"a1d82a616101": "a1616101",
	})
}

// -2^64 is the one integer of CBOR that they read as another: as 0. From -2^64+1 to
// -2^63-1 they refuse what DAG-CBOR has and we do not have either.
func TestTheyTakeTheLeastIntegerForZero(t *testing.T) {
	requireLax(t, map[string]string{"3bffffffffffffffff": "00"})
	for _, in := range []string{"3b8000000000000000", "3bfffffffffffffffe"} {
		b, err := hex.DecodeString(in)
		require.NoError(t, err)
		require.Equal(t, refused, compare(t, b))
	}
}

// What follows is canonical, both ways, and out of our profile all the same.

func requireOutOfProfile(t *testing.T, b []byte) {
	t.Helper()
	n, err := decodeTheirs(b)
	require.NoError(t, err)
	written, err := encodeTheirs(n)
	require.NoError(t, err)
	require.True(t, bytes.Equal(b, written), "their bytes are canonical")
	require.ErrorIs(t, object.Check(b), object.ErrInvalid)
}

func TestTheyTakeTextThatIsNotUTF8(t *testing.T) {
	for _, text := range []string{"\xff", "\xc3(", "\xed\xa0\x80"} {
		for _, v := range []any{text, []any{text}, map[string]any{text: true}} {
			b, err := encodeTheirs(nodeOf(t, v))
			require.NoError(t, err)
			requireOutOfProfile(t, b)
			require.Equal(t, outProfile, compare(t, b))
			_, err = object.Encode(v)
			require.ErrorIs(t, err, object.ErrUnencodable)
		}
	}
}

func TestTheyTakeLinksToWhatIsNoBlobHere(t *testing.T) {
	sum := func(version, codec, hash uint64, size int) cid.Cid {
		c, err := cid.Prefix{Version: version, Codec: codec, MhType: hash, MhLength: size}.Sum([]byte("x"))
		require.NoError(t, err)
		return c
	}
	for name, c := range map[string]cid.Cid{
		"version 0":      sum(0, cid.DagProtobuf, multihash.SHA2_256, 32),
		"dag-pb":         sum(1, cid.DagProtobuf, multihash.SHA2_256, 32),
		"dag-json":       sum(1, cid.DagJSON, multihash.SHA2_256, 32),
		"sha2-512":       sum(1, cid.Raw, multihash.SHA2_512, 64),
		"truncated hash": sum(1, cid.Raw, multihash.SHA2_256, 20),
		"identity":       sum(1, cid.Raw, multihash.IDENTITY, 1),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := encodeTheirs(basicnode.NewLink(cidlink.Link{Cid: c}))
			require.NoError(t, err)
			requireOutOfProfile(t, b)
			require.Equal(t, outProfile, compare(t, b))
			_, err = blob.ParseBytes(c.Bytes())
			require.ErrorIs(t, err, blob.ErrBadID)
		})
	}
}

func TestTheyTakeMoreLevels(t *testing.T) {
	nested := func(levels int) []byte { return append(bytes.Repeat([]byte{0x81}, levels), 0x00) }
	require.Equal(t, accepted, compare(t, nested(maxLevels)))
	for _, levels := range []int{maxLevels + 1, 1000} {
		requireOutOfProfile(t, nested(levels))
		require.Equal(t, outProfile, compare(t, nested(levels)))
	}
	require.Equal(t, refused, compare(t, nested(1025)))
	link, err := encodeTheirs(nodeOf(t, blob.Sum(blob.Raw, nil)))
	require.NoError(t, err)
	require.Equal(t, accepted, compare(t, slices.Concat(bytes.Repeat([]byte{0x81}, maxLevels-1), link)))
	require.Equal(t, outProfile, compare(t, slices.Concat(bytes.Repeat([]byte{0x81}, maxLevels), link)), "a link is a level too")
}

func TestTheyTakeMoreItemsAndBytes(t *testing.T) {
	const maxItems = 1 << 17
	encode := func(v any) []byte {
		b, err := encodeTheirs(nodeOf(t, v))
		require.NoError(t, err)
		return b
	}
	require.Equal(t, accepted, compare(t, encode(slices.Repeat([]any{true}, maxItems-1))))
	requireOutOfProfile(t, encode(slices.Repeat([]any{true}, maxItems)))
	require.Equal(t, accepted, compare(t, encode(make([]byte, blob.MaxSize-5))))
	requireOutOfProfile(t, encode(make([]byte, blob.MaxSize-4)))
}

// What DAG-CBOR forbids and both refuse.
func TestBothRefuseWhatDAGCBORForbids(t *testing.T) {
	for what, in := range map[string]string{
		"a key twice":            "a2616100616101",
		"a key that is a number": "a10000",
		"a key that is bytes":    "a1406161",
		"a number too long":      "1800",
		"a length too long":      "5800",
		"a tag too long":         "d9002a4100",
		"indefinite bytes":       "5f4100ff",
		"indefinite list":        "9fff",
		"NaN":                    "fb7ff8000000000000",
		"infinity":               "fb7ff0000000000000",
		"short NaN":              "f97e00",
		"simple value":           "e0",
		"simple value in 2":      "f820",
		"tag 43 of bytes":        "d82b4100",
		"link without prefix":    "d82a40",
		"link in a link":         "d82ad82a4100",
		"something behind":       "0000",
		"nothing":                "",
		"half":                   "19",
	} {
		t.Run(what, func(t *testing.T) {
			b, err := hex.DecodeString(in)
			require.NoError(t, err)
			require.Equal(t, refused, compare(t, b))
		})
	}
}

// An order of insertion is kept by their maps, and lost in their bytes and ours.
func TestTheOrderOfAMapInMemoryLeavesNoTraceInEither(t *testing.T) {
	nb := basicnode.Prototype.Map.NewBuilder()
	m, err := nb.BeginMap(3)
	require.NoError(t, err)
	for _, key := range []string{"bb", "c", "a"} {
		entry, err := m.AssembleEntry(key)
		require.NoError(t, err)
		require.NoError(t, entry.AssignString(key))
	}
	require.NoError(t, m.Finish())
	theirs, err := encodeTheirs(nb.Build())
	require.NoError(t, err)
	ours, err := object.Encode(map[string]any{"c": "c", "a": "a", "bb": "bb"})
	require.NoError(t, err)
	require.Equal(t, theirs, ours)
	n, err := decodeTheirs(ours)
	require.NoError(t, err)
	require.False(t, datamodel.DeepEqual(nb.Build(), n), "their nodes have an order")
}
