package judge

import (
	"strings"
	"sync"
)

// maxOutput bounds what is kept of a process's output, in bytes. The rest is read and
// thrown away, so that the process goes on.
const maxOutput = 1 << 20

// output collects what a process writes.
type output struct {
	mu   sync.Mutex // protects following
	more *sync.Cond // on mu: something has come, or the end
	text []byte
	read int // of text, by line
	over bool
}

func newOutput() *output {
	o := &output{}
	o.more = sync.NewCond(&o.mu)
	return o
}

// Write implements io.Writer. It takes all.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b[:min(len(b), maxOutput-len(o.text))]...)
	o.more.Broadcast()
	return len(b), nil
}

// end says that no more will come.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.more.Broadcast()
}

// line waits for the next whole line; false if there is none.
func (o *output) line() (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		rest := string(o.text[o.read:])
		line, _, whole := strings.Cut(rest, "\n")
		switch {
		case whole:
			o.read += len(line) + 1
			return line, true
		case o.over || len(o.text) == maxOutput:
			o.read = len(o.text)
			return rest, rest != ""
		}
		o.more.Wait()
	}
}

// String returns what has come.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// quote returns the first words of a process that died, for a message: a Go program
// says there why it panicked.
func (o *output) quote() string {
	const most = 2 << 10
	text := strings.TrimSpace(o.String())
	if len(text) > most {
		text = text[:most] + "…"
	}
	if text != "" {
		return "; it said:\n" + text
	}
	return ""
}

// crashed reports whether a Go program has died in what was written.
func (o *output) crashed() bool { return strings.Contains(o.String(), "\ngoroutine ") }
