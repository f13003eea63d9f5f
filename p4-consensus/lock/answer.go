package lock

import (
	"math"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Status is how a command ended.
type Status uint8

// The statuses. The numbers are part of the encoding.
const (
	OK          Status = iota + 1 // done; after an Acquire: the session holds the lock
	Held                          // not done: another holds the lock
	Waiting                       // the session stands in the lock's queue
	NotHeld                       // not done: the session neither holds the lock nor waits for it
	NoSession                     // not done: the session was not opened, or its lease is over
	Stale                         // not done: a later command of the session has been executed
	Full                          // not done: a bound of the state is reached
	Invalid                       // not done: it cannot be done at all
	Unavailable                   // not done: this replica cannot now; another may
	Overloaded                    // not done: a bound of the replica is reached; later it may
	Unknown                       // it may have been done, or may be yet
	endOfStatuses
)

var statusNames = [endOfStatuses]string{
	"none", "ok", "held by another", "waiting", "not held", "no session", "stale", "full", "invalid",
	"unavailable", "overloaded", "unknown",
}

// String returns the status in words.
func (s Status) String() string {
	if s >= endOfStatuses {
		return "none"
	}
	return statusNames[s]
}

// Answer is what became of a command. Times are the log's.
type Answer struct {
	Status Status
	At     machine.Time // of the state that is told; 0 if none is
	Until  machine.Time // when the session's lease ends unless it is renewed; 0: it has none
	Lock   Lock         // after Acquire, Release and Query
	Text   string       // for people: what was wrong
	Try    string       // the address of a replica that may do better; empty if none is known
}

// Lock is what is known of a lock.
type Lock struct {
	Holder  Session      // 0: it is free
	Token   uint64       // of the holder's grant; 0: it is free
	Since   machine.Time // when it was granted
	Until   machine.Time // when the holder's lease ends, unless he renews it; not after At: it is over
	Waiters uint64       // sessions in its queue
	Place   uint64       // in the queue, of the session that asked, from 1; 0: it is not in it
}

// AppendTo implements machine.Data.
func (a *Answer) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendUint(b, kindAnswer), uint64(a.Status))
	b = cbor.AppendInt(cbor.AppendInt(b, int64(a.At)), int64(a.Until))
	b = cbor.AppendUint(cbor.AppendUint(b, uint64(a.Lock.Holder)), a.Lock.Token)
	b = cbor.AppendInt(cbor.AppendInt(b, int64(a.Lock.Since)), int64(a.Lock.Until))
	b = cbor.AppendUint(cbor.AppendUint(b, a.Lock.Waiters), a.Lock.Place)
	return cbor.AppendKey(cbor.AppendKey(b, a.Text), a.Try)
}

// DecodeAnswer is AppendTo backwards; the result is an *Answer.
func DecodeAnswer(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	if r.Uint() != kindAnswer {
		r.Fail("no answer of a lock service")
	}
	a := &Answer{}
	status := r.Uint()
	if status == 0 || status >= uint64(endOfStatuses) {
		r.Fail("status %d", status)
	}
	a.Status = Status(status)
	a.At, a.Until = readTime(&r, 0, math.MaxInt64), readTime(&r, 0, math.MaxInt64)
	a.Lock.Holder, a.Lock.Token = Session(r.Uint()), r.Uint()
	a.Lock.Since, a.Lock.Until = readTime(&r, 0, math.MaxInt64), readTime(&r, 0, math.MaxInt64)
	a.Lock.Waiters, a.Lock.Place = r.Uint(), r.Uint()
	a.Text, a.Try = r.Key(), r.Key()
	return a, r.Close()
}
