package kv

import (
	"time"

	"dss.example/common/cbor"
)

func appendOp(b []byte, op Op) []byte {
	if op == nil {
		return cbor.AppendNull(b)
	}
	b = cbor.AppendUint(cbor.AppendArray(b, 2), uint64(op.kind()))
	return op.appendFields(b)
}

func (o Get) appendFields(b []byte) []byte {
	return cbor.AppendKey(cbor.AppendArray(b, 1), o.Key)
}

func (o Put) appendFields(b []byte) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 3), o.Key)
	b = cbor.AppendBytes(b, o.Value)
	return cbor.AppendUint(b, uint64(o.Lease))
}

func (o Delete) appendFields(b []byte) []byte {
	return cbor.AppendKey(cbor.AppendArray(b, 1), o.Key)
}

func (o Scan) appendFields(b []byte) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 6), o.From)
	b = cbor.AppendKey(b, o.To)
	b = cbor.AppendInt(b, int64(o.Limit))
	b = cbor.AppendBool(b, o.Descending)
	b = cbor.AppendBool(b, o.KeysOnly)
	return cbor.AppendBool(b, o.CountOnly)
}

func (o Append) appendFields(b []byte) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 2), o.Key)
	return cbor.AppendBytes(b, o.Value)
}

func (o CAS) appendFields(b []byte) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 4), o.Key)
	b = appendVersion(b, o.Old)
	b = cbor.AppendBytes(b, o.Value)
	return cbor.AppendUint(b, uint64(o.Lease))
}

func (o Txn) appendFields(b []byte) []byte {
	b = cbor.AppendArray(cbor.AppendArray(b, 3), len(o.If))
	for i := range o.If {
		b = o.If[i].appendTo(b)
	}
	return appendBranch(appendBranch(b, o.Then), o.Else)
}

func appendBranch(b []byte, ops []Op) []byte {
	b = cbor.AppendArray(b, len(ops))
	for _, op := range ops {
		b = appendOp(b, op)
	}
	return b
}

func (c *Compare) appendTo(b []byte) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 6), c.Key)
	b = cbor.AppendUint(b, uint64(c.Target))
	b = cbor.AppendUint(b, uint64(c.Relation))
	b = cbor.AppendBytes(b, c.Value)
	b = appendVersion(b, c.Version)
	return cbor.AppendUint(b, c.Number)
}

func (o Events) appendFields(b []byte) []byte {
	b = cbor.AppendKey(cbor.AppendArray(b, 6), o.From)
	b = cbor.AppendKey(b, o.To)
	b = appendVersion(b, o.After)
	b = cbor.AppendInt(b, int64(o.Max))
	b = cbor.AppendBool(b, o.Previous)
	return cbor.AppendUint(b, uint64(o.Only))
}

func (o Grant) appendFields(b []byte) []byte {
	return cbor.AppendInt(cbor.AppendArray(b, 1), int64(o.TTL))
}

func (o KeepAlive) appendFields(b []byte) []byte {
	return cbor.AppendUint(cbor.AppendArray(b, 1), uint64(o.Lease))
}

func (o Revoke) appendFields(b []byte) []byte {
	return cbor.AppendUint(cbor.AppendArray(b, 1), uint64(o.Lease))
}

func (o Leases) appendFields(b []byte) []byte {
	return cbor.AppendUint(cbor.AppendArray(b, 1), uint64(o.Lease))
}

func (o OpenSession) appendFields(b []byte) []byte {
	return cbor.AppendInt(cbor.AppendArray(b, 1), int64(o.TTL))
}

func (CloseSession) appendFields(b []byte) []byte { return cbor.AppendArray(b, 0) }

func (o Stat) appendFields(b []byte) []byte {
	return cbor.AppendBool(cbor.AppendArray(b, 1), o.Hash)
}

func (Expire) appendFields(b []byte) []byte { return cbor.AppendArray(b, 0) }

