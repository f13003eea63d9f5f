//go:build unix

package demo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Show is a demo that is being played. Its methods are safe for concurrent use.
type Show struct {
	screen *screen
	began  time.Time

	mu        sync.Mutex // guards what follows
	ended     bool
	dir       string     // temporary files; empty until needed
	processes []*Process // living ones, and the last that have died
	rows      []Row
	summary   string // in place of the rows' table
	step      *Step  // the running one, or nil
}

// maxDead bounds the processes that have ended and are remembered for their last
// words.
const maxDead = 8

// errEnded is why nothing can be started any more.
var errEnded = errors.New("demo: the show is over")

func newShow(out io.Writer) *Show {
	return &Show{screen: newScreen(out), began: time.Now()}
}

// Say prints one line, or more.
func (s *Show) Say(format string, args ...any) { s.screen.print(fmt.Sprintf(format, args...)) }

// Row adds a row to the table, and says it.
func (s *Show) Row(r Row) {
	s.mu.Lock()
	s.rows = append(s.rows, r)
	s.mu.Unlock()
	s.Say("%s: %s", r.What, r.verdict())
}

// Summary says with which words the show ends, in place of its table: where rows are only checked,
// and what there is to be seen is told otherwise. If the show fails, the table is what counts.
func (s *Show) Summary(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.summary = text
}

// TempDir returns a new directory that is removed at the end.
func (s *Show) TempDir() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return "", errEnded
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "dss-demo-")
		if err != nil {
			return "", err
		}
		s.dir = dir
	}
	return os.MkdirTemp(s.dir, "")
}

// end leaves nothing behind. It may be called again.
func (s *Show) end() error {
	s.mu.Lock()
	s.ended = true
	step, dir, processes := s.step, s.dir, s.processes
	s.step, s.dir = nil, ""
	s.mu.Unlock()
	if step != nil {
		step.stop()
	}
	for _, p := range processes {
		p.Kill()
	}
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// conclude ends the show, prints its table and returns the exit code.
func (s *Show) conclude(p Program, err error) int {
	s.mu.Lock()
	rows, summary := s.rows, s.summary
	s.mu.Unlock()
	last := s.lastWords() // before the processes are killed
	if e := s.end(); e != nil {
		err = errors.Join(err, fmt.Errorf("cleaning up: %w", e))
	}
	if err == nil && len(rows) == 0 {
		err = errors.New("nothing was tried")
	}
	failed, b := failures(rows), strings.Builder{}
	if summary != "" && failed == 0 && err == nil {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimRight(summary, "\n"))
	} else {
		WriteTable(&b, rows)
	}
	if err != nil {
		fmt.Fprintf(&b, "\n%v\n", err)
	}
	took := time.Since(s.began).Round(100 * time.Millisecond)
	if failed == 0 && err == nil {
		fmt.Fprintf(&b, "\nPASSED: %d of %d in %v.%s", len(rows), len(rows), took, advice(p.Next))
		s.screen.print(b.String())
		return 0
	}
	b.WriteString(last)
	fmt.Fprintf(&b, "\nFAILED: %d of %d passed in %v.%s", len(rows)-failed, len(rows), took, advice(cmp.Or(p.Retry, p.Next)))
	s.screen.print(b.String())
	return 1
}

func advice(command string) string {
	if command == "" {
		return ""
	}
	return " Try next: " + command
}

// lastWords returns what the processes have written to their standard errors of
// late.
func (s *Show) lastWords() string {
	s.mu.Lock()
	processes := s.processes
	s.mu.Unlock()
	var b strings.Builder
	for _, p := range processes {
		if tail := p.Tail(); tail != "" {
			fmt.Fprintf(&b, "\nlast words of %v:\n%s\n", p, indent(tail))
		}
	}
	return b.String()
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
