package gossip

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p3-replication/vector"
)

// An encoding is a CBOR sequence: the kind, then the fields in order. Never reuse a number.
const (
	kindMail = iota + 1
	kindRumours
	kindPage
	kindDiff
	kindBusy
	kindTick
	kindBorn
	kindKept
	kindDropped
	kindPut
	kindDelete
	kindGet
	kindLook
	kindWritten
	kindFound
	kindMissing
	kindRefused
	kindOutline
)

func appendKind(b []byte, kind uint64) []byte { return cbor.AppendUint(b, kind) }

func appendBools(b []byte, all ...bool) []byte {
	for _, v := range all {
		b = cbor.AppendBool(b, v)
	}
	return b
}

func appendList[T any](b []byte, all []T, one func([]byte, *T) []byte) []byte {
	b = cbor.AppendArray(b, len(all))
	for i := range all {
		b = one(b, &all[i])
	}
	return b
}

// appendStamp writes null for none.
func appendStamp(b []byte, s vector.Stamp) []byte {
	if s.IsZero() {
		return cbor.AppendNull(b)
	}
	return s.AppendTo(b)
}

func appendMark(b []byte, m Mark) []byte { return cbor.AppendKey(appendStamp(b, m.Stamp), m.Key) }

func appendItem(b []byte, i *Item) []byte {
	b = i.Stamp.AppendTo(cbor.AppendKey(cbor.AppendArray(b, 4), i.Key))
	b = cbor.AppendBytes(b, i.Value)
	if i.Death == nil {
		return cbor.AppendNull(b)
	}
	b = i.Death.Awake.AppendTo(cbor.AppendArray(b, 3))
	b = cbor.AppendInt(b, int64(i.Death.Age))
	return appendList(b, i.Death.Keepers, func(b []byte, n *machine.Node) []byte { return cbor.AppendUint(b, uint64(*n)) })
}

func appendVerdict(b []byte, v *Verdict) []byte {
	b = v.Stamp.AppendTo(cbor.AppendKey(cbor.AppendArray(b, 3), v.Key))
	return cbor.AppendBool(b, v.Needed)
}

func appendDigest(b []byte, d *Digest) []byte {
	b = d.Stamp.AppendTo(cbor.AppendKey(cbor.AppendArray(b, 3), d.Key))
	return appendStamp(b, d.Awake)
}

// AppendTo implements machine.Data.
func (m Mail) AppendTo(b []byte) []byte { return appendItem(appendKind(b, kindMail), &m.Item) }

// AppendTo implements machine.Data.
func (m Rumours) AppendTo(b []byte) []byte {
	b = appendList(appendKind(b, kindRumours), m.Items, appendItem)
	b = appendList(b, m.Verdicts, appendVerdict)
	return appendBools(b, m.Begins, m.Pull, m.Blind)
}

// AppendTo implements machine.Data.
func (m Page) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(appendKind(b, kindPage), m.ID)
	b = appendBools(b, m.Begins, m.Check, m.Probe, m.Last)
	b = cbor.AppendUint(cbor.AppendUint(b, m.Sum), uint64(m.Way))
	b = appendMark(appendMark(b, m.Upper), m.Lower)
	return appendList(appendList(b, m.Give, appendItem), m.Digests, appendDigest)
}

// AppendTo implements machine.Data.
func (m Diff) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(appendKind(b, kindDiff), m.ID)
	b = appendList(b, m.Items, appendItem)
	b = appendList(b, m.Wants, func(b []byte, key *string) []byte { return cbor.AppendKey(b, *key) })
	return appendMark(cbor.AppendBool(b, m.Done), m.Lower)
}

// AppendTo implements machine.Data.
func (m Busy) AppendTo(b []byte) []byte { return cbor.AppendBool(appendKind(b, kindBusy), m.Exchange) }

// AppendTo implements machine.Data.
func (m Tick) AppendTo(b []byte) []byte { return appendKind(b, kindTick) }

// AppendTo implements machine.Data.
func (r Born) AppendTo(b []byte) []byte {
	return cbor.AppendUint(r.Name.AppendTo(appendKind(b, kindBorn)), r.Time)
}

// AppendTo implements machine.Data.
func (r Kept) AppendTo(b []byte) []byte { return appendItem(appendKind(b, kindKept), &r.Item) }

// AppendTo implements machine.Data.
func (r Dropped) AppendTo(b []byte) []byte {
	return r.Stamp.AppendTo(cbor.AppendKey(appendKind(b, kindDropped), r.Key))
}

// AppendTo implements machine.Data.
func (c Put) AppendTo(b []byte) []byte {
	return cbor.AppendBytes(cbor.AppendKey(appendKind(b, kindPut), c.Key), c.Value)
}

// AppendTo implements machine.Data.
func (c Delete) AppendTo(b []byte) []byte { return cbor.AppendKey(appendKind(b, kindDelete), c.Key) }

// AppendTo implements machine.Data.
func (c Get) AppendTo(b []byte) []byte { return cbor.AppendKey(appendKind(b, kindGet), c.Key) }

// AppendTo implements machine.Data.
func (c Look) AppendTo(b []byte) []byte { return appendKind(b, kindLook) }

// AppendTo implements machine.Data.
func (a Written) AppendTo(b []byte) []byte { return a.Stamp.AppendTo(appendKind(b, kindWritten)) }

// AppendTo implements machine.Data.
func (a Found) AppendTo(b []byte) []byte {
	return a.Stamp.AppendTo(cbor.AppendBytes(appendKind(b, kindFound), a.Value))
}

// AppendTo implements machine.Data.
func (a Missing) AppendTo(b []byte) []byte { return appendKind(b, kindMissing) }

// AppendTo implements machine.Data.
func (a Refused) AppendTo(b []byte) []byte {
	return cbor.AppendUint(appendKind(b, kindRefused), uint64(a.Why))
}

// AppendTo implements machine.Data.
func (a Outline) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(appendKind(b, kindOutline), a.Sum)
	for _, n := range []int{a.Values, a.Deaths, a.Dormant, a.Hot} {
		b = cbor.AppendInt(b, int64(n))
	}
	return b
}
