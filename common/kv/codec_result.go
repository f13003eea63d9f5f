package kv

import (
	"time"

	"dss.example/common/cbor"
)

// The fewest bytes of an encoding: each head of an array, string or number takes
// one.
const (
	leastVersion = 3
	leastItem    = 5 + 2*leastVersion
	leastEvent   = 3 + leastItem
	leastLease   = 5
)

func appendResult(b []byte, res Result) []byte {
	if res == nil {
		return cbor.AppendNull(b)
	}
	b = cbor.AppendUint(cbor.AppendArray(b, 2), uint64(res.resultKind()))
	return res.appendFields(b)
}

func (i Item) appendFields(b []byte) []byte { return i.appendTo(b) }

func (i *Item) appendTo(b []byte) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 6), i.Key)
	b = cbor.AppendBytes(b, i.Value)
	b = appendVersion(b, i.Mod)
	b = appendVersion(b, i.Create)
	b = cbor.AppendUint(b, i.Count)
	return cbor.AppendUint(b, uint64(i.Lease))
}

func (i Items) appendFields(b []byte) []byte {
	b = cbor.AppendArray(cbor.AppendArray(b, 3), len(i.List))
	for k := range i.List {
		b = i.List[k].appendTo(b)
	}
	return cbor.AppendBool(cbor.AppendInt(b, int64(i.Count)), i.More)
}

func (l Length) appendFields(b []byte) []byte {
	return cbor.AppendInt(cbor.AppendArray(b, 1), int64(l.Bytes))
}

func (t TxnResult) appendFields(b []byte) []byte {
	b = cbor.AppendBool(cbor.AppendArray(b, 2), t.Succeeded)
	b = cbor.AppendArray(b, len(t.Outcomes))
	for _, o := range t.Outcomes {
		b = cbor.AppendUint(cbor.AppendArray(b, 2), uint64(o.Status))
		b = appendResult(b, o.Result)
	}
	return b
}

func (l EventList) appendFields(b []byte) []byte {
	b = cbor.AppendArray(cbor.AppendArray(b, 2), len(l.List))
	for k := range l.List {
		b = l.List[k].appendTo(b)
	}
	return appendVersion(b, l.Next)
}

func (e *Event) appendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 3), uint64(e.Kind))
	b = e.Item.appendTo(b)
	if e.Previous == nil {
		return cbor.AppendNull(b)
	}
	return e.Previous.appendTo(b)
}

func (l LeaseInfo) appendFields(b []byte) []byte { return l.appendTo(b) }

func (l *LeaseInfo) appendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 4), uint64(l.ID))
	b = cbor.AppendInt(b, int64(l.TTL))
	b = cbor.AppendInt(b, int64(l.Left))
	b = cbor.AppendArray(b, len(l.Keys))
	for _, key := range l.Keys {
		b = cbor.AppendKey(b, key)
	}
	return b
}

func (l LeaseList) appendFields(b []byte) []byte {
	b = cbor.AppendArray(cbor.AppendArray(b, 1), len(l.List))
	for k := range l.List {
		b = l.List[k].appendTo(b)
	}
	return b
}

func (s SessionInfo) appendFields(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 2), s.ID)
	return cbor.AppendInt(b, int64(s.TTL))
}

func (s Stats) appendFields(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 6), s.Keys)
	b = cbor.AppendUint(b, s.Bytes)
	b = cbor.AppendUint(b, s.Sessions)
	b = cbor.AppendUint(b, s.Leases)
	b = appendVersion(b, s.Oldest)
	return cbor.AppendBytes(b, s.Hash)
}

