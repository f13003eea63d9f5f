package procedure

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// blanks are what strip and split take for blank: ASCII alone, as the rest of text is up to
// the Unicode release of the library. For the same reason upper and lower leave it as it is.
const blanks = " \t\n\v\f\r"

func (r *run) textMethods() map[string]function {
	return map[string]function{
		"count":        r.find(func(s, sub string) starlark.Value { return starlark.MakeInt(strings.Count(s, sub)) }),
		"elems":        r.elems,
		"endswith":     r.find(func(s, sub string) starlark.Value { return starlark.Bool(strings.HasSuffix(s, sub)) }),
		"find":         r.find(func(s, sub string) starlark.Value { return starlark.MakeInt(strings.Index(s, sub)) }),
		"format":       r.format,
		"isdigit":      r.isDigit,
		"join":         r.join,
		"lower":        r.mapped(lower),
		"lstrip":       r.strip(strings.TrimLeft),
		"partition":    r.partition(strings.Index),
		"removeprefix": r.find(func(s, sub string) starlark.Value { return starlark.String(strings.TrimPrefix(s, sub)) }),
		"removesuffix": r.find(func(s, sub string) starlark.Value { return starlark.String(strings.TrimSuffix(s, sub)) }),
		"replace":      r.replace,
		"rfind":        r.find(func(s, sub string) starlark.Value { return starlark.MakeInt(strings.LastIndex(s, sub)) }),
		"rpartition":   r.partition(strings.LastIndex),
		"rstrip":       r.strip(strings.TrimRight),
		"split":        r.split,
		"splitlines":   r.splitLines,
		"startswith":   r.find(func(s, sub string) starlark.Value { return starlark.Bool(strings.HasPrefix(s, sub)) }),
		"strip":        r.strip(strings.Trim),
		"upper":        r.mapped(upper),
	}
}

func (c call) self() string { return string(c.of.(starlark.String)) }

// find is a method that looks for a text and makes nothing of any size.
func (r *run) find(f func(s, sub string) starlark.Value) function {
	return func(c call) (starlark.Value, error) {
		var sub string
		if err := c.positional(1, &sub); err != nil {
			return nil, err
		}
		if err := r.text(len(c.self())); err != nil {
			return nil, err
		}
		return f(c.self(), sub), nil
	}
}

func (r *run) partition(index func(s, sep string) int) function {
	return func(c call) (starlark.Value, error) {
		var sep string
		if err := c.positional(1, &sep); err != nil {
			return nil, err
		}
		s := c.self()
		if sep == "" {
			return nil, errNoSeparator
		}
		if err := r.listOf(3, slot+header); err != nil {
			return nil, err
		}
		if err := r.text(len(s)); err != nil {
			return nil, err
		}
		at := index(s, sep)
		switch {
		case at >= 0:
			return texts(s[:at], sep, s[at+len(sep):]), nil
		case c.name == "partition":
			return texts(s, "", ""), nil
		}
		return texts("", "", s), nil
	}
}

func texts(parts ...string) starlark.Tuple {
	t := make(starlark.Tuple, len(parts))
	for i, p := range parts {
		t[i] = starlark.String(p)
	}
	return t
}

var errNoSeparator = errors.New("an empty separator")

// strip is strip(cutset=blanks) of either end or both.
func (r *run) strip(trim func(s, cutset string) string) function {
	return func(c call) (starlark.Value, error) {
		cutset := blanks
		if err := c.positional(0, &cutset); err != nil {
			return nil, err
		}
		// Each byte of the text may be looked for in the whole cutset.
		if err := r.work(len(c.self()) / 8 * (1 + len(cutset)/wordBytes)); err != nil {
			return nil, err
		}
		return starlark.String(trim(c.self(), cutset)), nil
	}
}

// mapped is a method that makes another text of the same length.
func (r *run) mapped(f func(byte) byte) function {
	return func(c call) (starlark.Value, error) {
		if err := c.positional(0); err != nil {
			return nil, err
		}
		s := c.self()
		if err := r.make(2 * len(s)); err != nil {
			return nil, err
		}
		if err := r.text(len(s)); err != nil {
			return nil, err
		}
		out := []byte(s)
		for i, b := range out {
			out[i] = f(b)
		}
		return starlark.String(out), nil
	}
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func upper(b byte) byte {
	if 'a' <= b && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
}

// isDigit reports whether a text is one or more of the digits 0 to 9.
func (r *run) isDigit(c call) (starlark.Value, error) {
	if err := c.positional(0); err != nil {
		return nil, err
	}
	s := c.self()
	return starlark.Bool(s != "" && strings.Trim(s, "0123456789") == ""), r.text(len(s))
}

// elems returns the bytes, each a text of its own.
func (r *run) elems(c call) (starlark.Value, error) {
	if err := c.positional(0); err != nil {
		return nil, err
	}
	s := c.self()
	if err := r.listOf(len(s), slot+header); err != nil {
		return nil, err
	}
	parts := make([]starlark.Value, len(s))
	for i := range parts {
		parts[i] = starlark.String(s[i : i+1])
	}
	return starlark.NewList(parts), nil
}

// join is sep.join(texts).
func (r *run) join(c call) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	parts, err := r.collectAll(c.name, v)
	if err != nil {
		return nil, err
	}
	sep := c.self()
	for i, p := range parts {
		s, ok := p.(starlark.String)
		if !ok {
			return nil, fmt.Errorf("join takes strings, not %s: use str", brief(p))
		}
		n := len(s)
		if i > 0 {
			n += len(sep)
		}
		if err := r.grow(n); err != nil {
			return nil, err
		}
	}
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(string(p.(starlark.String)))
	}
	return starlark.String(b.String()), r.text(b.Len())
}

