package gossip_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
	"dss.example/p3-replication/vector"
)

const role = "site"

var sameData = cmp.Options{cmpopts.EquateEmpty()}

func addr(node int) machine.Addr { return machine.Addr{Node: machine.Node(node), Role: role} }

func nodes(n int) (all []machine.Node) {
	for i := range n {
		all = append(all, machine.Node(i+1))
	}
	return all
}

// stamp is one of nobody who lives in a test.
func stamp(time uint64) vector.Stamp {
	s, _ := vector.Root.Child(99)
	return vector.Stamp{Time: time, Server: s}
}

// yard is a few sites, numbered from 1, that hear each other at once and lose nothing; what they
// save is kept. Its clock moves only by tick.
type yard struct {
	t       require.TestingT
	configs []gossip.Config
	sites   []machine.Machine
	disks   [][]machine.Data // what was saved and not trimmed
	trimmed []uint64
	rng     *rand.Rand
	now     machine.Time
	queue   []letter
	heard   []letter // all that was said
	deaf    map[int]bool
	out     machine.Out
	asks    uint64
}

type letter struct {
	from, to int
	msg      machine.Data
}

const period = machine.Second

func newYard(t require.TestingT, seed uint64, configs ...gossip.Config) *yard {
	y := &yard{t: t, rng: rand.New(rand.NewPCG(seed, 7)), deaf: map[int]bool{}, configs: configs}
	y.sites, y.disks, y.trimmed = make([]machine.Machine, len(configs)), make([][]machine.Data, len(configs)), make([]uint64, len(configs))
	for i := range configs {
		y.configs[i].Peers = nodes(len(configs))
		y.configs[i].Period = period
		y.start(i + 1)
	}
	return y
}

// alike are the configurations of n sites.
func alike(n int, c gossip.Config) []gossip.Config { return slices.Repeat([]gossip.Config{c}, n) }

// start makes a site of what is on its disk.
func (y *yard) start(site int) {
	m, err := gossip.New(addr(site), y.configs[site-1])
	require.NoError(y.t, err)
	y.sites[site-1] = m
	disk := y.disks[site-1]
	for i, r := range disk {
		b := r.AppendTo(nil)
		record, err := gossip.DecodeRecord(b)
		require.NoError(y.t, err)
		require.Empty(y.t, cmp.Diff(r, record, sameData))
		y.step(site, machine.Load{Seq: y.trimmed[site-1] + uint64(i) + 1, Record: record})
	}
	y.step(site, machine.Ready{Fresh: len(disk) == 0})
}

func (y *yard) step(site int, e machine.Event) {
	y.out.Reset()
	y.sites[site-1].Step(machine.In{Now: y.now, Rand: y.rng.Uint64(), Event: e}, &y.out)
	y.disks[site-1] = append(y.disks[site-1], y.out.Save...)
	if n := y.out.Trim; n > 0 {
		y.disks[site-1] = y.disks[site-1][n-1-y.trimmed[site-1]:]
		y.trimmed[site-1] = n - 1
	}
	for _, env := range y.out.Send {
		if env.To != addr(site) {
			y.queue = append(y.queue, letter{site, int(env.To.Node), env.Msg})
		}
	}
}

// tick lets a period begin at sites, and all talk until they are silent.
func (y *yard) tick(sites ...int) {
	y.now += period
	for _, s := range sites {
		y.step(s, machine.Recv{From: addr(s), Msg: gossip.Tick{}})
	}
	y.talk()
}

// all lets periods begin at all sites.
func (y *yard) all(periods int) {
	for range periods {
		sites := []int{}
		for i := range y.sites {
			sites = append(sites, i+1)
		}
		y.tick(sites...)
	}
}

// talk delivers what was said, through its bytes.
func (y *yard) talk() {
	for rounds := 0; len(y.queue) > 0; rounds++ {
		require.Less(y.t, rounds, 100_000, "they talk for ever")
		l := y.queue[0]
		y.queue = y.queue[1:]
		y.heard = append(y.heard, l)
		if y.deaf[l.from] || y.deaf[l.to] {
			continue
		}
		msg, err := gossip.DecodeMessage(l.msg.AppendTo(nil))
		require.NoError(y.t, err)
		y.step(l.to, machine.Recv{From: addr(l.from), Msg: msg})
	}
}

// say gives a site a message, and returns what it says.
func (y *yard) say(from, to int, msg machine.Data) (said []machine.Data) {
	y.step(to, machine.Recv{From: addr(from), Msg: msg})
	for _, l := range y.queue {
		said = append(said, l.msg)
	}
	y.queue = nil
	return said
}

func (y *yard) ask(site int, cmd machine.Data) machine.Data {
	y.asks++
	y.step(site, machine.Ask{ID: y.asks, Cmd: cmd})
	require.Len(y.t, y.out.Reply, 1)
	require.Equal(y.t, y.asks, y.out.Reply[0].ID)
	return y.out.Reply[0].Data
}

func (y *yard) put(site int, key, value string) vector.Stamp {
	answer := y.ask(site, gossip.Put{Key: key, Value: []byte(value)})
	require.IsType(y.t, gossip.Written{}, answer)
	return answer.(gossip.Written).Stamp
}

func (y *yard) delete(site int, key string) {
	require.IsType(y.t, gossip.Written{}, y.ask(site, gossip.Delete{Key: key}))
}

// get returns a key's value, or "-".
func (y *yard) get(site int, key string) string {
	if found, ok := y.ask(site, gossip.Get{Key: key}).(gossip.Found); ok {
		return string(found.Value)
	}
	return "-"
}

func (y *yard) look(site int) gossip.Outline {
	return y.ask(site, gossip.Look{}).(gossip.Outline)
}

// said returns the messages of a type that were heard.
func said[T machine.Data](y *yard) (all []T) {
	for _, l := range y.heard {
		if m, ok := l.msg.(T); ok {
			all = append(all, m)
		}
	}
	return all
}

// agree demands that all sites have the same.
func (y *yard) agree() {
	for i := range y.sites {
		require.Equal(y.t, y.look(1).Sum, y.look(i+1).Sum, "site %d", i+1)
		require.Equal(y.t, y.look(1).Values, y.look(i+1).Values, "site %d", i+1)
	}
}

func key(n int) string { return fmt.Sprintf("key-%04d", n) }
