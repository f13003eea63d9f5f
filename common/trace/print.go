package trace

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"dss.example/common/machine"
)

// Options choose what Print shows. The zero value shows everything but changes.
type Options struct {
	Node     machine.Node // only what happened at this node; 0 means all
	From, To int          // only records N with From <= N < To; To 0 means to the end
	Change   bool         // what changed in the machine, too
}

func (o Options) shows(r *Record) bool {
	return r.N >= o.From && (o.To == 0 || r.N < o.To) && r.concerns(o.Node)
}

// concerns reports whether a record tells of a node; every record does of node 0,
// and a violation of every node.
func (r *Record) concerns(n machine.Node) bool {
	if n == 0 || r.Addr.Node == n || r.Kind == Violate {
		return true
	}
	return (r.Kind == Cut || r.Kind == Heal) && r.From.Node == n
}

// Print writes a trace for the terminal: a line for each record, and under it what
// it saved, sent and replied. Control characters are made harmless.
func Print(w io.Writer, records []Record, opts Options) error {
	_, byID := messages(records)
	width := nameWidth(records)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%6s %13s  %-*s  %s\n", "step", "time", width, "where", "what")
	for i := range records {
		r := &records[i]
		if !opts.shows(r) {
			continue
		}
		fmt.Fprintf(b, "%6d %13s  %-*s  %s\n", r.N, clock(r.At), width, clean(Name(r.Addr)), event(r, byID))
		for _, line := range outcome(r, byID, records, opts.Change) {
			fmt.Fprintf(b, "%*s  %s\n", 21+width, "", line)
		}
	}
	return b.Flush()
}

func nameWidth(records []Record) int {
	width := len("where")
	for i := range records {
		width = min(max(width, len(clean(Name(records[i].Addr)))), 24)
	}
	return width
}

// clock prints virtual time in milliseconds.
func clock(t machine.Time) string {
	return fmt.Sprintf("%d.%03d ms", t/machine.Millisecond, max(t, -t)%machine.Millisecond/machine.Microsecond)
}

// event tells in one line what happened.
func event(r *Record, byID map[uint64]*message) string {
	text := string(r.Kind)
	switch r.Kind {
	case Recv:
		text = fmt.Sprintf("recv #%d from %s", r.Msg, Name(r.From))
	case Timer:
		text = fmt.Sprintf("timer #%d", r.Msg)
	case Ask, Cancel:
		text = fmt.Sprintf("%s %d", r.Kind, r.ID)
	case Drop, Duplicate:
		text = fmt.Sprintf("%s #%d", r.Kind, r.Msg)
		if m := byID[r.Msg]; m != nil {
			text += fmt.Sprintf(" %s -> %s", Name(m.from), Name(m.to))
		}
	case Cut:
		text = fmt.Sprintf("cut: hears no more from %s", Name(r.From))
	case Heal:
		text = fmt.Sprintf("heal: hears %s again", Name(r.From))
	case Violate:
		text = "VIOLATED"
	}
	if r.Data != "" {
		text += " " + r.Data
	}
	return clean(text)
}

// outcome tells what came of a step, a line each.
func outcome(r *Record, byID map[uint64]*message, records []Record, change bool) []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, clean(fmt.Sprintf(format, args...))) }
	for _, s := range r.Saved {
		add("save  %s", s)
	}
	for _, s := range r.Sent {
		fate := ""
		if m := byID[s.ID]; m != nil {
			fate = m.fate(records)
		}
		if s.To == r.Addr {
			add("arm   #%d after %s: %s [%s]", s.ID, clock(s.After), s.Data, fate)
			continue
		}
		add("send  #%d to %s: %s [%s]", s.ID, Name(s.To), s.Data, fate)
	}
	for _, a := range r.Replied {
		add("reply %d: %s", a.ID, a.Data)
	}
	if r.Trim > 0 {
		add("trim  before %d", r.Trim)
	}
	for _, n := range r.Notes {
		add("note  %s", strings.TrimSpace(n.Name+" "+n.Text))
	}
	if change {
		for _, c := range r.Change {
			add("%s", c)
		}
	}
	return lines
}

// clean makes text safe for a terminal: one line, no control characters, nothing
// that reorders or hides what stands around it.
func clean(s string) string {
	harmless := func(c rune) bool { return unicode.IsPrint(c) && c != unicode.ReplacementChar }
	if strings.IndexFunc(s, func(c rune) bool { return !harmless(c) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case harmless(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}
