package cbor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
)

func TestFirstErrorSticks(t *testing.T) {
	r := cbor.NewReader([]byte{0x01, 0x02, 0x61, 'a'})
	require.Equal(t, uint64(1), r.Uint())
	require.Empty(t, r.Text())
	first := r.Err()
	require.ErrorContains(t, first, "at byte 1: want a text string")

	require.Zero(t, r.Uint())
	require.Zero(t, r.Int())
	require.Nil(t, r.Bytes())
	require.Nil(t, r.CopyBytes())
	require.Empty(t, r.Key())
	require.Empty(t, r.Text())
	require.Zero(t, r.Array())
	require.Zero(t, r.Map())
	require.Zero(t, r.Tag())
	require.False(t, r.Bool())
	require.False(t, r.Null())
	require.Zero(t, r.Float())
	require.Nil(t, r.Rest())
	r.Fixed(3)
	r.Fail("something else")
	require.Equal(t, first, r.Err())
	require.Equal(t, first, r.Close())
	require.Equal(t, 1, r.Offset())
}

// What is refused as one type is not handed out as another later.
func TestARefusedItemIsNotReadAgain(t *testing.T) {
	for _, b := range [][]byte{{0x05}, {0x25}, {0x41, 'a'}, {0x61, 'a'}, {0x81, 0x00}, {0xa1, 0x00, 0x00}, {0xc5, 0x00}, {0xf5}, {0xf6}, {0x18, 0x17}} {
		r := cbor.NewReader(b)
		if b[0] == 0xf5 {
			require.Zero(t, r.Float())
		} else {
			require.False(t, r.Bool())
		}
		require.ErrorIs(t, r.Err(), cbor.ErrMalformed, "%x", b)
		for _, read := range []func(*cbor.Reader) any{readUint, readInt, readArray, readMap, readBool, readNull} {
			require.Zero(t, read(&r), "%x", b)
		}
		require.Nil(t, r.Bytes(), "%x", b)
		require.Empty(t, r.Text(), "%x", b)
		require.Zero(t, r.Offset(), "%x", b)
	}
}

func TestFailRefusesInTheCallersName(t *testing.T) {
	r := cbor.NewReader([]byte{0x01})
	if r.Uint() == 1 {
		r.Fail("one is %s", "odd")
	}
	require.ErrorIs(t, r.Close(), cbor.ErrMalformed)
	require.EqualError(t, r.Close(), "malformed CBOR at byte 1: one is odd")
}

func TestFixedWantsItsCount(t *testing.T) {
	for _, n := range []int{0, 2, 23, 24, 300} {
		b := append(cbor.AppendArray(nil, n), make([]byte, n)...)
		r := cbor.NewReader(b)
		r.Fixed(n)
		require.NoError(t, r.Err())
		require.Len(t, r.Rest(), n)

		r = cbor.NewReader(b)
		r.Fixed(n + 1)
		require.ErrorIs(t, r.Err(), cbor.ErrMalformed)
	}
}

func TestIntRefusesWhatAnInt64CannotHold(t *testing.T) {
	for _, b := range [][]byte{
		{0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0},
		{0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0},
		{0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		r := cbor.NewReader(b)
		require.Zero(t, r.Int())
		require.ErrorIs(t, r.Err(), cbor.ErrMalformed, "%x", b)
	}
}

func TestBytesShareMemoryAndCopyBytesDoNot(t *testing.T) {
	b := cbor.AppendBytes(nil, []byte("abc"))
	r := cbor.NewReader(b)
	shared := r.Bytes()
	r = cbor.NewReader(b)
	copied := r.CopyBytes()
	r = cbor.NewReader(b)
	key := r.Key()

	b[1] = 'X'
	require.Equal(t, "Xbc", string(shared))
	require.Equal(t, "abc", string(copied))
	require.Equal(t, "abc", key)
	require.Equal(t, 3, cap(shared), "an append to the result must not write into the message")
}

func TestNullIsReadOnlyIfItIsThere(t *testing.T) {
	r := cbor.NewReader([]byte{0xf6, 0x01})
	require.True(t, r.Null())
	require.False(t, r.Null())
	require.Equal(t, uint64(1), r.Uint())
	require.False(t, r.Null())
	require.NoError(t, r.Close())
}

func TestReadingAllocatesNothing(t *testing.T) {
	b := cbor.AppendArray(nil, 5)
	b = cbor.AppendBytes(cbor.AppendInt(cbor.AppendUint(b, 1000), -1000), make([]byte, 100))
	b = cbor.AppendFloat(cbor.AppendBool(b, true), 1.5)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		r := cbor.NewReader(b)
		r.Fixed(5)
		r.Uint()
		r.Int()
		r.Bytes()
		r.Bool()
		r.Float()
		if r.Close() != nil {
			t.Error(r.Err())
		}
	}))
}
