package world

import (
	"fmt"
	"math/rand/v2"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// everything is what a client asks that does all sorts of things with keys that it shares with
// others.
func everything(_ int, r *rand.Rand) machine.Data {
	key, value := sharedKey(r), fmt.Appendf(nil, "%04x", r.IntN(1<<16))
	switch r.IntN(12) {
	case 0:
		return &kv.Request{Op: kv.Delete{Key: key}}
	case 1, 2:
		return &kv.Request{Op: guarded(key, value)}
	case 3, 4, 5, 6:
		return reads(r)
	}
	return &kv.Request{Op: kv.Put{Key: key, Value: value}}
}

func sharedKey(r *rand.Rand) string { return string(rune('a' + r.IntN(4))) }

// guarded takes a key if it is free, and notes that it has, or else takes one of two others, which
// are soon taken.
func guarded(key string, value []byte) kv.Guarded {
	return kv.Guarded{
		If:   key,
		Then: []kv.Op{kv.Put{Key: key, Value: value}, kv.Put{Key: "last", Value: value}},
		Else: fmt.Sprintf("x%s=%s;y%s=%s", key, value, key, value),
	}
}

// reads reads in one of the ways that there are, of what is stable now and then.
func reads(r *rand.Rand) machine.Data {
	req := &kv.Request{Level: kv.Eventual}
	if r.IntN(3) == 0 {
		req.Level = kv.Prefix
	}
	switch r.IntN(5) {
	case 0:
		req.Op = kv.Get{Key: sharedKey(r)}
	case 1:
		req.Op = kv.Conflicts{}
	case 2:
		req.Op = kv.Scan{Descending: r.IntN(2) == 0, Limit: r.IntN(3)}
	default:
		req.Op = kv.Stat{Hash: true}
	}
	return req
}

// operators now and then let a server retire, or another be the primary. Node 1 stays, and
// node 2: of those that are told of each other from the first, somebody has to.
func operators(k int, r *rand.Rand) machine.Data {
	if k > 3 {
		switch r.IntN(12) {
		case 0:
			return &kv.Request{Op: kv.Change{Remove: kv.ReplicaID(3 + r.IntN(3))}}
		case 1:
			return &kv.Request{Op: kv.Transfer{To: kv.ReplicaID(1 + r.IntN(5))}}
		}
	}
	return everything(k, r)
}

// readers leave the writing to those who travel, whose keys nobody else writes.
func readers(_ int, r *rand.Rand) machine.Data { return reads(r) }

// journeys is what the client of a traveller asks: it writes keys of its own, each once, so that
// a copy that is late changes nothing, and reads what all have written.
func journeys(client int) func(int, *rand.Rand) machine.Data {
	return func(k int, r *rand.Rand) machine.Data {
		switch r.IntN(8) {
		case 0, 1, 2:
			return &kv.Request{Op: kv.Put{Key: fmt.Sprintf("t%d.%d", client, k), Value: fmt.Appendf(nil, "%d.%d", client, k)}}
		case 3:
			return &kv.Request{Op: kv.Get{Key: fmt.Sprintf("t%d.%d", r.IntN(3), r.IntN(k+1))}}
		case 4:
			return &kv.Request{Level: kv.Prefix, Op: kv.Scan{From: "t", To: "u"}}
		}
		return &kv.Request{Op: kv.Scan{From: "t", To: "u"}}
	}
}

// The programs of bookings: a room is booked at an hour if it is free, or else at the next.
const (
	isFree = `db.get(update[0].key) == None`
	orNext = `
def merge(db, update):
    for hour in ["/10", "/11", "/12"]:
        slot = update[0].key[:2] + hour
        if db.get(slot) == None:
            db.put(slot, update[0].value)
            return
    fail("no hour is free for", update[0].value)
`
)

// bookings are those of a meeting-room scheduler, as in '95, figure 3.
func bookings(_ int, r *rand.Rand) machine.Data {
	slot, who := fmt.Sprintf("r%d/9", r.IntN(2)), fmt.Appendf(nil, "%04x", r.IntN(1<<16))
	switch r.IntN(6) {
	case 0:
		return &kv.Request{Op: kv.Delete{Key: slot}}
	case 1, 2:
		return reads(r)
	}
	return &kv.Request{Op: kv.Guarded{If: isFree, Then: []kv.Op{kv.Put{Key: slot, Value: who}}, Else: orNext}}
}

// audits asks the auditor again and again.
func audits(int, *rand.Rand) machine.Data { return &kv.Request{Op: kv.Members{}} }
