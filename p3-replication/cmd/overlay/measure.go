package main

import (
	"fmt"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/proto"
)

// experiment is what all ways have in common.
type experiment struct {
	layout  *topology.Layout
	options options
	victim  machine.Node // who dies: the first way, a tree, says who
}

// result is a line of the table.
type result struct {
	name          string
	before, after phase
	upkeep        float64 // messages that a server sends in a second without news
}

// phase is what became of the items of a while.
type phase struct {
	mean, last  machine.Time // until an item was at a server; at the last, of the slowest item
	copies, far float64      // that were sent of an item; and into another zone
	lost        int          // times that an item never came to a server that lived
	hurt        int          // items that were lost somewhere or came very late
	until       machine.Time // after the death: when the last of them was published
}

// The times of a run. Items are published often enough that some meet every moment of a repair.
const (
	warmUp = 60 * machine.Second
	quiet  = 20 * machine.Second
	pause  = 250 * machine.Millisecond
	settle = 60 * machine.Second
)

// trial is one way's run.
type trial struct {
	*experiment
	way    way
	driver *sim.Driver
	watch  *watch
	made   int // items
}

// measure runs a way.
func (e *experiment) measure(w way) (result, error) {
	t := e.begin(w)
	defer t.driver.Close()
	r := result{name: w.name}
	t.driver.Sleep(warmUp)
	sent := t.watch.sent
	t.driver.Sleep(quiet)
	r.upkeep = float64(t.watch.sent-sent) / float64(quiet/machine.Second) / float64(e.options.servers)
	r.before = t.publish(t.driver.Now(), proto.MaxRTT)
	if e.victim == 0 {
		e.victim = t.inner()
	}
	t.kill()
	r.after = t.publish(t.driver.Now(), 3*r.before.last)
	return r, t.driver.Err()
}

func (e *experiment) begin(w way) *trial {
	watch := &watch{layout: e.layout, news: map[string]*news{}}
	cfg := &sim.Config{
		Latency: e.layout.Latency, Scheduler: sim.Timed,
		Judges: func() []sim.Judge { return []sim.Judge{watch} },
	}
	for _, n := range everyone(e.options.servers) {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: n, Roles: w.roles(n, e.layout, e.options.servers)})
	}
	return &trial{experiment: e, way: w, driver: sim.NewDriver(cfg, e.options.seed), watch: watch}
}

// inner returns the server that has the most neighbours in the tree, as the first server has it.
func (t *trial) inner() machine.Node {
	o, _ := t.driver.Ask(machine.Addr{Node: 1, Role: role}, proto.Look{}).(proto.Outline)
	count := map[machine.Node]int{}
	for _, edge := range o.Tree {
		count[edge.A]++
		count[edge.B]++
	}
	all := everyone(t.options.servers)
	return slices.MaxFunc(all, func(a, b machine.Node) int { return count[a] - count[b] })
}

// kill ends all that runs on the victim's node.
func (t *trial) kill() {
	t.watch.dead = t.victim
	for _, r := range t.way.roles(t.victim, t.layout, t.options.servers) {
		t.driver.Ask(machine.Addr{Node: t.victim, Role: r.Name}, die{})
	}
}

// publish publishes items at those who live, by turns, and waits until nothing more will come. Items
// that take longer than late are hurt.
func (t *trial) publish(begin, late machine.Time) phase {
	copies, far := t.watch.copies, t.watch.far
	var names []string
	for range t.options.items {
		t.made++
		name := fmt.Sprintf("item-%d", t.made)
		names = append(names, name)
		t.driver.Ask(machine.Addr{Node: t.publisher(), Role: role}, t.way.publish(name))
		t.driver.Sleep(pause)
	}
	t.driver.Sleep(settle)
	p := phase{
		copies: float64(t.watch.copies-copies) / float64(len(names)),
		far:    float64(t.watch.far-far) / float64(len(names)),
	}
	count := 0
	for _, name := range names {
		count += t.reckon(&p, t.watch.news[name], begin, late)
	}
	p.mean /= machine.Time(max(count, 1))
	return p
}

// publisher returns who is next, but for the dead.
func (t *trial) publisher() machine.Node {
	n := machine.Node(t.made*7%t.options.servers + 1)
	if n == t.watch.dead {
		n = n%machine.Node(t.options.servers) + 1
	}
	return n
}

// reckon adds one item to a phase, and returns to how many others it has come.
func (t *trial) reckon(p *phase, item *news, begin, late machine.Time) (reached int) {
	lost, last := 0, machine.Time(0)
	for _, n := range everyone(t.options.servers) {
		at, ok := item.reached[n]
		switch took := at - item.published; {
		case n == t.watch.dead:
		case !ok:
			lost++
		case took > 0:
			p.mean += took
			last = max(last, took)
			reached++
		}
	}
	p.last = max(p.last, last)
	p.lost += lost
	if lost > 0 || last > late {
		p.hurt++
		p.until = max(p.until, item.published-begin)
	}
	return reached
}
