//go:build unix

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"dss.example/common/daemon/cli"
)

// Program is a demo: what Main needs.
type Program struct {
	Title string // first line
	Next  string // a command to try next, after PASSED
	Retry string // a command that shows more, after FAILED; empty: Next

	// Run plays the demo. Its error fails the demo. It should return soon after
	// ctx has ended.
	Run func(ctx context.Context, s *Show) error

	Out io.Writer // nil: the standard output
}

// ErrInterrupted is why a demo failed that was ended by a signal.
var ErrInterrupted = errors.New("interrupted")

// Command makes the command of a demo of c, which is its name and help.
// The demo sees to signals itself: its context is not looked at.
func Command(c cli.Command, p Program) *cli.Command {
	c.Run = func(_ context.Context, _ []string, std cli.Std) error {
		p.Out = std.Out
		if code := Main(p); code != cli.Done {
			return cli.Exit(code)
		}
		return nil
	}
	return &c
}

// Main plays a demo and returns the exit code: 0 if it passed, else 1. The package
// comment says what holds when it returns. Call it once, from main.
func Main(p Program) int {
	// SIGHUP too: a closed terminal must not leave servers behind.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	return play(p, signals)
}

func play(p Program, signals <-chan os.Signal) int {
	out := p.Out
	if out == nil {
		out = os.Stdout
	}
	s := newShow(out)
	defer s.end()
	s.Say("%s", p.Title)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	ran := make(chan error, 1)
	go func() { ran <- contained(ctx, p.Run, s) }() // waited for, unless a second signal forbids it

	interrupted := false
	for {
		select {
		case err := <-ran:
			if interrupted {
				err = ErrInterrupted
			}
			return s.conclude(p, err)
		case <-signals:
			if interrupted {
				return s.conclude(p, fmt.Errorf("%w twice", ErrInterrupted))
			}
			interrupted = true
			s.Say("interrupted: cleaning up (once more: at once)")
			cancel(ErrInterrupted)
		}
	}
}

// contained makes a panic of run an error, so that nothing is left behind.
func contained(ctx context.Context, run func(context.Context, *Show) error, s *Show) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return run(ctx, s)
}
