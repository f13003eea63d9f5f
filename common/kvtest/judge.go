package kvtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

// judge is one case at work in one world.
type judge struct {
	T
	open   func() World
	w      World
	caps   kv.Caps
	rng    *rand.Rand
	ops    int
	tokens [MaxClients][]byte // as each client was last given
}

// enter opens a fresh world and forgets the tokens of the last.
func (j *judge) enter() {
	j.w = j.open()
	j.caps = j.w.Store(0).Offers()
	j.tokens = [MaxClients][]byte{}
}

func (j *judge) has(c kv.Cap) bool { return j.caps.Has.Has(c) }

// patience is how often a request that was not done is sent again.
const patience = 100

// pause is a step of waiting for what others do.
const pause = time.Millisecond

// send sends req for a client, with its token, until it is done or refused for
// good. It may be used inside Parallel.
func (j *judge) send(client int, req kv.Request) *kv.Response {
	req.Token = j.tokens[client]
	var resp *kv.Response
	for range patience {
		resp = j.w.Store(client).Do(context.Background(), &req)
		if resp == nil {
			return &kv.Response{}
		}
		if resp.Status != kv.Unavailable && resp.Status != kv.Unsatisfied {
			break
		}
		j.w.Sleep(100 * time.Millisecond)
	}
	if resp.Token != nil {
		j.tokens[client] = resp.Token
	}
	return resp
}

// ask sends req and checks that the answer is of the right kind.
func (j *judge) ask(client int, req kv.Request) *kv.Response {
	j.Helper()
	resp := j.send(client, req)
	if err := wellFormed(&req, resp); err != nil {
		require.NoError(j, err)
	}
	if j.caps.Level < kv.Session && req.Op != nil && !kv.ReadOnly(req.Op) {
		j.w.Settle()
	}
	return resp
}

// do does one operation as client 0.
func (j *judge) do(op kv.Op) *kv.Response {
	j.Helper()
	return j.ask(0, kv.Request{Op: op})
}

// must does one operation as client 0, which must end with the given status.
func (j *judge) must(want kv.Status, op kv.Op) *kv.Response {
	j.Helper()
	return j.mustAsk(want, kv.Request{Op: op})
}

func (j *judge) mustAsk(want kv.Status, req kv.Request) *kv.Response {
	j.Helper()
	return j.mustAskAs(0, want, req)
}

func (j *judge) mustAskAs(client int, want kv.Status, req kv.Request) *kv.Response {
	j.Helper()
	resp := j.ask(client, req)
	require.Equal(j, want.String(), resp.Status.String(), "%s: %s", describe(req.Op), resp.Detail)
	return resp
}

func (j *judge) put(key, value string) kv.Version {
	j.Helper()
	return j.must(kv.OK, kv.Put{Key: key, Value: []byte(value)}).Rev
}

// holds requires that a key has a value.
func (j *judge) holds(key, value string) kv.Item {
	j.Helper()
	it := j.must(kv.OK, kv.Get{Key: key}).Result.(kv.Item)
	require.Equal(j, value, string(it.Value), "value of %q", key)
	return it
}

// absent requires that there is no such key.
func (j *judge) absent(key string) {
	j.Helper()
	j.must(kv.NotFound, kv.Get{Key: key})
}

// contents returns all pairs of a small store, without versions.
func (j *judge) contents(client int) map[string]string {
	j.Helper()
	resp := j.ask(client, kv.Request{Op: kv.Scan{}})
	require.Equal(j, kv.OK, resp.Status, resp.Detail)
	all := map[string]string{}
	for _, it := range resp.Result.(kv.Items).List {
		all[it.Key] = string(it.Value)
	}
	return all
}

// unchanged does fn, which must leave contents and revision as they were.
func (j *judge) unchanged(fn func()) {
	j.Helper()
	before, rev := j.contents(0), j.must(kv.OK, kv.Scan{}).Rev
	fn()
	require.Equal(j, before, j.contents(0), "contents after what must change nothing")
	if j.has(kv.CapRevisions) {
		require.Equal(j, rev, j.must(kv.OK, kv.Scan{}).Rev, "revision after what must change nothing")
	}
}

// eventually lets time pass until ok; at most n steps of the given length.
func (j *judge) eventually(n int, step time.Duration, ok func() bool) bool {
	for range n {
		if ok() {
			return true
		}
		j.w.Sleep(step)
	}
	return ok()
}

// wellFormed checks what every answer must be, whatever the store holds.
func wellFormed(req *kv.Request, resp *kv.Response) error {
	switch {
	case resp.Status < kv.OK || resp.Status > kv.Unsatisfied:
		return fmt.Errorf("%s: answered with status %s", describe(req.Op), resp.Status)
	case resp.Status == kv.Maybe:
		return fmt.Errorf("%s: outcome unknown, in a world without faults", describe(req.Op))
	case len(resp.Token) > kv.MaxToken:
		return fmt.Errorf("%s: answered with a token of %d bytes", describe(req.Op), len(resp.Token))
	case resp.Status != kv.OK:
		return nil
	}
	want := resultOf(req.Op)
	if got := fmt.Sprintf("%T", resp.Result); got != fmt.Sprintf("%T", want) {
		return fmt.Errorf("%s: answered OK with a %s: want a %T", describe(req.Op), got, want)
	}
	return nil
}

// resultOf returns a Result of the kind that an OK carries; nil for none.
func resultOf(op kv.Op) kv.Result {
	switch op.(type) {
	case kv.Get:
		return kv.Item{}
	case kv.Scan:
		return kv.Items{}
	case kv.Append:
		return kv.Length{}
	case kv.Txn:
		return kv.TxnResult{}
	case kv.Events:
		return kv.EventList{}
	case kv.Grant, kv.KeepAlive:
		return kv.LeaseInfo{}
	case kv.Leases:
		return kv.LeaseList{}
	case kv.OpenSession:
		return kv.SessionInfo{}
	case kv.Stat:
		return kv.Stats{}
	case kv.Members:
		return kv.Group{}
	case kv.Inspect:
		return kv.Replica{}
	case kv.Guarded:
		return kv.GuardedResult{}
	case kv.Inquire:
		return kv.Standing{}
	case kv.Conflicts:
		return kv.ConflictList{}
	case kv.Probe:
		return kv.Distances{}
	}
	return nil
}

// describe prints an operation in one line of bounded length.
func describe(op kv.Op) string {
	text := fmt.Sprintf("%s%+q", kv.OpName(op), op)
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}
