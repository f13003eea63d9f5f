package stage1

import (
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"

	"dss.example/common/bench/load"
)

// PutArgs is what KV.Put asks. It is exported for net/rpc.
type PutArgs struct {
	Key   string
	Value []byte
}

// GetReply is what KV.Get answers. It is exported for net/rpc.
type GetReply struct {
	Found bool
	Value []byte
}

// service is the table as net/rpc wants it.
type service struct{ t *table }

// Put never fails.
func (s service) Put(a *PutArgs, _ *struct{}) error {
	s.t.put(a.Key, a.Value)
	return nil
}

// Get never fails.
func (s service) Get(key string, r *GetReply) error {
	r.Value, r.Found = s.t.get(key)
	return nil
}

func newRPC() *rpc.Server {
	s := rpc.NewServer()
	if err := s.RegisterName("KV", service{newTable()}); err != nil {
		panic(err) // the methods above are not what net/rpc wants
	}
	return s
}

func serveGob(ln net.Listener) error {
	s := newRPC()
	return acceptAll(ln, func(conn net.Conn) { s.ServeConn(conn) })
}

func serveJSON(ln net.Listener) error {
	s := newRPC()
	return acceptAll(ln, func(conn net.Conn) { s.ServeCodec(jsonrpc.NewServerCodec(conn)) })
}

func serveCBOR(ln net.Listener) error {
	s := newRPC()
	return acceptAll(ln, func(conn net.Conn) { s.ServeCodec(newCodec(conn)) })
}

// caller is a client of net/rpc, whatever its codec.
type caller struct{ *rpc.Client }

func openGob(addr string, _ bool) (load.Store, error) {
	c, err := rpc.Dial("tcp", addr)
	return caller{c}, err
}

func openJSON(addr string, _ bool) (load.Store, error) {
	c, err := jsonrpc.Dial("tcp", addr)
	return caller{c}, err
}

func openCBOR(addr string, _ bool) (load.Store, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return caller{rpc.NewClientWithCodec(clientCodec{newCodec(conn)})}, nil
}

// Put implements load.Store.
func (c caller) Put(key string, value []byte) error {
	return c.Call("KV.Put", &PutArgs{key, value}, &struct{}{})
}

// Get implements load.Store.
func (c caller) Get(key string) ([]byte, error) {
	var r GetReply
	err := c.Call("KV.Get", key, &r)
	return r.Value, err
}
