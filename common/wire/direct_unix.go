//go:build unix

package wire

import (
	"net"
	"syscall"
)

// direct writes to a connection of the system's without waiting. One goroutine uses it at
// a time.
type direct struct {
	raw  syscall.RawConn
	call func(fd uintptr) // writes b; kept, for a new one would be allocated for each write
	b    []byte
	n    int
}

// newDirect returns nil for a connection that only its own Write may write to, as one under
// TLS or of a test's.
func newDirect(conn net.Conn) *direct {
	var raw syscall.RawConn
	var err error
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	}
	if raw == nil || err != nil {
		return nil
	}
	d := &direct{raw: raw}
	d.call = func(fd uintptr) { d.n, _ = syscall.Write(int(fd), d.b) }
	return d
}

// write returns how many bytes were taken. Why the others were not, whoever writes them next
// will find out.
func (d *direct) write(b []byte) int {
	d.b, d.n = b, 0
	_ = d.raw.Control(d.call)
	d.b = nil
	return max(d.n, 0)
}
