package kv_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dss.example/common/kv"
)

func TestRequestsPrintForPeople(t *testing.T) {
	then := []kv.Op{kv.Delete{Key: "x"}, kv.Append{Key: "x", Value: []byte("1")}}
	var got []string
	for _, req := range []kv.Request{
		{},
		{Session: 3, Seq: 4, Acked: 2, Op: kv.Put{Key: "x", Value: []byte("1"), Lease: 5}},
		{Level: kv.Session, At: kv.Version{Lo: 7}, Op: kv.Get{Key: "a b"}},
		{Wait: time.Second, Op: kv.Events{From: "a", After: kv.Version{Lo: 7}}},
		reqOf(kv.Scan{From: "a", To: "b"}),
		reqOf(kv.CAS{Key: "x", Old: kv.Version{Lo: 7}}),
		reqOf(kv.Txn{
			If: []kv.Compare{
				{Key: "x", Target: kv.TargetValue, Relation: kv.Equal, Value: []byte("1")},
				{Key: "x", Target: kv.TargetMod, Relation: kv.Less, Version: kv.Version{Lo: 7}},
				{Key: "x", Target: kv.TargetCount, Relation: kv.NotEqual, Number: 3},
			},
			Then: then,
			Else: repeat(10, kv.Get{Key: "y"}),
		}),
		reqOf(kv.Grant{TTL: time.Second}),
		reqOf(kv.KeepAlive{Lease: 5}),
		reqOf(kv.Revoke{Lease: 5}),
		reqOf(kv.Leases{Lease: 5}),
		reqOf(kv.Leases{}),
		reqOf(kv.OpenSession{TTL: time.Minute}),
		reqOf(kv.CloseSession{}),
		reqOf(kv.Members{}),
		reqOf(kv.Inspect{}),
		reqOf(kv.Change{Add: 4}),
		reqOf(kv.Change{Add: 4, Remove: 1}),
		reqOf(kv.Transfer{To: 2}),
		reqOf(kv.Guarded{If: `db.get("x") == None`, Then: then[:1], Else: ""}),
		reqOf(kv.Inquire{Write: kv.Version{Hi: 3, Lo: 7}}),
		reqOf(kv.Conflicts{After: kv.Version{Hi: 3, Lo: 7}}),
		reqOf(kv.Probe{}),
		reqOf(kv.Put{Key: "x", Value: []byte(strings.Repeat("ab", 100))}),
		reqOf(kv.Get{Key: strings.Repeat("\xff", 50)}),
	} {
		got = append(got, req.String())
	}
	expect(t, got, `
none
put x=1 lease 5 (session 3 #4, acked 2)
get "a b" at revision 7 at level session
events a..end after 7 wait 1s
scan a..b
cas x@7=""
txn if [x.value=1, x.mod<7, x.count!=3] then [delete x, append x+=1] else [get y, get y, get y, get y, get y, get y, get y, get y, … 2 more]
grant 1s
keepalive lease 5
revoke lease 5
leases lease 5
leases
open-session 1m0s
close-session
members
inspect
change +4
change +4 -1
transfer to 2
guarded if "db.get(\"x\") == None" then [delete x] else ""
inquire 3.7
conflicts after 3.7
probe
put x=abababababababababababababababababababab…(200 bytes)
get "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"…(50 bytes)
`)
}

