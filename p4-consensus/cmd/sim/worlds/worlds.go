package worlds

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/paxos/proto"
)

// Kind is one of the worlds.
type Kind struct {
	Name     string
	Replicas int  // of the first group: nodes 1 to Replicas
	Joining  int  // others, the nodes after those, that wait to be taken up
	Hopeless bool // it may come to a stop: of it only safety is asked

	config func(*paxos.Config) // what is not as usual
	limits func(*sim.Faults)
	asks   func(k int, r *rand.Rand) machine.Data // of a caller at each replica
}

// Soon is the virtual time after the last fault within which every request is answered, in
// every world that is not hopeless: ten elections.
const Soon = 3 * machine.Second

// All returns the worlds, the usual one first.
func All() []Kind {
	return []Kind{
		{Name: "log", Replicas: 3},
		{Name: "five", Replicas: 5, limits: func(f *sim.Faults) { f.Down = 2 }},
		{Name: "flexible", Replicas: 4, config: func(c *paxos.Config) { c.Quorum1, c.Quorum2 = 3, 2 }},
		{Name: "duels", Replicas: 5, config: impatient, limits: lonely, Hopeless: true},
		{Name: "lease", Replicas: 3, config: leases, limits: steady},
		{Name: "members", Replicas: 3, Joining: 2, asks: changes},
		{Name: "disks", Replicas: 3, limits: forgetful},
		{Name: "worst", Replicas: 3, Joining: 2, limits: forgetful, asks: changes, Hopeless: true},
		{Name: "transfer", Replicas: 3, config: leases, limits: steady, asks: transfers},
		{Name: "local", Replicas: 3, asks: localReads},
	}
}

// Usual is the world of three replicas and nothing special.
func Usual() Kind { return All()[0] }

// Named returns the world of a name. The error tells all names.
func Named(name string) (Kind, error) {
	for _, k := range All() {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("no world %q: want %s", name, Names())
}

// Names lists the worlds for people.
func Names() string {
	var all []string
	for _, k := range All() {
		all = append(all, k.Name)
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// impatient makes replicas seek another leader before one has got anywhere, so that the votes
// for a slot are of many ballots.
func impatient(c *paxos.Config) {
	c.Heartbeat, c.Election, c.Alpha = 5*machine.Millisecond, 10*machine.Millisecond, 16
}

// lonely loses so much that few hear of a vote.
func lonely(f *sim.Faults) {
	if f.Down = 2; f.Drop > 0 {
		f.Drop, f.Cut = 0.3, 0.1
	}
}

func leases(c *paxos.Config) { c.Lease = c.Election * 2 / 3 }

// steady keeps to what a lease rests on: clocks drift by less than a tenth, and do not jump.
func steady(f *sim.Faults) { f.Jump = 0 }

// forgetful lets the disk of one node lose what was durable, and say so. A founder whose disk
// is emptied stays out: it was not told to join. Any other is taken up again.
func forgetful(f *sim.Faults) {
	if f.Crash > 0 {
		*f = f.Damaging()
		f.Wipe = 0.2
	}
}

// Limit is f as far as the world goes.
func (k Kind) Limit(f sim.Faults) sim.Faults {
	f.Down = 1
	if k.limits != nil {
		k.limits(&f)
	}
	return f
}

// Role is that of the replicas.
const Role = "paxos"

// Language is that of a store which remembers few changes, so that they are soon too old.
func Language() *paxos.Language { return LanguageOf(Role, table.Config{HistoryEvents: 20}) }

// LanguageOf is that of stores of any kind, for replicas of any role.
func LanguageOf(role string, c table.Config) *paxos.Language {
	return door.Language(role, func() door.Store { return table.New(c) })
}

// Replica is the address of the i-th, from 1.
func Replica(i int) machine.Addr { return machine.Addr{Node: machine.Node(i), Role: Role} }

// Settings are those of the world's replicas: quicker than real ones, so that a run of some
// hundred steps sees elections, snapshots and what comes after.
func (k Kind) Settings() paxos.Config {
	c := paxos.Config{
		Heartbeat: 50 * machine.Millisecond, Election: 300 * machine.Millisecond,
		Alpha: 4, Batch: 200, Snapshot: 600, Retain: 2,
	}
	for i := range k.Replicas {
		c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}})
	}
	if k.config != nil {
		k.config(&c)
	}
	return c
}

// World makes the world: its replicas first, who may be another program's, then its clients.
func (k Kind) World() *sim.Config {
	cfg := world.Behind(session.ExactlyOnce, Language().Protocol(), k.Settings())
	cfg.Nodes = append(k.nodes(), k.clients(cfg.Nodes[1:])...)
	if k.asks != nil {
		for i := range k.Replicas + k.Joining {
			cfg.Clients = append(cfg.Clients, sim.Client{
				At: Replica(i + 1), Next: k.asks, Think: 200 * machine.Millisecond, Patience: 2 * machine.Second,
			})
		}
	}
	cfg.Judges = k.Judges
	cfg.Faults = k.Limit(cfg.Faults)
	return cfg
}

func (k Kind) nodes() (nodes []sim.Node) {
	protocol := Language().Protocol()
	for i := range k.Replicas + k.Joining {
		c := k.Settings()
		c.Join = i >= k.Replicas
		nodes = append(nodes, sim.Node{ID: machine.Node(i + 1), Roles: []sim.Role{
			{Name: Role, Protocol: protocol, Config: c.AppendTo(nil), Remote: true},
		}})
	}
	return nodes
}

// clients lets stage 1's clients ask all replicas, each another first. The last is hasty.
func (k Kind) clients(nodes []sim.Node) []sim.Node {
	n := k.Replicas + k.Joining
	for i := range nodes {
		c := world.Patient(session.ExactlyOnce)
		c.Servers = nil
		for s := range n {
			c.Servers = append(c.Servers, session.Server{Addr: Replica((i+s)%n + 1)})
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
