package cbor_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
)

// Every vector of RFC 8949 appendix A that is in the subset: what appends it, and
// what reads it.
var vectors = []struct {
	hex   string
	write func(b []byte) []byte
	read  func(r *cbor.Reader) any
	value any
}{
	{"00", uintOf(0), readUint, uint64(0)},
	{"01", uintOf(1), readUint, uint64(1)},
	{"0a", uintOf(10), readUint, uint64(10)},
	{"17", uintOf(23), readUint, uint64(23)},
	{"1818", uintOf(24), readUint, uint64(24)},
	{"1819", uintOf(25), readUint, uint64(25)},
	{"1864", uintOf(100), readUint, uint64(100)},
	{"1903e8", uintOf(1000), readUint, uint64(1000)},
	{"1a000f4240", uintOf(1000000), readUint, uint64(1000000)},
	{"1b000000e8d4a51000", uintOf(1000000000000), readUint, uint64(1000000000000)},
	{"1bffffffffffffffff", uintOf(math.MaxUint64), readUint, uint64(math.MaxUint64)},
	{"20", intOf(-1), readInt, int64(-1)},
	{"29", intOf(-10), readInt, int64(-10)},
	{"3863", intOf(-100), readInt, int64(-100)},
	{"3903e7", intOf(-1000), readInt, int64(-1000)},
	{"3b7fffffffffffffff", intOf(math.MinInt64), readInt, int64(math.MinInt64)}, // ours
	{"1b7fffffffffffffff", intOf(math.MaxInt64), readInt, int64(math.MaxInt64)}, // ours
	{"fb3ff199999999999a", floatOf(1.1), readFloat, 1.1},
	{"fb7e37e43c8800759c", floatOf(1.0e+300), readFloat, 1.0e+300},
	{"fbc010666666666666", floatOf(-4.1), readFloat, -4.1},
	{"f4", boolOf(false), readBool, false},
	{"f5", boolOf(true), readBool, true},
	{"f6", cbor.AppendNull, readNull, true},
	{"40", bytesOf(nil), readBytes, []byte(nil)},
	{"4401020304", bytesOf([]byte{1, 2, 3, 4}), readBytes, []byte{1, 2, 3, 4}},
	{"60", textOf(""), readText, ""},
	{"6161", textOf("a"), readText, "a"},
	{"6449455446", textOf("IETF"), readText, "IETF"},
	{"62225c", textOf("\"\\"), readText, "\"\\"},
	{"62c3bc", textOf("\u00fc"), readText, "\u00fc"},
	{"63e6b0b4", textOf("\u6c34"), readText, "\u6c34"},
	{"64f0908591", textOf("\U00010151"), readText, "\U00010151"},
	{"80", arrayOf(), readUints, []uint64(nil)},
	{"83010203", arrayOf(1, 2, 3), readUints, []uint64{1, 2, 3}},
	{
		"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
		arrayOf(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25),
		readUints,
		[]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25},
	},
	{"8301820203820405", writeNested, readNested, [][]uint64{{1}, {2, 3}, {4, 5}}},
	{"a0", mapOf(), readPairs, map[string]string{}},
	{
		"a56161614161626142616361436164614461656145", mapOf("a", "A", "b", "B", "c", "C", "d", "D", "e", "E"),
		readPairs,
		map[string]string{"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
	},
	{"c11a514b67b0", writeTagged, readTagged, []uint64{1, 1363896240}},
}

func uintOf(v uint64) func([]byte) []byte {
	return func(b []byte) []byte { return cbor.AppendUint(b, v) }
}

func intOf(v int64) func([]byte) []byte { return func(b []byte) []byte { return cbor.AppendInt(b, v) } }

func floatOf(v float64) func([]byte) []byte {
	return func(b []byte) []byte { return cbor.AppendFloat(b, v) }
}

func boolOf(v bool) func([]byte) []byte {
	return func(b []byte) []byte { return cbor.AppendBool(b, v) }
}

func bytesOf(v []byte) func([]byte) []byte {
	return func(b []byte) []byte { return cbor.AppendBytes(b, v) }
}

func textOf(v string) func([]byte) []byte {
	return func(b []byte) []byte { return cbor.AppendText(b, v) }
}

func arrayOf(vs ...uint64) func([]byte) []byte {
	return func(b []byte) []byte {
		b = cbor.AppendArray(b, len(vs))
		for _, v := range vs {
			b = cbor.AppendUint(b, v)
		}
		return b
	}
}

func mapOf(pairs ...string) func([]byte) []byte {
	return func(b []byte) []byte {
		b = cbor.AppendMap(b, len(pairs)/2)
		for _, s := range pairs {
			b = cbor.AppendText(b, s)
		}
		return b
	}
}

