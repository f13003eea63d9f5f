package rsm

import (
	"fmt"

	"dss.example/common/daemon"
	"dss.example/common/run"
	"dss.example/common/wire"

	"dss.example/p4-consensus/paxos/proto"
)

// Counters lists what /metrics shows of the replica; the list does not change.
func (r *Replica) Counters() []daemon.Counter {
	var all []daemon.Counter
	for _, role := range []string{roleLeader, roleFollower, roleCandidate, roleForming, roleJoining} {
		all = append(all, daemon.Counter{
			Name: "kvd_paxos_role", Labels: fmt.Sprintf("role=%q", role), Help: "1 for what the replica is now.", Gauge: true,
			Value: func() uint64 { return one(r.Report().Role == role) },
		})
	}
	all = append(all, r.gauges()...)
	total := func(name, help string, value func() uint64) {
		all = append(all, daemon.Counter{Name: "kvd_paxos_" + name, Help: help, Value: value})
	}
	total("elections_total", "Times that it has wanted to lead.", r.facts.campaigns.Load)
	total("terms_total", "Times that it has led.", r.facts.terms.Load)
	total("regroups_total", "Changes of the group that it has executed.", r.facts.regroups.Load)
	total("snapshots_total", "Snapshots that reached its disk.", r.facts.snapshots.Load)
	total("installs_total", "Snapshots of others that it has taken over.", r.facts.installs.Load)
	counts := func(of func(run.Counts) uint64) func() uint64 { return func() uint64 { return of(r.Counts()) } }
	total("records_total", "Records appended to its log.", counts(func(c run.Counts) uint64 { return c.Saves }))
	total("syncs_total", "Syncs of its log.", counts(func(c run.Counts) uint64 { return c.Syncs }))
	total("refused_total", "Requests that were refused because too many waited.", counts(func(c run.Counts) uint64 { return c.Refused }))
	total("malformed_total", "Frames that were no message.", counts(func(c run.Counts) uint64 { return c.Malformed }))
	peers := func(of func(wire.PeerStats) int64) func() uint64 {
		return func() uint64 { return uint64(of(r.peers.Stats())) }
	}
	total("sent_total", "Frames queued for peers.", peers(func(s wire.PeerStats) int64 { return s.Sent }))
	total("received_total", "Frames from peers.", peers(func(s wire.PeerStats) int64 { return s.Received }))
	total("dropped_total", "Frames that found no room, at a peer's queue or here.", func() uint64 {
		return uint64(r.peers.Stats().Dropped) + r.Counts().Dropped
	})
	total("dials_total", "Attempts to connect to a peer.", peers(func(s wire.PeerStats) int64 { return s.Dials }))
	return all
}

// gauges are what the last Report tells.
func (r *Replica) gauges() []daemon.Counter {
	gauge := func(name, help string, of func(proto.Report) uint64) daemon.Counter {
		return daemon.Counter{Name: "kvd_paxos_" + name, Help: help, Gauge: true, Value: func() uint64 { return of(r.Report()) }}
	}
	return []daemon.Counter{
		gauge("leader", "The leader's number; 0: none is known.", func(p proto.Report) uint64 { return uint64(p.Leader) }),
		gauge("ballot_round", "The round of the highest ballot promised.", func(p proto.Report) uint64 { return p.Ballot.Round }),
		gauge("commit", "The last slot that is chosen and applied.", func(p proto.Report) uint64 { return p.Commit }),
		gauge("first", "The first slot that is still in the log.", func(p proto.Report) uint64 { return p.First }),
		gauge("snapshot", "The slot of the newest snapshot.", func(p proto.Report) uint64 { return p.Snapshot }),
		gauge("group", "The version of the group.", func(p proto.Report) uint64 { return p.Group.Version }),
		gauge("members", "Members of the group.", func(p proto.Report) uint64 { return uint64(len(p.Group.Members)) }),
		gauge("pending", "Commands and reads without an answer yet.", func(proto.Report) uint64 { return uint64(r.sight.Load().pending) }),
	}
}

func one(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}
