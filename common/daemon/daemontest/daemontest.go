// Package daemontest runs servers as processes, for tests of commands. A test binary can be
// the server too: its TestMain calls main if Start's command says so in its environment.
package daemontest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Long is how long a test waits for what must happen, on a machine that is busy.
const Long = 60 * time.Second

// Process is a server that runs.
type Process struct {
	*exec.Cmd
	Line string // the first on its standard output; empty if it ended before
	said said
}

// Start starts a command and waits for its first line, or its end. The process is killed at the
// end of the test.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: cmd}
	p.Stderr = &p.said
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Cmd.Start())
	t.Cleanup(func() { _ = p.Process.Kill() })
	r := bufio.NewReader(out)
	line, _ := r.ReadString('\n') // none: it has ended and says why
	p.Line = strings.TrimSuffix(line, "\n")
	go io.Copy(io.Discard, r) // ends with the process
	return p
}

// Said returns what it has written to its standard error so far. All of it is there after End;
// before, what was written lately may still be on its way.
func (p *Process) Said() string { return p.said.String() }

// Kill is kill -9. It waits for the end.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
}

// End waits until the process has ended, for Long at most, and returns its exit code.
func (p *Process) End(t testing.TB) int {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(Long):
		require.NoError(t, p.Process.Kill())
		<-ended
		require.FailNow(t, "it goes on", "%s", p.Said())
	}
	return p.ProcessState.ExitCode()
}

// said is what a process writes, which may be read meanwhile.
type said struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Eventually waits until something holds, for Long at most.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(Long); !holds(); <-tick.C {
		require.True(t, time.Now().Before(end), "%s: not in %v", what, Long)
	}
}

// FreeAddress is where nobody listens. Its port is none of those that a system gives to whoever
// asks for any, so that nobody takes it by chance before the server that it is for.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.N(20_000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
	}
	require.FailNow(t, "of a hundred ports none is free")
	return ""
}
