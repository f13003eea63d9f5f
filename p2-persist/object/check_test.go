package object_test

import (
	"bytes"
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/object"
)

var (
	leaf = blob.Sum(blob.Raw, []byte("leaf"))
	node = blob.Sum(blob.DAGCBOR, []byte{0xa0})
)

// One object, many encodings: all but one are refused (bug B26).
func TestEncodingsThatAreNotCanonicalAreRefused(t *testing.T) {
	for _, c := range []struct{ hex, reason string }{
		{"1817", "not in shortest form"},
		{"190017", "not in shortest form"},
		{"1a000000ff", "not in shortest form"},
		{"1b00000000ffffffff", "not in shortest form"},
		{"3817", "not in shortest form"},
		{"5800", "not in shortest form"},
		{"7801" + "61", "not in shortest form"},
		{"980101", "not in shortest form"},
		{"b800", "not in shortest form"},
		{"d9002a58250001711220" + strings.Repeat("00", 32), "not in shortest form"},
		{"a2616201616102", "map key out of order or twice"},
		{"a2616101616102", "map key out of order or twice"},
		{"a262616101616202", "map key out of order or twice"},
		{"a10001", "map key is no text"},
		{"a1416101", "map key is no text"},
		{"a12001", "map key is no text"},
		{"a1f601", "map key is no integer or string"},
		{"a1806161", "map key is no integer or string"},
		{"61ff", "text is not UTF-8"},
		{"62c0af", "text is not UTF-8"},
		{"63eda080", "text is not UTF-8"},
		{"f818", "want false, true, null or a 64-bit float"},
		{"f814", "want false, true, null or a 64-bit float"},
		{"fb7ff8000000000001", "float is not finite"},
		{"1c", "indefinite or reserved length"},
		{"1f", "indefinite or reserved length"},
		{"ff", "want false, true, null or a 64-bit float"},
		{"", "ends early"},
		{"3b8000000000000000", "integer below -2^63"},
		{"d9d9f700", "tag 55799 is not allowed"},
	} {
		refuses(t, unhex(t, c.hex), c.reason)
	}
}

func TestATagIsRefusedUnlessItIsALink(t *testing.T) {
	good := hex.EncodeToString(leaf[:])
	for _, c := range []struct{ hex, reason string }{
		{"d82a00", "want a byte string"},
		{"d82a60", "want a byte string"},
		{"d82a40", "link does not begin with 0x00"},
		{"d82a4100", "link: not the name of a blob: 0 bytes, want 36"},
		{"d82a5824" + good, "link does not begin with 0x00"},
		{"d82a582501" + good, "link does not begin with 0x00"},
		{"d82a582600" + good + "00", "37 bytes, want 36"},
		{"d82a582500" + "02" + good[2:], "CID version 2, want 1"},
		{"d82a582500" + good[:2] + "70" + good[4:], "codec 0x70, want raw (0x55) or dag-cbor (0x71)"},
		{"d82a582500" + good[:4] + "13" + good[6:], "hash function 0x13, want sha2-256"},
		{"d82a582500" + good[:6] + "1f" + good[8:], "hash of 31 bytes, want 32"},
		{"d82a582500" + strings.Repeat("00", 36), "no blob was named"},
		{"d82ad82a582500" + good, "want a byte string"},
		{"d829582500" + good, "tag 41 is not allowed"},
		{"a1d82a582500" + good + "00", "map key is no integer or string"},
	} {
		refuses(t, unhex(t, c.hex), c.reason)
	}
	require.NoError(t, object.Check(unhex(t, "d82a582500"+good)))
}

// A byte string in its place is no link: only the tag makes one.
func TestLinksAreFoundInOrderWithoutAGoType(t *testing.T) {
	b := encode(t, map[string]any{
		"z":     leaf,
		"deep":  []any{1, []any{node, map[string]any{"x": leaf}}, "text"},
		"bytes": leaf[:],
		"text":  leaf.String(),
	})
	var found []blob.ID
	for id, err := range object.Links(b) {
		require.NoError(t, err)
		found = append(found, id)
	}
	require.Empty(t, cmp.Diff([]blob.ID{leaf, node, leaf}, found))

	for id := range object.Links(b) {
		require.Equal(t, leaf, id)
		break // whoever has enough may stop
	}
	for range object.Links(encode(t, "no link")) {
		require.Fail(t, "a link where none is")
	}
}

