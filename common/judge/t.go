package judge

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"dss.example/common/judge/box"
)

// T is a Check at work. It is a kvtest.T, so that the suites for Stores can be part of
// a judge. Its methods are safe for concurrent use but for FailNow, Fatalf and those
// that end with them, which are for the Check's own goroutine.
type T struct {
	settings Settings
	ctx      context.Context
	dir      string // of this Check: every process has a folder in it
	replay   string
	cleanups []func()

	mu        sync.Mutex // protects following
	processes []*Process
	said      []string // by Errorf
	infra     string   // why the infrastructure is to blame; empty if it is not
	broken    string   // why the judge is to blame
}

// maxSaid bounds how often one Check complains, and maxMessage what is told of it.
const (
	maxSaid    = 20
	maxMessage = 8 << 10
)

// carryOut runs one Check. A panic of its own code is the judge's fault; that of a
// machine behind the pipe is the submission's.
func carryOut(ctx context.Context, c Check, s Settings, dir string) Verdict {
	ctx, cancel := context.WithTimeout(ctx, s.Wall)
	defer cancel()
	dir, err := os.MkdirTemp(dir, "check")
	t := &T{settings: s, ctx: ctx, dir: dir}
	start := time.Now()
	if err != nil {
		t.infra = err.Error()
	} else {
		t.run(c)
	}
	v := c.verdict()
	v.Took = time.Since(start)
	v.Outcome, v.Message = t.outcome()
	if v.Outcome == Failed {
		v.Replay = t.replay
	}
	return v
}

// run runs a Check in a goroutine of its own, which FailNow ends, and then ends
// whatever it started.
func (t *T) run(c Check) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.clean()
		defer func() {
			switch p := recover().(type) {
			case nil:
			case farFault:
				t.Errorf("the machine failed: %v", p)
			default:
				t.broke(p)
			}
		}()
		c.Run(t)
	}()
	stop := context.AfterFunc(t.ctx, func() {
		t.blame(fmt.Sprintf("not finished after %v", t.settings.Wall))
		t.killAll()
	})
	<-done
	stop()
}

func (t *T) broke(p any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = fmt.Sprintf("the judge failed: %v\n%s", p, debug.Stack())
}

// clean ends the Check's processes, and what it asked for with Cleanup.
func (t *T) clean() {
	for _, fn := range slices.Backward(t.cleanups) {
		fn()
	}
	t.killAll()
	for _, p := range t.processes {
		<-p.done
	}
	box.Sweep()
	_ = os.RemoveAll(t.dir) // what is left goes with the judge's own folder
}

func (t *T) killAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.processes {
		p.Kill()
	}
}

// outcome says what became of the Check. What a process of the submission did to
// itself explains what the Check saw of it.
func (t *T) outcome() (Outcome, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.broken != "":
		return NotJudged, clip(t.broken)
	case len(t.said) == 0 && t.infra == "":
		return Passed, ""
	}
	said := strings.Join(t.said, "\n")
	for _, p := range t.processes {
		why, infra := p.fault()
		if infra {
			return NotJudged, clip(why)
		}
		if why != "" && len(t.said) > 0 {
			said = why + "\n" + said
		}
	}
	if t.infra != "" {
		return NotJudged, clip(t.infra)
	}
	return Failed, clip(said)
}

func clip(text string) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "?")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

// Helper is there for suites that were written for package testing.
func (*T) Helper() {}

// Logf is there for suites that were written for package testing; it says nothing.
func (*T) Logf(string, ...any) {}

// Errorf says what is wrong with the submission: the Check has failed and goes on.
func (t *T) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.said) < maxSaid {
		t.said = append(t.said, clip(unindent(fmt.Sprintf(format, args...))))
	}
}

// unindent takes away what test suites put around a message for terminals: places in
// the judge's own sources tell a student nothing.
func unindent(text string) string {
	var kept []string
	skip := false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		bare := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(bare, "Error Trace:"):
			skip = true
			continue
		case strings.HasPrefix(bare, "Error:"), strings.HasPrefix(bare, "Messages:"):
			skip = false
			_, bare, _ = strings.Cut(bare, ":")
		}
		if !skip {
			kept = append(kept, strings.TrimSpace(bare))
		}
	}
	return strings.Join(kept, "\n")
}

// FailNow ends the Check: it has failed.
func (t *T) FailNow() {
	t.mu.Lock()
	if len(t.said) == 0 {
		t.said = append(t.said, "failed")
	}
	t.mu.Unlock()
	runtime.Goexit()
}

// Fatalf is Errorf, then FailNow.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

// NotJudged ends the Check without a word about the submission: something else does
// not work.
func (t *T) NotJudged(format string, args ...any) {
	t.blame(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

func (t *T) blame(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.infra == "" {
		t.infra = why
	}
}

// Replay says which command shows a student what this Check saw, if it fails.
func (t *T) Replay(format string, args ...any) { t.replay = fmt.Sprintf(format, args...) }

// Cleanup calls fn when the Check ends, before its processes are killed.
func (t *T) Cleanup(fn func()) { t.cleanups = append(t.cleanups, fn) }

// Context ends when nobody waits for this Check any more.
func (t *T) Context() context.Context { return t.ctx }

// Seed is what all random choices of the Check are made from.
func (t *T) Seed() uint64 { return t.settings.Seed }

// Schedules is how many a Check runs that runs many.
func (t *T) Schedules() int { return t.settings.Schedules }

// program is where a program of the submission is.
func (t *T) program(name string) string { return filepath.Join(t.settings.Bin, name) }
