package judge

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dss.example/common/judge/box"
)

// Bounds of a process of a submission, beside those in Settings.
const (
	maxMemory    = 2 << 30  // bytes of data
	maxFile      = 64 << 20 // bytes of one file
	maxProcesses = 256      // with threads
)

// home is a process's working folder, as it sees it.
const home = "/home"

// Process is a program of the submission at work: boxed, in a folder of its own, dead
// at the end of the Check at the latest. Its methods are safe for concurrent use.
//
// Nothing here waits for a fixed time. Who waits says so ([Process.Watch]), and from
// then on the process may use its limit of processor time, or sleep for
// Settings.Idle in one go. Beyond that it is killed, and the fault is its own: for the
// time in which a busy machine does not let it run it is not asleep.
type Process struct {
	t     *T
	name  string
	root  string // its root folder
	cmd   *exec.Cmd
	in    io.WriteCloser
	raw   *os.File // instead of out: the standard output of a program that speaks in frames
	out   *output
	err   *output
	done  chan struct{} // closed when it has ended and was waited for
	owes  atomic.Int32  // how many wait for it
	turns atomic.Uint64 // how often somebody has stopped waiting

	mu     sync.Mutex // protects following
	slept  bool       // too long, while it was waited for
	killed bool       // by the judge
	known  bool       // the Check has asked how it ended
	state  *os.ProcessState
}

// Start starts a program of the submission, whose output is kept: the first MiB of it.
// A submission without such a program fails the Check.
func (t *T) Start(name string, args ...string) *Process { return t.start(false, name, args) }

func (t *T) start(raw bool, name string, args []string) *Process {
	if _, err := os.Stat(t.program(name)); err != nil {
		t.Fatalf("there is no program %s", name)
	}
	root, program, err := t.folder(name)
	if err != nil {
		t.NotJudged("make a folder for %s: %v", name, err)
	}
	return t.startIn(root, program, raw, name, args)
}

// Again starts the program anew in the folder of p, which must have ended: it finds there
// what p has left.
func (p *Process) Again(args ...string) *Process {
	<-p.done
	program, err := box.Install(p.root, p.t.program(p.name))
	if err != nil {
		p.t.NotJudged("start %s again: %v", p.name, err)
	}
	return p.t.startIn(p.root, program, p.raw != nil, p.name, args)
}

// startIn starts a program that is installed in a root folder.
func (t *T) startIn(root, program string, raw bool, name string, args []string) *Process {
	p := &Process{t: t, name: name, root: root, out: newOutput(), err: newOutput(), done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: program, Args: append([]string{name}, args...), Dir: home, Env: box.Environment(home),
		Stdout: p.out, Stderr: p.err, WaitDelay: time.Second, // if something else has its output
	}
	if err := p.begin(root, raw); err != nil {
		t.NotJudged("start %s: %v", name, err)
	}
	t.mu.Lock()
	t.processes = append(t.processes, p)
	t.mu.Unlock()
	if t.ctx.Err() != nil { // then nobody kills it any more
		p.Kill()
	}
	return p
}

// folder makes the root folder of a process, with its program and its home in it.
func (t *T) folder(name string) (root, program string, err error) {
	if root, err = os.MkdirTemp(t.dir, "box"); err != nil {
		return "", "", err
	}
	if err = os.Mkdir(filepath.Join(root, home), 0o755); err != nil {
		return "", "", err
	}
	program, err = box.Install(root, t.program(name))
	return root, program, err
}

// begin connects and starts the process.
func (p *Process) begin(root string, raw bool) (err error) {
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	var far *os.File
	if raw {
		if p.raw, far, err = os.Pipe(); err != nil {
			return err
		}
		defer far.Close()
		p.cmd.Stdout = far
	}
	started := make(chan error)
	go p.live(root, started)
	return <-started
}

// live starts the process and waits for its end, on a thread that stays its own: on
// Linux a process that is to die with its parent dies with the thread that started it.
func (p *Process) live(root string, started chan<- error) {
	runtime.LockOSThread()
	limits := box.Limits{CPU: p.t.settings.CPU, Memory: maxMemory, File: maxFile, Processes: maxProcesses}
	err := box.Confine(p.cmd, root, limits)
	started <- err
	if err != nil {
		return
	}
	quit, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(quit)
	}()
	_ = p.cmd.Wait() // how it ended is in its state
	close(quit)
	<-watched
	box.Kill(p.cmd) // what it may have left behind in its group
	if p.raw != nil {
		_ = p.raw.SetReadDeadline(time.Now().Add(time.Second)) // as WaitDelay
	}
	p.mu.Lock()
	p.state = p.cmd.ProcessState
	p.mu.Unlock()
	p.out.end()
	p.err.end()
	close(p.done)
}

