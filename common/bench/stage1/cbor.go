package stage1

import (
	"bufio"
	"net"
	"net/rpc"

	"github.com/fxamacker/cbor/v2"
)

// head goes before every body, both ways.
type head struct {
	_      struct{} `cbor:",toarray"`
	Seq    uint64
	Method string
	Error  string
}

// codec is the least that net/rpc asks of one: a head and a body, one coder for each
// direction, a flush for each message, and no bound on anything.
type codec struct {
	conn net.Conn
	out  *bufio.Writer
	enc  *cbor.Encoder
	dec  *cbor.Decoder
}

func newCodec(conn net.Conn) *codec {
	out := bufio.NewWriter(conn)
	return &codec{conn, out, cbor.NewEncoder(out), cbor.NewDecoder(bufio.NewReader(conn))}
}

func (c *codec) write(h head, body any) error {
	if err := c.enc.Encode(&h); err != nil {
		return err
	}
	if err := c.enc.Encode(body); err != nil {
		return err
	}
	return c.out.Flush()
}

func (c *codec) readBody(body any) error {
	if body == nil {
		return c.dec.Skip()
	}
	return c.dec.Decode(body)
}

// ReadRequestHeader implements rpc.ServerCodec.
func (c *codec) ReadRequestHeader(r *rpc.Request) error {
	var h head
	err := c.dec.Decode(&h)
	r.Seq, r.ServiceMethod = h.Seq, h.Method
	return err
}

// ReadRequestBody implements rpc.ServerCodec.
func (c *codec) ReadRequestBody(body any) error { return c.readBody(body) }

// WriteResponse implements rpc.ServerCodec.
func (c *codec) WriteResponse(r *rpc.Response, body any) error {
	return c.write(head{Seq: r.Seq, Error: r.Error}, body)
}

// Close closes the connection.
func (c *codec) Close() error { return c.conn.Close() }

// clientCodec is the other side.
type clientCodec struct{ *codec }

// WriteRequest implements rpc.ClientCodec.
func (c clientCodec) WriteRequest(r *rpc.Request, body any) error {
	return c.write(head{Seq: r.Seq, Method: r.ServiceMethod}, body)
}

// ReadResponseHeader implements rpc.ClientCodec.
func (c clientCodec) ReadResponseHeader(r *rpc.Response) error {
	var h head
	err := c.dec.Decode(&h)
	r.Seq, r.Error = h.Seq, h.Error
	return err
}

// ReadResponseBody implements rpc.ClientCodec.
func (c clientCodec) ReadResponseBody(body any) error { return c.readBody(body) }
