// Package door is the language in which a replicated log is asked for a key-value store:
// the requests of package kv, and for their answers what a paxos.Replica has to know.
package door

import (
	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
)

// Store is the state behind the door: what package kv promises, as an App. The table of
// stage 1 is one.
type Store interface {
	app.App

	// Read answers a read-only request from the present state and changes nothing. It
	// refuses what kv.Check refuses, and what is not read-only.
	Read(now machine.Time, req *kv.Request) *kv.Response

	// NextExpiry tells when a kv.Expire is due; ok is false if nothing expires.
	NextExpiry() (at machine.Time, ok bool)
}

// Offers is what replicas of a store that offers caps promise: the same, to go on as long
// as a majority lives, and to tell and change who they are.
func Offers(caps kv.Caps) kv.Caps {
	caps.Stage, caps.Level = 4, kv.Linearizable
	caps.Has |= kv.CapMembers
	return caps
}

// Language returns the language of a store, of which fresh makes an empty one.
func Language(name string, fresh func() Store) *paxos.Language {
	return &paxos.Language{
		Name:    name,
		New:     func() paxos.Service { return service{fresh()} },
		Command: kv.DecodeRequest,
		Answer:  kv.DecodeResponse,
		Sort:    sort,
		Refuse:  refuse,
		Wait:    wait,
		Control: control,
		Told:    told,
	}
}

type service struct{ Store }

// Read implements paxos.Service. Here ends also what no state can serve, which need not go
// through the log to be refused.
func (s service) Read(now machine.Time, cmd machine.Data) machine.Data {
	req := cmd.(*kv.Request)
	if req.Level == kv.StrictSerializable {
		return kv.Refuse(kv.Unsupported, "level %s: at most %s", req.Level, kv.Linearizable)
	}
	return s.Store.Read(now, req)
}

// servable tells whether there may be a state that can serve a request.
func servable(req *kv.Request) bool {
	return req.Level <= kv.Linearizable && kv.Check(req) == nil
}

// Due implements paxos.Service.
func (s service) Due() (machine.Time, []byte, bool) {
	at, ok := s.NextExpiry()
	return at, (&kv.Request{Op: kv.Expire{}}).AppendTo(nil), ok
}

// sort sends writes through the log, and reads in a session, which keep it alive: but not
// long polls, which wait beside it. Only what may be of any age is read from the replica as
// it stands: the levels between ask for no older state than their caller has seen.
func sort(cmd machine.Data) paxos.Sort {
	req := cmd.(*kv.Request)
	switch read := kv.ReadOnly(req.Op); {
	case !servable(req), read && req.Level == kv.Eventual:
		return paxos.ReadLocal
	case !read || req.Session != 0 && !req.Waits():
		return paxos.Write
	}
	return paxos.ReadIndex
}

func refuse(why paxos.Refusal, text, try string) machine.Data {
	resp := kv.Refuse(status(why), "%s", text)
	resp.Try = try
	return resp
}

func status(why paxos.Refusal) kv.Status {
	switch why {
	case paxos.Overloaded:
		return kv.Overloaded
	case paxos.Unavailable:
		return kv.Unavailable
	case paxos.Conflict: // only one change at a time: later it may
		return kv.Overloaded
	case paxos.Invalid:
		return kv.Invalid
	}
	return kv.Maybe
}

// wait parks a long poll that has found nothing. It goes on from where it has looked, so
// that it does not fall behind the history while it waits.
func wait(cmd, answer machine.Data) (machine.Data, machine.Time) {
	req, resp := cmd.(*kv.Request), answer.(*kv.Response)
	op, polls := req.Op.(kv.Events)
	list, found := resp.Result.(kv.EventList)
	if !polls || !found || len(list.List) > 0 || req.Wait <= 0 {
		return nil, 0
	}
	again := *req
	op.After = list.Next
	again.Op = op
	return &again, machine.Time(req.Wait)
}
