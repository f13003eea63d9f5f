package proto

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// An encoding is a CBOR sequence: the kind, then the fields in order. Never reuse a number.
const (
	kindProbing = iota + 3
	kindLook
	kindItem
	kindRows
	kindHello
	kindLack
	kindTick
	kindPublish
	kindRead
	kindPublished
	kindRefused
	kindItems
	kindOutline

	// A Sight also goes to machines that have kinds of their own, which begin at 1, and Pings and
	// Pongs share their way with the frames of such machines: see ToProbe.
	kindSight = 1000
	kindPing  = 1001
	kindPong  = 1002
)

func appendKind(b []byte, kind uint64) []byte { return cbor.AppendUint(b, kind) }

func appendTime(b []byte, t machine.Time) []byte { return cbor.AppendInt(b, int64(t)) }

func appendList[T any](b []byte, all []T, one func([]byte, *T) []byte) []byte {
	b = cbor.AppendArray(b, len(all))
	for i := range all {
		b = one(b, &all[i])
	}
	return b
}

func appendNode(b []byte, n *machine.Node) []byte { return cbor.AppendUint(b, uint64(*n)) }

func appendPlace(b []byte, p *Place) []byte {
	b = appendNode(cbor.AppendArray(b, 3), &p.Node)
	return cbor.AppendKey(cbor.AppendKey(b, p.Addr), p.Zone)
}

func appendSeen(b []byte, s *Seen) []byte {
	b = cbor.AppendBool(appendPlace(cbor.AppendArray(b, 3), &s.Place), s.Up)
	return appendTime(b, s.RTT)
}

func appendVersion(b []byte, v Version) []byte {
	return cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(b, 2), v.Count), v.Life)
}

func appendLink(b []byte, l *Link) []byte {
	return appendTime(appendNode(cbor.AppendArray(b, 2), &l.To), l.RTT)
}

func appendRow(b []byte, r *Row) []byte {
	b = appendVersion(appendNode(cbor.AppendArray(b, 3), &r.Node), r.Version)
	return appendList(b, r.Links, appendLink)
}

func appendHeard(b []byte, h *Heard) []byte {
	return appendVersion(appendNode(cbor.AppendArray(b, 2), &h.Node), h.Version)
}

func appendEdge(b []byte, e *Edge) []byte {
	return appendTime(appendNode(appendNode(cbor.AppendArray(b, 3), &e.A), &e.B), e.RTT)
}

func appendID(b []byte, i *ID) []byte {
	b = appendNode(cbor.AppendArray(b, 3), &i.Origin)
	return cbor.AppendUint(cbor.AppendUint(b, i.Life), i.Seq)
}

func appendItem(b []byte, i *Item) []byte {
	b = cbor.AppendInt(appendID(cbor.AppendArray(b, 3), &i.ID), int64(i.Hops))
	return cbor.AppendBytes(b, i.Body)
}

// AppendTo implements machine.Data.
func (m Ping) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(appendTime(appendKind(b, kindPing), m.Sent), m.Life)
	return appendPlace(b, &m.From)
}

// AppendTo implements machine.Data.
func (m Pong) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(appendTime(appendKind(b, kindPong), m.Sent), m.Life)
	return appendList(appendPlace(b, &m.From), m.Known, appendPlace)
}

// AppendTo implements machine.Data.
func (m Probing) AppendTo(b []byte) []byte { return appendKind(b, kindProbing) }

// AppendTo implements machine.Data.
func (c Look) AppendTo(b []byte) []byte { return appendKind(b, kindLook) }

// AppendTo implements machine.Data.
func (m Sight) AppendTo(b []byte) []byte {
	b = appendList(appendPlace(appendKind(b, kindSight), &m.Self), m.Peers, appendSeen)
	return appendNode(b, &m.Chosen)
}

// AppendTo implements machine.Data.
func (m Item) AppendTo(b []byte) []byte { return appendItem(appendKind(b, kindItem), &m) }

// AppendTo implements machine.Data.
func (m Rows) AppendTo(b []byte) []byte {
	return appendList(appendKind(b, kindRows), m.List, appendRow)
}

// AppendTo implements machine.Data.
func (m Hello) AppendTo(b []byte) []byte {
	b = appendList(appendKind(b, kindHello), m.Heard, appendHeard)
	return appendList(b, m.Have, appendID)
}

// AppendTo implements machine.Data.
func (m Lack) AppendTo(b []byte) []byte {
	b = appendList(appendKind(b, kindLack), m.Rows, appendNode)
	return appendList(b, m.Items, appendID)
}

// AppendTo implements machine.Data.
func (m Tick) AppendTo(b []byte) []byte { return appendKind(b, kindTick) }

// AppendTo implements machine.Data.
func (c Publish) AppendTo(b []byte) []byte {
	return cbor.AppendBytes(appendKind(b, kindPublish), c.Body)
}

// AppendTo implements machine.Data.
func (c Read) AppendTo(b []byte) []byte { return cbor.AppendUint(appendKind(b, kindRead), c.After) }

// AppendTo implements machine.Data.
func (a Published) AppendTo(b []byte) []byte { return appendID(appendKind(b, kindPublished), &a.ID) }

// AppendTo implements machine.Data.
func (a Refused) AppendTo(b []byte) []byte { return appendKind(b, kindRefused) }

// AppendTo implements machine.Data.
func (a Items) AppendTo(b []byte) []byte {
	b = appendList(appendKind(b, kindItems), a.List, appendItem)
	return cbor.AppendUint(cbor.AppendUint(b, a.Next), a.Lost)
}

// AppendTo implements machine.Data.
func (a Outline) AppendTo(b []byte) []byte {
	b = appendList(appendKind(b, kindOutline), a.Tree, appendEdge)
	b = appendList(b, a.Next, appendNode)
	return cbor.AppendUint(cbor.AppendUint(b, a.Heard), a.Copies)
}