// readOp reads an operation. Only one at the top may hold others, which bounds the
// recursion.
func readOp(d *cbor.Reader, top bool) Op {
	if d.Null() {
		return nil
	}
	d.Fixed(2)
	switch kind := opKind(readUint8(d)); kind {
	case opGet:
		d.Fixed(1)
		return Get{Key: d.Key()}
	case opPut:
		d.Fixed(3)
		return Put{Key: d.Key(), Value: d.CopyBytes(), Lease: LeaseID(d.Uint())}
	case opDelete:
		d.Fixed(1)
		return Delete{Key: d.Key()}
	case opScan:
		return readScan(d)
	case opAppend:
		d.Fixed(2)
		return Append{Key: d.Key(), Value: d.CopyBytes()}
	case opTxn:
		if !top {
			d.Fail("transaction inside a transaction")
			return nil
		}
		return readTxn(d)
	case opGuarded:
		if !top {
			d.Fail("guarded write inside another operation")
			return nil
		}
		d.Fixed(3)
		return Guarded{If: d.Key(), Then: readBranch(d), Else: d.Key()}
	default:
		return readRareOp(d, kind)
	}
}

func readRareOp(d *cbor.Reader, kind opKind) Op {
	switch kind {
	case opCAS:
		d.Fixed(4)
		return CAS{Key: d.Key(), Old: readVersion(d), Value: d.CopyBytes(), Lease: LeaseID(d.Uint())}
	case opEvents:
		return readEventsOp(d)
	case opGrant:
		d.Fixed(1)
		return Grant{TTL: time.Duration(d.Int())}
	case opKeepAlive:
		d.Fixed(1)
		return KeepAlive{Lease: LeaseID(d.Uint())}
	case opRevoke:
		d.Fixed(1)
		return Revoke{Lease: LeaseID(d.Uint())}
	case opLeases:
		d.Fixed(1)
		return Leases{Lease: LeaseID(d.Uint())}
	case opOpenSession:
		d.Fixed(1)
		return OpenSession{TTL: time.Duration(d.Int())}
	case opCloseSession:
		d.Fixed(0)
		return CloseSession{}
	case opStat:
		d.Fixed(1)
		return Stat{Hash: d.Bool()}
	case opExpire:
		d.Fixed(0)
		return Expire{}
	}
	if kind >= opGuarded {
		return readTentativeOp(d, kind)
	}
	return readGroupOp(d, kind)
}

func readScan(d *cbor.Reader) Op {
	d.Fixed(6)
	return Scan{
		From:       d.Key(),
		To:         d.Key(),
		Limit:      readInt(d),
		Descending: d.Bool(),
		KeysOnly:   d.Bool(),
		CountOnly:  d.Bool(),
	}
}

func readEventsOp(d *cbor.Reader) Op {
	d.Fixed(6)
	return Events{
		From:     d.Key(),
		To:       d.Key(),
		After:    readVersion(d),
		Max:      readInt(d),
		Previous: d.Bool(),
		Only:     EventKind(readUint8(d)),
	}
}

func readTxn(d *cbor.Reader) Op {
	d.Fixed(3)
	var o Txn
	for n := readList(d, MaxTxnOps); n > 0 && d.Err() == nil; n-- {
		o.If = append(o.If, readCompare(d))
	}
	o.Then = readBranch(d)
	o.Else = readBranch(d)
	return o
}

func readBranch(d *cbor.Reader) []Op {
	n := readList(d, MaxTxnOps)
	if n == 0 {
		return nil
	}
	ops := make([]Op, 0, n)
	for ; n > 0 && d.Err() == nil; n-- {
		ops = append(ops, readOp(d, false))
	}
	return ops
}

func readCompare(d *cbor.Reader) Compare {
	d.Fixed(6)
	return Compare{
		Key:      d.Key(),
		Target:   Target(readUint8(d)),
		Relation: Relation(readUint8(d)),
		Value:    d.CopyBytes(),
		Version:  readVersion(d),
		Number:   d.Uint(),
	}
}
