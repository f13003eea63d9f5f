package proto

import (
	"fmt"
	"strings"

	"dss.example/common/machine"
)

// What traces and golden scripts show of the larger types. Nothing reads it back.

// maxShown is how many bytes of a body are shown.
const maxShown = 64

// String writes an origin as node/disk:life#seq. That of the leader's own commands is "leader".
func (o Origin) String() string {
	if o == (Origin{}) {
		return "leader"
	}
	return fmt.Sprintf("%d/%d:%d#%d", o.Node, o.Disk, o.Life, o.Seq)
}

// String writes an entry as its origin and its body, which is cut off if it is long.
func (e Entry) String() string {
	if e.Kind == EntryGroup {
		r := NewReader(e.Body)
		if g := r.Group(); r.Close() == nil {
			return fmt.Sprintf("%v %v", e.Origin, g)
		}
	}
	if len(e.Body) > maxShown {
		return fmt.Sprintf("%v %q and %d bytes more", e.Origin, e.Body[:maxShown], len(e.Body)-maxShown)
	}
	return fmt.Sprintf("%v %q", e.Origin, e.Body)
}

// String writes a value as its entries and the log's time.
func (v Value) String() string {
	if len(v.Entries) == 0 {
		return "[no-op] at " + clock(v.Time)
	}
	texts := make([]string, len(v.Entries))
	for i := range v.Entries {
		texts[i] = v.Entries[i].String()
	}
	return fmt.Sprintf("[%s] at %s", strings.Join(texts, ", "), clock(v.Time))
}

func clock(t machine.Time) string { return fmt.Sprintf("%gs", float64(t)/float64(machine.Second)) }

// String writes a group as its version, its members as node/disk@address, its quorums and
// its alpha. One without a version is "none".
func (g Group) String() string {
	if g.Version == 0 {
		return "none"
	}
	texts := make([]string, len(g.Members))
	for i, m := range g.Members {
		texts[i] = fmt.Sprintf("%d/%d", m.Node, m.Disk)
		if m.Addr != "" {
			texts[i] += "@" + m.Addr
		}
	}
	q1, q2 := g.Quorums()
	return fmt.Sprintf("group %d of %s, quorums %d and %d, alpha %d", g.Version, strings.Join(texts, " "), q1, q2, g.Alpha)
}