func readResult(d *cbor.Reader) Result {
	if d.Null() {
		return nil
	}
	d.Fixed(2)
	switch kind := resultKind(readUint8(d)); kind {
	case resultTxn:
		return readTxnResult(d)
	case resultEvents:
		return readEventList(d)
	case resultLease:
		return readLeaseInfo(d)
	case resultLeases:
		return readLeaseList(d)
	case resultSession:
		d.Fixed(2)
		return SessionInfo{ID: d.Uint(), TTL: time.Duration(d.Int())}
	case resultStats:
		return readStats(d)
	case resultGroup:
		return readGroup(d)
	case resultReplica:
		return readReplica(d)
	case resultGuarded, resultStanding, resultConflicts, resultDistances:
		return readTentativeResult(d, kind)
	default:
		return readFound(d, kind)
	}
}

// readFound reads the fields of a result that an operation in a transaction may
// have too.
func readFound(d *cbor.Reader, kind resultKind) Result {
	switch kind {
	case resultItem:
		return readItem(d)
	case resultItems:
		return readItems(d)
	case resultLength:
		d.Fixed(1)
		return Length{Bytes: readInt(d)}
	}
	d.Fail("result of kind %d", kind)
	return nil
}

func readItem(d *cbor.Reader) Item {
	d.Fixed(6)
	return Item{
		Key:    d.Key(),
		Value:  d.CopyBytes(),
		Mod:    readVersion(d),
		Create: readVersion(d),
		Count:  d.Uint(),
		Lease:  LeaseID(d.Uint()),
	}
}

func readItems(d *cbor.Reader) Result {
	d.Fixed(3)
	var i Items
	for n := readLong(d, leastItem); n > 0 && d.Err() == nil; n-- {
		i.List = append(grow(i.List, n), readItem(d))
	}
	i.Count = readInt(d)
	i.More = d.Bool()
	return i
}

func readTxnResult(d *cbor.Reader) Result {
	d.Fixed(2)
	t := TxnResult{Succeeded: d.Bool()}
	n := readList(d, MaxTxnOps)
	if n > 0 {
		t.Outcomes = make([]Outcome, 0, n)
	}
	for ; n > 0 && d.Err() == nil; n-- {
		t.Outcomes = append(t.Outcomes, readOutcome(d))
	}
	return t
}

func readOutcome(d *cbor.Reader) Outcome {
	d.Fixed(2)
	o := Outcome{Status: Status(readUint8(d))}
	if !d.Null() {
		d.Fixed(2)
		o.Result = readFound(d, resultKind(readUint8(d)))
	}
	return o
}

func readEventList(d *cbor.Reader) Result {
	d.Fixed(2)
	var l EventList
	for n := readLong(d, leastEvent); n > 0 && d.Err() == nil; n-- {
		l.List = append(grow(l.List, n), readEvent(d))
	}
	l.Next = readVersion(d)
	return l
}

func readEvent(d *cbor.Reader) Event {
	d.Fixed(3)
	e := Event{Kind: EventKind(readUint8(d)), Item: readItem(d)}
	if !d.Null() {
		previous := readItem(d)
		e.Previous = &previous
	}
	return e
}

func readLeaseInfo(d *cbor.Reader) LeaseInfo {
	d.Fixed(4)
	l := LeaseInfo{
		ID:   LeaseID(d.Uint()),
		TTL:  time.Duration(d.Int()),
		Left: time.Duration(d.Int()),
	}
	for n := readLong(d, 1); n > 0 && d.Err() == nil; n-- {
		l.Keys = append(grow(l.Keys, n), d.Key())
	}
	return l
}

func readLeaseList(d *cbor.Reader) Result {
	d.Fixed(1)
	var l LeaseList
	for n := readLong(d, leastLease); n > 0 && d.Err() == nil; n-- {
		l.List = append(grow(l.List, n), readLeaseInfo(d))
	}
	return l
}

func readStats(d *cbor.Reader) Result {
	d.Fixed(6)
	return Stats{
		Keys:     d.Uint(),
		Bytes:    d.Uint(),
		Sessions: d.Uint(),
		Leases:   d.Uint(),
		Oldest:   readVersion(d),
		Hash:     d.CopyBytes(),
	}
}
