package exam

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// halfOutput is how much is kept of the beginning, and of the end, of what a process
// prints.
const halfOutput = 512 << 10

// outputTime bounds how long output is awaited after a process has ended, if
// something that it has started has its pipes.
const outputTime = time.Second

// ended is what became of a process.
type ended struct {
	out    string // its standard output
	errs   string // its standard error
	all    string // both outputs, as they came
	code   int    // -1 if it was killed
	late   bool   // killed because its time was over
	failed error  // it could not be started, or the caller's context ended
	took   time.Duration
}

// start runs a program to its end. Whatever happens, nothing of its process group is
// left when start returns.
func start(ctx context.Context, timeout time.Duration, dir string, env []string, name string, args ...string) ended {
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(timed, name, args...)
	var out, errs, all kept
	cmd.Dir, cmd.Env = dir, slices.Concat(env, []string{"PWD=" + dir}) // env is shared
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = io.MultiWriter(&out, &all), io.MultiWriter(&errs, &all), outputTime
	inGroup(cmd)
	cmd.Cancel = func() error { killGroup(cmd.Process); return nil }
	begun := time.Now()
	err := cmd.Run()
	if cmd.Process != nil {
		killGroup(cmd.Process)
	}
	e := ended{out: out.String(), errs: errs.String(), all: all.String(), code: -1, took: time.Since(begun)}
	if cmd.ProcessState != nil {
		e.code = cmd.ProcessState.ExitCode()
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		e.failed = ctx.Err()
	case timed.Err() != nil && err != nil:
		e.late = true
	case err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay):
		e.failed = err
	}
	return e
}

// kept keeps the beginning and the end of what is written to it.
type kept struct {
	mu   sync.Mutex // guards what follows
	head []byte     // at most halfOutput
	tail []byte     // what follows head: its end, at most twice halfOutput
	lost int        // bytes between the two
}

// Write never fails, so that the process goes on.
func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(b)
	room := min(len(b), halfOutput-len(k.head))
	k.head = append(k.head, b[:room]...)
	k.tail = append(k.tail, b[room:]...)
	if len(k.tail) > 2*halfOutput {
		k.drop()
	}
	return n, nil
}

func (k *kept) drop() {
	if over := len(k.tail) - halfOutput; over > 0 {
		k.lost += over
		k.tail = append(k.tail[:0], k.tail[over:]...)
	}
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop()
	if k.lost == 0 {
		return string(k.head) + string(k.tail)
	}
	return fmt.Sprintf("%s\n… %d bytes …\n%s", k.head, k.lost, k.tail)
}
