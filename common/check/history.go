package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// ErrNotChecked tells that a checker could not decide: it ran out of its budget,
// or the history is not of the kind that it judges.
var ErrNotChecked = errors.New("not checked")

// Never is the Return of an operation that did not return.
const Never machine.Time = -1

// Op is one operation as its caller saw it. All times of a history are of one
// clock; a precedes b in real time if a.Return < b.Call.
type Op struct {
	Client int          // the caller, which does one operation at a time
	Call   machine.Time // when it was sent
	Return machine.Time // when the answer came; negative if none did
	Req    *kv.Request
	Resp   *kv.Response // nil if none came
}

// History is the operations of a run, in any order. It is safe to append to from
// one goroutine only; see Recorder for many.
type History []Op

// Recorder writes down a History. Its clock counts calls and returns, so that the
// order of two callers is known exactly. It is safe for concurrent use, and the
// zero Recorder is ready.
type Recorder struct {
	mu    sync.Mutex // protects following
	clock machine.Time
	ops   History
}

// Call notes that client sends req and returns the operation's number for Return.
// The request must not be changed afterwards.
func (r *Recorder) Call(client int, req *kv.Request) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	r.ops = append(r.ops, Op{Client: client, Call: r.clock, Return: Never, Req: req})
	return len(r.ops) - 1
}

// Return notes the answer to operation n. It must not be changed afterwards.
func (r *Recorder) Return(n int, resp *kv.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	r.ops[n].Return, r.ops[n].Resp = r.clock, resp
}

// Do sends req to s and notes both ends.
func (r *Recorder) Do(ctx context.Context, client int, s kv.Store, req *kv.Request) *kv.Response {
	n := r.Call(client, req)
	resp := s.Do(ctx, req)
	r.Return(n, resp)
	return resp
}

// History returns a copy of what has been noted so far.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(History(nil), r.ops...)
}

// fate is what is known of an operation's end.
type fate uint8

const (
	done    fate = iota // it happened, with this answer
	refused             // it did not happen
	unknown             // it may have happened, or happen yet
)

func (o *Op) fate() fate {
	if o.Resp == nil || o.Return < 0 {
		return unknown
	}
	switch o.Resp.Status {
	case kv.OK, kv.NotFound, kv.Conflict:
		return done
	case kv.Maybe, kv.NoSession, kv.Forgotten:
		return unknown
	}
	return refused
}

// wellFormed finds what would make any verdict worthless.
func wellFormed(h History) error {
	for i := range h {
		o := &h[i]
		switch {
		case o.Req == nil || o.Req.Op == nil:
			return fmt.Errorf("%w: operation %d has no request", ErrNotChecked, i)
		case o.Return >= 0 && o.Return < o.Call:
			return fmt.Errorf("%w: %s returned before it was called", ErrNotChecked, o)
		case o.Resp != nil && (o.Resp.Status < kv.OK || o.Resp.Status > kv.Unsatisfied):
			return fmt.Errorf("%s: there is no such status", o)
		}
	}
	return nil
}

// String tells the operation and its answer in one line.
func (o *Op) String() string {
	when := fmt.Sprintf("[%d, %d]", o.Call, o.Return)
	if o.Return < 0 {
		when = fmt.Sprintf("[%d, never)", o.Call)
	}
	return fmt.Sprintf("client %d %s %s -> %s", o.Client, when, opText(o.Req), responseText(o.Resp))
}

func opText(req *kv.Request) string {
	at := ""
	if !req.At.IsZero() {
		at = " at " + req.At.String()
	}
	switch op := req.Op.(type) {
	case kv.Get:
		return fmt.Sprintf("get %s%s", short([]byte(op.Key)), at)
	case kv.Put:
		return fmt.Sprintf("put %s=%s", short([]byte(op.Key)), short(op.Value))
	case kv.Delete:
		return fmt.Sprintf("delete %s", short([]byte(op.Key)))
	case kv.Append:
		return fmt.Sprintf("append %s+=%s", short([]byte(op.Key)), short(op.Value))
	case kv.CAS:
		return fmt.Sprintf("cas %s=%s if version %s", short([]byte(op.Key)), short(op.Value), op.Old)
	case kv.Scan:
		return fmt.Sprintf("scan %s to %s%s", short([]byte(op.From)), short([]byte(op.To)), at)
	case kv.Txn:
		return fmt.Sprintf("txn if %d then [%s] else [%s]", len(op.If), branchText(op.Then), branchText(op.Else))
	}
	return kv.OpName(req.Op)
}

func branchText(ops []kv.Op) string {
	var b []string
	for _, op := range ops {
		b = append(b, opText(&kv.Request{Op: op}))
	}
	return strings.Join(b, ", ")
}

func responseText(resp *kv.Response) string {
	if resp == nil {
		return "nothing"
	}
	var b strings.Builder
	b.WriteString(resp.Status.String())
	switch r := resp.Result.(type) {
	case kv.Item:
		fmt.Fprintf(&b, " %s", itemText(&r))
	case kv.Items:
		for i := range r.List {
			fmt.Fprintf(&b, " %s", itemText(&r.List[i]))
		}
	case kv.Length:
		fmt.Fprintf(&b, " length %d", r.Bytes)
	case kv.TxnResult:
		fmt.Fprintf(&b, " succeeded=%v", r.Succeeded)
		for _, o := range r.Outcomes {
			fmt.Fprintf(&b, "; %s", responseText(&kv.Response{Status: o.Status, Result: o.Result}))
		}
	}
	if !resp.Rev.IsZero() {
		fmt.Fprintf(&b, " @%s", resp.Rev)
	}
	return b.String()
}

func itemText(it *kv.Item) string {
	return fmt.Sprintf("%s=%s", short([]byte(it.Key)), short(it.Value))
}

// short quotes b, cut so that a message stays one line.
func short(b []byte) string {
	const most = 32
	if len(b) <= most {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q…(%d bytes)", b[:most], len(b))
}

func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
