package world

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/programs"
)

// Kind is one of the worlds.
type Kind struct {
	Name       string
	Servers    int // at nodes 1 to Servers; the first founds the database
	Later      int // others, at the nodes after those, that are born to it
	Travellers int
	Waived     kv.Guarantees // what travellers' sessions do without; they are judged by all the same

	sequencer bool // gives commit numbers, at node 1, instead of a primary
	spared    bool // node 1 never fails: the primary's disk is the one that may not be lost
	starlark  bool // the language of programs; else it is tiny

	config func(*bayou.Config) // what is not as usual
	limits func(*sim.Faults)
	asks   func(k int, r *rand.Rand) machine.Data // of the clients that stay; nil: everything
}

// Soon is the virtual time after the last fault within which every request is answered and all
// servers agree.
const Soon = 20 * machine.Second

// All returns the worlds, the usual one first.
func All() []Kind {
	return []Kind{
		{Name: "three", Servers: 3},
		{Name: "five", Servers: 5},
		{Name: "order", Servers: 3, sequencer: true},
		{Name: "disks", Servers: 4, spared: true, limits: forgetful},
		{Name: "births", Servers: 3, Later: 2, Travellers: 1, asks: operators},
		{Name: "far", Servers: 3, config: forgetsSoon, limits: partedLong},
		{Name: "sessions", Servers: 3, Travellers: 3, asks: readers},
		{Name: "programs", Servers: 3, starlark: true, asks: bookings},
	}
}

// Usual is the world of three servers and nothing special.
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

// forgetful lets the disks of two nodes lose what was durable, and say so.
func forgetful(f *sim.Faults) {
	if f.Crash > 0 {
		*f = f.Damaging()
		f.Wipe, f.Down = 0.2, 2
	}
}

// forgetsSoon keeps hardly any committed writes, so that who lags is sent the state.
func forgetsSoon(c *bayou.Config) { c.Retain, c.Keep = 1, 600 }

// partedLong lets partitions begin often, so that writes gather on both sides.
func partedLong(f *sim.Faults) {
	if f.Cut > 0 {
		f.Cut = 0.1
	}
}

// Limit is f as far as the world goes. No disk loses what was durable but in the world of
// disks: a primary that comes to found another database is no fault of a server's.
func (k Kind) Limit(f sim.Faults) sim.Faults {
	f.Wipe, f.Flip, f.Misplace = 0, 0, 0
	if k.limits != nil {
		k.limits(&f)
	}
	return f
}

// Role is that of the servers.
const Role = "bayou"

// Server is the address of the i-th, from 1.
func Server(i int) machine.Addr { return machine.Addr{Node: machine.Node(i), Role: Role} }

// Protocol is that of the world's servers.
func (k Kind) Protocol() *machine.Protocol {
	return bayou.Protocol(Role, bayou.Config{Programs: k.Programs()})
}

// Programs makes what runs the programs of writes.
func (k Kind) Programs() func() state.Programs {
	if k.starlark {
		return programs.New
	}
	return newTiny
}

// Settings are those of the server at a node: quicker than real ones, so that a run of some
// hundred steps sees sessions, transfers, and what comes after.
func (k Kind) Settings(self int) bayou.Config {
	c := bayou.Config{
		Found: self == 1, Addr: addr(self), Zone: "z",
		Tick: 20 * machine.Millisecond, Interval: 100 * machine.Millisecond, Founding: 300 * machine.Millisecond,
		Patience: 100 * machine.Millisecond, Eager: 2, Retain: 5, Keep: 2000, Batch: 300,
	}
	if k.sequencer {
		c.Order = roleOrder
	}
	for i := 1; i <= k.Servers+k.Later; i++ {
		if i != self && (i <= k.Servers || i == self-1) { // who comes later knows the first ones, and each who came before it
			c.Peers = append(c.Peers, bayou.Peer{Node: machine.Node(i), Addr: addr(i)})
		}
	}
	if k.config != nil {
		k.config(&c)
	}
	return c
}

func addr(node int) string { return fmt.Sprintf("server-%d", node) }

// Nodes of those who are no servers.
const (
	firstTraveller = 11
	auditorNode    = 31
)

// World makes the world: its servers first, who may be another program's, then the others.
func (k Kind) World() *sim.Config {
	cfg := &sim.Config{Faults: k.Limit(sim.AllFaults()), Judges: k.Judges}
	asks := k.asks
	if asks == nil {
		asks = everything
	}
	for i := 1; i <= k.Servers+k.Later; i++ {
		cfg.Nodes = append(cfg.Nodes, k.node(i))
		cfg.Clients = append(cfg.Clients, sim.Client{At: Server(i), Next: asks, Think: 40 * machine.Millisecond, Patience: 2 * machine.Second})
	}
	for i := range k.Travellers {
		at := machine.Addr{Node: machine.Node(firstTraveller + i), Role: roleTraveller}
		cfg.Nodes = append(cfg.Nodes, k.outside(at, travellerProtocol(), k.Waived))
		cfg.Clients = append(cfg.Clients, sim.Client{At: at, Next: journeys(i), Think: 40 * machine.Millisecond, Patience: 5 * machine.Second})
	}
	at := machine.Addr{Node: auditorNode, Role: roleAuditor}
	cfg.Nodes = append(cfg.Nodes, k.outside(at, auditorProtocol(), 0))
	cfg.Clients = append(cfg.Clients, sim.Client{At: at, Next: audits, Think: 5 * machine.Second})
	return cfg
}

func (k Kind) node(i int) sim.Node {
	n := sim.Node{ID: machine.Node(i), Safe: k.spared && i == 1, Roles: []sim.Role{
		{Name: Role, Protocol: k.Protocol(), Config: k.Settings(i).AppendTo(nil), Remote: true},
	}}
	if k.sequencer {
		n.Roles = append(n.Roles, sim.Role{Name: roleOrder, Protocol: sequencerProtocol()})
	}
	return n
}

// outside is a node of somebody who asks servers. Its configuration is how many there are, and
// what its sessions do without, if anything.
func (k Kind) outside(at machine.Addr, p *machine.Protocol, waived kv.Guarantees) sim.Node {
	config := []byte{byte(k.Servers + k.Later)}
	if waived != 0 {
		config = append(config, byte(waived))
	}
	return sim.Node{ID: at.Node, Safe: true, Roles: []sim.Role{{Name: at.Role, Protocol: p, Config: config}}}
}

// Roles are those of all worlds.
func Roles() map[string]*machine.Protocol {
	return map[string]*machine.Protocol{
		Role: Usual().Protocol(), roleOrder: sequencerProtocol(), roleTraveller: travellerProtocol(), roleAuditor: auditorProtocol(),
	}
}
