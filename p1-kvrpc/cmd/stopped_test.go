//go:build unix

package cmd_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// stopper is a proxy that stops the server when a text goes by on its way there.
func (s *server) stopper(text string) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	var copies sync.WaitGroup
	s.t.Cleanup(func() {
		ln.Close()
		copies.Wait()
	})
	copies.Go(func() {
		front, err := ln.Accept()
		if err != nil {
			return
		}
		defer front.Close()
		back, err := net.Dial("tcp", s.addr)
		if err != nil {
			return
		}
		copies.Go(func() {
			defer front.Close()
			_, _ = io.Copy(front, back) // until either is closed
		})
		defer back.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := front.Read(buf)
			if strings.Contains(string(buf[:n]), text) {
				_ = s.cmd.Process.Signal(syscall.SIGSTOP)
				_, _ = syscall.Wait4(s.cmd.Process.Pid, nil, syscall.WUNTRACED, nil) // until it stands still
			}
			if _, e := back.Write(buf[:n]); e != nil || err != nil {
				return
			}
		}
	})
	return ln.Addr().String()
}

func TestAPutThatAStoppedServerHasReceivedHasAnUnknownOutcome(t *testing.T) {
	s := serve(t)
	addr := s.stopper("doubtful")
	r := run(t, "kv", "-s", addr, "-timeout", "300ms", "put", "a", "doubtful")
	require.Equal(t, 3, r.code, "%+v", r)
	require.Empty(t, r.out)
	require.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
	require.Contains(t, r.err, "kv put: ")
	s.signal(syscall.SIGCONT)
	require.Equal(t, "doubtful\n", s.done("get", "a"), "it was done after all")
}
