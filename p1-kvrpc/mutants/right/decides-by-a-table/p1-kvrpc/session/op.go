package session

import (
	"math"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// class says what repetition does to an operation.
type class uint8

const (
	read    class = iota // no harm: sent without a session, again in every mode
	bare                 // a write without a session
	guarded              // a write in the session
	once                 // a write that would be in a session if the servers offered any
)

// state is where an operation stands.
type state uint8

const (
	over    state = iota // answered or given up: its memory waits for another
	waiting              // in a queue, to be sent for the first time in its session
	sent                 // an attempt is out, and its time is not up
	paused               // until the next attempt
)

// maxAttempts bounds the attempts of one operation. The number of one is part of
// its Call's ID.
const (
	attemptBits = 6
	maxAttempts = 1 << attemptBits
)

// op is one operation from its Ask to its Answer.
type op struct {
	number uint64
	ask    uint64
	own    bool        // not asked for: it opens the session
	req    *kv.Request // as asked
	class  class
	state  state

	session *session // guarded and not waiting: its number is seq there
	seq     uint64

	attempts int
	doubt    uint64       // bit i: attempt i has no definite answer
	refusal  *kv.Response // the last one by which an attempt left doubt
	server   int          // of the last attempt
	redirect bool         // the last attempt followed a Try
	began    machine.Time // first attempt in the session

	deadline machine.Time // the end
	next     machine.Time // when there is something to do, at the latest the deadline
	entered  machine.Time // the agenda's entry that counts; never if there is none
}

const never machine.Time = math.MaxInt64

// again reports whether the operation may be sent once more in that mode.
func (o *op) again(mode Mode) bool {
	if o.class == once && o.doubt != 0 {
		return false // nobody would know a copy
	}
	if _, open := o.req.Op.(kv.OpenSession); open {
		return true
	}
	return o.class == read || mode != AtMostOnce
}

// spent reports whether there will be no other attempt.
func (o *op) spent(mode Mode) bool { return o.attempts == maxAttempts || !o.again(mode) }

// request is what the next attempt sends.
func (o *op) request() *kv.Request {
	if o.session == nil {
		return o.req
	}
	to := *o.req
	to.Session, to.Seq, to.Acked = o.session.id, o.seq, o.session.acked
	return &to
}

// closing reports whether the operation ends the session.
func (o *op) closing() bool {
	_, ok := o.req.Op.(kv.CloseSession)
	return ok
}

// last is the final word when there will be no other: the rows "Unavailable, Overloaded",
// "no answer" and "time is up, never sent" of the package comment.
func (o *op) last() *kv.Response {
	if o.doubt != 0 && (o.class != read || o.refusal == nil) {
		return o.doubtful("nobody has answered")
	}
	if o.refusal == nil {
		return kv.Refuse(kv.Unavailable, "no server was asked")
	}
	return o.refusal
}

// doubtful is the final word when an answer tells nothing: Maybe of a write, Unavailable of
// a read.
func (o *op) doubtful(why string) *kv.Response {
	status := kv.Maybe
	if o.class == read {
		status = kv.Unavailable
	}
	return kv.Refuse(status, "%s", why)
}

// fits reports whether resp can be an answer to op at all.
func fits(op kv.Op, resp *kv.Response) bool {
	if resp.Status == 0 || resp.Status > kv.Unsatisfied {
		return false
	}
	if resp.Status != kv.OK {
		return true
	}
	switch op := op.(type) {
	case kv.Get:
		item, ok := resp.Result.(kv.Item)
		return ok && item.Key == op.Key
	case kv.Txn:
		result, ok := resp.Result.(kv.TxnResult)
		return ok && len(result.Outcomes) == len(branch(op, result.Succeeded))
	case kv.KeepAlive:
		info, ok := resp.Result.(kv.LeaseInfo)
		return ok && info.ID == op.Lease
	case kv.OpenSession:
		info, ok := resp.Result.(kv.SessionInfo)
		return ok && info.ID != 0 && info.TTL > 0
	case kv.Scan:
		return is[kv.Items](resp)
	case kv.Append:
		return is[kv.Length](resp)
	case kv.Events:
		return is[kv.EventList](resp)
	case kv.Grant:
		return is[kv.LeaseInfo](resp)
	case kv.Leases:
		return is[kv.LeaseList](resp)
	case kv.Stat:
		return is[kv.Stats](resp)
	case kv.Members:
		return is[kv.Group](resp)
	case kv.Inspect:
		return is[kv.Replica](resp)
	case kv.Guarded:
		return is[kv.GuardedResult](resp)
	case kv.Inquire:
		return is[kv.Standing](resp)
	case kv.Conflicts:
		return is[kv.ConflictList](resp)
	case kv.Probe:
		return is[kv.Distances](resp)
	}
	return true
}

func branch(op kv.Txn, succeeded bool) []kv.Op {
	if succeeded {
		return op.Then
	}
	return op.Else
}

func is[T kv.Result](resp *kv.Response) bool {
	_, ok := resp.Result.(T)
	return ok
}

// queue is a first-in first-out queue of operations that wait.
type queue struct {
	ops  []*op
	head int
}

func (q *queue) len() int { return len(q.ops) - q.head }

func (q *queue) push(o *op) {
	if q.head > 0 && len(q.ops) == cap(q.ops) {
		n := copy(q.ops, q.ops[q.head:])
		clear(q.ops[n:])
		q.ops, q.head = q.ops[:n], 0
	}
	q.ops = append(q.ops, o)
}

func (q *queue) peek() *op { return q.ops[q.head] }

func (q *queue) pop() *op {
	o := q.ops[q.head]
	q.ops[q.head] = nil
	if q.head++; q.head == len(q.ops) {
		q.ops, q.head = q.ops[:0], 0
	}
	return o
}

// remove takes o out of the middle.
func (q *queue) remove(o *op) {
	for i := q.head; i < len(q.ops); i++ {
		if q.ops[i] == o {
			copy(q.ops[q.head+1:i+1], q.ops[q.head:i])
			q.pop()
			return
		}
	}
}
