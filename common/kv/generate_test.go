package kv_test

import (
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"dss.example/common/kv"
)

// sameValue compares as the encoding does: nil and empty are one value.
var sameValue = cmp.Options{cmpopts.EquateEmpty()}

func drawKey(t *rapid.T) string {
	return string(rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "key"))
}

func drawBytes(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes") }

func drawVersion(t *rapid.T) kv.Version {
	return kv.Version{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
}

func drawTime(t *rapid.T) time.Duration { return time.Duration(rapid.Int64().Draw(t, "time")) }

func drawLease(t *rapid.T) kv.LeaseID { return kv.LeaseID(rapid.Uint64().Draw(t, "lease")) }

func drawBool(t *rapid.T) bool { return rapid.Bool().Draw(t, "bool") }

func drawReplica(t *rapid.T) kv.ReplicaID { return kv.ReplicaID(drawUint(t)) }

func drawUint(t *rapid.T) uint64 { return rapid.Uint64().Draw(t, "uint") }

func drawRole(t *rapid.T) kv.Role { return kv.Role(rapid.Uint8().Draw(t, "role")) }

func drawText(t *rapid.T) string { return rapid.String().Draw(t, "text") }

func drawInt(t *rapid.T) int { return rapid.Int().Draw(t, "int") }

// drawStep draws an operation that may stand in a transaction.
func drawStep(t *rapid.T) kv.Op {
	switch rapid.IntRange(0, 4).Draw(t, "step") {
	case 0:
		return kv.Get{Key: drawKey(t)}
	case 1:
		return kv.Put{Key: drawKey(t), Value: drawBytes(t), Lease: drawLease(t)}
	case 2:
		return kv.Delete{Key: drawKey(t)}
	case 3:
		return kv.Append{Key: drawKey(t), Value: drawBytes(t)}
	}
	return kv.Scan{
		From: drawKey(t), To: drawKey(t), Limit: drawInt(t),
		Descending: drawBool(t), KeysOnly: drawBool(t), CountOnly: drawBool(t),
	}
}

func drawSteps(t *rapid.T) []kv.Op {
	return rapid.SliceOfN(rapid.Custom(drawStep), 0, 6).Draw(t, "steps")
}

func drawCompare(t *rapid.T) kv.Compare {
	return kv.Compare{
		Key:      drawKey(t),
		Target:   kv.Target(rapid.Uint8().Draw(t, "target")),
		Relation: kv.Relation(rapid.Uint8().Draw(t, "relation")),
		Value:    drawBytes(t),
		Version:  drawVersion(t),
		Number:   rapid.Uint64().Draw(t, "number"),
	}
}

func drawOp(t *rapid.T) kv.Op {
	switch rapid.IntRange(0, 20).Draw(t, "op") {
	case 0:
		return nil
	case 1:
		return kv.CAS{Key: drawKey(t), Old: drawVersion(t), Value: drawBytes(t), Lease: drawLease(t)}
	case 2:
		compares := rapid.SliceOfN(rapid.Custom(drawCompare), 0, 4).Draw(t, "if")
		return kv.Txn{If: compares, Then: drawSteps(t), Else: drawSteps(t)}
	case 3:
		return kv.Events{
			From: drawKey(t), To: drawKey(t), After: drawVersion(t), Max: drawInt(t),
			Previous: drawBool(t), Only: kv.EventKind(rapid.Uint8().Draw(t, "only")),
		}
	case 4:
		return kv.Grant{TTL: drawTime(t)}
	case 5:
		return kv.KeepAlive{Lease: drawLease(t)}
	case 6:
		return kv.Revoke{Lease: drawLease(t)}
	case 7:
		return kv.Leases{Lease: drawLease(t)}
	case 8:
		return kv.OpenSession{TTL: drawTime(t)}
	case 9:
		return kv.CloseSession{}
	case 10:
		return kv.Stat{Hash: drawBool(t)}
	case 11:
		return kv.Expire{}
	case 12:
		return kv.Members{}
	case 13:
		return kv.Inspect{}
	case 14:
		return kv.Change{Add: drawReplica(t), Remove: drawReplica(t)}
	case 15:
		return kv.Transfer{To: drawReplica(t)}
	case 16:
		return kv.Guarded{If: drawKey(t), Then: drawSteps(t), Else: drawKey(t)}
	case 17:
		return kv.Inquire{Write: drawVersion(t)}
	case 18:
		return kv.Conflicts{After: drawVersion(t), Limit: drawInt(t)}
	case 19:
		return kv.Probe{}
	}
	return drawStep(t)
}

func drawRequest(t *rapid.T) kv.Request {
	return kv.Request{
		Session: rapid.Uint64().Draw(t, "session"),
		Seq:     rapid.Uint64().Draw(t, "seq"),
		Acked:   rapid.Uint64().Draw(t, "acked"),
		Level:   kv.Level(rapid.Uint8().Draw(t, "level")),
		At:      drawVersion(t),
		Token:   drawBytes(t),
		Wait:    drawTime(t),
		Op:      drawOp(t),
	}
}

func drawItem(t *rapid.T) kv.Item {
	return kv.Item{
		Key: drawKey(t), Value: drawBytes(t), Mod: drawVersion(t), Create: drawVersion(t),
		Count: rapid.Uint64().Draw(t, "count"), Lease: drawLease(t),
	}
}

func drawEvent(t *rapid.T) kv.Event {
	e := kv.Event{Kind: kv.EventKind(rapid.Uint8().Draw(t, "kind")), Item: drawItem(t)}
	if drawBool(t) {
		previous := drawItem(t)
		e.Previous = &previous
	}
	return e
}

func drawLeaseInfo(t *rapid.T) kv.LeaseInfo {
	return kv.LeaseInfo{
		ID: drawLease(t), TTL: drawTime(t), Left: drawTime(t),
		Keys: rapid.SliceOfN(rapid.Custom(drawKey), 0, 5).Draw(t, "keys"),
	}
}

// drawFound draws a result that may stand in the result of a transaction.
func drawFound(t *rapid.T) kv.Result {
	switch rapid.IntRange(0, 3).Draw(t, "found") {
	case 0:
		return nil
	case 1:
		return drawItem(t)
	case 2:
		list := rapid.SliceOfN(rapid.Custom(drawItem), 0, 5).Draw(t, "items")
		return kv.Items{List: list, Count: drawInt(t), More: drawBool(t)}
	}
	return kv.Length{Bytes: drawInt(t)}
}

func drawOutcome(t *rapid.T) kv.Outcome {
	return kv.Outcome{Status: kv.Status(rapid.Uint8().Draw(t, "status")), Result: drawFound(t)}
}

func drawGroup(t *rapid.T) kv.Group {
	member := rapid.Custom(func(t *rapid.T) kv.Member {
		return kv.Member{ID: drawReplica(t), Addr: drawText(t), Role: drawRole(t)}
	})
	guest := rapid.Custom(func(t *rapid.T) kv.Guest {
		return kv.Guest{ID: drawReplica(t), Addr: drawText(t), Commit: drawUint(t), Ready: drawBool(t)}
	})
	return kv.Group{
		Version: drawUint(t), From: drawUint(t), Commit: drawUint(t), Quorum1: drawInt(t), Quorum2: drawInt(t),
		Asked: drawReplica(t), Leader: drawReplica(t),
		Members: rapid.SliceOfN(member, 0, 5).Draw(t, "members"), Guests: rapid.SliceOfN(guest, 0, 5).Draw(t, "guests"),
	}
}

func drawResult(t *rapid.T) kv.Result {
	switch rapid.IntRange(0, 13).Draw(t, "result") {
	case 0:
		outcomes := rapid.SliceOfN(rapid.Custom(drawOutcome), 0, 5).Draw(t, "outcomes")
		return kv.TxnResult{Succeeded: drawBool(t), Outcomes: outcomes}
	case 1:
		list := rapid.SliceOfN(rapid.Custom(drawEvent), 0, 5).Draw(t, "events")
		return kv.EventList{List: list, Next: drawVersion(t)}
	case 2:
		return drawLeaseInfo(t)
	case 3:
		return kv.LeaseList{List: rapid.SliceOfN(rapid.Custom(drawLeaseInfo), 0, 4).Draw(t, "leases")}
	case 4:
		return kv.SessionInfo{ID: rapid.Uint64().Draw(t, "id"), TTL: drawTime(t)}
	case 5:
		return kv.Stats{
			Keys: rapid.Uint64().Draw(t, "keys"), Bytes: rapid.Uint64().Draw(t, "bytes"),
			Sessions: rapid.Uint64().Draw(t, "sessions"), Leases: rapid.Uint64().Draw(t, "leases"),
			Oldest: drawVersion(t), Hash: drawBytes(t),
		}
	case 6:
		return drawGroup(t)
	case 7:
		return kv.Replica{
			ID: drawReplica(t), Role: drawRole(t), Leader: drawReplica(t),
			Ballot: kv.Ballot{Round: drawUint(t), Replica: drawReplica(t)}, Version: drawUint(t),
			Commit: drawUint(t), First: drawUint(t), Snapshot: drawUint(t), Waiting: drawText(t),
		}
	case 8:
		return kv.GuardedResult{Fate: kv.Fate(rapid.Uint8().Draw(t, "fate"))}
	case 9:
		return kv.Standing{Known: drawBool(t), Stable: drawBool(t), Commit: drawUint(t)}
	case 10:
		list := rapid.SliceOfN(rapid.Custom(drawConflicted), 0, 4).Draw(t, "conflicts")
		return kv.ConflictList{List: list, More: drawBool(t)}
	case 11:
		list := rapid.SliceOfN(rapid.Custom(drawDistance), 0, 5).Draw(t, "distances")
		return kv.Distances{Asked: drawReplica(t), Zone: drawText(t), List: list}
	}
	return drawFound(t)
}

func drawConflicted(t *rapid.T) kv.Conflicted {
	wanted := rapid.Custom(func(t *rapid.T) kv.Op {
		if drawBool(t) {
			return kv.Delete{Key: drawKey(t)}
		}
		return kv.Put{Key: drawKey(t), Value: drawBytes(t), Lease: drawLease(t)}
	})
	return kv.Conflicted{
		Write: drawVersion(t), Server: drawText(t), Text: drawKey(t), Then: rapid.SliceOfN(wanted, 0, 4).Draw(t, "then"), Stable: drawBool(t),
	}
}

func drawDistance(t *rapid.T) kv.Distance {
	return kv.Distance{ID: drawReplica(t), Addr: drawText(t), Zone: drawText(t), Up: drawBool(t), RTT: drawTime(t), Chosen: drawBool(t)}
}

func drawResponse(t *rapid.T) kv.Response {
	return kv.Response{
		Status: kv.Status(rapid.Uint8().Draw(t, "status")),
		Detail: rapid.String().Draw(t, "detail"),
		Rev:    drawVersion(t),
		Token:  drawBytes(t),
		Stable: drawBool(t),
		Try:    rapid.String().Draw(t, "try"),
		Result: drawResult(t),
	}
}