func writeNested(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 3), 1)
	return arrayOf(4, 5)(arrayOf(2, 3)(b))
}

func writeTagged(b []byte) []byte { return cbor.AppendUint(cbor.AppendTag(b, 1), 1363896240) }

func readUint(r *cbor.Reader) any  { return r.Uint() }
func readInt(r *cbor.Reader) any   { return r.Int() }
func readFloat(r *cbor.Reader) any { return r.Float() }
func readBool(r *cbor.Reader) any  { return r.Bool() }
func readNull(r *cbor.Reader) any  { return r.Null() }
func readBytes(r *cbor.Reader) any { return r.Bytes() }
func readText(r *cbor.Reader) any  { return r.Text() }

func readUints(r *cbor.Reader) any {
	var vs []uint64
	for n := r.Array(); n > 0; n-- {
		vs = append(vs, r.Uint())
	}
	return vs
}

func readNested(r *cbor.Reader) any {
	r.Fixed(3)
	return [][]uint64{{r.Uint()}, readUints(r).([]uint64), readUints(r).([]uint64)}
}

func readPairs(r *cbor.Reader) any {
	pairs := map[string]string{}
	for n := r.Map(); n > 0; n-- {
		k := r.Text()
		pairs[k] = r.Text()
	}
	return pairs
}

func readTagged(r *cbor.Reader) any { return []uint64{r.Tag(), r.Uint()} }

func TestAppendWritesTheBytesOfTheRFC(t *testing.T) {
	for _, v := range vectors {
		require.Equal(t, v.hex, hex.EncodeToString(v.write(nil)))
	}
}

func TestReaderReadsTheBytesOfTheRFC(t *testing.T) {
	for _, v := range vectors {
		r := cbor.NewReader(unhex(t, v.hex))
		got := v.read(&r)
		require.NoError(t, r.Close(), v.hex)
		require.Empty(t, cmp.Diff(v.value, got), v.hex)
	}
}

func TestScanAcceptsTheBytesOfTheRFC(t *testing.T) {
	for _, v := range vectors {
		require.NoError(t, cbor.Scan(unhex(t, v.hex), cbor.Limits{}, 1), v.hex)
	}
}

// What a message cut short, or with a byte too many, must never be read as.
func TestEveryProperPrefixAndExtensionOfAVectorIsRefused(t *testing.T) {
	for _, v := range vectors {
		b := unhex(t, v.hex)
		for n := range b {
			require.ErrorIs(t, cbor.Scan(b[:n], cbor.Limits{}, 1), cbor.ErrMalformed, "%x", b[:n])
			r := cbor.NewReader(b[:n])
			v.read(&r)
			if v.hex != "f6" { // Null asks, it does not demand
				require.ErrorIs(t, r.Close(), cbor.ErrMalformed, "%x", b[:n])
			}
		}
		more := append(b, 0)
		require.ErrorIs(t, cbor.Scan(more, cbor.Limits{}, 1), cbor.ErrMalformed, "%x", more)
		r := cbor.NewReader(more)
		v.read(&r)
		require.ErrorIs(t, r.Close(), cbor.ErrMalformed, "%x", more)
	}
}

// A head is the shortest at both ends of each width.
func TestHeadsAreShortest(t *testing.T) {
	for _, c := range []struct {
		v    uint64
		size int
	}{
		{23, 1}, {24, 2}, {1<<8 - 1, 2}, {1 << 8, 3}, {1<<16 - 1, 3}, {1 << 16, 5}, {1<<32 - 1, 5}, {1 << 32, 9},
	} {
		b := cbor.AppendUint(nil, c.v)
		require.Len(t, b, c.size, "%d", c.v)
		r := cbor.NewReader(b)
		require.Equal(t, c.v, r.Uint())
		require.NoError(t, r.Close())
	}
}

func TestAppendKeepsWhatWasThere(t *testing.T) {
	for _, v := range vectors {
		require.Equal(t, "abcd"+v.hex, hex.EncodeToString(v.write([]byte{0xab, 0xcd})))
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestWrappingWhatWasAppendedIsAppendingItAsAByteString(t *testing.T) {
	for _, size := range []int{0, 1, 23, 24, 255, 256, 65535, 65536} {
		inner := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, size/11+1)[:size]
		before := []byte("before")
		want := cbor.AppendBytes(bytes.Clone(before), inner)
		require.Equal(t, want, cbor.WrapBytes(append(bytes.Clone(before), inner...), len(before)), "%d bytes", size)
		require.Equal(t, want[len(before):], cbor.WrapBytes(bytes.Clone(inner), 0), "%d bytes", size)
	}
}