func TestResponsesPrintForPeople(t *testing.T) {
	x := item("x", "1", 5)
	var got []string
	for _, resp := range []kv.Response{
		{Status: kv.NotFound, Rev: kv.Version{Lo: 6}},
		{Status: kv.Unavailable, Detail: "not the leader", Try: "b:7"},
		{Status: kv.OK, Rev: kv.Version{Lo: 7}, Result: x},
		respOf(kv.Items{List: []kv.Item{x}, Count: 2, More: true}),
		respOf(kv.Length{Bytes: 5}),
		respOf(kv.TxnResult{Succeeded: true, Outcomes: []kv.Outcome{{Status: kv.NotFound}, {Status: kv.OK, Result: x}}}),
		respOf(kv.EventList{
			List: []kv.Event{{Kind: kv.EventPut, Item: x}, {Kind: kv.EventDelete, Item: kv.Item{Key: "x", Mod: kv.Version{Lo: 6}}}},
			Next: kv.Version{Lo: 8},
		}),
		respOf(kv.LeaseInfo{ID: 3, TTL: 10 * time.Second, Left: 4 * time.Second, Keys: []string{"x", "y"}}),
		respOf(kv.LeaseList{List: []kv.LeaseInfo{{ID: 3, TTL: time.Second}}}),
		respOf(kv.SessionInfo{ID: 9, TTL: time.Minute}),
		respOf(kv.Stats{Keys: 1, Bytes: 2, Sessions: 3, Leases: 4, Oldest: kv.Version{Lo: 1}, Hash: []byte{0xab}}),
		respOf(kv.Group{
			Version: 2, Quorum1: 2, Quorum2: 1, Leader: 1,
			Members: []kv.Member{{ID: 1, Addr: "a:1", Role: kv.Leader}, {ID: 2, Addr: "b:1", Role: kv.Follower}},
			Guests:  []kv.Guest{{ID: 3, Addr: "c:1", Commit: 17}, {ID: 4, Commit: 18, Ready: true}},
		}),
		respOf(kv.Replica{ID: 1, Role: kv.Follower, Leader: 2, Ballot: kv.Ballot{Round: 7, Replica: 2}, Version: 1, Commit: 17, First: 3, Snapshot: 10}),
		respOf(kv.Replica{ID: 3, Role: kv.Forming, Waiting: "peer 2 is silent"}),
		respOf(kv.GuardedResult{Fate: kv.Merged}),
		respOf(kv.GuardedResult{Fate: 9}),
		respOf(kv.Standing{Known: true, Stable: true, Commit: 7}),
		respOf(kv.ConflictList{More: true, List: []kv.Conflicted{
			{Write: kv.Version{Hi: 3, Lo: 7}, Server: "a", Text: "x is taken", Then: []kv.Op{kv.Put{Key: "x", Value: []byte("1")}}, Stable: true},
			{Write: kv.Version{Hi: 4, Lo: 7}, Server: "", Then: []kv.Op{kv.Delete{Key: "x"}}},
		}}),
		respOf(kv.Distances{Asked: 1, Zone: "west", List: []kv.Distance{
			{ID: 2, Addr: "b:1", Zone: "west", Up: true, RTT: 3 * time.Millisecond, Chosen: true}, {ID: 3, Addr: "c:1"},
		}}),
		respOf(&x),
	} {
		got = append(got, resp.String())
	}
	expect(t, got, `
not found rev 6
unavailable: not the leader, try b:7
ok rev 7: x=1@5
ok: 2 keys [x=1@5] and more
ok: 5 bytes
ok: succeeded=true [not found, ok: x=1@5]
ok: [put x=1@5, delete x@6] next 8
ok: lease 3 4s of 10s x y
ok: [lease 3 0s of 1s]
ok: session 9 for 1m0s
ok: 1 keys, 2 bytes, 3 sessions, 4 leases, oldest 1, hash ab
ok: group 2, quorums 2 and 1, leader 1 [1 leader a:1, 2 follower b:1], guests [3 c:1 at slot 17, 4 "" at slot 18, ready]
ok: 1 follower of 2 in ballot 7.2, group 1, slots 3 to 17, snapshot 10
ok: 3 forming of 0 in ballot 0.0, group 0, slots 0 to 0, snapshot 0, waits: peer 2 is silent
ok: merged
ok: #9
ok: known=true stable=true commit 7
ok: [3.7 stable of a [put x=1]: x is taken, 4.7 of "" [delete x]: ] and more
ok: asked 1 in west [2 b:1 in west 3ms chosen, 3 c:1 in "" 0s down]
ok: *kv.Item
`)
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), got); diff != "" {
		t.Error(diff)
	}
}
