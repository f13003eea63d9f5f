package file_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/file"
)

// sample is a node with a chunk and a hole.
func sample() file.Node {
	return file.Node{Level: 1, Parts: []file.Part{
		{Size: 5, Link: blob.Sum(blob.Raw, []byte("hello"))}, {Size: 1 << 20},
	}}
}

func TestANodeIsDAGCBORWithSortedKeys(t *testing.T) {
	want := strings.Join([]string{
		"a3", // map of 3
		"64" + hex.EncodeToString([]byte("kind")), // "kind": "file"
		"64" + hex.EncodeToString([]byte("file")),
		"65" + hex.EncodeToString([]byte("level")), // "level": 1
		"01",
		"65" + hex.EncodeToString([]byte("parts")), // "parts":
		"82",         // array of 2
		"8205",       // [5,
		"d82a582500", // 42(h'00
		"01551220",   // CIDv1, raw, sha2-256, 32 bytes
		"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", // of "hello")]
		"821a00100000", // [1 MiB,
		"f6",           // null]
	}, "")
	got := sample().Append(nil)
	require.Equal(t, want, hex.EncodeToString(got))
	require.NoError(t, cbor.Scan(got, cbor.Limits{}, 42))
	n, err := file.ParseNode(got)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(sample(), n))
}

// edit encodes a node whose fields are what they must not be.
func edit(change func(n *file.Node)) []byte {
	n := sample()
	change(&n)
	return n.Append(nil)
}

func TestMalformedNodesAreRefused(t *testing.T) {
	raw, node := blob.Sum(blob.Raw, nil), blob.Sum(blob.DAGCBOR, nil)
	good := sample().Append(nil)
	replace := func(old, with string) []byte {
		require.Equal(t, 1, bytes.Count(good, []byte(old)), "%q", old)
		return bytes.Replace(good, []byte(old), []byte(with), 1)
	}
	for what, b := range map[string][]byte{
		"empty":                   nil,
		"an array":                {0x80},
		"level 0":                 edit(func(n *file.Node) { n.Level, n.Parts = 0, []file.Part{{5, node}} }),
		"level 9":                 edit(func(n *file.Node) { n.Level, n.Parts = file.MaxLevel+1, []file.Part{{5, node}} }),
		"level -1":                edit(func(n *file.Node) { n.Level, n.Parts = -1, []file.Part{{5, node}} }),
		"no parts":                edit(func(n *file.Node) { n.Parts = nil }),
		"too many parts":          edit(func(n *file.Node) { n.Parts = make513() }),
		"an empty chunk":          edit(func(n *file.Node) { n.Parts[0].Size = 0 }),
		"an empty hole":           edit(func(n *file.Node) { n.Parts[1].Size = 0 }),
		"a negative size":         edit(func(n *file.Node) { n.Parts[1].Size = -1 }),
		"the most negative size":  edit(func(n *file.Node) { n.Parts[1].Size = math.MinInt64 }),
		"sizes that overflow":     edit(func(n *file.Node) { n.Parts[1].Size = math.MaxInt64 - 4 }),
		"a chunk beyond 4 MiB":    edit(func(n *file.Node) { n.Parts[0].Size = blob.MaxSize + 1 }),
		"a node at level 1":       edit(func(n *file.Node) { n.Parts[0].Link = node }),
		"a chunk at level 2":      edit(func(n *file.Node) { n.Level, n.Parts = 2, []file.Part{{5, raw}} }),
		"a hole at level 2":       edit(func(n *file.Node) { n.Level, n.Parts = 2, []file.Part{{5, node}, {Size: 5}} }),
		"another kind":            replace("file", "life"),
		"another first key":       replace("kind", "kine"),
		"another second key":      replace("level", "lever"),
		"another third key":       replace("parts", "party"),
		"a key too many":          append([]byte{0xa4}, append(good[1:len(good):len(good)], 0x61, 'z', 0x01)...),
		"a key too few":           append([]byte{0xa2}, good[1:]...),
		"a byte too many":         append(bytes.Clone(good), 0),
		"a level in a long form":  replace("level\x01", "level\x18\x01"),
		"an indefinite array":     append(replace("parts\x82", "parts\x9f"), 0xff),
		"an array bomb":           replace("parts\x82", "parts\x9a\xff\xff\xff\xff"),
		"a part of three":         replace("\x82\x05", "\x83\x05"),
		"a link without tag":      replace("\xd8\x2a\x58", "\x58"),
		"another tag":             replace("\xd8\x2a", "\xd8\x2b"),
		"a link without zero":     replace("\x58\x25\x00\x01", "\x58\x25\x01\x01"),
		"another hash":            replace("\x01\x55\x12", "\x01\x55\x13"),
		"undefined for null":      append(bytes.Clone(good[:len(good)-1]), 0xf7),
		"a size with a plus sign": replace("\x82\x05", "\x82\x25"),
	} {
		_, err := file.ParseNode(b)
		require.ErrorIs(t, err, file.ErrMalformed, what)
	}
	full := edit(func(n *file.Node) { n.Parts[1].Size = math.MaxInt64 - 5 })
	n, err := file.ParseNode(full)
	require.NoError(t, err, "the largest file")
	require.EqualValues(t, math.MaxInt64, n.Size())
	_, err = file.ParseNode(edit(func(n *file.Node) { n.Level, n.Parts = file.MaxLevel, []file.Part{{5, node}} }))
	require.NoError(t, err, "the highest root")
}

