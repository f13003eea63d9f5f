//go:build unix

package demo

import (
	"io"
	"os"
	"strings"
	"sync"
)

// screen is where lines go, and one live line below them if it is a terminal.
type screen struct {
	terminal bool

	mu   sync.Mutex // guards what follows
	out  io.Writer
	live string // what stands there now
}

// liveWidth bounds the live line in columns: one that wraps cannot be erased.
const liveWidth = 79

func newScreen(out io.Writer) *screen {
	f, ok := out.(*os.File)
	return &screen{out: out, terminal: ok && isTerminal(f)}
}

// isTerminal takes any character device for a terminal, which does no harm to
// those that are none, such as /dev/null.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// print prints whole lines above the live one.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	io.WriteString(s.out, s.erase()+strings.TrimRight(text, "\n")+"\n"+s.live)
}

// show replaces the live line; empty takes it away. Without a terminal it does
// nothing.
func (s *screen) show(line string) {
	if !s.terminal {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if runes := []rune(line); len(runes) > liveWidth {
		line = string(runes[:liveWidth])
	}
	erase := s.erase()
	s.live = line
	io.WriteString(s.out, erase+line)
}

func (s *screen) erase() string {
	if s.live == "" {
		return ""
	}
	return "\r\x1b[K"
}
