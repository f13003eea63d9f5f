package main

import (
	"errors"
	"math/rand/v2"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/spec"
)

// kind is one of the worlds of cmd/sim: a seed gives the same run here and there, so that a
// student can look at what the judge has seen. All have stage 1's clients, who ask any of the
// replicas.
type kind struct {
	name     string
	replicas int                 // of the first group
	joining  int                 // others, that wait to be taken up
	hopeless bool                // it may come to a stop: of it only safety is asked
	config   func(*paxos.Config) // what is not as usual
	limits   func(*sim.Faults)
	asks     func(k int, r *rand.Rand) machine.Data // of a caller at each replica; nil: there is none
}

func kinds() []kind {
	return []kind{
		{name: "log", replicas: 3},
		{name: "five", replicas: 5, limits: func(f *sim.Faults) { f.Down = 2 }},
		{name: "flexible", replicas: 4, config: func(c *paxos.Config) { c.Quorum1, c.Quorum2 = 3, 2 }},
		{name: "duels", replicas: 5, config: impatient, limits: lonely, hopeless: true},
		{name: "lease", replicas: 3, config: leases, limits: steady},
		{name: "members", replicas: 3, joining: 2, asks: changes},
		{name: "disks", replicas: 3, limits: forgetful},
		{name: "worst", replicas: 3, joining: 2, limits: forgetful, asks: changes, hopeless: true},
		{name: "transfer", replicas: 3, config: leases, limits: steady, asks: transfers},
		{name: "local", replicas: 3, asks: localReads},
	}
}

// impatient makes replicas seek another leader before one has got anywhere, so that the votes
// for a slot are of many ballots.
func impatient(c *paxos.Config) {
	c.Heartbeat, c.Election, c.Alpha = 5*machine.Millisecond, 10*machine.Millisecond, 16
}

// lonely loses so much that few hear of a vote.
func lonely(f *sim.Faults) { f.Down, f.Drop, f.Cut = 2, 0.3, 0.1 }

func leases(c *paxos.Config) { c.Lease = c.Election * 2 / 3 }

// steady keeps to what a lease rests on: clocks do not jump.
func steady(f *sim.Faults) { f.Jump = 0 }

// forgetful lets the disk of one node lose what was durable, and say so.
func forgetful(f *sim.Faults) {
	*f = f.Damaging()
	f.Wipe = 0.2
}

const role = "paxos"

// language is that of a store which remembers few changes, so that they are soon too old.
func language() *paxos.Language {
	return door.Language(role, func() door.Store { return table.New(table.Config{HistoryEvents: 20}) })
}

func replica(i int) machine.Addr { return machine.Addr{Node: machine.Node(i), Role: role} }

// settings are those of a world's replicas: quicker than real ones, so that a run of some
// hundred steps sees elections, snapshots and what comes after.
func (k kind) settings() paxos.Config {
	c := paxos.Config{
		Heartbeat: 50 * machine.Millisecond, Election: 300 * machine.Millisecond,
		Alpha: 4, Batch: 200, Snapshot: 600, Retain: 2,
	}
	for i := range k.replicas {
		c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}})
	}
	if k.config != nil {
		k.config(&c)
	}
	return c
}

// world makes the world of this kind. All its replicas are the submission's.
func (k kind) world() *sim.Config {
	cfg := world.Behind(session.ExactlyOnce, language().Protocol(), k.settings())
	cfg.Nodes = append(k.nodes(), k.clients(cfg.Nodes[1:])...)
	if k.asks != nil {
		for i := range k.replicas + k.joining {
			cfg.Clients = append(cfg.Clients, sim.Client{
				At: replica(i + 1), Next: k.asks, Think: 200 * machine.Millisecond, Patience: 2 * machine.Second,
			})
		}
	}
	cfg.Judges = func() []sim.Judge { return k.judges(new(int)) }
	cfg.Faults.Down = 1
	if k.limits != nil {
		k.limits(&cfg.Faults)
	}
	return cfg
}

func (k kind) nodes() (nodes []sim.Node) {
	protocol := language().Protocol()
	for i := range k.replicas + k.joining {
		c := k.settings()
		c.Join = i >= k.replicas
		nodes = append(nodes, sim.Node{ID: machine.Node(i + 1), Roles: []sim.Role{
			{Name: role, Protocol: protocol, Config: c.AppendTo(nil), Remote: true},
		}})
	}
	return nodes
}

