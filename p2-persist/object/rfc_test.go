package object_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p2-persist/object"
)

// The examples of RFC 8949 appendix A that are in the profile, with their diagnostic
// notation.
var allowed = []struct{ hex, text string }{
	{"00", "0"},
	{"01", "1"},
	{"0a", "10"},
	{"17", "23"},
	{"1818", "24"},
	{"1819", "25"},
	{"1864", "100"},
	{"1903e8", "1000"},
	{"1a000f4240", "1000000"},
	{"1b000000e8d4a51000", "1000000000000"},
	{"1bffffffffffffffff", "18446744073709551615"},
	{"20", "-1"},
	{"29", "-10"},
	{"3863", "-100"},
	{"3903e7", "-1000"},
	{"fb3ff199999999999a", "1.1"},
	{"fb7e37e43c8800759c", "1.0e+300"},
	{"fbc010666666666666", "-4.1"},
	{"f4", "false"},
	{"f5", "true"},
	{"f6", "null"},
	{"40", "h''"},
	{"4401020304", "h'01020304'"},
	{"60", `""`},
	{"6161", `"a"`},
	{"6449455446", `"IETF"`},
	{"62225c", `"\"\\"`},
	{"62c3bc", `"ü"`},
	{"63e6b0b4", `"水"`},
	{"64f0908591", `"𐅑"`},
	{"80", "[]"},
	{"83010203", "[1, 2, 3]"},
	{"8301820203820405", "[1, [2, 3], [4, 5]]"},
	{
		"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
		"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]",
	},
	{"a0", "{}"},
	{"a26161016162820203", `{"a": 1, "b": [2, 3]}`},
	{"826161a161626163", `["a", {"b": "c"}]`},
	{"a56161614161626142616361436164614461656145", `{"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}`},
}

// Those that are not, and why.
const (
	float16or32 = "want false, true, null or a 64-bit float"
	indefinite  = "indefinite or reserved length"
	notFinite   = "float is not finite"
)

var forbidden = []struct{ hex, reason string }{
	{"c249010000000000000000", "tag 2 is not allowed"},
	{"3bffffffffffffffff", "integer below -2^63"},
	{"c349010000000000000000", "tag 3 is not allowed"},
	{"f90000", float16or32},
	{"f98000", float16or32},
	{"f93c00", float16or32},
	{"f93e00", float16or32},
	{"f97bff", float16or32},
	{"fa47c35000", float16or32},
	{"fa7f7fffff", float16or32},
	{"f90001", float16or32},
	{"f90400", float16or32},
	{"f9c400", float16or32},
	{"f97c00", float16or32},
	{"f97e00", float16or32},
	{"f9fc00", float16or32},
	{"fa7f800000", float16or32},
	{"fa7fc00000", float16or32},
	{"faff800000", float16or32},
	{"fb7ff0000000000000", notFinite},
	{"fb7ff8000000000000", notFinite},
	{"fbfff0000000000000", notFinite},
	{"f7", float16or32}, // undefined
	{"f0", float16or32}, // simple(16)
	{"f8ff", float16or32},
	{"c074323031332d30332d32315432303a30343a30305a", "tag 0 is not allowed"},
	{"c11a514b67b0", "tag 1 is not allowed"},
	{"c1fb41d452d9ec200000", "tag 1 is not allowed"},
	{"d74401020304", "tag 23 is not allowed"},
	{"d818456449455446", "tag 24 is not allowed"},
	{"d82076687474703a2f2f7777772e6578616d706c652e636f6d", "tag 32 is not allowed"},
	{"a201020304", "map key is no text"},
	{"5f42010243030405ff", indefinite},
	{"7f657374726561646d696e67ff", indefinite},
	{"9fff", indefinite},
	{"9f018202039f0405ffff", indefinite},
	{"9f01820203820405ff", indefinite},
	{"83018202039f0405ff", indefinite},
	{"83019f0203ff820405", indefinite},
	{"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", indefinite},
	{"bf61610161629f0203ffff", indefinite},
	{"826161bf61626163ff", indefinite},
	{"bf6346756ef563416d7421ff", indefinite},
}

func TestExamplesOfTheRFCThatAreInTheProfileReadAsTheRFCSays(t *testing.T) {
	for _, e := range allowed {
		b := unhex(t, e.hex)
		require.NoError(t, object.Check(b), e.hex)
		text, err := object.Diagnose(b)
		require.NoError(t, err)
		require.Equal(t, e.text, text)
	}
}

func TestExamplesOfTheRFCThatAreInTheProfileComeBackAsTheSameBytes(t *testing.T) {
	for _, e := range allowed {
		var v any
		require.NoError(t, object.Decode(unhex(t, e.hex), &v), e.hex)
		b, err := object.Encode(v)
		require.NoError(t, err)
		require.Equal(t, e.hex, hex.EncodeToString(b))
	}
}

func TestExamplesOfTheRFCThatAreNotInTheProfileAreRefused(t *testing.T) {
	for _, e := range forbidden {
		refuses(t, unhex(t, e.hex), e.reason)
	}
}

// What an object cut short, or with a byte too many, must never be read as.
func TestEveryProperPrefixAndExtensionOfAnObjectIsRefused(t *testing.T) {
	for _, e := range allowed {
		b := unhex(t, e.hex)
		for n := range b {
			require.ErrorIs(t, object.Check(b[:n]), object.ErrInvalid, "%x", b[:n])
		}
		refuses(t, append(b, 0), "after the end")
	}
}

// refuses demands that b is no object, whichever way it is looked at.
func refuses(t testing.TB, b []byte, reason string) {
	t.Helper()
	err := object.Check(b)
	require.ErrorIs(t, err, object.ErrInvalid, "%x", b)
	require.ErrorContains(t, err, reason, "%x", b)
	var v any
	require.ErrorIs(t, object.Decode(b, &v), object.ErrInvalid)
	_, err = object.Diagnose(b)
	require.ErrorIs(t, err, object.ErrInvalid)
	_, err = object.Version(b)
	require.ErrorIs(t, err, object.ErrInvalid)
	n := 0
	for _, err := range object.Links(b) {
		require.ErrorIs(t, err, object.ErrInvalid)
		n++
	}
	require.Equal(t, 1, n)
	require.Contains(t, object.Dump(b), reason)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
