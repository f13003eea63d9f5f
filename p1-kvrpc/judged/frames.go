package judged

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"dss.example/common/cbor"
	"dss.example/common/judge"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/call"
)

// Frames put together by hand, as the contract of package call has them: so that the
// judge can also say what no right half would.
var (
	_       = call.Client{} // whose package comment is that contract
	hello   = helloOf("dss", 1, 1, 0)
	welcome = response(0, 0, "", nil)
)

// Codes of responses.
const (
	codeDone      = 0
	codeHandler   = 1
	codeShutdown  = 3
	codeMalformed = 6
	codeListed    = 64
)

func frame(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

func helloOf(name string, version, kind, node uint64) []byte {
	b := cbor.AppendText(cbor.AppendArray(nil, 4), name)
	return frame(cbor.AppendUint(cbor.AppendUint(cbor.AppendUint(b, version), kind), node))
}

func request(seq uint64, method string, body []byte) []byte {
	b := cbor.AppendUint(cbor.AppendArray(nil, 2), seq)
	return frame(append(cbor.AppendKey(b, method), body...))
}

func response(seq, code uint64, text string, body []byte) []byte {
	b := cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(nil, 3), seq), code)
	return frame(append(cbor.AppendText(b, text), body...))
}

func bytesOf(s string) []byte { return cbor.AppendBytes(nil, []byte(s)) }

// maxFrame bounds what the judge reads of a submission in one frame.
const maxFrame = 8 << 20

var errLength = errors.New("length of a frame")

// readFrame reads what follows the length of a frame.
func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	if n == 0 || n > maxFrame {
		return nil, fmt.Errorf("%w: %d", errLength, n)
	}
	b, err := io.ReadAll(io.LimitReader(r, n))
	if err == nil && int64(len(b)) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// asked is a request that came.
type asked struct {
	seq    uint64
	method string
	body   []byte
}

func readRequest(r io.Reader) (asked, error) {
	b, err := readFrame(r)
	if err != nil {
		return asked{}, err
	}
	p := cbor.NewReader(b)
	p.Fixed(2)
	q := asked{seq: p.Uint(), method: string(p.Bytes())}
	q.body = p.Rest()
	return q, p.Err()
}

// answered is a response that came.
type answered struct {
	seq, code uint64
	text      string
	body      []byte
}

func readResponse(r io.Reader) (answered, error) {
	b, err := readFrame(r)
	if err != nil {
		return answered{}, err
	}
	p := cbor.NewReader(b)
	p.Fixed(3)
	a := answered{seq: p.Uint(), code: p.Uint(), text: p.Text()}
	a.body = p.Rest()
	return a, p.Err()
}

// listen opens a port of the judge's for a submission's client; it closes when the
// check ends.
func listen(t *judge.T) net.Listener {
	ln, err := wire.Listen("127.0.0.1:0")
	if err != nil {
		t.NotJudged("%v", err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}
