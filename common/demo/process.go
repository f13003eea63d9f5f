//go:build unix

package demo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// StartTime bounds how long a process may take until it is ready.
const StartTime = 20 * time.Second

// outputTime bounds how long output is awaited after a process has ended, if
// something else has its pipes.
const outputTime = time.Second

var (
	// ErrNotReady tells that a process did not say in time, or at all, that it
	// serves.
	ErrNotReady = errors.New("not ready")
	// ErrUnclean tells that a process did not end in good order.
	ErrUnclean = errors.New("ended badly")
)

// Process is a server that a Show has started. Its methods are safe for concurrent
// use.
type Process struct {
	name  string
	cmd   *exec.Cmd
	ready firstLine
	tail  tail
	addr  string
	done  chan struct{} // closed when it has ended and been waited for
	err   error         // set before done is closed
}

// Start starts a program and waits until it serves: until its first line on the
// standard output, such as "kvd stage=1 listening on 127.0.0.1:7001". Otherwise it
// is killed, and the error, which is ErrNotReady, has its last words. ctx bounds
// the waiting only: the process lives until it is killed, at the latest at the end
// of the Show.
func (s *Show) Start(ctx context.Context, program string, args ...string) (*Process, error) {
	p, err := s.Launch(program, args...)
	if err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%v: %w: %w%s", p, ErrNotReady, err, p.quote())
	}
	return p, nil
}

// Launch starts a program that does a job and ends; Done tells when, and Stop then
// returns how. The process lives as one of Start's does.
func (s *Show) Launch(program string, args ...string) (*Process, error) {
	p := newProcess(program, args)
	if err := s.launch(p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	return p, nil
}

// Run runs a program to its end and returns the end of what it has printed, at most
// 8 KiB. The error is Stop's, also when ctx ends first; it wraps an *exec.ExitError if
// the exit code was not 0.
func (s *Show) Run(ctx context.Context, program string, args ...string) (string, error) {
	p := newProcess(program, args)
	var out tail
	p.cmd.Stdout = &out
	if err := s.launch(p); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	err := p.Stop(ctx)
	return out.String(), err
}

func newProcess(program string, args []string) *Process {
	p := &Process{
		name: filepath.Base(program), cmd: exec.Command(program, args...),
		ready: firstLine{complete: make(chan struct{})}, done: make(chan struct{}),
	}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = &p.ready, &p.tail, outputTime
	p.cmd.SysProcAttr = ownGroup()
	return p
}

// launch starts p and has its end waited for. The Show's mutex is held, so that no
// process can slip past the clean-up.
func (s *Show) launch(p *Process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errEnded
	}
	started := make(chan error)
	go p.live(started) // Kill waits for it
	if err := <-started; err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	s.forgetDead()
	return nil
}

// forgetDead forgets all but the last processes that have ended.
func (s *Show) forgetDead() {
	dead := 0
	for _, p := range slices.Backward(s.processes) {
		if p.hasEnded() {
			dead++
		}
	}
	s.processes = slices.DeleteFunc(slices.Clone(s.processes), func(p *Process) bool {
		if dead <= maxDead || !p.hasEnded() {
			return false
		}
		dead--
		return true
	})
}

// live starts the process and waits for its end. The thread stays its own: on Linux
// a process that is to die with its parent dies with the thread that started it.
func (p *Process) live(started chan<- error) {
	runtime.LockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what it may have left behind
	close(p.done)
}

func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, StartTime)
	defer cancel()
	select {
	case <-p.ready.complete:
	case <-p.done:
		return fmt.Errorf("it ended: %w", orNil(p.err))
	case <-ctx.Done():
		return ctx.Err()
	}
	_, rest, _ := strings.Cut(p.ready.String(), " listening on ")
	if fields := strings.Fields(rest); len(fields) > 0 {
		p.addr = fields[0]
		return nil
	}
	return fmt.Errorf("its first line is %q", p.ready.String())
}

func orNil(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// Addr returns where it listens, from its first line.
func (p *Process) Addr() string { return p.addr }

// Pid returns its number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ready returns its first line.
func (p *Process) Ready() string { return p.ready.String() }

// Tail returns the end of its standard error, at most 8 KiB, from the start of a
// line.
func (p *Process) Tail() string { return p.tail.String() }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// String returns its name and number, such as "kvd (pid 4711)".
func (p *Process) String() string { return fmt.Sprintf("%s (pid %d)", p.name, p.cmd.Process.Pid) }

// Kill ends it at once, as kill -9 does, with all that it has started, and waits
// for the end.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks it to end, by SIGTERM, and waits until it has. It returns ErrUnclean,
// with its last words, if the exit code was not 0, or if it had not ended when ctx
// did; then it is killed.
func (p *Process) Stop(ctx context.Context) error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%v: %w: killed, because SIGTERM did not end it: %w%s", p, ErrUnclean, context.Cause(ctx), p.quote())
	}
	if p.err != nil {
		return fmt.Errorf("%v: %w: %w%s", p, ErrUnclean, p.err, p.quote())
	}
	return nil
}

// Pause stops it from running, by SIGSTOP, until Resume. To the others it is as if
// it had died or were far away.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume lets it go on after Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig syscall.Signal) {
	if !p.hasEnded() {
		syscall.Kill(-p.cmd.Process.Pid, sig)
	}
}

func (p *Process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *Process) quote() string {
	if text := p.Tail(); text != "" {
		return ", last words:\n" + indent(text)
	}
	return ""
}
