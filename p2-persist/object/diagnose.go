package object

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dss.example/common/cbor"
)

// Diagnose returns an object in diagnostic notation (RFC 8949 section 8), on one line,
// with the text of its ID as a comment behind each link:
//
//	{"link": 42(h'000171...') / bafyrei... /, "size": 3}
//
// It returns ErrInvalid for what is no object; [Dump] shows such bytes too.
func Diagnose(b []byte) (string, error) {
	if err := Check(b); err != nil {
		return "", err
	}
	d := diagnosis{w: walker{b: b}}
	d.item()
	return d.out.String(), nil
}

type diagnosis struct {
	w   walker
	out strings.Builder
}

// item writes the next item with all that is in it.
func (d *diagnosis) item() {
	d.w.next() // it is there: the object was checked
	it := d.w.it
	switch it.major {
	case majorArray:
		d.list("[", "]", it.arg, d.item)
	case majorMap:
		d.list("{", "}", it.arg, d.pair)
	case majorTag:
		d.out.WriteString("42(")
		d.item()
		id, _ := linkAt(d.w.b, it.off)
		fmt.Fprintf(&d.out, ") / %v /", id)
	default:
		d.out.WriteString(scalar(d.w.b, it, math.MaxInt))
	}
}

func (d *diagnosis) pair() {
	d.item()
	d.out.WriteString(": ")
	d.item()
}

func (d *diagnosis) list(start, end string, n uint64, one func()) {
	d.out.WriteString(start)
	for i := range n {
		if i > 0 {
			d.out.WriteString(", ")
		}
		one()
	}
	d.out.WriteString(end)
}

// scalar writes an item that holds no others. Of a string at most the first bytes are
// shown.
func scalar(b []byte, it item, most int) string {
	more := ""
	body := b[it.body:it.end]
	if len(body) > most {
		body, more = body[:most], fmt.Sprintf("... (%d bytes)", len(body))
	}
	switch it.major {
	case majorUint:
		return strconv.FormatUint(it.arg, 10)
	case majorInt:
		return strconv.FormatInt(-1-int64(it.arg), 10)
	case majorBytes:
		return "h'" + hex.EncodeToString(body) + "'" + more
	case majorText:
		return quote(body) + more
	}
	switch b[it.off] {
	case 0xf4:
		return "false"
	case 0xf5:
		return "true"
	case 0xf6:
		return "null"
	}
	return float(math.Float64frombits(it.arg))
}

// float writes a float with a point in it, so that nobody takes it for an integer.
func float(v float64) string {
	digits, exponent, exp := strings.Cut(strconv.FormatFloat(v, 'g', -1, 64), "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	if exp {
		return digits + "e" + exponent
	}
	return digits
}

// quote writes text as JSON does.
func quote(text []byte) string {
	out := []byte{'"'}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r < ' ' || r == 0x7f || r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\u%04x`, uint16(r))
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return string(append(out, '"'))
}

// How much Dump shows.
const (
	dumpHex  = 16                // bytes of an item
	dumpText = 48                // bytes of a string that are explained
	dumpRest = 16 * dumpHex      // bytes without a meaning
	dumpMost = cbor.DefaultItems // items
)

// Dump shows the bytes of an object, one item a line, each with what it means:
//
//	a1                  # map of 1
//	  64 6c 69 6e 6b    # "link"
//
// It takes any bytes: where they are no object any more it says why, and shows some of
// the rest without a meaning. Its result is bounded like an object, at 131,072 lines.
func Dump(b []byte) string {
	var out strings.Builder
	w := walker{b: b}
	shown, items := 0, 0
	for items < dumpMost && w.next() {
		line(&out, w.it.depth, b[w.it.off:w.it.end], meaning(b, w.it))
		shown, items = w.it.end, items+1
	}
	rest := b[shown:]
	for some := range slices.Chunk(rest[:min(dumpRest, len(rest))], dumpHex) {
		line(&out, 0, some, "?")
	}
	if len(rest) > dumpRest {
		fmt.Fprintf(&out, "# and %d bytes more\n", len(rest)-dumpRest)
	}
	if err := Check(b); err != nil {
		fmt.Fprintf(&out, "# %v\n", err)
	}
	return out.String()
}

func line(out *strings.Builder, depth int, b []byte, meaning string) {
	shown := fmt.Sprintf("% x", b[:min(dumpHex, len(b))])
	if len(b) > dumpHex {
		shown += " ..."
	}
	fmt.Fprintf(out, "%-*s # %s\n", 3*dumpHex+4, strings.Repeat("  ", depth)+shown, meaning)
}

// meaning explains one item, which need not be canonical.
func meaning(b []byte, it item) string {
	switch it.major {
	case majorArray:
		return fmt.Sprintf("list of %d", it.arg)
	case majorMap:
		return fmt.Sprintf("map of %d", it.arg)
	case majorTag:
		if id, err := linkAt(b, it.off); err == nil {
			return "link to " + id.String()
		}
		return fmt.Sprintf("tag %d", it.arg)
	case majorOther:
		if checked := Check(b[it.off:it.end]); checked != nil {
			return "?"
		}
	}
	return scalar(b, it, dumpText)
}