// pulse is how often a process is looked at that is waited for.
const pulse = 50 * time.Millisecond

// watch kills the process when it has slept too long while it was waited for.
func (p *Process) watch(quit <-chan struct{}) {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	var slept time.Duration
	for turn := uint64(0); ; {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		if now := p.turns.Load(); p.owes.Load() == 0 || now != turn {
			turn, slept = now, 0
			continue
		}
		if u, ok := box.Look(p.cmd.Process.Pid); !ok || !u.Idle {
			continue
		}
		if slept += pulse; slept >= p.t.settings.Idle {
			p.mu.Lock()
			p.slept = true
			p.mu.Unlock()
			p.Kill()
			return
		}
	}
}

// Watch says that from now on somebody waits for the process, until stop is called: it
// may not sleep for too long. A long poll is nothing to be watched.
func (p *Process) Watch() (stop func()) {
	p.owes.Add(1)
	return func() {
		p.turns.Add(1)
		p.owes.Add(-1)
	}
}

// Kill ends the process at once. It does not wait.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil {
		p.killed = true
		box.Kill(p.cmd)
	}
}

// Terminate asks the process to end.
func (p *Process) Terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// Wait waits until the process has ended and returns its exit code; -1 if a signal
// ended it.
func (p *Process) Wait() int {
	defer p.Watch()()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = true
	return p.state.ExitCode()
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ready waits for the first line that the process prints, which must begin with
// prefix, and returns the rest of it. Otherwise the Check has failed.
func (p *Process) Ready(prefix string) string {
	line, _ := p.Line()
	rest, ok := strings.CutPrefix(line, prefix)
	if !ok {
		p.t.Fatalf("%s should print %q when it is ready, but printed %q", p.name, prefix+"…", line)
	}
	return rest
}

// Line waits for the next line on the standard output; false if there is no more.
func (p *Process) Line() (string, bool) {
	defer p.Watch()()
	return p.out.line()
}

// Write writes to the standard input.
func (p *Process) Write(b []byte) (int, error) {
	defer p.Watch()()
	return p.in.Write(b)
}

// CloseInput ends the standard input.
func (p *Process) CloseInput() { _ = p.in.Close() }

// Talk gives the process the whole of its standard input, waits until it has ended,
// and returns what it has printed and its exit code.
func (p *Process) Talk(input string) (string, int) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(p.in, input) // it may end without having read all
		p.CloseInput()
	}()
	code := p.Wait()
	<-written
	return p.out.String(), code
}

// Output returns what the process has printed so far.
func (p *Process) Output() string { return p.out.String() }

// Errors returns what the process has said on the standard error so far.
func (p *Process) Errors() string { return p.err.String() }

// CPU is how much processor time the process has used; 0 where that is not known
// before it has ended.
func (p *Process) CPU() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != nil {
		return p.state.UserTime() + p.state.SystemTime()
	}
	u, _ := box.Look(p.cmd.Process.Pid)
	return u.CPU
}

// fault tells what the process has done to itself, if anything, or that the
// infrastructure did something to it.
func (p *Process) fault() (why string, infra bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.t.settings.CPU
	switch s := p.state; {
	case p.slept:
		return fmt.Sprintf("%s did nothing for %v while it was waited for", p.name, p.t.settings.Idle), false
	case s == nil:
		return "", false
	case s.UserTime()+s.SystemTime() >= limit-limit/4: // the kernel counts for the limit in another way
		return fmt.Sprintf("%s used more than %v of processor time", p.name, limit), false
	case p.killed, s.Success(), p.known && s.ExitCode() >= 0 && !p.err.crashed():
		return "", false
	case s.ExitCode() < 0 && strings.Contains(s.String(), "killed"):
		return fmt.Sprintf("%s was killed, not by the judge", p.name), true
	}
	return fmt.Sprintf("%s ended with %v%s", p.name, p.state, p.err.quote()), false
}
