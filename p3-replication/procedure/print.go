package procedure

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// printer writes values as text, as a program would write them, and charges as it goes. The
// library's own quotes what the tables of its Unicode release do not call printable; this one
// keeps all UTF-8 beyond ASCII as it is.
type printer struct {
	run *run
	out []byte
	err error
}

func (p *printer) result() (starlark.Value, error) {
	if p.err != nil {
		return nil, p.err
	}
	return starlark.String(p.out), p.run.make(len(p.out))
}

func (p *printer) text(s string) {
	if p.err == nil {
		p.err = p.run.grow(2 * len(s)) // the buffer grows by copying
	}
	if p.err == nil {
		p.err = p.run.work(1 + len(s)/wordBytes)
	}
	if p.err == nil {
		p.out = append(p.out, s...)
	}
}

// str writes text as it is and other values as programs write them.
func (p *printer) str(v starlark.Value) {
	if s, ok := v.(starlark.String); ok {
		p.text(string(s))
		return
	}
	p.value(v, 0)
}

func (p *printer) value(v starlark.Value, depth int) {
	if depth > maxDeep && p.err == nil {
		p.err = errDeep
	}
	if p.err != nil {
		return
	}
	switch v := v.(type) {
	case starlark.String:
		p.quote(string(v))
	case *starlark.List:
		p.text("[")
		p.parts(v, depth)
		p.text("]")
	case starlark.Tuple:
		p.text("(")
		p.parts(v, depth)
		if len(v) == 1 {
			p.text(",")
		}
		p.text(")")
	case *starlark.Dict:
		p.dict(v, depth)
	default:
		p.text(v.String()) // of bounded length
	}
}

func (p *printer) parts(v starlark.Indexable, depth int) {
	for i := range v.Len() {
		if i > 0 {
			p.text(", ")
		}
		if p.value(v.Index(i), depth+1); p.err != nil {
			return
		}
	}
}

func (p *printer) dict(d *starlark.Dict, depth int) {
	p.text("{")
	first := true
	for key, value := range d.Entries() {
		if !first {
			p.text(", ")
		}
		first = false
		p.value(key, depth+1)
		p.text(": ")
		if p.value(value, depth+1); p.err != nil {
			return
		}
	}
	p.text("}")
}

const hexDigits = "0123456789abcdef"

// quote writes text in double quotes; bytes that are not UTF-8, and controls, as \xNN.
func (p *printer) quote(s string) {
	p.text(`"`)
	start := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		escaped := ""
		switch {
		case r == '"' || r == '\\':
			escaped = `\` + s[i:i+1]
		case r == '\n':
			escaped = `\n`
		case r < ' ' || r == 0x7f || r == utf8.RuneError && size == 1:
			escaped = `\x` + string([]byte{hexDigits[s[i]>>4], hexDigits[s[i]&15]})
		}
		if escaped != "" {
			p.text(s[start:i])
			p.text(escaped)
			start = i + size
		}
		if i += size; p.err != nil {
			return
		}
	}
	p.text(s[start:])
	p.text(`"`)
}

var errFormat = errors.New("a % in a format is followed by s, r, d, x or %")

// interpolate is format % args: %s, %r, %d and %x take one of the tuple args each, or args
// itself if it is no tuple; %% is a percent sign.
func (r *run) interpolate(format string, args starlark.Value) (starlark.Value, error) {
	rest, ok := args.(starlark.Tuple)
	if !ok {
		rest = starlark.Tuple{args}
	}
	p := printer{run: r}
	start := 0
	for i := 0; i < len(format) && p.err == nil; i++ {
		if format[i] != '%' {
			continue
		}
		p.text(format[start:i])
		if i++; i == len(format) {
			return nil, errFormat
		}
		start = i + 1
		if format[i] == '%' {
			p.text("%")
			continue
		}
		if len(rest) == 0 {
			return nil, errors.New("a format has more verbs than values")
		}
		if err := p.verb(format[i], rest[0]); err != nil {
			return nil, err
		}
		rest = rest[1:]
	}
	if p.text(format[min(start, len(format)):]); len(rest) > 0 && p.err == nil {
		return nil, errors.New("a format has fewer verbs than values")
	}
	return p.result()
}

func (p *printer) verb(verb byte, v starlark.Value) error {
	switch verb {
	case 's':
		p.str(v)
		return nil
	case 'r':
		p.value(v, 0)
		return nil
	case 'd':
		return p.int(v, 10)
	case 'x':
		return p.int(v, 16)
	}
	return errFormat
}

func (p *printer) int(v starlark.Value, base int) error {
	i, ok := v.(starlark.Int)
	if !ok {
		return fmt.Errorf("%%d and %%x take an int, not %s", brief(v))
	}
	n, _ := i.Int64()
	p.text(strconv.FormatInt(n, base))
	return nil
}
