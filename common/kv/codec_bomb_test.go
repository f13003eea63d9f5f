package kv_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"
)

// limitBytes is what refusing a bomb may allocate.
const limitBytes = 64 << 10

func TestLengthBombsAllocateLittle(t *testing.T) {
	junk := bytes.Repeat([]byte{0xff}, 60_000)
	for _, head := range []string{
		reqHead + "8201815a7fffffff", reqHead + "82028341615a7fffffff",
		reqHead + "820783" + "99c350", reqHead + "82078380" + "99c350", reqHead + "8207838080" + "99c350",
		"8800000000820000" + "5a7fffffff",
		respHead + "820283" + "99c350", respHead + "820582" + "99c350", respHead + "820781" + "99c350",
		respHead + "820684010220" + "99c350", respHead + "820a8901020304050607" + "99c350", respHead + "820a890102030405060780" + "99c350",
		respHead + "820482f5" + "99c350", respHead + "8201865a7fffffff",
		reqHead + "8215835a7fffffff", reqHead + "82158340" + "99c350", reqHead + "8215834080" + "5a7fffffff",
		respHead + "820e82" + "991000", respHead + "820f830160" + "991000", respHead + "820e8281" + "85820506" + "6173" + "5a7fffffff",
	} {
		// Lists claim 50,000 items, for which there are bytes enough.
		b := append(unhex(t, head), junk...)
		require.Less(t, allocated(func() {
			_, err := kv.DecodeRequest(b)
			require.ErrorIs(t, err, cbor.ErrMalformed)
			_, err = kv.DecodeResponse(b)
			require.ErrorIs(t, err, cbor.ErrMalformed)
		}), uint64(limitBytes), head)
	}
}

// Many tiny elements: a request is bounded by MaxTxnOps, a response by a factor of
// what is there.
func TestTinyElementsAreNotAmplified(t *testing.T) {
	const size = 1 << 20
	step, compare := "820381"+"40", "8640000040820000"+"00"
	for _, in := range []string{
		reqHead + "8207839880" + strings.Repeat(compare, 128) + strings.Repeat("9880"+strings.Repeat(step, 128), 2),
		reqHead + "8207839880" + strings.Repeat(compare, 128) + strings.Repeat("9880"+strings.Repeat("8204864040"+"00f4f4f4", 128), 2),
		reqHead + "820783809880" + strings.Repeat(step, 128) + "9a00100000" + strings.Repeat("f6", size),
	} {
		b := unhex(t, in)
		require.Less(t, allocated(func() { _, _ = kv.DecodeRequest(b) }), uint64(limitBytes))
	}
	for _, list := range []struct{ head, one string }{
		{"820283", "8640408200008200000000"},
		{"820582", "8301" + "8640408200008200000000" + "f6"},
		{"820684010000", "40"},
		{"820781", "8400000080"},
		{"820a8900000000000000", "83006000"},
		{"820a890000000000000080", "84006000f4"},
		{"820e82", "8582000060" + "4080f4"},
		{"820e82", "8582000060" + "409880" + strings.Repeat("82038140", 128) + "f4"},
		{"820f830060", "86006060f400f4"},
	} {
		n := size / (len(list.one) / 2)
		b := append(unhex(t, respHead+list.head), cbor.AppendArray(nil, n)...)
		b = append(b, bytes.Repeat(unhex(t, list.one), n)...)
		used := allocated(func() {
			var resp kv.Response
			_ = resp.DecodeFrom(b)
		})
		require.Less(t, used, uint64(17*size), "%s", list.one)
	}
}

func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
