package kv

import (
	"time"

	"dss.example/common/cbor"
)

// The fewest bytes of an encoding, as in codec_result.go.
const (
	leastConflict = 5 + leastVersion
	leastDistance = 7
)

func (o Guarded) appendFields(b []byte) []byte {
	b = appendBranch(cbor.AppendKey(cbor.AppendArray(b, 3), o.If), o.Then)
	return cbor.AppendKey(b, o.Else)
}

func (o Inquire) appendFields(b []byte) []byte {
	return appendVersion(cbor.AppendArray(b, 1), o.Write)
}

func (o Conflicts) appendFields(b []byte) []byte {
	return cbor.AppendInt(appendVersion(cbor.AppendArray(b, 2), o.After), int64(o.Limit))
}

func (Probe) appendFields(b []byte) []byte { return cbor.AppendArray(b, 0) }

// readTentativeOp reads the fields of an operation of stores with tentative writes.
func readTentativeOp(d *cbor.Reader, kind opKind) Op {
	switch kind {
	case opInquire:
		d.Fixed(1)
		return Inquire{Write: readVersion(d)}
	case opConflicts:
		d.Fixed(2)
		return Conflicts{After: readVersion(d), Limit: readInt(d)}
	case opProbe:
		d.Fixed(0)
		return Probe{}
	}
	d.Fail("operation of kind %d", kind)
	return nil
}

func (r GuardedResult) appendFields(b []byte) []byte {
	return cbor.AppendUint(cbor.AppendArray(b, 1), uint64(r.Fate))
}

func (s Standing) appendFields(b []byte) []byte {
	b = cbor.AppendBool(cbor.AppendBool(cbor.AppendArray(b, 3), s.Known), s.Stable)
	return cbor.AppendUint(b, s.Commit)
}

func (l ConflictList) appendFields(b []byte) []byte {
	b = cbor.AppendArray(cbor.AppendArray(b, 2), len(l.List))
	for i := range l.List {
		c := &l.List[i]
		b = appendText(appendVersion(cbor.AppendArray(b, 5), c.Write), c.Server)
		b = cbor.AppendBool(appendBranch(cbor.AppendKey(b, c.Text), c.Then), c.Stable)
	}
	return cbor.AppendBool(b, l.More)
}

func (l Distances) appendFields(b []byte) []byte {
	b = appendText(cbor.AppendUint(cbor.AppendArray(b, 3), uint64(l.Asked)), l.Zone)
	b = cbor.AppendArray(b, len(l.List))
	for _, d := range l.List {
		b = appendText(appendText(cbor.AppendUint(cbor.AppendArray(b, 6), uint64(d.ID)), d.Addr), d.Zone)
		b = cbor.AppendBool(cbor.AppendInt(cbor.AppendBool(b, d.Up), int64(d.RTT)), d.Chosen)
	}
	return b
}

func readTentativeResult(d *cbor.Reader, kind resultKind) Result {
	switch kind {
	case resultGuarded:
		d.Fixed(1)
		return GuardedResult{Fate: Fate(readUint8(d))}
	case resultStanding:
		d.Fixed(3)
		return Standing{Known: d.Bool(), Stable: d.Bool(), Commit: d.Uint()}
	case resultConflicts:
		return readConflictList(d)
	case resultDistances:
		return readDistances(d)
	}
	d.Fail("result of kind %d", kind)
	return nil
}

func readConflictList(d *cbor.Reader) Result {
	d.Fixed(2)
	var l ConflictList
	for n := readLong(d, leastConflict); n > 0 && d.Err() == nil; n-- {
		d.Fixed(5)
		c := Conflicted{Write: readVersion(d), Server: d.Text(), Text: d.Key(), Then: readWanted(d), Stable: d.Bool()}
		l.List = append(grow(l.List, n), c)
	}
	l.More = d.Bool()
	return l
}

// readWanted reads what a Guarded was to do.
func readWanted(d *cbor.Reader) []Op {
	ops := readBranch(d)
	for _, op := range ops {
		switch op.(type) {
		case Put, Delete:
		default:
			d.Fail("%s in a conflict: want put and delete only", OpName(op))
			return nil
		}
	}
	return ops
}

func readDistances(d *cbor.Reader) Result {
	d.Fixed(3)
	l := Distances{Asked: ReplicaID(d.Uint()), Zone: d.Text()}
	for n := readLong(d, leastDistance); n > 0 && d.Err() == nil; n-- {
		d.Fixed(6)
		one := Distance{ID: ReplicaID(d.Uint()), Addr: d.Text(), Zone: d.Text(), Up: d.Bool(), RTT: time.Duration(d.Int()), Chosen: d.Bool()}
		l.List = append(grow(l.List, n), one)
	}
	return l
}
