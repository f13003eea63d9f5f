package blob_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/common/house/tally"
)

// Names that other CID tools print for the same bytes.
var known = []struct {
	codec blob.Codec
	bytes string
	text  string
}{
	{blob.Raw, "", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
	{blob.Raw, "hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"},
	{blob.DAGCBOR, "\xa0", "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"},
}

func TestIDsReadAsOtherToolsWriteThem(t *testing.T) {
	for _, k := range known {
		id := blob.Sum(k.codec, []byte(k.bytes))
		require.Equal(t, k.text, id.String())
		require.Len(t, k.text, blob.TextSize)
		require.Equal(t, k.codec, id.Codec())
		parsed, err := blob.Parse(k.text)
		require.NoError(t, err)
		require.Equal(t, id, parsed)
		parsed, err = blob.ParseBytes(id[:])
		require.NoError(t, err)
		require.Equal(t, id, parsed)
		require.NoError(t, id.Validate())
		require.False(t, id.IsZero())
	}
}

func TestIDsOfOtherBytesOrCodecsDiffer(t *testing.T) {
	b := []byte("some bytes")
	id := blob.Sum(blob.Raw, b)
	require.NoError(t, id.Check(b))
	require.NotEqual(t, id, blob.Sum(blob.DAGCBOR, b))
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			require.NotEqual(t, id, blob.Sum(blob.Raw, b))
			require.ErrorIs(t, id.Check(b), blob.ErrCorrupt)
			require.ErrorContains(t, id.Check(b), id.String())
			b[i] ^= 1 << bit
		}
	}
	require.ErrorIs(t, id.Check(b[:len(b)-1]), blob.ErrCorrupt)
	require.ErrorIs(t, id.Check(append(b, 0)), blob.ErrCorrupt)
}

func TestIDsAreOrderedByTheirBytesAndSoAreTheirTexts(t *testing.T) {
	var ids []blob.ID
	var texts []string
	for i := range 200 {
		id := blob.Sum([]blob.Codec{blob.Raw, blob.DAGCBOR}[i%2], []byte{byte(i)})
		ids, texts = append(ids, id), append(texts, string(id[:]))
	}
	slices.SortFunc(ids, blob.ID.Compare)
	slices.Sort(texts)
	for i, id := range ids {
		require.Equal(t, texts[i], string(id[:]))
	}
	require.Negative(t, blob.ID{}.Compare(ids[0]))
	require.Zero(t, ids[0].Compare(ids[0]))
}

func TestParseRefusesWhatIsNotTheOneTextOfAnID(t *testing.T) {
	good := known[1].text
	for text, reason := range map[string]string{
		"":                             "text of 0 bytes, want 59",
		good[:58]:                      "text of 58 bytes, want 59",
		good + "a":                     "text of 60 bytes, want 59",
		good + "\n":                    "text of 60 bytes, want 59",
		strings.ToUpper(good):          "upper case",
		"B" + good[1:]:                 "upper case",
		good[:58] + "E":                "upper case",
		"z" + good[1:]:                 `multibase prefix "z", want 'b' (base32)`,
		good[:30] + "1" + good[31:]:    "is not base32",
		good[:30] + "=" + good[31:]:    "is not base32",
		good[:30] + "\n" + good[31:]:   "36",
		good[:30] + "\x00" + good[31:]: "is not base32",
		good[:28] + "é" + good[30:]:    "is not base32",
		good[:58] + "f":                "bits left over",
		"../../../../../../../../../../../../../../../../../../tmp/x": "multibase prefix",
		"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG":              "want version 1 in base32",
		"b" + strings.Repeat("a", 58):                                 "no blob was named",
		"bafybe" + good[6:]:                                           "codec 0x70, want raw (0x55) or dag-cbor (0x71)",
	} {
		_, err := blob.Parse(text)
		require.ErrorIs(t, err, blob.ErrBadID, "%q", text)
		require.ErrorContains(t, err, reason, "%q", text)
	}
}

func TestParseBytesRefusesOtherHeadersAndLengths(t *testing.T) {
	good := blob.Sum(blob.Raw, nil)
	for n := range blob.IDSize {
		_, err := blob.ParseBytes(good[:n])
		require.ErrorIs(t, err, blob.ErrBadID)
	}
	_, err := blob.ParseBytes(append(good[:], 0))
	require.ErrorContains(t, err, "37 bytes, want 36")
	for i, reason := range []string{"CID version", "codec", "hash function", "hash of"} {
		for v := range 256 {
			bad := good
			bad[i] = byte(v)
			if _, err := blob.ParseBytes(bad[:]); bad != good && bad.Codec() != blob.DAGCBOR {
				require.ErrorIs(t, err, blob.ErrBadID)
				require.ErrorContains(t, err, reason)
			}
		}
	}
	tally.Add(t, "badinputs", 4*256+blob.IDSize)
}

