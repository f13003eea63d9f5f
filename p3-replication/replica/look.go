package replica

import (
	"slices"
	"sync/atomic"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire/roster"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/topology"
	seen "dss.example/p3-replication/topology/proto"
	"dss.example/p3-replication/vector"
)

// sight is what the server looked like after one of its steps.
type sight struct {
	report bayou.Report
	named  bool          // it has a name, and knows its birth
	peers  []bayou.Peer  // in order of nodes
	probed seen.Sight    // what the probe of this node has told last
	past   chan struct{} // closed when there is a newer one
}

// watched is the server, which is looked at after the steps that matter: it has no other
// words for what goes on inside than answers to those who ask.
type watched struct {
	*bayou.Server
	near  *topology.Near // stands before the Server
	owner *Replica
	gone  bool // it was told that the server has retired, and may stop
}

// Step implements machine.Machine.
func (w *watched) Step(in machine.In, out *machine.Out) {
	notes := len(out.Note)
	w.near.Step(in, out)
	_, ready := in.Event.(machine.Ready)
	recv, _ := in.Event.(machine.Recv)
	_, tick := recv.Msg.(proto.Tick)
	if ready || tick || len(out.Note) > notes {
		w.look()
	}
}

// look publishes what there is to see, and has the network follow it.
func (w *watched) look() {
	next := &sight{report: w.Report(), peers: w.Peers(), probed: w.near.Sight(), past: make(chan struct{})}
	_, known := next.report.Full.Complete(next.report.Name)
	next.named = next.report.Name != "" && known != vector.Unheard
	w.owner.roster.Follow(listed(next.peers), w.owner.cfg.Clock.Now())
	if last := w.owner.sight.Swap(next); last != nil {
		close(last.past)
	}
	if next.report.Gone && !w.gone {
		w.gone = true
		w.owner.cfg.Fail(ErrRetired)
	}
}

// Distances returns how far the servers are that it may speak to, as they were seen when it
// looked last; the answer to kv.Probe.
func (r *Replica) Distances() kv.Distances {
	s := r.sight.Load()
	measured := topology.Distances(s.probed).List
	d := kv.Distances{Asked: kv.ReplicaID(r.cfg.Self), Zone: r.cfg.Bayou.Zone}
	for _, p := range s.peers {
		one := kv.Distance{ID: kv.ReplicaID(p.Node), Addr: p.Addr}
		at := slices.IndexFunc(measured, func(m kv.Distance) bool { return m.ID == one.ID })
		if at >= 0 {
			m := measured[at]
			one.Zone, one.Up, one.RTT, one.Chosen = m.Zone, m.Up, m.RTT, m.Chosen
		}
		d.List = append(d.List, one)
	}
	return d
}

// nearest returns the one that would be asked first; false if nobody is up.
func (r *Replica) nearest() (kv.Distance, bool) {
	for _, d := range r.Distances().List {
		if d.Chosen {
			return d, true
		}
	}
	return kv.Distance{}, false
}

// listed is servers as the network knows them.
func listed(peers []bayou.Peer) []roster.Member {
	all := make([]roster.Member, len(peers))
	for i, p := range peers {
		all[i] = roster.Member(p)
	}
	return all
}

// The facts of a server, in the order in which they are counted.
const (
	stranger = iota // a node belongs to another database
	damaged         // the disk, and the server begins anew
	violated        // another server breaks the protocol
	full            // there are too many servers
	refused         // a state that no server can have
	kindsOfFacts
)

var factNames = [kindsOfFacts]string{"stranger", "damaged", "violated", "full", "refused"}

// facts counts what the server has noted.
type facts struct {
	counts [kindsOfFacts]atomic.Uint64
	quiet  [kindsOfFacts]machine.Time // until when no other of its kind is logged; the loop's alone
}

// note counts and logs a fact, but not more than one of its kind in a while: others may make a
// server note them as often as they like.
func (r *Replica) note(f machine.Fact) {
	for kind, name := range factNames {
		if f.Name != name {
			continue
		}
		r.facts.counts[kind].Add(1)
		now := r.cfg.Clock.Now()
		if now < r.facts.quiet[kind] {
			return
		}
		r.facts.quiet[kind] = now + quiet
		log := r.cfg.Logger.Warn
		if kind == violated {
			log = r.cfg.Logger.Error
		}
		log("bayou "+name, "what", f.Text)
		return
	}
	r.cfg.Logger.Debug("bayou "+f.Name, "what", f.Text)
}
