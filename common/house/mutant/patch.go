package mutant

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// edit changes one file.
type edit struct {
	path  string
	hunks []hunk
}

// hunk replaces lines. Each line is without its newline.
type hunk struct {
	start    int // line of the old file, from 1
	old, new []string
}

// Parse reads a patch. Its error is ErrPatch and names the line.
func Parse(id string, patch []byte) (*Mutant, error) {
	p := parser{lines: strings.Split(strings.TrimSuffix(string(patch), "\n"), "\n")}
	m := &Mutant{ID: id}
	err := p.header(m)
	for err == nil && p.more() {
		err = p.file(m)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %s, line %d: %w", ErrPatch, id, p.at+1, err)
	case len(m.edits) == 0:
		return nil, fmt.Errorf("%w: %s changes nothing", ErrPatch, id)
	}
	return m, nil
}

type parser struct {
	lines []string
	at    int // of the line that is read next, from 0
}

func (p *parser) more() bool { return p.at < len(p.lines) }

// is reports whether the next line starts with prefix.
func (p *parser) is(prefix string) bool {
	return p.more() && strings.HasPrefix(p.lines[p.at], prefix)
}

// header reads the fields in front of the diff.
func (p *parser) header(m *Mutant) error {
	fields := map[string]*string{"rule": &m.Rule, "instrument": &m.Instrument, "message": &m.Message}
	for ; p.more() && !p.is("--- "); p.at++ {
		key, value, ok := strings.Cut(p.lines[p.at], ": ")
		field := fields[key]
		if !ok || field == nil || *field != "" {
			return fmt.Errorf("want rule, instrument and message once each, not %q", p.lines[p.at])
		}
		*field = strings.TrimSpace(value)
	}
	if m.Rule == "" || m.Instrument == "" || m.Message == "" {
		return fmt.Errorf("header lacks rule, instrument or message")
	}
	return nil
}

// file reads the changes of one file.
func (p *parser) file(m *Mutant) error {
	before, err := p.name("--- a/")
	if err != nil {
		return err
	}
	after, err := p.name("+++ b/")
	if err != nil {
		return err
	}
	if before != after || before != path.Clean(before) || strings.HasPrefix(before, "../") {
		return fmt.Errorf("a patch changes a file of the tree in its place, not %q to %q", before, after)
	}
	for _, e := range m.edits {
		if e.path == before {
			return fmt.Errorf("%s comes twice", before)
		}
	}
	e := edit{path: before}
	for end := 0; p.is("@@ "); {
		h, err := p.hunk()
		if err != nil {
			return err
		}
		if h.start <= end {
			return fmt.Errorf("hunk at line %d overlaps the one before", h.start)
		}
		end = h.start + len(h.old) - 1
		e.hunks = append(e.hunks, h)
	}
	if len(e.hunks) == 0 {
		return fmt.Errorf("%s without a hunk", before)
	}
	m.edits = append(m.edits, e)
	return nil
}

func (p *parser) name(prefix string) (string, error) {
	if !p.is(prefix) {
		return "", fmt.Errorf("want %q and a path", prefix)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(p.lines[p.at], prefix), "\t") // diff adds a time
	p.at++
	return name, nil
}

// hunk reads "@@ -start,old +start,new @@" and exactly as many lines as it says.
func (p *parser) hunk() (hunk, error) {
	f := strings.Fields(p.lines[p.at])
	if len(f) < 4 || f[3] != "@@" {
		return hunk{}, fmt.Errorf("want @@ -start,count +start,count @@")
	}
	start, olds, err := span(f[1], "-")
	if err != nil {
		return hunk{}, err
	}
	_, news, err := span(f[2], "+")
	if err != nil {
		return hunk{}, err
	}
	h := hunk{start: start}
	for p.at++; len(h.old) < olds || len(h.new) < news; p.at++ {
		if !p.more() {
			return hunk{}, fmt.Errorf("hunk ends early")
		}
		if err := h.add(p.lines[p.at]); err != nil {
			return hunk{}, err
		}
	}
	if len(h.old) != olds || len(h.new) != news || olds == 0 {
		return hunk{}, fmt.Errorf("hunk has %d old and %d new lines, says %d and %d (old: at least 1)",
			len(h.old), len(h.new), olds, news)
	}
	return h, nil
}

func (h *hunk) add(line string) error {
	if line == "" {
		line = " " // editors strip the space of an empty context line
	}
	switch text := line[1:]; line[0] {
	case ' ':
		h.old, h.new = append(h.old, text), append(h.new, text)
	case '-':
		h.old = append(h.old, text)
	case '+':
		h.new = append(h.new, text)
	default:
		return fmt.Errorf("line of a hunk starts with %q", line[0])
	}
	return nil
}

// span reads "-12,3", or "-12", which has a count of 1.
func span(s, sign string) (start, count int, err error) {
	rest, ok := strings.CutPrefix(s, sign)
	first, second, two := strings.Cut(rest, ",")
	start, err = strconv.Atoi(first)
	count = 1
	if two && err == nil {
		count, err = strconv.Atoi(second)
	}
	if !ok || err != nil || start < 1 || count < 0 {
		return 0, 0, fmt.Errorf("range %q: want %sstart,count", s, sign)
	}
	return start, count, nil
}

// apply makes the changes. Every old line must stand where the hunk says.
func (e *edit) apply(file []byte) ([]byte, error) {
	lines := strings.Split(string(file), "\n")
	var out []string
	done := 0 // lines of the old file
	for _, h := range e.hunks {
		from := h.start - 1
		if from+len(h.old) > len(lines) {
			return nil, fmt.Errorf("%w: it ends before line %d", ErrStale, from+len(h.old))
		}
		for i, want := range h.old {
			if lines[from+i] != want {
				return nil, fmt.Errorf("%w: line %d is %q, want %q", ErrStale, from+i+1, lines[from+i], want)
			}
		}
		out = append(append(out, lines[done:from]...), h.new...)
		done = from + len(h.old)
	}
	return []byte(strings.Join(append(out, lines[done:]...), "\n")), nil
}
