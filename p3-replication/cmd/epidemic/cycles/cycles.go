package cycles

import (
	"math/rand/v2"

	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
)

// Role is the sites' part in their addresses.
const Role = "site"

// period is what a cycle lasts by the sites' clocks.
const period = machine.Second

// maxRounds bounds the rounds of a cycle: sites that still talk then have found a way to talk for
// ever.
const maxRounds = 1 << 12

// Net is a number of sites and what they say in the present cycle. It is not safe for use by several
// goroutines at a time.
type Net struct {
	sites []machine.Machine // of nodes 1 and up
	rng   *rand.Rand
	cycle int
	mail  []letter // for the next round
	out   machine.Out

	// Sent is called with every message; may be nil.
	Sent func(from, to int, msg machine.Data)
	// Saved is called when a site has learnt an item; may be nil.
	Saved func(site int, i gossip.Item)
}

type letter struct {
	from, to machine.Addr
	msg      machine.Data
}

// New makes as many sites as there are configurations. Sites are counted from 0 here; their nodes from
// 1. The same seed gives the same epidemics. The error is what gossip.New has against a Config.
func New(configs []gossip.Config, seed uint64) (*Net, error) {
	n := &Net{rng: rand.New(rand.NewPCG(seed, uint64(len(configs))))}
	for i := range configs {
		c := configs[i]
		c.Period = period
		m, err := gossip.New(addr(i), c)
		if err != nil {
			return nil, err
		}
		n.sites = append(n.sites, m)
		n.step(i, machine.Ready{Fresh: true})
	}
	return n, nil
}

// Everyone are the nodes of so many sites.
func Everyone(sites int) (all []machine.Node) {
	for i := range sites {
		all = append(all, addr(i).Node)
	}
	return all
}

func addr(site int) machine.Addr { return machine.Addr{Node: machine.Node(site + 1), Role: Role} }

// Number returns how many cycles there were.
func (n *Net) Number() int { return n.cycle }

// Ask asks a site, and returns its answer. What the site says because of it is heard in the next
// cycle.
func (n *Net) Ask(site int, cmd machine.Data) machine.Data {
	n.step(site, machine.Ask{ID: n.rng.Uint64(), Cmd: cmd})
	return n.out.Reply[0].Data
}

// Cycle lets every site begin a period, and all of them talk until they are silent.
func (n *Net) Cycle() {
	n.cycle++
	for i := range n.sites {
		n.step(i, machine.Recv{From: addr(i), Msg: gossip.Tick{}})
	}
	var round []letter
	for range maxRounds {
		if len(n.mail) == 0 {
			return
		}
		round, n.mail = n.mail, round[:0]
		n.rng.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		for _, l := range round {
			n.step(int(l.to.Node)-1, machine.Recv{From: l.from, Msg: l.msg})
		}
	}
	panic("cycles: the sites of a cycle do not end to talk")
}

// step gives a site an input, and takes what it says.
func (n *Net) step(site int, e machine.Event) {
	n.out.Reset()
	self := addr(site)
	n.sites[site].Step(machine.In{Now: machine.Time(n.cycle) * period, Rand: n.rng.Uint64(), Event: e}, &n.out)
	for _, r := range n.out.Save {
		if kept, ok := r.(gossip.Kept); ok && n.Saved != nil {
			n.Saved(site, kept.Item)
		}
	}
	for _, env := range n.out.Send {
		if env.To == self {
			continue // the timer: a cycle is begun for all
		}
		if n.Sent != nil {
			n.Sent(site, int(env.To.Node)-1, env.Msg)
		}
		n.mail = append(n.mail, letter{from: self, to: env.To, msg: env.Msg})
	}
}
