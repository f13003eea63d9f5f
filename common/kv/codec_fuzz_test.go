package kv_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/common/kv"
)

// requireOneEncoding makes sure that bytes which a decoder takes are the ones that
// it would have written, and that a scan would have let them pass.
func requireOneEncoding(t testing.TB, b []byte) (accepted bool) {
	t.Helper()
	req, err := kv.DecodeRequest(b)
	if err == nil {
		require.Equal(t, b, req.AppendTo([]byte{}))
	} else {
		require.ErrorIs(t, err, cbor.ErrMalformed)
	}
	resp, err2 := kv.DecodeResponse(b)
	if err2 == nil {
		require.Equal(t, b, resp.AppendTo([]byte{}))
	} else {
		require.ErrorIs(t, err2, cbor.ErrMalformed)
	}
	accepted = err == nil || err2 == nil
	if accepted {
		require.NoError(t, cbor.Scan(b, cbor.Limits{}), "%x", b)
	}
	return accepted
}

func FuzzDecodedMessagesEncodeToTheSameBytes(f *testing.F) {
	for _, g := range requestGolden {
		f.Add(unhex(f, g.hex))
	}
	for _, g := range responseGolden {
		f.Add(unhex(f, g.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) { requireOneEncoding(t, b) })
}

// A million messages of strangers: random bytes, and valid messages with one to
// three faults. None may end the process, and none may be taken for another.
func TestAMillionBadMessagesAreSurvived(t *testing.T) {
	const seed = 1
	count := 1_000_000
	if testing.Short() {
		count = 50_000
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	var valid [][]byte
	for _, g := range requestGolden {
		valid = append(valid, unhex(t, g.hex))
	}
	for _, g := range responseGolden {
		valid = append(valid, unhex(t, g.hex))
	}
	accepted := 0
	buf := make([]byte, 0, 256)
	for i := range count {
		if i%8 == 0 {
			buf = randomBytes(rnd, buf[:0])
		} else {
			buf = append(buf[:0], valid[rnd.IntN(len(valid))]...)
			for range 1 + rnd.IntN(3) {
				buf = mutate(rnd, buf)
			}
		}
		if survives(t, buf) {
			accepted++
		}
	}
	t.Logf("kv: %d random and mutated messages from seed %d: 0 crashes, %d accepted as canonical", count, seed, accepted)
	tally.Add(t, "badinputs", count)
	require.Greater(t, accepted, count/100, "the faults are too coarse to reach far")
	require.Less(t, accepted, count/2, "the faults are too few")
}

// survives judges the bytes by all three readers, quickly.
func survives(t *testing.T, b []byte) bool {
	canonical := cbor.Scan(b, cbor.Limits{}) == nil
	var req kv.Request
	var resp kv.Response
	if req.DecodeFrom(b) != nil && resp.DecodeFrom(b) != nil {
		return false
	}
	require.True(t, canonical, "%x", b)
	return requireOneEncoding(t, b)
}

func randomBytes(rnd *rand.Rand, b []byte) []byte {
	b = append(b, 0x87+byte(rnd.IntN(2))) // an array, else it ends at the first byte
	for range rnd.IntN(40) {
		b = append(b, byte(rnd.Uint32()))
	}
	return b
}

func mutate(rnd *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return append(b, byte(rnd.Uint32()))
	}
	switch i := rnd.IntN(len(b)); rnd.IntN(5) {
	case 0:
		b[i] ^= 1 << rnd.IntN(8)
	case 1:
		b[i] = byte(rnd.Uint32())
	case 2:
		return b[:i]
	case 3:
		return append(b[:i], b[i+1:]...)
	case 4:
		return append(b, b[i])
	}
	return b
}

// The mirrors say to fxamacker/cbor what the encoding of a struct is.
type (
	mirrorVersion struct {
		_      struct{} `cbor:",toarray"`
		Hi, Lo uint64
	}
	mirrorSum struct { // an Op or a Result
		_      struct{} `cbor:",toarray"`
		Kind   int
		Fields any
	}
	mirrorRequest struct {
		_                   struct{} `cbor:",toarray"`
		Session, Seq, Acked uint64
		Level               uint8
		At                  mirrorVersion
		Token               []byte
		Wait                int64
		Op                  any
	}
	mirrorGet struct {
		_   struct{} `cbor:",toarray"`
		Key []byte
	}
	mirrorPut struct {
		_          struct{} `cbor:",toarray"`
		Key, Value []byte
		Lease      uint64
	}
	mirrorAppend struct {
		_          struct{} `cbor:",toarray"`
		Key, Value []byte
	}
	mirrorCAS struct {
		_     struct{} `cbor:",toarray"`
		Key   []byte
		Old   mirrorVersion
		Value []byte
		Lease uint64
	}
	mirrorResponse struct {
		_      struct{} `cbor:",toarray"`
		Status uint8
		Detail string
		Rev    mirrorVersion
		Token  []byte
		Stable bool
		Try    string
		Result any
	}
	mirrorItem struct {
		_           struct{} `cbor:",toarray"`
		Key, Value  []byte
		Mod, Create mirrorVersion
		Count       uint64
		Lease       uint64
	}
)

func mirrorMode(t testing.TB) oracle.EncMode {
	t.Helper()
	options := oracle.CoreDetEncOptions()
	options.NilContainers = oracle.NilContainerAsEmpty
	mode, err := options.EncMode()
	require.NoError(t, err)
	return mode
}

func mirrorOfRequest(r kv.Request) mirrorRequest {
	m := mirrorRequest{
		Session: r.Session, Seq: r.Seq, Acked: r.Acked, Level: uint8(r.Level), At: mirrorVersion{Hi: r.At.Hi, Lo: r.At.Lo},
		Token: r.Token, Wait: int64(r.Wait),
	}
	switch op := r.Op.(type) {
	case kv.Get:
		m.Op = mirrorSum{Kind: 1, Fields: mirrorGet{Key: []byte(op.Key)}}
	case kv.Put:
		m.Op = mirrorSum{Kind: 2, Fields: mirrorPut{Key: []byte(op.Key), Value: op.Value, Lease: uint64(op.Lease)}}
	case kv.Delete:
		m.Op = mirrorSum{Kind: 3, Fields: mirrorGet{Key: []byte(op.Key)}}
	case kv.Append:
		m.Op = mirrorSum{Kind: 5, Fields: mirrorAppend{Key: []byte(op.Key), Value: op.Value}}
	case kv.CAS:
		old := mirrorVersion{Hi: op.Old.Hi, Lo: op.Old.Lo}
		m.Op = mirrorSum{Kind: 6, Fields: mirrorCAS{Key: []byte(op.Key), Old: old, Value: op.Value, Lease: uint64(op.Lease)}}
	}
	return m
}

func mirrorOfResponse(r kv.Response) mirrorResponse {
	m := mirrorResponse{
		Status: uint8(r.Status), Detail: r.Detail, Rev: mirrorVersion{Hi: r.Rev.Hi, Lo: r.Rev.Lo},
		Token: r.Token, Stable: r.Stable, Try: r.Try,
	}
	if i, ok := r.Result.(kv.Item); ok {
		m.Result = mirrorSum{Kind: 1, Fields: mirrorItem{
			Key: []byte(i.Key), Value: i.Value, Mod: mirrorVersion{Hi: i.Mod.Hi, Lo: i.Mod.Lo},
			Create: mirrorVersion{Hi: i.Create.Hi, Lo: i.Create.Lo}, Count: i.Count, Lease: uint64(i.Lease),
		}}
	}
	return m
}

func TestHotMessagesHaveTheBytesThatFxamackerWrites(t *testing.T) {
	mode := mirrorMode(t)
	hotOp := rapid.Custom(func(t *rapid.T) kv.Op {
		switch rapid.IntRange(0, 4).Draw(t, "op") {
		case 0:
			return kv.Get{Key: drawKey(t)}
		case 1:
			return kv.Put{Key: drawKey(t), Value: drawBytes(t), Lease: drawLease(t)}
		case 2:
			return kv.Delete{Key: drawKey(t)}
		case 3:
			return kv.Append{Key: drawKey(t), Value: drawBytes(t)}
		}
		return kv.CAS{Key: drawKey(t), Old: drawVersion(t), Value: drawBytes(t), Lease: drawLease(t)}
	})
	rapid.Check(t, func(t *rapid.T) {
		req := drawRequest(t)
		req.Op = hotOp.Draw(t, "hot")
		want, err := mode.Marshal(mirrorOfRequest(req))
		require.NoError(t, err)
		require.Equal(t, want, req.AppendTo(nil))

		resp := drawResponse(t)
		resp.Result = nil
		if drawBool(t) {
			resp.Result = drawItem(t)
		}
		want, err = mode.Marshal(mirrorOfResponse(resp))
		require.NoError(t, err)
		require.Equal(t, want, resp.AppendTo(nil))
	})
}

// The figure to compare BenchmarkEncodeRequest and BenchmarkDecodeRequest with: the
// general library in its best mode.
func BenchmarkFxamacker(b *testing.B) {
	mode, err := oracle.CoreDetEncOptions().UserBufferEncMode()
	require.NoError(b, err)
	req := mirrorOfRequest(benchRequests[1].req)
	req.Token, req.Op = []byte{}, mirrorSum{Kind: 2, Fields: mirrorPut{Key: []byte("user/00001234"), Value: make([]byte, 100)}}
	type put struct {
		_      struct{} `cbor:",toarray"`
		Kind   int
		Fields mirrorPut
	}
	type request struct {
		_                   struct{} `cbor:",toarray"`
		Session, Seq, Acked uint64
		Level               uint8
		At                  mirrorVersion
		Token               []byte
		Wait                int64
		Op                  put
	}
	enc, err := mode.Marshal(req)
	require.NoError(b, err)
	b.Run("encode put", func(b *testing.B) {
		typed := request{Session: 7, Seq: 1000, Acked: 990, Op: put{Kind: 2, Fields: req.Op.(mirrorSum).Fields.(mirrorPut)}}
		var buf bytes.Buffer
		b.ReportAllocs()
		for b.Loop() {
			buf.Reset()
			if err := mode.MarshalToBuffer(&typed, &buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r request
			if err := oracle.Unmarshal(enc, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
