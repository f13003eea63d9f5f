package replica

import (
	"fmt"
	"slices"

	"dss.example/common/daemon"
	"dss.example/common/run"
	"dss.example/common/wire"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/vector"
)

// Counters lists what /metrics shows of the replica; the list does not change.
func (r *Replica) Counters() []daemon.Counter {
	all := slices.Concat(r.vectors(), r.gauges(), r.distances())
	total := func(name, help string, value func() uint64) {
		all = append(all, daemon.Counter{Name: "kvd_bayou_" + name, Help: help, Value: value})
	}
	cost := func(of func(bayou.Cost) uint64) func() uint64 { return func() uint64 { return of(r.Report().Cost) } }
	total("done_total", "Writes done, each as often as it was.", cost(func(c bayou.Cost) uint64 { return c.Done }))
	total("undone_total", "Writes undone because another came before them, and so rolled back and replayed.", cost(func(c bayou.Cost) uint64 { return c.Undone }))
	total("sessions_total", "Sessions of anti-entropy that brought something.", cost(func(c bayou.Cost) uint64 { return c.Sessions }))
	total("transfers_total", "States of others that it has taken over.", cost(func(c bayou.Cost) uint64 { return c.Transfers }))
	for kind, name := range factNames {
		all = append(all, daemon.Counter{
			Name: "kvd_bayou_facts_total", Labels: fmt.Sprintf("fact=%q", name),
			Help: "What a person should look at, as the log tells.", Value: r.facts.counts[kind].Load,
		})
	}
	counts := func(of func(run.Counts) uint64) func() uint64 { return func() uint64 { return of(r.Counts()) } }
	total("records_total", "Records appended to its log.", counts(func(c run.Counts) uint64 { return c.Saves }))
	total("syncs_total", "Syncs of its log.", counts(func(c run.Counts) uint64 { return c.Syncs }))
	total("refused_total", "Requests that were refused because too many waited.", counts(func(c run.Counts) uint64 { return c.Refused }))
	total("malformed_total", "Frames that were no message.", func() uint64 {
		return r.Counts().Malformed + r.probe.Counts().Malformed
	})
	peers := func(of func(wire.PeerStats) int64) func() uint64 {
		return func() uint64 { return uint64(of(r.peers.Stats())) }
	}
	total("sent_total", "Frames queued for peers.", peers(func(s wire.PeerStats) int64 { return s.Sent }))
	total("received_total", "Frames from peers.", peers(func(s wire.PeerStats) int64 { return s.Received }))
	total("dropped_total", "Frames that found no room, at a peer's queue or here.", func() uint64 {
		return uint64(r.peers.Stats().Dropped) + r.Counts().Dropped + r.probe.Counts().Dropped
	})
	total("dials_total", "Attempts to connect to a peer.", peers(func(s wire.PeerStats) int64 { return s.Dials }))
	return all
}

// vectors are how many servers each of the three vectors names, and how far the newest write
// of each has come: the state of anti-entropy in six figures.
func (r *Replica) vectors() (all []daemon.Counter) {
	labels := []struct {
		name string
		of   func(bayou.Report) vector.Vector
	}{
		{"omitted", func(p bayou.Report) vector.Vector { return p.Omitted }},
		{"committed", func(p bayou.Report) vector.Vector { return p.Committed }},
		{"full", func(p bayou.Report) vector.Vector { return p.Full }},
	}
	add := func(name, help string, value func(vector.Vector) uint64) {
		for _, l := range labels {
			all = append(all, daemon.Counter{
				Name: "kvd_bayou_" + name, Labels: fmt.Sprintf("vector=%q", l.name), Help: help, Gauge: true,
				Value: func() uint64 { return value(l.of(r.Report())) },
			})
		}
	}
	add("vector_servers", "Servers that a version vector names.", func(v vector.Vector) uint64 { return uint64(len(v)) })
	add("vector_newest", "The newest accept stamp of a version vector.", func(v vector.Vector) (newest uint64) {
		for _, e := range v {
			newest = max(newest, e.Time)
		}
		return newest
	})
	return all
}

// gauges are what the last Report tells.
func (r *Replica) gauges() []daemon.Counter {
	gauge := func(name, help string, of func(bayou.Report) uint64) daemon.Counter {
		return daemon.Counter{Name: "kvd_bayou_" + name, Help: help, Gauge: true, Value: func() uint64 { return of(r.Report()) }}
	}
	return []daemon.Counter{
		{Name: "kvd_bayou_named", Help: "1 if it has a name, and so takes requests.", Gauge: true, Value: func() uint64 { return one(r.sight.Load().named) }},
		gauge("primary", "1 if it gives commit numbers.", func(p bayou.Report) uint64 { return one(p.Primary) }),
		gauge("retired", "1 if it has retired.", func(p bayou.Report) uint64 { return one(p.Retired) }),
		gauge("commit", "The last commit number that it knows.", func(p bayou.Report) uint64 { return p.Commit }),
		gauge("dropped", "The last commit number whose write it does not keep.", func(p bayou.Report) uint64 { return p.Dropped }),
		gauge("tentative", "Writes without a commit number.", func(p bayou.Report) uint64 { return uint64(p.Tentative) }),
		gauge("conflicts", "Writes that could not be done.", func(p bayou.Report) uint64 { return uint64(p.Conflicts) }),
		gauge("waiting", "Requests of sessions that have seen more than this replica.", func(p bayou.Report) uint64 { return uint64(p.Waiting) }),
		{Name: "kvd_bayou_peers", Help: "Servers that it may speak to.", Gauge: true, Value: func() uint64 { return uint64(len(r.sight.Load().peers)) }},
	}
}

// distances are what the probe sees.
func (r *Replica) distances() []daemon.Counter {
	gauge := func(name, help string, value func() uint64) daemon.Counter {
		return daemon.Counter{Name: "kvd_probe_" + name, Help: help, Gauge: true, Value: value}
	}
	return []daemon.Counter{
		gauge("up", "Other servers that have answered a ping lately.", func() (up uint64) {
			for _, d := range r.Distances().List {
				up += one(d.Up)
			}
			return up
		}),
		gauge("chosen", "The number of the one that it would ask first; 0: nobody is up.", func() uint64 {
			near, _ := r.nearest()
			return uint64(near.ID)
		}),
		gauge("chosen_rtt_ns", "The round-trip time to that one.", func() uint64 {
			near, _ := r.nearest()
			return uint64(near.RTT)
		}),
	}
}

func one(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}
