package overlay_test

import (
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/topology/overlay"
	"dss.example/p3-replication/topology/proto"
)

const (
	role  = "overlay"
	ms    = machine.Millisecond
	every = 100 * ms
)

func addr(node int) machine.Addr { return machine.Addr{Node: machine.Node(node), Role: role} }

// yard is servers numbered from 1 in a line, i and j as far as 10 ms times their difference, whose
// probes are the test. They hear each other at once; the clock moves by tick only.
type yard struct {
	t       require.TestingT
	cfg     overlay.Config
	servers []*overlay.Overlay
	down    map[int]bool
	lose    func(from, to int, msg machine.Data) bool // may be nil
	rng     *rand.Rand
	now     machine.Time
	queue   []letter
	sent    []letter
	out     machine.Out
	asks    uint64
}

type letter struct {
	from, to int
	msg      machine.Data
}

func newYard(t require.TestingT, n int, c overlay.Config) *yard {
	c.Every = every
	y := &yard{t: t, cfg: c, servers: make([]*overlay.Overlay, n), down: map[int]bool{}, rng: rand.New(rand.NewPCG(uint64(n), 3))}
	for i := range n {
		y.start(i + 1)
	}
	y.see()
	return y
}

// start starts a server that knows nothing.
func (y *yard) start(n int) {
	s, err := overlay.New(addr(n), y.cfg)
	require.NoError(y.t, err)
	y.servers[n-1] = s
	delete(y.down, n)
	y.step(n, machine.Ready{Fresh: true})
}

// see lets every probe tell what there is.
func (y *yard) see() {
	for n := range y.servers {
		if !y.down[n+1] {
			y.sight(n+1, y.view(n+1))
		}
	}
	y.talk()
}

func (y *yard) view(n int) (s proto.Sight) {
	s.Self.Node = machine.Node(n)
	for o := range y.servers {
		if o+1 != n {
			rtt := 10 * ms * machine.Time(max(n-o-1, o+1-n))
			s.Peers = append(s.Peers, proto.Seen{Place: proto.Place{Node: machine.Node(o + 1)}, Up: !y.down[o+1], RTT: rtt})
		}
	}
	return s
}

func (y *yard) sight(n int, s proto.Sight) {
	y.step(n, machine.Recv{From: machine.Addr{Node: machine.Node(n), Role: "probe"}, Msg: s})
}

func (y *yard) step(n int, e machine.Event) {
	y.out.Reset()
	y.servers[n-1].Step(machine.In{Now: y.now, Rand: y.rng.Uint64(), Event: e}, &y.out)
	for _, env := range y.out.Send {
		if env.To.Node != machine.Node(n) {
			y.queue = append(y.queue, letter{n, int(env.To.Node), env.Msg})
		}
	}
}

// talk delivers what was said, through its bytes, until all are silent.
func (y *yard) talk() {
	for count := 0; len(y.queue) > 0; count++ {
		require.Less(y.t, count, 100_000, "they talk for ever")
		l := y.queue[0]
		y.queue = y.queue[1:]
		y.sent = append(y.sent, l)
		if l.to > len(y.servers) || y.down[l.from] || y.down[l.to] || y.lose != nil && y.lose(l.from, l.to, l.msg) {
			continue
		}
		y.say(l.from, l.to, l.msg)
	}
}

func (y *yard) say(from, to int, msg machine.Data) {
	msg, err := proto.DecodeOverlay(msg.AppendTo(nil))
	require.NoError(y.t, err)
	y.step(to, machine.Recv{From: addr(from), Msg: msg})
}

// tick lets time pass for all.
func (y *yard) tick(times int) {
	for range times {
		y.now += every
		for n := range y.servers {
			if !y.down[n+1] {
				y.step(n+1, machine.Recv{From: addr(n + 1), Msg: proto.Tick{}})
			}
		}
		y.talk()
	}
}

func (y *yard) ask(n int, cmd machine.Data) machine.Data {
	y.asks++
	y.step(n, machine.Ask{ID: y.asks, Cmd: cmd})
	require.Len(y.t, y.out.Reply, 1)
	return y.out.Reply[0].Data
}

func (y *yard) look(n int) proto.Outline { return y.ask(n, proto.Look{}).(proto.Outline) }

// publish sends a body from a server to all, and lets them talk.
func (y *yard) publish(n int, body string) proto.ID {
	a := y.ask(n, proto.Publish{Body: []byte(body)})
	require.IsType(y.t, proto.Published{}, a)
	y.talk()
	return a.(proto.Published).ID
}

// bodies returns what a server has heard, in the order of bodies.
func (y *yard) bodies(n int) (all []string) {
	for _, i := range y.ask(n, proto.Read{}).(proto.Items).List {
		all = append(all, string(i.Body))
	}
	slices.Sort(all)
	return all
}

// said returns the messages of a type that were sent since the last call.
func said[T machine.Data](y *yard) (all []T) {
	for _, l := range y.sent {
		if m, ok := l.msg.(T); ok {
			all = append(all, m)
		}
	}
	y.sent = nil
	return all
}
