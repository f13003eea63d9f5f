package kv

import "time"

// Check reports how a request breaks the bounds of the door: nil if it does not,
// else the Response, Invalid or TooLarge, with which every Store refuses it. A
// request that passes takes at most MaxMessage bytes.
func Check(req *Request) *Response {
	switch {
	case req.Op == nil:
		return Refuse(Invalid, "request without an operation")
	case (req.Session == 0) != (req.Seq == 0):
		return Refuse(Invalid, "session %d with sequence number %d: both or neither", req.Session, req.Seq)
	case req.Acked != 0 && req.Acked >= req.Seq:
		return Refuse(Invalid, "acknowledges %d before it has sequence number %d", req.Acked, req.Seq)
	case req.Level > StrictSerializable:
		return Refuse(Invalid, "level %d: want 0 to %d", req.Level, StrictSerializable)
	case len(req.Token) > MaxToken:
		return Refuse(TooLarge, "token of %d bytes: at most %d", len(req.Token), MaxToken)
	case req.Wait < 0 || req.Wait > MaxWait:
		return Refuse(Invalid, "wait of %v: want 0 to %v", req.Wait, MaxWait)
	}
	if bad := checkOp(req); bad != nil {
		return bad
	}
	if !req.At.IsZero() && !ReadOnly(req.Op) {
		return Refuse(Invalid, "%s at revision %s: only reads go back in time", OpName(req.Op), req.At)
	}
	return nil
}

func checkOp(req *Request) *Response {
	switch op := req.Op.(type) {
	case CAS:
		return checkPair(op.Key, op.Value)
	case Txn:
		return checkTxn(op)
	case Events:
		if op.Only > EventDelete {
			return Refuse(Invalid, "event kind %d: want 0 to %d", op.Only, EventDelete)
		}
		return checkRange(op.From, op.To, op.Max)
	case Grant:
		return checkTTL(op.TTL)
	case OpenSession:
		return checkTTL(op.TTL)
	case KeepAlive, Revoke, Leases, CloseSession, Stat, Expire:
		return nil
	case Members, Inspect, Change, Transfer:
		return checkGroup(req)
	case Guarded, Inquire, Conflicts, Probe:
		return checkTentative(req.Op)
	}
	return checkStep(req.Op)
}

// checkStep checks an operation that may also stand in a transaction.
func checkStep(op Op) *Response {
	switch op := op.(type) {
	case Get:
		return checkKey(op.Key)
	case Put:
		return checkPair(op.Key, op.Value)
	case Delete:
		return checkKey(op.Key)
	case Append:
		return checkPair(op.Key, op.Value)
	case Scan:
		return checkRange(op.From, op.To, op.Limit)
	}
	// %T and no OpName: a pointer to an operation has the methods of one too, and
	// may be nil.
	return Refuse(Invalid, "operation %T: want get, put, delete, scan or append in a transaction", op)
}

func checkTxn(op Txn) *Response {
	if n := max(len(op.If), len(op.Then), len(op.Else)); n > MaxTxnOps {
		return Refuse(TooLarge, "transaction with %d entries in one list: at most %d", n, MaxTxnOps)
	}
	for _, c := range op.If {
		if bad := checkPair(c.Key, c.Value); bad != nil {
			return bad
		}
		if c.Target < TargetValue || c.Target > TargetLease {
			return Refuse(Invalid, "comparison of %s: want value, mod, create, count or lease", c.Target)
		}
		if c.Relation < Equal || c.Relation > Greater {
			return Refuse(Invalid, "relation %s: want =, !=, < or >", c.Relation)
		}
	}
	for _, branch := range [][]Op{op.Then, op.Else} {
		for _, o := range branch {
			if bad := checkStep(o); bad != nil {
				return bad
			}
		}
	}
	if n := txnSize(op); n > MaxMessage {
		return Refuse(TooLarge, "transaction of about %d bytes: at most %d", n, MaxMessage)
	}
	return nil
}

// txnSize returns what a request with the transaction takes at most: its keys and
// values, and more than enough for everything around them.
func txnSize(op Txn) int {
	const around, each = MaxToken + 128, 64
	size := around + each*(len(op.If)+len(op.Then)+len(op.Else))
	for _, c := range op.If {
		size += len(c.Key) + len(c.Value)
	}
	for _, branch := range [][]Op{op.Then, op.Else} {
		for _, o := range branch {
			size += payload(o)
		}
	}
	return size
}

func payload(op Op) int {
	switch op := op.(type) {
	case Get:
		return len(op.Key)
	case Put:
		return len(op.Key) + len(op.Value)
	case Delete:
		return len(op.Key)
	case Append:
		return len(op.Key) + len(op.Value)
	case Scan:
		return len(op.From) + len(op.To)
	}
	return 0
}

func checkKey(key string) *Response {
	switch {
	case key == "":
		return Refuse(Invalid, "empty key: want 1 to %d bytes", MaxKey)
	case len(key) > MaxKey:
		return Refuse(TooLarge, "key of %d bytes: at most %d", len(key), MaxKey)
	}
	return nil
}

func checkPair(key string, value []byte) *Response {
	if len(value) > MaxValue {
		return Refuse(TooLarge, "value of %d bytes: at most %d", len(value), MaxValue)
	}
	return checkKey(key)
}

func checkRange(from, to string, limit int) *Response {
	switch {
	case max(len(from), len(to)) > MaxKey+1: // a successor is one byte longer
		return Refuse(TooLarge, "bound of %d bytes: at most %d", max(len(from), len(to)), MaxKey+1)
	case limit < 0:
		return Refuse(Invalid, "limit %d: want 0 or more", limit)
	case to != "" && from > to:
		return Refuse(Invalid, "range from %q to %q is backwards", from, to)
	}
	return nil
}

func checkTTL(ttl time.Duration) *Response {
	if ttl < MinTTL || ttl > MaxTTL {
		return Refuse(Invalid, "time to live %v: want %v to %v", ttl, MinTTL, MaxTTL)
	}
	return nil
}
