package cbor_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
)

// nests holds one level of each container around an item.
var nests = []struct {
	name       string
	head, tail []byte
}{
	{"array", []byte{0x81}, nil},
	{"map", []byte{0xa1, 0x00}, nil}, // the value of key 0
	{"tag", []byte{0xd8, 0x2a}, nil},
	{"array with a later item", []byte{0x82}, []byte{0x00}},
	{"map with a later pair", []byte{0xa2, 0x00}, []byte{0x01, 0x00}},
}

func nested(head, tail []byte, depth int) []byte {
	b := append(bytes.Repeat(head, depth), 0x00)
	return append(b, bytes.Repeat(tail, depth)...)
}

func TestScanBoundsTheDepth(t *testing.T) {
	cases := 0
	for _, n := range nests {
		require.NoError(t, cbor.Scan(nested(n.head, n.tail, 16), cbor.Limits{}, 42), n.name)
		require.NoError(t, cbor.Scan(nested(n.head, n.tail, 64), cbor.Limits{Depth: 1000}, 42), n.name)
		require.NoError(t, cbor.Scan(nested(n.head, n.tail, 1), cbor.Limits{Depth: 1}, 42), n.name)
		for _, depth := range []int{17, 32, 33, 64, 1_000_000} {
			err := cbor.Scan(nested(n.head, n.tail, depth), cbor.Limits{}, 42)
			require.ErrorContains(t, err, "nested too deeply", "%s %d", n.name, depth)
			cases++
		}
		require.ErrorIs(t, cbor.Scan(nested(n.head, n.tail, 65), cbor.Limits{Depth: 1000}, 42), cbor.ErrMalformed)
		require.ErrorIs(t, cbor.Scan(nested(n.head, n.tail, 1000), cbor.Limits{Depth: -1}, 42), cbor.ErrMalformed)
		cases += 2
	}
	require.GreaterOrEqual(t, cases, 30)
}

func TestScanBoundsTheItems(t *testing.T) {
	few := append(cbor.AppendArray(nil, 9), make([]byte, 9)...)
	require.NoError(t, cbor.Scan(few, cbor.Limits{Items: 10}))
	require.ErrorContains(t, cbor.Scan(few, cbor.Limits{Items: 9}), "too many items")

	pairs := cbor.AppendMap(nil, 2)
	pairs = append(pairs, 0, 0, 1, 0)
	require.NoError(t, cbor.Scan(pairs, cbor.Limits{Items: 5}))
	require.ErrorContains(t, cbor.Scan(pairs, cbor.Limits{Items: 4}), "too many items")

	many := append(cbor.AppendArray(nil, cbor.DefaultItems), make([]byte, cbor.DefaultItems)...)
	require.ErrorContains(t, cbor.Scan(many, cbor.Limits{}), "too many items")
}

