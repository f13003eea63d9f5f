package oracle_test

import (
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multibase"
	"github.com/multiformats/go-multihash"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
)

func TestAnIDIsTheirCIDInBytesAndText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := genBytes().Draw(t, "content")
		for codec, number := range map[blob.Codec]uint64{blob.Raw: cid.Raw, blob.DAGCBOR: cid.DagCBOR} {
			theirs, err := cid.Prefix{Version: 1, Codec: number, MhType: multihash.SHA2_256, MhLength: -1}.Sum(content)
			require.NoError(t, err)
			ours := blob.Sum(codec, content)
			require.Equal(t, theirs.Bytes(), ours[:])
			require.Equal(t, theirs.String(), ours.String())

			fromText, err := blob.Parse(theirs.String())
			require.NoError(t, err)
			require.Equal(t, ours, fromText)
			fromBytes, err := blob.ParseBytes(theirs.Bytes())
			require.NoError(t, err)
			require.Equal(t, ours, fromBytes)
			back, err := cid.Decode(ours.String())
			require.NoError(t, err)
			require.True(t, theirs.Equals(back))
		}
	})
}

// isBlob tells whether a CID is one that blobs have here.
func isBlob(c cid.Cid) bool {
	p := c.Prefix()
	return p.Version == 1 && (p.Codec == cid.Raw || p.Codec == cid.DagCBOR) && p.MhType == multihash.SHA2_256 && p.MhLength == 32
}

func TestBytesAreAnIDIfAndOnlyIfTheyAreTheirCIDOfABlob(t *testing.T) {
	yes, no := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		id := genID().Draw(t, "id")
		for range 20 {
			b := slices.Clone(id[:])
			at := rapid.IntRange(0, 6).Draw(t, "at")
			b[at] = rapid.OneOf(rapid.SampledFrom([]byte{0, 1, 2, 0x12, 0x20, 0x55, 0x71, 0x80}), rapid.Byte()).Draw(t, "with")
			b = b[:rapid.SampledFrom([]int{len(b), len(b), len(b), len(b) - 1, 0}).Draw(t, "length")]
			theirs, err := cid.Cast(b)
			want := err == nil && isBlob(theirs)
			ours, err := blob.ParseBytes(b)
			require.Equal(t, want, err == nil, "%x: %v", b, err)
			if want {
				yes++
				require.Equal(t, theirs.Bytes(), ours[:])
			} else {
				no++
			}
		}
	})
	require.Positive(t, yes)
	require.Positive(t, no)
}

// The text of a CID has a base of the writer's choice. We take the one that both write.
func TestATextIsAnIDIfAndOnlyIfItIsWhatTheyWriteForABlob(t *testing.T) {
	yes, no := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(genID().Draw(t, "id").String())
		for range 20 {
			s := slices.Clone(text)
			at := rapid.SampledFrom([]int{0, 1, 2, 7, len(s) - 1}).Draw(t, "at")
			s[at] = rapid.OneOf(rapid.SampledFrom([]byte("abBz27=1")), rapid.Byte()).Draw(t, "with")
			theirs, err := cid.Decode(string(s))
			want := err == nil && isBlob(theirs) && theirs.String() == string(s)
			_, err = blob.Parse(string(s))
			require.Equal(t, want, err == nil, "%q: %v", s, err)
			if want {
				yes++
			} else {
				no++
			}
		}
	})
	require.Positive(t, yes)
	require.Positive(t, no)
}

func TestTheyTakeOtherTextsOfTheSameName(t *testing.T) {
	id := blob.Sum(blob.Raw, []byte("hello"))
	theirs := cidOf(t, id)
	for _, base := range []multibase.Encoding{
		multibase.Base16, multibase.Base32Upper, multibase.Base32pad, multibase.Base36, multibase.Base58BTC, multibase.Base64url,
	} {
		text, err := theirs.StringOfBase(base)
		require.NoError(t, err)
		back, err := cid.Decode(text)
		require.NoError(t, err)
		require.True(t, theirs.Equals(back))
		_, err = blob.Parse(text)
		require.ErrorIs(t, err, blob.ErrBadID, text)
	}
	_, err := blob.Parse("/ipfs/" + id.String())
	require.ErrorIs(t, err, blob.ErrBadID)
	_, err = cid.Parse("/ipfs/" + id.String())
	require.NoError(t, err, "they take a path")
}
