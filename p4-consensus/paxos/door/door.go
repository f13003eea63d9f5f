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

	// Read answers a read-only request from the present state and changes nothing.
	Read(now machine.Time, req *kv.Request) *kv.Response

	// NextExpiry tells when a kv.Expire is due; ok is false if nothing expires.
	NextExpiry() (at machine.Time, ok bool)
}

// Offers is what replicas of a store that offers caps promise: the same, and to go on as
// long as a majority lives.
func Offers(caps kv.Caps) kv.Caps {
	caps.Stage, caps.Level = 4, kv.Linearizable
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
	}
}

type service struct{ Store }

// Read implements paxos.Service.
func (s service) Read(now machine.Time, cmd machine.Data) machine.Data {
	return s.Store.Read(now, cmd.(*kv.Request))
}

// Due implements paxos.Service.
func (s service) Due() (machine.Time, []byte, bool) {
	at, ok := s.NextExpiry()
	return at, (&kv.Request{Op: kv.Expire{}}).AppendTo(nil), ok
}

// sort sends writes through the log. What is asked for by a weaker level than the store
// promises is read from the replica as it stands.
func sort(cmd machine.Data) paxos.Sort {
	req := cmd.(*kv.Request)
	switch {
	case !kv.ReadOnly(req.Op):
		return paxos.Write
	case req.Level == kv.Eventual || req.Level == kv.Prefix:
		return paxos.ReadLocal
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
	case paxos.Conflict:
		return kv.Conflict
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