func TestVersionIsReadWithoutKnowingTheRest(t *testing.T) {
	for _, c := range []struct {
		v       any
		version uint64
	}{
		{map[string]any{"v": 1}, 1},
		{map[string]any{"v": uint64(1 << 63), "a": []any{map[string]any{"v": 7}}}, 1 << 63},
		{map[string]any{"v": 2, "a": map[string]any{"v": 7}}, 2},
		{map[string]any{"a": map[string]any{"v": 7}}, 0},
		{map[string]any{"version": 3}, 0},
		{map[string]any{}, 0},
	} {
		version, err := object.Version(encode(t, c.v))
		require.NoError(t, err)
		require.Equal(t, c.version, version)
	}
	for _, v := range []any{
		[]any{"v", 1},
		1, "v",
		map[string]any{"v": 0},
		map[string]any{"v": -1},
		map[string]any{"v": "1"},
		map[string]any{"v": 1.0},
		map[string]any{"v": nil},
		map[string]any{"v": []int{1}},
	} {
		_, err := object.Version(encode(t, v))
		require.ErrorIs(t, err, object.ErrMismatch, "%v", v)
	}
}

// DAG-CBOR sorts keys by length first; the scanner sorts them by their encoded bytes. For
// text that is one and the same.
func TestKeysOfTextHaveTheSameOrderByLengthFirstAndByEncodedBytes(t *testing.T) {
	lengthFirst, err := oracle.EncOptions{Sort: oracle.SortLengthFirst}.EncMode()
	require.NoError(t, err)
	edge := func(n int) string { return strings.Repeat("~", n) }
	keys := []string{"", "a", "b", "aa", edge(22), edge(23), edge(24), edge(255), edge(256), edge(65535), edge(65536), "\U0010ffff"}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.OneOf(rapid.String(), rapid.SampledFrom(keys)), rapid.Uint8()).Draw(t, "map")
		b, err := lengthFirst.Marshal(m)
		require.NoError(t, err)
		require.NoError(t, object.Check(b))
		require.Equal(t, b, encode(t, m))
	})
}

func TestNestingIsBounded(t *testing.T) {
	for _, open := range []string{"\x81", "\xa1\x61a"} {
		nested := func(n int) []byte { return append([]byte(strings.Repeat(open, n)), 0) }
		for _, n := range []int{1, 15, 16} {
			require.NoError(t, object.Check(nested(n)), "%d", n)
		}
		for _, n := range []int{17, 32, 33, 1_000_000} {
			refuses(t, nested(n), "nested too deeply")
		}
	}
	link := blob.AppendLink(nil, leaf)
	require.NoError(t, object.Check(append([]byte(strings.Repeat("\x81", 15)), link...)), "a tag is a level too")
	refuses(t, append([]byte(strings.Repeat("\x81", 16)), link...), "nested too deeply")
}

func TestSizeAndNumberOfItemsAreBounded(t *testing.T) {
	largest := cbor.AppendBytes(nil, make([]byte, blob.MaxSize-5))
	require.Len(t, largest, blob.MaxSize)
	require.NoError(t, object.Check(largest))
	larger := cbor.AppendBytes(nil, make([]byte, blob.MaxSize-4))
	refuses(t, larger, "exceeds 4 MiB")
	require.ErrorIs(t, object.Check(larger), blob.ErrTooLarge)

	many := func(n int) []byte { return append(cbor.AppendArray(nil, n), make([]byte, n)...) }
	require.NoError(t, object.Check(many(cbor.DefaultItems-1)))
	refuses(t, many(cbor.DefaultItems), "too many items")
}

// Lengths that promise more than there is must not be believed (bug B27).
func TestLengthBombsAreRefusedAndAllocateLittle(t *testing.T) {
	var bombs [][]byte
	for _, major := range []byte{0x40, 0x60, 0x80, 0xa0} {
		for _, length := range []string{"\x18\xff", "\x19\xff\xff", "\x1a\x7f\xff\xff\xff", "\x1a\xff\xff\xff\xff", "\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x1b\x80\x00\x00\x00\x00\x00\x00\x00", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff"} {
			bomb := []byte(length)
			bomb[0] |= major
			bombs = append(bombs, bomb, append([]byte{0x81}, bomb...), append([]byte("\xa1\x61a"), bomb...))
		}
	}
	for _, bomb := range bombs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var v any
		require.ErrorIs(t, object.Decode(bomb, &v), object.ErrInvalid, "%x", bomb)
		_ = object.Dump(bomb)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), "%x", bomb)
	}
	tally.Add(t, "badinputs", len(bombs))
}

// The most items that an object may have, as large as Go values get by them.
func TestManySmallItemsTakeBoundedMemory(t *testing.T) {
	n := cbor.DefaultItems - 1
	b := append(cbor.AppendArray(nil, n), bytes.Repeat([]byte{0x80}, n)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var v any
	require.NoError(t, object.Decode(b, &v))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	require.Less(t, len(object.Dump(b)), 16<<20)
}

func TestCheckingAllocatesNothing(t *testing.T) {
	b := encode(t, map[string]any{"a": []any{1, -1, 1.5, "text", true, nil}, "bytes": make([]byte, 100), "link": leaf})
	require.Zero(t, testing.AllocsPerRun(10, func() {
		if err := object.Check(b); err != nil {
			t.Error(err)
		}
	}))
}

func encode(t require.TestingT, v any) []byte {
	b, err := object.Encode(v)
	require.NoError(t, err)
	return b
}
