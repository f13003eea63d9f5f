package stage1

import (
	"io"
	"net"

	"dss.example/common/bench/load"
)

// echoBytes is the size of a message: a value of 100 bytes and its key.
const echoBytes = 120

func serveEcho(ln net.Listener) error {
	return acceptAll(ln, func(conn net.Conn) {
		b := make([]byte, 4<<10)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			if _, err := conn.Write(b[:n]); err != nil {
				return
			}
		}
	})
}

// echoStore stores nothing: it is for one caller, who waits for the bytes.
type echoStore struct {
	net.Conn
	b []byte
}

func openEcho(addr string, _ bool) (load.Store, error) {
	conn, err := net.Dial("tcp", addr)
	return &echoStore{conn, make([]byte, echoBytes)}, err
}

// Put implements load.Store.
func (s *echoStore) Put(string, []byte) error {
	if _, err := s.Write(s.b); err != nil {
		return err
	}
	_, err := io.ReadFull(s.Conn, s.b)
	return err
}

// Get implements load.Store.
func (s *echoStore) Get(string) ([]byte, error) { return s.b, s.Put("", nil) }
