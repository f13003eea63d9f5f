package wiretest

import (
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/wire/memnet"
)

// Frame returns a payload behind its length.
func Frame(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

// Hello returns the frame that opens a connection; of a client that keeps to the rules
// its values are "dss", 1, 1 and 0.
func Hello(name string, version, kind, node uint64) []byte {
	b := cbor.AppendText(cbor.AppendArray(nil, 4), name)
	return Frame(cbor.AppendUint(cbor.AppendUint(cbor.AppendUint(b, version), kind), node))
}

// Request returns the frame of a request.
func Request(seq uint64, method string, body []byte) []byte {
	b := cbor.AppendUint(cbor.AppendArray(nil, 2), seq)
	return Frame(append(cbor.AppendKey(b, method), body...))
}

// Response returns the frame of a response, or with number 0 that of a welcome or a
// notice.
func Response(seq, code uint64, text string, body []byte) []byte {
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(nil, 3), seq), code)
	return Frame(append(cbor.AppendText(b, text), body...))
}

// Answer is a response taken apart.
type Answer struct {
	Seq, Code uint64
	Text      string
	Body      []byte // nil if there is none
}

// Answers takes responses apart. The test fails if b holds anything but whole ones.
func Answers(t testing.TB, b []byte) (all []Answer) {
	for len(b) > 0 {
		require.GreaterOrEqual(t, len(b), 4)
		n := int(binary.BigEndian.Uint32(b))
		require.GreaterOrEqual(t, len(b)-4, n)
		r := cbor.NewReader(b[4 : 4+n])
		r.Fixed(3)
		a := Answer{Seq: r.Uint(), Code: r.Uint(), Text: r.Text()}
		a.Body = append([]byte(nil), r.Rest()...)
		require.NoError(t, r.Err())
		all, b = append(all, a), b[4+n:]
	}
	return all
}

// Talk has serve serve a connection in memory, sends the parts over it, ends its own
// half, and returns all that was answered until the connection was closed.
func Talk(t testing.TB, serve func(net.Conn), parts ...[]byte) []Answer {
	here, there := memnet.Pipe()
	defer here.Close()
	var serving sync.WaitGroup
	serving.Go(func() { serve(there) })
	for _, b := range parts {
		here.Write(b) // the far side may have closed already
	}
	here.(*memnet.Conn).CloseWrite()
	got, err := io.ReadAll(here)
	require.NoError(t, err)
	here.Close()
	serving.Wait()
	return Answers(t, got)
}

// Allocated returns how many bytes fn allocates, all goroutines included.
func Allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