// clients lets stage 1's clients ask all replicas, each another first. The last is hasty.
func (k kind) clients(nodes []sim.Node) []sim.Node {
	n := k.replicas + k.joining
	for i := range nodes {
		c := world.Patient(session.ExactlyOnce)
		c.Servers = nil
		for s := range n {
			c.Servers = append(c.Servers, session.Server{Addr: replica((i+s)%n + 1)})
		}
		if i == len(nodes)-1 {
			c.Timeout = machine.Second
		}
		nodes[i].Roles[0].Config = c.AppendTo(nil)
	}
	return nodes
}

// changes are those of an operator who takes replicas in and out as it comes: most are
// refused, because the wrong replica is asked, or the new one has not caught up.
func changes(_ int, r *rand.Rand) machine.Data {
	some := func() kv.ReplicaID { return kv.ReplicaID(1 + r.IntN(5)) }
	switch r.IntN(6) {
	case 0:
		return &kv.Request{Op: kv.Change{Remove: some()}}
	case 1:
		return &kv.Request{Op: kv.Transfer{To: some()}}
	case 2:
		return &kv.Request{Op: kv.Members{}}
	case 3:
		return &kv.Request{Op: kv.Change{Add: some(), Remove: some()}}
	}
	return &kv.Request{Op: kv.Change{Add: some()}}
}

// transfers are those of an operator who lets one replica after the other lead.
func transfers(_ int, r *rand.Rand) machine.Data {
	return &kv.Request{Op: kv.Transfer{To: kv.ReplicaID(1 + r.IntN(3))}}
}

// localReads are those of a caller who takes what the replica has.
func localReads(_ int, r *rand.Rand) machine.Data {
	if r.IntN(2) == 0 {
		return &kv.Request{Level: kv.Eventual, Op: kv.Scan{}}
	}
	return &kv.Request{Level: kv.Eventual, Op: kv.Get{Key: string(rune('a' + r.IntN(3)))}}
}

// judges are those of a run: the specification looks at every step of the replicas, told at
// what callers were told. It counts in done what was done for them.
func (k kind) judges(done *int) []sim.Judge {
	c := k.settings()
	return []sim.Judge{spec.New(spec.Config{
		Role: role, Language: language(), Alpha: c.Alpha, Lease: c.Lease, Refused: refused,
	}), told{done}}
}

// refused tells which answers say that nothing was done, or that nobody knows.
func refused(answer machine.Data) bool {
	switch answer.(*kv.Response).Status {
	case kv.Overloaded, kv.Unavailable, kv.Maybe:
		return true
	}
	return false
}

// told judges what callers were told.
type told struct{ done *int }

// Step implements sim.Judge.
func (told) Step(*sim.Step) error { return nil }

// searchSteps bounds the search for what requests of unknown outcome did.
const searchSteps = 300_000

// End implements sim.Judge: one order of all requests explains what stage 1's clients were
// told, and a prefix of it what was read of one replica as it stood.
func (t told) End(w *sim.World) error {
	clients, local := histories(w)
	for _, op := range clients {
		if op.Resp != nil && !refused(op.Resp) {
			*t.done++
		}
	}
	err := check.StrictlySerializableWithin(clients, table.Offers(), searchSteps)
	if err == nil && len(local) > 0 {
		err = check.Prefix(append(clients, local...), table.Offers())
	}
	if errors.Is(err, check.ErrNotChecked) {
		return unchecked{err}
	}
	return err
}

// histories takes apart what clients and what callers of single replicas have asked. Each of
// the latter's reads is by a caller of its own: a replica that restarts may go back.
func histories(w *sim.World) (clients, local check.History) {
	for i, op := range world.History(w) {
		switch x := w.History()[i]; {
		case x.At.Role != role:
			clients = append(clients, op)
		case op.Req.Level == kv.Eventual:
			op.Client = 1000 + i
			local = append(local, op)
		}
	}
	return clients, local
}

// unchecked is a fault of the judge, not of what is judged.
type unchecked struct{ error }

const notChecked = "not checked"

// Rule keeps it apart from a broken order.
func (unchecked) Rule() string { return notChecked }

// Unwrap returns check.ErrNotChecked.
func (u unchecked) Unwrap() error { return u.error }
