package trace

import (
	"fmt"
	"strings"

	"dss.example/common/machine"
)

// message is what became of one envelope. Steps are indexes into the records.
type message struct {
	id       uint64
	from, to machine.Addr
	after    machine.Time
	data     string
	sent     int
	received []int
	dropped  []int
}

func (m *message) toSelf() bool { return m.from == m.to }

// fate says where a message went: the records that received it, or that nobody
// did.
func (m *message) fate(records []Record) string {
	var b strings.Builder
	switch {
	case len(m.received) > 0:
		b.WriteString("received in")
		for _, i := range m.received {
			fmt.Fprintf(&b, " %d", records[i].N)
		}
	case len(m.dropped) > 0:
		fmt.Fprintf(&b, "lost in %d", records[m.dropped[0]].N)
	case m.toSelf():
		b.WriteString("did not fire")
	default:
		b.WriteString("lost")
	}
	return b.String()
}

// messages follows every envelope of a trace, in the order of sending. An ID that
// a hostile trace uses twice belongs to its first envelope.
func messages(records []Record) (all []*message, byID map[uint64]*message) {
	byID = make(map[uint64]*message)
	for i, r := range records {
		for _, s := range r.Sent {
			if byID[s.ID] == nil {
				m := &message{id: s.ID, from: r.Addr, to: s.To, after: s.After, data: s.Data, sent: i}
				byID[s.ID] = m
				all = append(all, m)
			}
		}
		m := byID[r.Msg]
		if m == nil {
			continue
		}
		switch r.Kind {
		case Recv, Timer:
			m.received = append(m.received, i)
		case Drop:
			m.dropped = append(m.dropped, i)
		}
	}
	return all, byID
}