func make513() []file.Part {
	parts := make([]file.Part, file.MaxParts+1)
	for i := range parts {
		parts[i].Size = 1
	}
	return parts
}

func TestANodeCutShortOrFlippedIsRefusedOrAnother(t *testing.T) {
	good := sample().Append(nil)
	for n := range good {
		_, err := file.ParseNode(good[:n])
		require.ErrorIs(t, err, file.ErrMalformed, "%d bytes", n)
	}
	for i := range 8 * len(good) {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		n, err := file.ParseNode(b)
		if err == nil {
			require.Equal(t, b, n.Append(nil), "what is accepted has one encoding")
		}
	}
	tally.Add(t, "badinputs", 9*len(good))
}

// A tree of right hashes and wrong claims, as a liar would make it.
func TestATreeWhoseClaimsDoNotHoldIsMalformed(t *testing.T) {
	s := newStore()
	hello := putChunk(t, s, []byte("hello"))
	low := putNode(t, s, 1, file.Part{5, hello}, file.Part{5, hello})
	noNode, err := s.Put(blob.DAGCBOR, cbor.AppendUint(nil, 7))
	require.NoError(t, err)
	lowBytes := get(t, s, low)
	lowSize := int64(len(lowBytes))
	lowAsChunk := file.Part{10, putChunk(t, s, lowBytes)}
	for what, id := range map[string]blob.ID{
		"a node in the place of a chunk": putNode(t, s, 2, file.Part{lowSize, putNode(t, s, 2, file.Part{lowSize, low})}),
		"a chunk in the place of a node": putNode(t, s, 3, file.Part{10, putNode(t, s, 1, lowAsChunk)}),
		"a chunk that is shorter":        putNode(t, s, 1, file.Part{6, hello}),
		"a chunk that is longer":         putNode(t, s, 1, file.Part{4, hello}),
		"a chunk again, with two sizes":  putNode(t, s, 1, file.Part{5, hello}, file.Part{4, hello}),
		"a node that is shorter":         putNode(t, s, 2, file.Part{11, low}),
		"a node that is longer":          putNode(t, s, 2, file.Part{10, low}, file.Part{9, low}),
		"a node two levels down":         putNode(t, s, 3, file.Part{10, low}),
		"a node of the same level":       putNode(t, s, 2, file.Part{10, putNode(t, s, 2, file.Part{10, low})}),
		"no node below":                  putNode(t, s, 2, file.Part{10, noNode}),
		"no node":                        noNode,
	} {
		f, err := file.Open(s, id)
		if err == nil {
			_, err = io.Copy(io.Discard, f)
		}
		require.ErrorIs(t, err, file.ErrMalformed, what)
	}
	f := open(t, s, putNode(t, s, 2, file.Part{10, low}, file.Part{10, low}))
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "hellohellohellohello", string(got))
}

func TestAnIDThatNamesNothingIsRefused(t *testing.T) {
	_, err := file.Open(newStore(), blob.ID{})
	require.ErrorIs(t, err, blob.ErrBadID)
	_, err = file.Open(newStore(), blob.Sum(blob.Raw, []byte("not here")))
	require.ErrorIs(t, err, blob.ErrNotFound)
}

func FuzzParseNode(f *testing.F) {
	f.Add(sample().Append(nil))
	f.Add(edit(func(n *file.Node) { n.Parts[1].Size = math.MaxInt64 - 5 }))
	f.Add(edit(func(n *file.Node) { n.Level, n.Parts = 2, []file.Part{{5, blob.Sum(blob.DAGCBOR, nil)}} }))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := file.ParseNode(b)
		if err != nil {
			require.ErrorIs(t, err, file.ErrMalformed)
			return
		}
		require.Equal(t, b, n.Append(nil))
		require.Positive(t, n.Size())
		require.NoError(t, cbor.Scan(b, cbor.Limits{}, 42))
	})
}
