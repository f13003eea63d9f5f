package proc

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Process is a program that runs, and does not outlive its context or this process.
type Process struct {
	cmd   *exec.Cmd
	said  *Tail // on its standard error
	ended chan struct{}
	err   error // once ended is closed
}

// Start starts a program. Who starts it has to Stop it, or to Wait for its end.
func Start(ctx context.Context, stdout io.Writer, path string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, path, args...), said: &Tail{}, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = stdout, p.said
	p.cmd.WaitDelay = time.Second // for a grandchild that keeps the pipes
	p.cmd.Cancel = func() error { return kill(p.cmd) }
	guard(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// Wait returns when the process has ended, with an error that holds its last words if
// it failed.
func (p *Process) Wait() error {
	<-p.ended
	if p.err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(p.said.String()), "\n")
	return fmt.Errorf("%s: %w: %s", filepath.Base(p.cmd.Path), p.err, lines[len(lines)-1])
}

// Stop ends the process, and what it has started, at once and returns when it is
// gone. It may be called again.
func (p *Process) Stop() {
	if !p.Gone() { // or its number may be another's by now
		_ = kill(p.cmd) // an error tells that it has just ended
	}
	<-p.ended
}

// Gone reports whether the process has ended.
func (p *Process) Gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// maxTail bounds what is kept of a process's output, in bytes.
const maxTail = 64 << 10

// Tail keeps the end of what is written to it, 64 KiB.
type Tail struct{ kept []byte }

// Write never fails.
func (t *Tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	t.kept = t.kept[max(0, len(t.kept)-maxTail):]
	return len(b), nil
}

// String must not be called before the process that writes has ended.
func (t *Tail) String() string { return string(t.kept) }
