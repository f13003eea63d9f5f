package procedure

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

func (r *run) jsonMethods() map[string]function {
	return map[string]function{"encode": r.encode, "decode": r.decode}
}

// encode is json.encode(x): without blanks, the keys of dicts sorted, so that equal values
// have equal bytes.
func (r *run) encode(c call) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	p := printer{run: r}
	p.json(v, 0)
	return p.result()
}

func (p *printer) json(v starlark.Value, depth int) {
	if depth > maxDeep && p.err == nil {
		p.err = errDeep
	}
	if p.err != nil {
		return
	}
	switch v := v.(type) {
	case starlark.NoneType:
		p.text("null")
	case starlark.Bool:
		p.text(strconv.FormatBool(bool(v)))
	case starlark.Int:
		p.text(v.String())
	case starlark.String:
		p.jsonText(string(v))
	case *starlark.List:
		p.jsonParts(v, depth)
	case starlark.Tuple:
		p.jsonParts(v, depth)
	case *starlark.Dict:
		p.jsonDict(v, depth)
	default:
		p.err = fmt.Errorf("json.encode: a %s has no JSON", v.Type())
	}
}

func (p *printer) jsonParts(v starlark.Indexable, depth int) {
	p.text("[")
	for i := range v.Len() {
		if i > 0 {
			p.text(",")
		}
		if p.json(v.Index(i), depth+1); p.err != nil {
			return
		}
	}
	p.text("]")
}

