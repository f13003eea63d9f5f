package kv

import "dss.example/common/cbor"

const (
	leastMember = 4
	leastGuest  = 5
)

func (Members) appendFields(b []byte) []byte { return cbor.AppendArray(b, 0) }

func (Inspect) appendFields(b []byte) []byte { return cbor.AppendArray(b, 0) }

func (o Change) appendFields(b []byte) []byte {
	return appendUints(cbor.AppendArray(b, 2), uint64(o.Add), uint64(o.Remove))
}

func (o Transfer) appendFields(b []byte) []byte {
	return cbor.AppendUint(cbor.AppendArray(b, 1), uint64(o.To))
}

func (g Group) appendFields(b []byte) []byte {
	b = appendUints(cbor.AppendArray(b, 9), g.Version, g.From, g.Commit)
	b = cbor.AppendInt(cbor.AppendInt(b, int64(g.Quorum1)), int64(g.Quorum2))
	b = appendUints(b, uint64(g.Asked), uint64(g.Leader))
	b = cbor.AppendArray(b, len(g.Members))
	for _, m := range g.Members {
		b = appendText(cbor.AppendUint(cbor.AppendArray(b, 3), uint64(m.ID)), m.Addr)
		b = cbor.AppendUint(b, uint64(m.Role))
	}
	b = cbor.AppendArray(b, len(g.Guests))
	for _, m := range g.Guests {
		b = appendText(cbor.AppendUint(cbor.AppendArray(b, 4), uint64(m.ID)), m.Addr)
		b = cbor.AppendBool(cbor.AppendUint(b, m.Commit), m.Ready)
	}
	return b
}

func (r Replica) appendFields(b []byte) []byte {
	b = appendUints(cbor.AppendArray(b, 9), uint64(r.ID), uint64(r.Role), uint64(r.Leader))
	b = appendUints(cbor.AppendArray(b, 2), r.Ballot.Round, uint64(r.Ballot.Replica))
	b = appendUints(b, r.Version, r.Commit, r.First, r.Snapshot)
	return appendText(b, r.Waiting)
}

func appendUints(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = cbor.AppendUint(b, n)
	}
	return b
}

// readGroupOp reads the fields of an operation of the administration.
func readGroupOp(d *cbor.Reader, kind opKind) Op {
	switch kind {
	case opMembers:
		d.Fixed(0)
		return Members{}
	case opInspect:
		d.Fixed(0)
		return Inspect{}
	case opChange:
		d.Fixed(2)
		return Change{Add: ReplicaID(d.Uint()), Remove: ReplicaID(d.Uint())}
	case opTransfer:
		d.Fixed(1)
		return Transfer{To: ReplicaID(d.Uint())}
	}
	d.Fail("operation of kind %d", kind)
	return nil
}

func readGroup(d *cbor.Reader) Result {
	d.Fixed(9)
	g := Group{
		Version: d.Uint(),
		From:    d.Uint(),
		Commit:  d.Uint(),
		Quorum1: readInt(d),
		Quorum2: readInt(d),
		Asked:   ReplicaID(d.Uint()),
		Leader:  ReplicaID(d.Uint()),
	}
	for n := readLong(d, leastMember); n > 0 && d.Err() == nil; n-- {
		d.Fixed(3)
		m := Member{ID: ReplicaID(d.Uint()), Addr: d.Text(), Role: Role(readUint8(d))}
		g.Members = append(grow(g.Members, n), m)
	}
	for n := readLong(d, leastGuest); n > 0 && d.Err() == nil; n-- {
		d.Fixed(4)
		m := Guest{ID: ReplicaID(d.Uint()), Addr: d.Text(), Commit: d.Uint(), Ready: d.Bool()}
		g.Guests = append(grow(g.Guests, n), m)
	}
	return g
}

func readReplica(d *cbor.Reader) Result {
	d.Fixed(9)
	r := Replica{ID: ReplicaID(d.Uint()), Role: Role(readUint8(d)), Leader: ReplicaID(d.Uint())}
	d.Fixed(2)
	r.Ballot = Ballot{Round: d.Uint(), Replica: ReplicaID(d.Uint())}
	r.Version, r.Commit, r.First, r.Snapshot = d.Uint(), d.Uint(), d.Uint(), d.Uint()
	r.Waiting = d.Text()
	return r
}
