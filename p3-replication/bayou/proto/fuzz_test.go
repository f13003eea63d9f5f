package proto_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"

	"dss.example/p3-replication/bayou/proto"
)

// reads demands that what is decoded is what its bytes were written from.
func reads(t *testing.T, decode decoder, b []byte) {
	got, err := decode(b)
	if err != nil {
		require.ErrorIs(t, err, cbor.ErrMalformed)
		require.Nil(t, got)
		return
	}
	require.Equal(t, b, got.AppendTo([]byte{}))
}

func FuzzMessage(f *testing.F) {
	for _, s := range messages() {
		f.Add(s.data.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) { reads(t, proto.DecodeMessage, b) })
}

func FuzzRecord(f *testing.F) {
	for _, s := range records() {
		f.Add(s.data.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) { reads(t, proto.DecodeRecord, b) })
}