// replace is replace(old, new, count=-1): a negative count is all.
func (r *run) replace(c call) (starlark.Value, error) {
	var old, by string
	count := -1
	if err := c.positional(2, &old, &by, &count); err != nil {
		return nil, err
	}
	s := c.self()
	if old == "" {
		return nil, errors.New("replace: what is to be replaced is empty")
	}
	if err := r.text(len(s)); err != nil {
		return nil, err
	}
	n := strings.Count(s, old)
	if count >= 0 {
		n = min(n, count)
	}
	if err := r.make(len(s)); err != nil {
		return nil, err
	}
	if err := r.makeEach(n, max(0, len(by)-len(old))); err != nil {
		return nil, err
	}
	return starlark.String(strings.Replace(s, old, by, n)), r.work(n)
}

// split is split(sep, max=-1), or split(): at runs of blanks. A negative max is no limit.
func (r *run) split(c call) (starlark.Value, error) {
	var sep starlark.Value = starlark.None
	most := -1
	if err := c.positional(0, &sep, &most); err != nil {
		return nil, err
	}
	s := c.self()
	if err := r.work(len(s)/8 + 1); err != nil {
		return nil, err
	}
	at, ok := sep.(starlark.String)
	switch {
	case sep == starlark.None && most < 0:
		n := strings.Count(s, " ") + strings.Count(s, "\t") + strings.Count(s, "\n") +
			strings.Count(s, "\v") + strings.Count(s, "\f") + strings.Count(s, "\r") + 1
		if err := r.listOf(n, slot+header); err != nil {
			return nil, err
		}
		isBlank := func(b rune) bool { return strings.ContainsRune(blanks, b) }
		return starlark.NewList(texts(strings.FieldsFunc(s, isBlank)...)), nil
	case !ok:
		return nil, fmt.Errorf("split: the separator is a string, not %s", brief(sep))
	case at == "":
		return nil, errNoSeparator
	}
	n := strings.Count(s, string(at))
	if most >= 0 {
		n = min(n, most)
	}
	if err := r.listOf(n+1, slot+header); err != nil {
		return nil, err
	}
	return starlark.NewList(texts(strings.SplitN(s, string(at), n+1)...)), nil
}

// splitLines returns the lines without their newlines; one at the end ends the last line.
func (r *run) splitLines(c call) (starlark.Value, error) {
	if err := c.positional(0); err != nil {
		return nil, err
	}
	s := c.self()
	if err := r.text(len(s)); err != nil {
		return nil, err
	}
	if err := r.listOf(strings.Count(s, "\n")+1, slot+header); err != nil {
		return nil, err
	}
	if s == "" {
		return starlark.NewList(nil), nil
	}
	return starlark.NewList(texts(strings.Split(strings.TrimSuffix(s, "\n"), "\n")...)), nil
}

var errBraces = errors.New("format: {} and {N} are places, {{ and }} are braces")

// format is format(values…): {} takes the next of them and {N} the Nth, from 0; {name} takes
// the one of that name.
func (r *run) format(c call) (starlark.Value, error) {
	p := printer{run: r}
	rest := c.self()
	next := 0
	for p.err == nil {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			p.text(rest)
			break
		}
		p.text(rest[:at])
		rest = rest[at:]
		if len(rest) > 1 && rest[1] == rest[0] {
			p.text(rest[:1])
			rest = rest[2:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if end <= 0 {
			return nil, errBraces
		}
		v, err := c.place(rest[1:end], &next)
		if err != nil {
			return nil, err
		}
		p.str(v)
		rest = rest[end+1:]
	}
	return p.result()
}

// place returns the value of a place in a format.
func (c call) place(name string, next *int) (starlark.Value, error) {
	at := 0
	switch {
	case name == "":
		at = *next
		*next++
	case len(name) <= 3 && strings.Trim(name, "0123456789") == "":
		for _, digit := range name {
			at = at*10 + int(digit-'0')
		}
	default:
		for _, pair := range c.kwargs {
			if string(pair[0].(starlark.String)) == name {
				return pair[1], nil
			}
		}
		return nil, fmt.Errorf("format: no value has the name %s", brief(starlark.String(name)))
	}
	if at >= len(c.args) {
		return nil, fmt.Errorf("format: there is no value %d", at)
	}
	return c.args[at], nil
}