// A text that was changed anywhere is refused or names another blob: never the same one.
func TestNoTwoTextsNameOneBlob(t *testing.T) {
	good := known[1].text
	id := blob.Sum(known[1].codec, []byte(known[1].bytes))
	for i := range good {
		for c := range 256 {
			text := good[:i] + string([]byte{byte(c)}) + good[i+1:]
			if got, err := blob.Parse(text); err == nil {
				require.Equal(t, text == good, got == id, "%q", text)
			}
		}
	}
	tally.Add(t, "badinputs", len(good)*255)
}

func TestIDIsTextInJSON(t *testing.T) {
	type object struct {
		Blob blob.ID
		Size map[blob.ID]int
	}
	id := blob.Sum(blob.Raw, nil)
	b, err := json.Marshal(object{id, map[blob.ID]int{id: 1}})
	require.NoError(t, err)
	require.JSONEq(t, `{"Blob": "`+id.String()+`", "Size": {"`+id.String()+`": 1}}`, string(b))
	var back object
	require.NoError(t, json.Unmarshal(b, &back))
	require.Empty(t, cmp.Diff(object{id, map[blob.ID]int{id: 1}}, back))

	_, err = json.Marshal(blob.ID{})
	require.ErrorIs(t, err, blob.ErrBadID)
	require.ErrorIs(t, json.Unmarshal([]byte(`"x"`), &id), blob.ErrBadID)
}

func TestIDIsALinkInCBOR(t *testing.T) {
	id := blob.Sum(blob.DAGCBOR, []byte{0xa0})
	b, err := oracle.Marshal(id)
	require.NoError(t, err)
	require.Equal(t, append([]byte{0xd8, 42, 0x58, 37, 0}, id[:]...), b)
	require.Equal(t, b, blob.AppendLink(nil, id))
	require.NoError(t, cbor.Scan(b, cbor.Limits{}, 42))

	var back blob.ID
	require.NoError(t, oracle.Unmarshal(b, &back))
	require.Equal(t, id, back)
	r := cbor.NewReader(b)
	require.Equal(t, id, blob.ReadLink(&r))
	require.NoError(t, r.Close())

	_, err = blob.ID{}.MarshalCBOR()
	require.ErrorIs(t, err, blob.ErrBadID)
}

func TestWhatIsNoLinkIsRefused(t *testing.T) {
	id := blob.Sum(blob.Raw, nil)
	link := func(tag uint64, content []byte) []byte {
		return cbor.AppendBytes(cbor.AppendTag(nil, tag), content)
	}
	v0 := append([]byte{0, 0x12, 0x20}, id[4:]...)
	for _, b := range [][]byte{
		nil,
		{0xf6},
		link(42, nil),
		link(42, []byte{0}),
		link(42, id[:]),
		link(42, append([]byte{1}, id[:]...)),
		link(42, v0),
		link(42, append([]byte{0}, id[:35]...)),
		link(42, append([]byte{0}, append(id[:], 0)...)),
		link(42, make([]byte, 37)),
		link(41, append([]byte{0}, id[:]...)),
		cbor.AppendText(cbor.AppendTag(nil, 42), id.String()),
		cbor.AppendBytes(nil, append([]byte{0}, id[:]...)),
		append(blob.AppendLink(nil, id), 0),
		blob.AppendLink(cbor.AppendTag(nil, 42), id),
	} {
		was := id
		require.ErrorIs(t, was.UnmarshalCBOR(b), blob.ErrBadID, "%x", b)
		require.Equal(t, id, was, "what could not be read changes nothing")
	}
}

func TestCodecsHaveTheNamesOfTheTable(t *testing.T) {
	require.Equal(t, "raw", blob.Raw.String())
	require.Equal(t, "dag-cbor", blob.DAGCBOR.String())
	require.Equal(t, "codec 0x70", blob.Codec(0x70).String())
}

func TestABatchIsBounded(t *testing.T) {
	ids := slices.Repeat([]blob.ID{blob.Sum(blob.Raw, nil)}, blob.MaxBatch)
	require.NoError(t, blob.CheckBatch(ids))
	require.ErrorIs(t, blob.CheckBatch(append(ids, ids[0])), blob.ErrBatch)
	ids[17] = blob.ID{}
	require.ErrorIs(t, blob.CheckBatch(ids), blob.ErrBadID)
}

// FuzzParse looks for a text that is read and not written again as it was.
func FuzzParse(f *testing.F) {
	for _, k := range known {
		f.Add(k.text)
		f.Add(strings.ToUpper(k.text))
		f.Add(k.text[:58] + "\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := blob.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, blob.ErrBadID)
			require.True(t, id.IsZero())
			return
		}
		require.Equal(t, text, id.String())
		require.NoError(t, id.Validate())
	})
}
