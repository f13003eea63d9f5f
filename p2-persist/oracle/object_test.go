package oracle_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/traversal"
	"github.com/multiformats/go-multihash"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

func TestAValueHasTheSameBytesFromBothEncoders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := genValue(4).Draw(t, "value")
		ours, err := object.Encode(v)
		require.NoError(t, err)
		theirs, err := encodeTheirs(nodeOf(t, v))
		require.NoError(t, err)
		require.Equal(t, theirs, ours)
	})
}

func TestWhatOneEncodesTheOtherDecodesToTheSameValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := genValue(4).Draw(t, "value")
		ours, err := object.Encode(v)
		require.NoError(t, err)
		got, err := decodeTheirs(ours)
		require.NoError(t, err)
		require.Empty(t, equalValues(v, valueOf(t, got)), "%x", ours)

		theirs, err := encodeTheirs(nodeOf(t, v))
		require.NoError(t, err)
		var back any
		require.NoError(t, object.Decode(theirs, &back))
		again, err := object.Encode(back)
		require.NoError(t, err)
		require.Equal(t, theirs, again)
	})
}

func TestLinksAreThoseThatTheirTraversalFinds(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		v := map[string]any{
			"list": rapid.SliceOfN(genID().AsAny(), 0, 5).Draw(t, "links"), "value": genValue(3).Draw(t, "value"),
			"map": rapid.MapOf(genText(), genID().AsAny()).Draw(t, "named"),
		}
		b, err := object.Encode(v)
		require.NoError(t, err)
		n, err := decodeTheirs(b)
		require.NoError(t, err)
		theirs, err := traversal.SelectLinks(n)
		require.NoError(t, err)
		var ours []datamodel.Link
		for id, err := range object.Links(b) {
			require.NoError(t, err)
			ours = append(ours, cidlink.Link{Cid: cidOf(t, id)})
		}
		require.True(t, slices.Equal(theirs, ours), "%v, want %v", ours, theirs)
		found += len(ours)
	})
	require.Greater(t, found, 100)
}

// outcome is what the two sides say of some bytes.
type outcome string

const (
	refused    outcome = "both refuse"
	accepted   outcome = "both accept"
	lax        outcome = "their decoder accepts, their encoder writes others"
	outProfile outcome = "canonical, and out of our profile"
)

// compare fails unless what we say of b follows from what they say.
func compare(t require.TestingT, b []byte) outcome {
	ours := object.Check(b)
	n, err := decodeTheirs(b)
	if err != nil {
		require.Error(t, ours, "%x: we accept what they refuse: %v", b, err)
		return refused
	}
	again, err := encodeTheirs(n)
	if err != nil || !bytes.Equal(again, b) {
		require.Error(t, ours, "%x: we accept what they write as %x (%v)", b, again, err)
		return lax
	}
	if err := profile(n, 0); err != nil {
		require.Error(t, ours, "%x: we accept what is out of our profile: %v", b, err)
		return outProfile
	}
	require.NoError(t, ours, "%x: they accept it", b)
	return accepted
}

var (
	errUTF8   = errors.New("not UTF-8")
	errLink   = errors.New("not a link that we have")
	errLevels = errors.New("too many levels")
)

// profile returns what is in a value that DAG-CBOR has and package object has not.
func profile(n datamodel.Node, level int) error {
	switch n.Kind() {
	case datamodel.Kind_String:
		if s, _ := n.AsString(); !utf8.ValidString(s) {
			return errUTF8
		}
	case datamodel.Kind_Link:
		return profileOfLink(n, level)
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			_, value, err := it.Next()
			if err := errors.Join(err, profile(value, level+1)); err != nil {
				return err
			}
		}
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			key, value, err := it.Next()
			if err := errors.Join(err, profile(key, level+1), profile(value, level+1)); err != nil {
				return err
			}
		}
	}
	if recursive := n.Kind() == datamodel.Kind_List || n.Kind() == datamodel.Kind_Map; recursive && level >= maxLevels {
		return fmt.Errorf("%w: more than %d", errLevels, maxLevels)
	}
	return nil
}

