package object_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/p2-persist/object"
)

func TestDiagnoseShowsLinksWithTheTextOfTheirIDs(t *testing.T) {
	text, err := object.Diagnose(encode(t, map[string]any{"a": []any{leaf, -1, 2.0, nil, []byte{1, 2}, "\n\x7f\"ü\\"}, "": map[string]any{}}))
	require.NoError(t, err)
	require.Equal(t, `{"": {}, "a": [`+
		`42(h'00015512209f91161f43433e49a6de6db680d79f60159f2e4ac9172621a12846428158440b') / `+leaf.String()+` /, `+
		`-1, 2.0, null, h'0102', "\u000a\u007f\"ü\\"]}`, text)
}

func TestDumpShowsOneItemALine(t *testing.T) {
	b := encode(t, map[string]any{
		"v": 1, "list": []any{true, -2, 0.5, []any{}}, "link": leaf, "bytes": make([]byte, 60), "text": strings.Repeat("x", 60),
	})
	require.Empty(t, cmp.Diff(`a5                                                   # map of 5
  61 76                                              # "v"
  01                                                 # 1
  64 6c 69 6e 6b                                     # "link"
  d8 2a                                              # link to bafkreie7selb6q2dhze2nxtnw2anph3acwps4swjc4tcdijiizbicwcebm
    58 25 00 01 55 12 20 9f 91 16 1f 43 43 3e 49 a6 ... # h'00015512209f91161f43433e49a6de6db680d79f60159f2e4ac9172621a12846428158440b'
  64 6c 69 73 74                                     # "list"
  84                                                 # list of 4
    f5                                               # true
    21                                               # -2
    fb 3f e0 00 00 00 00 00 00                       # 0.5
    80                                               # list of 0
  64 74 65 78 74                                     # "text"
  78 3c 78 78 78 78 78 78 78 78 78 78 78 78 78 78 ... # "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... (60 bytes)
  65 62 79 74 65 73                                  # "bytes"
  58 3c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ... # h'`+strings.Repeat("00", 48)+`'... (60 bytes)
`, object.Dump(b)))
}

func TestDumpShowsWhatIsNoObjectAndWhy(t *testing.T) {
	for _, c := range []struct{ hex, dump string }{
		{"", `# not canonical DAG-CBOR: malformed CBOR at byte 0: ends early
`},
		{"830118170203", `83                                                   # list of 3
  01                                                 # 1
  18 17                                              # 23
  02                                                 # 2
03                                                   # ?
# not canonical DAG-CBOR: malformed CBOR at byte 2: integer or length not in shortest form
`},
		{"a16161c101", `a1                                                   # map of 1
  61 61                                              # "a"
  c1                                                 # tag 1
    01                                               # 1
# not canonical DAG-CBOR: malformed CBOR at byte 3: tag 1 is not allowed
`},
		{"8261ff9f01ff", `82                                                   # list of 2
  61 ff                                              # "\ufffd"
9f 01 ff                                             # ?
# not canonical DAG-CBOR: malformed CBOR at byte 1: text is not UTF-8
`},
		{"436162", `43 61 62                                             # ?
# not canonical DAG-CBOR: malformed CBOR at byte 0: a string of 3 bytes, 2 left
`},
		{"bb80000000000000006161", `bb 80 00 00 00 00 00 00 00                           # map of 9223372036854775808
  61 61                                              # "a"
# not canonical DAG-CBOR: malformed CBOR at byte 9: a map of 9223372036854775808 pairs in 2 bytes
`},
		{"82f97e00d82a40", `82                                                   # list of 2
  f9 7e 00                                           # ?
  d8 2a                                              # tag 42
    40                                               # h''
# not canonical DAG-CBOR: malformed CBOR at byte 1: want false, true, null or a 64-bit float
`},
		{"5bffffffffffffffff" + strings.Repeat("00", 300), `5b ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00      # ?
` + strings.Repeat(`00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00      # ?
`, 15) + `# and 53 bytes more
# not canonical DAG-CBOR: malformed CBOR at byte 0: a string of 18446744073709551615 bytes, 300 left
`},
	} {
		require.Empty(t, cmp.Diff(c.dump, object.Dump(unhex(t, c.hex))))
	}
}

func TestDumpOfAnyBytesIsBounded(t *testing.T) {
	for _, b := range [][]byte{
		append(cbor.AppendArray(nil, 1<<20), make([]byte, 1<<20)...),
		[]byte(strings.Repeat("\xff", 1<<20)),
		[]byte(strings.Repeat("\x81", 1<<20)),
	} {
		require.Less(t, len(object.Dump(b)), 16<<20)
	}
}
