package proto

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p3-replication/vector"
)

// The kinds, the first item of each encoding. Never reuse a number.
const (
	kindOffer = iota + 1
	kindWant
	kindBatch
	kindPiece
	kindBear
	kindBorn
	kindPropose
	kindOrdered
	kindTick
	kindFlush
	kindSaved
	kindNamed
	kindLearned
	kindCommitted
	kindKept
	kindForgot
)

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = cbor.AppendUint(b, n)
	}
	return b
}

func appendReach(b []byte, r *Reach) []byte { return cbor.AppendUint(r.Known.AppendTo(b), r.Commit) }

// AppendPlace appends the encoding of a Place.
func AppendPlace(b []byte, p *Place) []byte {
	b = appendNumbers(cbor.AppendArray(b, 4), uint64(p.Node), p.Life)
	return cbor.AppendKey(cbor.AppendKey(b, p.Addr), p.Zone)
}

// AppendChange appends the encoding of a Change.
func AppendChange(b []byte, c *Change) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 2), c.Key)
	if c.Delete {
		return cbor.AppendNull(b)
	}
	return cbor.AppendBytes(b, c.Value)
}

func appendWrite(b []byte, w *Write) []byte {
	b = cbor.AppendUint(w.ID.AppendTo(cbor.AppendArray(b, 3)), uint64(w.Kind))
	switch w.Kind {
	case Update:
		b = cbor.AppendArray(cbor.AppendArray(b, 3), len(w.Update))
		for i := range w.Update {
			b = AppendChange(b, &w.Update[i])
		}
		return cbor.AppendKey(cbor.AppendKey(b, w.Check), w.Merge)
	case Birth:
		return AppendPlace(b, &w.Place)
	case Handover:
		return w.Heir.AppendTo(b)
	}
	return cbor.AppendNull(b)
}

func appendItem(b []byte, it *Item) []byte {
	b = cbor.AppendBool(cbor.AppendUint(cbor.AppendArray(b, 3), it.Commit), it.Write != nil)
	if it.Write == nil {
		return it.ID.AppendTo(b)
	}
	return appendWrite(b, it.Write)
}

func appendIDs(b []byte, ids []vector.Stamp) []byte {
	b = cbor.AppendArray(b, len(ids))
	for _, id := range ids {
		b = id.AppendTo(b)
	}
	return b
}

func appendCursor(b []byte, c *Cursor) []byte {
	return cbor.AppendKey(cbor.AppendUint(b, c.Commit), c.From)
}

func appendPart(b []byte, p *Part) []byte {
	b = p.Sure.AppendTo(appendCursor(b, &p.At))
	b = cbor.AppendArray(b, len(p.Pairs))
	for _, pair := range p.Pairs {
		b = cbor.AppendBytes(cbor.AppendKey(cbor.AppendArray(b, 2), pair.Key), pair.Value)
	}
	return cbor.AppendKey(b, p.Next)
}

// AppendTo implements machine.Data.
func (m Offer) AppendTo(b []byte) []byte {
	return appendReach(appendNumbers(b, kindOffer, m.Database), &m.Reach)
}

// AppendTo implements machine.Data.
func (m Want) AppendTo(b []byte) []byte {
	return appendCursor(appendReach(appendNumbers(b, kindWant, m.Database, m.Life), &m.Reach), &m.State)
}

// AppendTo implements machine.Data.
func (m Batch) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(appendNumbers(b, kindBatch, m.Database, m.Life), len(m.Items))
	for i := range m.Items {
		b = appendItem(b, &m.Items[i])
	}
	return appendReach(cbor.AppendBool(b, m.More), &m.Reach)
}

// AppendTo implements machine.Data.
func (m Piece) AppendTo(b []byte) []byte {
	return appendReach(cbor.AppendUint(appendPart(appendNumbers(b, kindPiece, m.Database, m.Life), &m.Part), m.Clock), &m.Reach)
}

// AppendTo implements machine.Data.
func (m Bear) AppendTo(b []byte) []byte { return AppendPlace(appendNumbers(b, kindBear), &m.Place) }

// AppendTo implements machine.Data.
func (m Born) AppendTo(b []byte) []byte {
	return m.Name.AppendTo(appendNumbers(b, kindBorn, m.Database, m.Life))
}

// AppendTo implements machine.Data.
func (m Propose) AppendTo(b []byte) []byte {
	return appendIDs(appendNumbers(b, kindPropose, m.From), m.IDs)
}

// AppendTo implements machine.Data.
func (m Ordered) AppendTo(b []byte) []byte {
	return appendIDs(appendNumbers(b, kindOrdered, m.First), m.IDs)
}

// AppendTo implements machine.Data.
func (Tick) AppendTo(b []byte) []byte { return appendNumbers(b, kindTick) }

// AppendTo implements machine.Data.
func (Flush) AppendTo(b []byte) []byte { return appendNumbers(b, kindFlush) }

// AppendTo implements machine.Data.
func (m Saved) AppendTo(b []byte) []byte { return appendNumbers(b, kindSaved, m.Record) }

// AppendTo implements machine.Data.
func (r Named) AppendTo(b []byte) []byte {
	return AppendPlace(r.Name.AppendTo(appendNumbers(b, kindNamed, r.Database)), &r.Place)
}

// AppendTo implements machine.Data.
func (r Learned) AppendTo(b []byte) []byte {
	return appendWrite(appendNumbers(b, kindLearned), &r.Write)
}

// AppendTo implements machine.Data.
func (r Committed) AppendTo(b []byte) []byte {
	return appendIDs(appendNumbers(b, kindCommitted, r.First), r.IDs)
}

// AppendTo implements machine.Data.
func (r Kept) AppendTo(b []byte) []byte {
	return cbor.AppendUint(appendPart(appendNumbers(b, kindKept), &r.Part), r.Clock)
}

// AppendTo implements machine.Data.
func (r Forgot) AppendTo(b []byte) []byte { return AppendPlace(appendNumbers(b, kindForgot), &r.Place) }

var (
	_ machine.Data = Batch{}
	_ machine.Data = Kept{}
)