// bombs claim lengths that are not there, at the top and inside other items.
func bombs() [][]byte {
	heads := [][]byte{
		{0x80 | 24, 0xff},
		{0x80 | 25, 0xff, 0xff},
		{0x80 | 26, 0x7f, 0xff, 0xff, 0xff},
		{0x80 | 26, 0xff, 0xff, 0xff, 0xff},
		{0x80 | 27, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00},
		{0x80 | 27, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x80 | 27, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
		{0x80 | 27, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	var all [][]byte
	for _, major := range []byte{0x40, 0x60, 0x80, 0xa0} {
		for _, h := range heads {
			bomb := slices.Clone(h)
			bomb[0] = major | h[0]&0x1f
			all = append(all, bomb, append([]byte{0x82, 0x00}, bomb...), append(bomb, make([]byte, 100)...))
		}
	}
	return all
}

// limitBytes is what refusing a bomb may allocate: its error, and no more.
const limitBytes = 64 << 10

func TestLengthBombsAreRefusedBeforeAllocation(t *testing.T) {
	all := bombs()
	require.GreaterOrEqual(t, len(all), 60)
	for _, bomb := range all {
		require.Less(t, allocated(func() {
			require.ErrorIs(t, cbor.Scan(bomb, cbor.Limits{}), cbor.ErrMalformed, "%x", bomb)
		}), uint64(limitBytes), "%x", bomb)
		for _, read := range []func(*cbor.Reader) any{readBytes, copyBytes, readKey, readText, readArray, readMap, readFixed} {
			require.Less(t, allocated(func() {
				r := cbor.NewReader(bomb)
				read(&r)
				require.ErrorIs(t, r.Close(), cbor.ErrMalformed, "%x", bomb)
			}), uint64(limitBytes), "%x", bomb)
		}
	}
}

func copyBytes(r *cbor.Reader) any { return r.CopyBytes() }
func readKey(r *cbor.Reader) any   { return r.Key() }
func readArray(r *cbor.Reader) any { return r.Array() }
func readMap(r *cbor.Reader) any   { return r.Map() }
func readFixed(r *cbor.Reader) any { r.Fixed(3); return nil }

func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Many tiny elements: what they would become in memory is far larger than they are.
func TestScanAllocatesNothingForTinyElements(t *testing.T) {
	cases := 0
	for _, n := range []int{100, 1000, 10_000, 65_000} {
		for _, element := range [][]byte{{0x80}, {0xa0}, {0x40}, {0x60}, {0x81, 0x80}} {
			b := append(cbor.AppendArray(nil, n), bytes.Repeat(element, n)...)
			var err error
			allocs := testing.AllocsPerRun(5, func() { err = cbor.Scan(b, cbor.Limits{}) })
			require.NoError(t, err)
			require.Zero(t, allocs, "%d of %x", n, element)
			cases++
		}
	}
	require.GreaterOrEqual(t, cases, 20)
}

// refused lists encodings outside the subset by the rule they break. None of them
// stands for a value that another encoding in the list stands for canonically.
func refused() map[string][][]byte {
	classes := map[string][][]byte{}
	add := func(class string, b ...byte) { classes[class] = append(classes[class], b) }

	for major := byte(0); major <= 0xc0; major += 0x20 {
		for _, n := range []uint64{0, 1, 23} { // each longer head of a small number
			add("long head", wide(major, 1, n)...)
		}
		for _, n := range []uint64{0, 1, 23, 24, 255} {
			add("long head", wide(major, 2, n)...)
		}
		for _, n := range []uint64{0, 24, 256, 65535} {
			add("long head", wide(major, 4, n)...)
		}
		for _, n := range []uint64{0, 24, 256, 65536, 1<<32 - 1} {
			add("long head", wide(major, 8, n)...)
		}
		for info := byte(28); info <= 31; info++ {
			add("indefinite or reserved", major|info)
			add("indefinite or reserved", major|info, 0x00, 0xff)
			add("indefinite or reserved", append([]byte{major | info}, bytes.Repeat([]byte{0xff}, 16)...)...)
		}
	}
	for _, tag := range []uint64{0, 1, 2, 3, 4, 5, 21, 22, 23, 24, 32, 41, 43, 258, 55799, 1 << 40} {
		classes["tag"] = append(classes["tag"], cbor.AppendUint(cbor.AppendTag(nil, tag), 0))
	}
	for simple := byte(0); simple < 24; simple++ {
		if simple < 20 || simple > 22 {
			add("simple value", 0xe0|simple)
		}
	}
	for _, simple := range []byte{0, 20, 21, 22, 23, 24, 31, 32, 100, 255} {
		add("simple value", 0xf8, simple)
	}
	for info := byte(28); info <= 31; info++ {
		add("simple value", 0xe0|info)
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Float64frombits(0x7ff0000000000001)} {
		classes["float"] = append(classes["float"], cbor.AppendFloat(nil, f))
	}
	add("float", 0xf9, 0x3c, 0x00)             // 1.0 in 16 bits
	add("float", 0xf9, 0x7e, 0x00)             // NaN
	add("float", 0xfa, 0x3f, 0x80, 0x00, 0x00) // 1.0 in 32 bits
	for _, text := range []string{
		"\xff", "a\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\xaf", "\xc3", "ok\xe6\xb0", "\xfe\xff",
	} {
		classes["UTF-8"] = append(classes["UTF-8"], cbor.AppendText(nil, text))
	}
	for _, keys := range [][]byte{
		{0x01, 0x00},
		{0x00, 0x00},
		{0x20, 0x00},
		{0x61, 'b', 0x61, 'a'},
		{0x61, 'a', 0x61, 'a'},
		{0x62, 'a', 'a', 0x61, 'b'},
		{0x40, 0x00},
		{0x60, 0x40},
		{0x18, 0x64, 0x17},
		{0x61, 'a', 0x40},
	} {
		add("map order", twoKeys(keys)...)
	}
	for _, key := range [][]byte{{0x80}, {0x81, 0x00}, {0xa0}, {0xf4}, {0xf6}, {0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}, {0xc1, 0x00}} {
		add("map key type", append(append([]byte{0xa1}, key...), 0x00)...)
	}
	return classes
}

func wide(major byte, size int, n uint64) []byte {
	var full [8]byte
	binary.BigEndian.PutUint64(full[:], n)
	width := map[int]byte{1: 24, 2: 25, 4: 26, 8: 27}[size]
	b := append([]byte{major | width}, full[8-size:]...)
	switch major {
	case 0x40, 0x60:
		return append(b, make([]byte, n&0xffff)...)
	case 0x80:
		return append(b, make([]byte, n&0xffff)...)
	case 0xa0, 0xc0:
		return append(b, 0x00, 0x00)
	}
	return b
}

// twoKeys makes a map of the two encoded keys, each with the value 0.
func twoKeys(keys []byte) []byte {
	r := cbor.NewReader(keys)
	switch keys[0] >> 5 {
	case 0, 1:
		r.Int()
	case 2:
		r.Bytes()
	case 3:
		r.Text()
	}
	first := keys[:r.Offset()]
	b := append([]byte{0xa2}, first...)
	b = append(b, 0x00)
	b = append(b, keys[len(first):]...)
	return append(b, 0x00)
}

func TestScanRefusesWhatIsNotCanonical(t *testing.T) {
	cases := 0
	for class, all := range refused() {
		for _, b := range all {
			require.ErrorIs(t, cbor.Scan(b, cbor.Limits{}), cbor.ErrMalformed, "%s: %x", class, b)
			inside := append([]byte{0x82, 0x00}, b...)
			require.ErrorIs(t, cbor.Scan(inside, cbor.Limits{}), cbor.ErrMalformed, "%s: %x", class, inside)
			cases += 2
		}
	}
	require.GreaterOrEqual(t, cases, 200)
}

// The same lies, told to the method that would believe them.
func TestReaderRefusesWhatIsNotCanonical(t *testing.T) {
	reads := []func(*cbor.Reader) any{
		readUint, readInt, readBytes, copyBytes, readKey, readText, readArray, readFixed, readMap, readBool, readFloat,
		func(r *cbor.Reader) any { return r.Tag() },
	}
	for class, all := range refused() {
		if class == "tag" || class == "map order" || class == "map key type" {
			continue // the caller's to check
		}
		for _, b := range all {
			for _, read := range reads {
				r := cbor.NewReader(b)
				read(&r)
				require.ErrorIs(t, r.Close(), cbor.ErrMalformed, "%s: %x", class, b)
			}
		}
	}
}

func TestScanAllowsOnlyTheTagsItIsGiven(t *testing.T) {
	link := cbor.AppendBytes(cbor.AppendTag(nil, 42), []byte{0})
	require.NoError(t, cbor.Scan(link, cbor.Limits{}, 42))
	require.NoError(t, cbor.Scan(link, cbor.Limits{}, 1, 42))
	require.ErrorContains(t, cbor.Scan(link, cbor.Limits{}), "tag 42 is not allowed")
	require.ErrorContains(t, cbor.Scan(link, cbor.Limits{}, 1), "tag 42 is not allowed")
}

func TestScanAcceptsSortedMapsOfAllKeyTypes(t *testing.T) {
	b := cbor.AppendMap(nil, 7)
	for _, key := range [][]byte{
		{0x00}, {0x18, 0x64}, {0x20}, {0x40}, {0x41, 'a'}, {0x60}, {0x61, 'a'},
	} {
		b = cbor.AppendNull(append(b, key...))
	}
	require.NoError(t, cbor.Scan(b, cbor.Limits{}))
}

func TestErrorTellsWhere(t *testing.T) {
	err := cbor.Scan([]byte{0x83, 0x01, 0x02, 0x18, 0x17}, cbor.Limits{})
	require.EqualError(t, err, "malformed CBOR at byte 3: integer or length not in shortest form")
}
