package proto

import (
	"encoding/binary"
	"fmt"
	"strings"

	"dss.example/p3-replication/vector"
)

// What traces and golden scripts show of writes and states.

// String writes a Write for people: its stamp, and what it does.
func (w Write) String() string {
	switch w.Kind {
	case Update:
		return fmt.Sprintf("%v{%s}", w.ID, w.update())
	case Birth:
		return fmt.Sprintf("%v{birth of %v}", w.ID, w.Place)
	case Retirement:
		return fmt.Sprintf("%v{retirement}", w.ID)
	case Handover:
		return fmt.Sprintf("%v{primary is %v}", w.ID, w.Heir)
	}
	return fmt.Sprintf("%v{kind %d}", w.ID, w.Kind)
}

func (w *Write) update() string {
	var words []string
	for _, c := range w.Update {
		words = append(words, c.String())
	}
	if w.Check != "" {
		words = append(words, fmt.Sprintf("if %q", w.Check))
	}
	if w.Merge != "" {
		words = append(words, fmt.Sprintf("else %q", w.Merge))
	}
	return strings.Join(words, " ")
}

// String writes a Change for people: "x=1", or "-x" if it deletes.
func (c Change) String() string {
	if c.Delete {
		return "-" + word(c.Key)
	}
	return word(c.Key) + "=" + word(string(c.Value))
}

// word quotes what would not be one word.
func word(s string) string {
	if q := fmt.Sprintf("%q", s); s == "" || len(q) != len(s)+2 || strings.ContainsAny(s, " {}") {
		return q
	}
	return s
}

// String writes a Place for people.
func (p Place) String() string { return fmt.Sprintf("node %d", p.Node) }

// String writes an Item for people: its number, if it has one, and the write, or only its stamp if
// that is all that is told.
func (it Item) String() string {
	number := ""
	if it.Commit > 0 {
		number = fmt.Sprintf("#%d ", it.Commit)
	}
	if it.Write == nil {
		return number + it.ID.String()
	}
	return number + it.Write.String()
}

// String writes a Pair for people: what it is about, without the value.
func (p Pair) String() string {
	if p.Key == "" {
		return "nothing"
	}
	switch rest := p.Key[1:]; {
	case p.Key[0] == 's':
		return "server " + vector.Server(rest).String()
	case p.Key[0] == 'c' && len(rest) > 8:
		return "conflict " + vector.Stamp{Time: binary.BigEndian.Uint64([]byte(rest)), Server: vector.Server(rest[8:])}.String()
	case p.Key == "p":
		return "primary"
	}
	return word(p.Key[1:])
}