// maxLevels is how many lists, maps and links may stand in each other.
const maxLevels = 16

func profileOfLink(n datamodel.Node, level int) error {
	if level >= maxLevels {
		return errLevels
	}
	l, err := n.AsLink()
	if err != nil {
		return err
	}
	want := cid.Prefix{Version: 1, Codec: cid.Raw, MhType: multihash.SHA2_256, MhLength: 32}
	got := l.(cidlink.Link).Cid.Prefix()
	if got == want {
		return nil
	}
	if want.Codec = cid.DagCBOR; got == want {
		return nil
	}
	return fmt.Errorf("%w: %v", errLink, got)
}

func TestMutatedObjectsAreAcceptedByBothOrRefusedForAReason(t *testing.T) {
	seen := map[outcome]int{}
	rapid.Check(t, func(t *rapid.T) {
		b, err := object.Encode(genValue(3).Draw(t, "value"))
		require.NoError(t, err)
		for range 20 {
			seen[compare(t, mutate(t, b))]++
		}
	})
	for _, o := range []outcome{refused, accepted, lax, outProfile} {
		require.Positive(t, seen[o], "%s: %v", o, seen)
	}
}

// mutate changes a few bytes of an encoding: as a rule to some that mean much in CBOR.
func mutate(t *rapid.T, b []byte) []byte {
	b = slices.Clone(b)
	telling := rapid.SampledFrom([]byte{
		0x00, 0x17, 0x18, 0x20, 0x3b, 0x40, 0x60, 0x61, 0x80, 0x81, 0x9f, 0xa0, 0xa1, 0xbf, 0xd8, 0x2a,
		0xf4, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xff, 0x55, 0x70, 0x71, 0x01, 0x12, 0x7f, 0x80,
	})
	for range rapid.IntRange(1, 3).Draw(t, "changes") {
		at := rapid.IntRange(0, len(b)).Draw(t, "at")
		with := rapid.OneOf(telling, rapid.Byte()).Draw(t, "with")
		switch change := rapid.IntRange(0, 3).Draw(t, "change"); {
		case change == 0:
			b = slices.Insert(b, at, with)
		case at == len(b):
			b = append(b, with)
		case change == 1:
			b = slices.Delete(b, at, at+1)
		case change == 2:
			b[at] = with
		default:
			b[at] ^= 1 << (with % 8)
		}
	}
	return b
}

func TestRandomBytesAreAcceptedByBothOrRefusedForAReason(t *testing.T) {
	seen := map[outcome]int{}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			seen[compare(t, rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "bytes"))]++
		}
	})
	require.Positive(t, seen[accepted], "%v", seen)
	require.Positive(t, seen[refused], "%v", seen)
}

// All of the encodings that are short enough to be tried one by one.
func TestEveryEncodingOfUpToThreeBytesIsAcceptedByBothOrRefusedForAReason(t *testing.T) {
	seen := map[outcome]int{compare(t, nil): 1}
	for a := range 256 {
		seen[compare(t, []byte{byte(a)})]++
		for b := range 256 {
			seen[compare(t, []byte{byte(a), byte(b)})]++
			for _, c := range []byte{0x00, 0x01, 0x17, 0x20, 0x40, 0x60, 0x61, 0x80, 0xa0, 0xf5, 0xf7, 0xff} {
				seen[compare(t, []byte{byte(a), byte(b), c})]++
			}
		}
	}
	for _, o := range []outcome{refused, accepted, lax, outProfile} {
		require.Positive(t, seen[o], "%s: %v", o, seen)
	}
}

func TestABlobWithItsNameIsTheSameToBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := object.Encode(genValue(2).Draw(t, "value"))
		require.NoError(t, err)
		theirs, err := cid.Prefix{Version: 1, Codec: cid.DagCBOR, MhType: multihash.SHA2_256, MhLength: -1}.Sum(b)
		require.NoError(t, err)
		require.Equal(t, theirs.String(), blob.Sum(blob.DAGCBOR, b).String())
	})
}
