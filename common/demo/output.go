//go:build unix

package demo

import (
	"bytes"
	"sync"
)

const (
	tailBytes = 8 << 10
	lineBytes = 4 << 10
)

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex // guards what follows
	buf []byte     // at most twice tailBytes
	cut bool       // something is missing before it
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if len(p) > tailBytes {
		t.buf, p, t.cut = t.buf[:0], p[len(p)-tailBytes:], true
	}
	if len(t.buf)+len(p) > 2*tailBytes {
		t.buf, t.cut = append(t.buf[:0], t.buf[len(t.buf)-tailBytes:]...), true
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// String returns the last lines.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, cut := t.buf, t.cut
	if len(b) > tailBytes {
		b, cut = b[len(b)-tailBytes:], true
	}
	if _, rest, ok := bytes.Cut(b, []byte("\n")); ok && cut && len(rest) > 0 {
		b = rest
	}
	return string(b)
}

// firstLine keeps the first line of what is written to it and drops the rest.
type firstLine struct {
	complete chan struct{} // closed when the line has ended, or is too long

	mu   sync.Mutex // guards what follows
	line []byte
	full bool
}

// Write never fails.
func (f *firstLine) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return len(p), nil
	}
	line, _, ended := bytes.Cut(p, []byte("\n"))
	line = line[:min(len(line), lineBytes-len(f.line))]
	f.line = append(f.line, line...)
	if ended || len(f.line) == lineBytes {
		f.full = true
		close(f.complete)
	}
	return len(p), nil
}

func (f *firstLine) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.line)
}
