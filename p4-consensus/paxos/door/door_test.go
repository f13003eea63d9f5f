package door_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
)

func TestAGroupOffersWhatTheStoreDoesAndItsMembers(t *testing.T) {
	require.Equal(t, kv.Caps{Stage: 4, Level: kv.Linearizable, Has: kv.CapAppend | kv.CapMembers}, door.Offers(kv.Caps{Stage: 1, Has: kv.CapAppend}))
}

func TestEveryReplicaServesWritesAndReads(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	for n := range machine.Node(3) {
		c.must(n+1, kv.Put{Key: "k", Value: []byte{byte(n)}})
		for m := range machine.Node(3) {
			require.Equal(t, []byte{byte(n)}, c.must(m+1, kv.Get{Key: "k"}).(kv.Item).Value)
		}
	}
}

func TestCommandsThatWaitTogetherAreEachAnswered(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	leader := c.settle(1)
	c.settle(other(leader))
	for _, n := range []machine.Node{leader, other(leader)} {
		var ids []uint64
		for i := range byte(50) {
			ids = append(ids, c.submit(n, &kv.Request{Op: kv.Put{Key: string('a' + rune(i)), Value: []byte{byte(n), i}}}))
		}
		last := c.got[ids[0]]
		c.until(func() bool { return c.got[ids[49]] != nil })
		require.Nil(t, last, "they have waited together")
		for i, id := range ids {
			require.Equal(t, kv.OK, c.got[id].Status)
			require.Equal(t, []byte{byte(n), byte(i)}, c.must(n, kv.Get{Key: string('a' + rune(i))}).(kv.Item).Value)
		}
	}
}

// What cannot be served is refused without a slot of the log, and without a leader.
func TestWhatNoStateCanServeIsRefusedAtOnce(t *testing.T) {
	c := newCluster(t, 1, 2)
	for _, req := range []*kv.Request{
		{Op: kv.Put{}},
		{Op: kv.Get{}},
		{Session: 1, Op: kv.Put{Key: "k"}},
	} {
		require.Equal(t, kv.Invalid, c.got[c.submit(1, req)].Status, "%v", req)
	}
	for _, req := range []*kv.Request{
		{Level: kv.StrictSerializable, Op: kv.Put{Key: "k"}},
		{Level: kv.StrictSerializable, Op: kv.Get{Key: "k"}},
	} {
		require.Equal(t, kv.Unsupported, c.got[c.submit(1, req)].Status, "%v", req)
	}
}

// alone returns a replica that was cut off from the others, and its cluster.
func alone(t testing.TB) (*cluster, machine.Node) {
	c := newCluster(t, 1, 2, 3)
	c.must(1, kv.Put{Key: "k", Value: []byte("v")})
	leader := c.settle(1)
	n := other(leader)
	c.settle(n)
	for m := range c.nodes {
		c.down[m] = m != n
	}
	return c, n
}

func TestOnlyAnEventualReadIsAnsweredWithoutAQuorum(t *testing.T) {
	for _, level := range []kv.Level{kv.LevelDefault, kv.Eventual, kv.Session, kv.Prefix, kv.Linearizable} {
		c, n := alone(t)
		resp := c.ask(n, &kv.Request{Level: level, Op: kv.Get{Key: "k"}})
		if level == kv.Eventual {
			require.Equal(t, "v", string(resp.Result.(kv.Item).Value))
			continue
		}
		require.Equal(t, kv.Unavailable, resp.Status, "a caller of level %v may have seen a newer state", level)
	}
	c, n := alone(t)
	id := c.submit(n, &kv.Request{Level: kv.Eventual, Op: kv.Put{Key: "k"}})
	c.pass(patient)
	require.Contains(t, c.got, id)
	require.Equal(t, kv.Maybe, c.got[id].Status, "it was handed to a leader that may have taken it")
}

func TestAReadInASessionKeepsItAliveThroughTheLog(t *testing.T) {
	c := newCluster(t, 1)
	c.settle(1)
	slots := func(req *kv.Request) uint64 {
		before := c.inspect(1).Commit
		c.ask(1, req)
		return c.inspect(1).Commit - before
	}
	require.Equal(t, uint64(1), slots(&kv.Request{Session: 1, Seq: 1, Op: kv.Get{Key: "k"}}))
	require.Zero(t, slots(&kv.Request{Op: kv.Get{Key: "k"}}))
	require.Zero(t, slots(&kv.Request{Session: 1, Seq: 1, Wait: time.Second, Op: kv.Events{From: "k"}}), "a poll waits beside the log")
}

func TestALongPollIsAnsweredByTheChangeItWaitsFor(t *testing.T) {
	c := newCluster(t, 1, 2, 3)
	leader := c.settle(1)
	for _, n := range []machine.Node{leader, other(leader)} {
		poll := &kv.Request{Wait: 20 * time.Second, Op: kv.Events{From: "k"}}
		id := c.submit(n, poll)
		c.must(1, kv.Put{Key: "other"})
		c.pass(second)
		require.NotContains(t, c.got, id)
		c.must(1, kv.Put{Key: "k"})
		c.until(func() bool { return c.got[id] != nil })
		require.Len(t, c.got[id].Result.(kv.EventList).List, 1)
		require.Equal(t, &kv.Request{Wait: 20 * time.Second, Op: kv.Events{From: "k"}}, poll, "what was asked is the asker's")
	}
}

func TestALongPollEndsEmptyHandedWithWhereToGoOn(t *testing.T) {
	c := newCluster(t, 1)
	c.settle(1)
	id := c.submit(1, &kv.Request{Wait: 2 * time.Second, Op: kv.Events{From: "k"}})
	c.must(1, kv.Put{Key: "other"})
	c.pass(second)
	require.NotContains(t, c.got, id)
	c.pass(2 * second)
	require.Equal(t, kv.EventList{Next: kv.Version{Lo: 2}}, c.got[id].Result, "it has looked at the other key's change")

	now := c.do(1, kv.Events{From: "k"})
	require.Equal(t, kv.EventList{Next: kv.Version{Lo: 2}}, now.Result, "without a wait there is none")
}

func TestTooManyLongPollsAreRefused(t *testing.T) {
	const most = 4096
	c := newCluster(t, 1)
	c.settle(1)
	for range most {
		c.submit(1, &kv.Request{Level: kv.Eventual, Wait: time.Second, Op: kv.Events{From: "k"}})
	}
	over := c.submit(1, &kv.Request{Level: kv.Eventual, Wait: time.Second, Op: kv.Events{From: "k"}})
	require.Equal(t, kv.Overloaded, c.got[over].Status, "an empty answer would be asked for again at once")
	require.Nil(t, c.got[over-1])
	c.must(1, kv.Put{Key: "k"})
	require.NotNil(t, c.got[over-1])
	require.Nil(t, c.got[c.submit(1, &kv.Request{Wait: time.Second, Op: kv.Events{From: "k"}})], "there is room again")
}

func TestRefusalsBecomeStatuses(t *testing.T) {
	l := door.Language(role, newToy)
	for why, status := range map[paxos.Refusal]kv.Status{
		paxos.Overloaded: kv.Overloaded, paxos.Unavailable: kv.Unavailable, paxos.Invalid: kv.Invalid,
		paxos.Conflict: kv.Overloaded, paxos.Unknown: kv.Maybe,
	} {
		require.Equal(t, &kv.Response{Status: status, Detail: "so", Try: "a:1"}, l.Refuse(why, "so", "a:1"))
	}
}