func (p *printer) jsonDict(d *starlark.Dict, depth int) {
	if p.err == nil {
		p.err = p.run.listOf(d.Len(), 4*slot)
	}
	if p.err != nil {
		return
	}
	type pair struct {
		key   string
		value starlark.Value
	}
	pairs := make([]pair, 0, d.Len())
	for key, value := range d.Entries() {
		s, ok := key.(starlark.String)
		if !ok {
			p.err = fmt.Errorf("json.encode: the keys of a dict are strings, not %s", brief(key))
			return
		}
		pairs = append(pairs, pair{string(s), value})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	p.text("{")
	for i, e := range pairs {
		if i > 0 {
			p.text(",")
		}
		p.jsonText(e.key)
		p.text(":")
		if p.json(e.value, depth+1); p.err != nil {
			return
		}
	}
	p.text("}")
}

func (p *printer) jsonText(s string) {
	if p.err == nil {
		p.err = p.run.text(len(s))
	}
	if p.err == nil && !utf8.ValidString(s) {
		p.err = errors.New("json.encode: a string is not UTF-8")
	}
	p.text(`"`)
	start := 0
	for i := 0; i < len(s) && p.err == nil; i++ {
		b := s[i]
		if b != '"' && b != '\\' && b >= ' ' {
			continue
		}
		p.text(s[start:i])
		start = i + 1
		if b < ' ' {
			p.text(`\u00` + string([]byte{hexDigits[b>>4], hexDigits[b&15]}))
		} else {
			p.text(`\` + s[i:i+1])
		}
	}
	p.text(s[start:])
	p.text(`"`)
}

// decode is json.decode(text), which is UTF-8. Numbers are ints of 64 bits, and a key is in an
// object once. The decoder is our own because its errors, too, are answers that replicas
// share: those of a library change with its release.
func (r *run) decode(c call) (starlark.Value, error) {
	var s string
	if err := c.positional(1, &s); err != nil {
		return nil, err
	}
	if err := r.text(len(s)); err != nil {
		return nil, err
	}
	if !utf8.ValidString(s) {
		return nil, errors.New("json.decode: the text is not UTF-8")
	}
	d := decoder{run: r, text: s}
	v, err := d.value(0)
	if err == nil && d.next() != 0 {
		err = d.bad("the end")
	}
	return v, err
}

type decoder struct {
	run  *run
	text string
	at   int // bytes of text that are read
}

func (d *decoder) bad(want string) error {
	return fmt.Errorf("json.decode: byte %d: %s is wanted", d.at, want)
}

// next skips blanks and returns the byte after them; 0: there is none.
func (d *decoder) next() byte {
	for d.at < len(d.text) {
		b := d.text[d.at]
		if b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return b
		}
		d.at++
	}
	return 0
}

func (d *decoder) value(depth int) (starlark.Value, error) {
	if depth > maxDeep {
		return nil, errDeep
	}
	if err := d.run.work(1); err != nil {
		return nil, err
	}
	switch b := d.next(); {
	case b == '{':
		return d.object(depth)
	case b == '[':
		return d.array(depth)
	case b == '"':
		return d.str()
	case b == '-' || '0' <= b && b <= '9':
		return d.number()
	}
	return d.word()
}

func (d *decoder) word() (starlark.Value, error) {
	words := [...]struct {
		text  string
		value starlark.Value
	}{{"null", starlark.None}, {"true", starlark.True}, {"false", starlark.False}}
	for _, w := range words {
		if strings.HasPrefix(d.text[d.at:], w.text) {
			d.at += len(w.text)
			return w.value, nil
		}
	}
	return nil, d.bad("a value")
}

func (d *decoder) array(depth int) (starlark.Value, error) {
	var parts []starlark.Value
	if err := d.run.make(0); err != nil {
		return nil, err
	}
	err := d.list(']', func() error {
		if err := d.run.grow(slot); err != nil {
			return err
		}
		v, err := d.value(depth + 1)
		parts = append(parts, v)
		return err
	})
	return starlark.NewList(parts), err
}

func (d *decoder) object(depth int) (starlark.Value, error) {
	dict := new(starlark.Dict)
	if err := d.run.make(4 * entry); err != nil {
		return nil, err
	}
	err := d.list('}', func() error {
		if d.next() != '"' {
			return d.bad("a key")
		}
		key, err := d.str()
		if err != nil {
			return err
		}
		if d.next() != ':' {
			return d.bad("a colon")
		}
		d.at++
		v, err := d.value(depth + 1)
		if err != nil {
			return err
		}
		n := dict.Len()
		if err := d.run.set(dict, key, v); err == nil && dict.Len() == n {
			return fmt.Errorf("json.decode: the key %s is twice in an object", brief(key))
		} else {
			return err
		}
	})
	return dict, err
}

// list reads parts between commas, up to the bracket that ends them.
func (d *decoder) list(end byte, part func() error) error {
	d.at++
	if d.next() == end {
		d.at++
		return nil
	}
	for {
		if err := part(); err != nil {
			return err
		}
		switch d.next() {
		case end:
			d.at++
			return nil
		case ',':
			d.at++
		default:
			return d.bad("a comma or " + string(rune(end)))
		}
	}
}

func (d *decoder) number() (starlark.Value, error) {
	rest := d.text[d.at:]
	n := len(rest) - len(strings.TrimLeft(rest, "+-.0123456789eE"))
	digits := strings.TrimPrefix(rest[:n], "-")
	v, err := strconv.ParseInt(rest[:n], 10, 64)
	if err != nil || len(digits) > 1 && digits[0] == '0' || digits[0] == '+' {
		return nil, d.bad("an int of 64 bits")
	}
	d.at += n
	return starlark.MakeInt64(v), d.run.make(0)
}

// str reads a string, at whose first quote it stands.
func (d *decoder) str() (starlark.Value, error) {
	d.at++
	end := strings.IndexAny(d.text[d.at:], `"\`)
	if end >= 0 && d.text[d.at+end] == '"' {
		s := d.text[d.at : d.at+end]
		d.at += end + 1
		return starlark.String(s), d.checkText(s)
	}
	var out []byte
	for {
		end = strings.IndexAny(d.text[d.at:], `"\`)
		if end < 0 {
			d.at = len(d.text)
			return nil, d.bad("a closing quote")
		}
		if err := d.run.grow(2 * (end + utf8.UTFMax)); err != nil {
			return nil, err
		}
		part := d.text[d.at : d.at+end]
		out = append(out, part...)
		if err := d.checkText(part); err != nil {
			return nil, err
		}
		d.at += end + 1
		if d.text[d.at-1] == '"' {
			return starlark.String(out), d.run.make(len(out))
		}
		c, err := d.escape()
		if err != nil {
			return nil, err
		}
		out = utf8.AppendRune(out, c)
	}
}

// checkText charges a text and refuses control characters in it.
func (d *decoder) checkText(s string) error {
	if strings.IndexFunc(s, func(c rune) bool { return c < ' ' }) >= 0 {
		return d.bad("a string without control characters")
	}
	if err := d.run.work(1 + len(s)/wordBytes); err != nil {
		return err
	}
	return d.run.make(len(s))
}

// escape reads what follows a backslash.
func (d *decoder) escape() (rune, error) {
	if d.at == len(d.text) {
		return 0, d.bad("an escape")
	}
	b := d.text[d.at]
	d.at++
	if at := strings.IndexByte(`"\/bfnrt`, b); at >= 0 {
		return rune("\"\\/\b\f\n\r\t"[at]), nil
	}
	if b != 'u' {
		return 0, d.bad("an escape")
	}
	c, err := d.unit()
	if err != nil || !utf16.IsSurrogate(c) {
		return c, err
	}
	if !strings.HasPrefix(d.text[d.at:], `\u`) {
		return 0, d.bad("the second half of a surrogate pair")
	}
	d.at += 2
	low, err := d.unit()
	if err != nil {
		return 0, err
	}
	if c = utf16.DecodeRune(c, low); c == utf8.RuneError {
		return 0, d.bad("a surrogate pair")
	}
	return c, nil
}

// unit reads four hexadecimal digits.
func (d *decoder) unit() (rune, error) {
	if len(d.text)-d.at < 4 {
		return 0, d.bad("four hexadecimal digits")
	}
	n, err := strconv.ParseUint(d.text[d.at:d.at+4], 16, 32)
	if err != nil {
		return 0, d.bad("four hexadecimal digits")
	}
	d.at += 4
	return rune(n), nil
}
