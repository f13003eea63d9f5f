package paxos_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// cluster is a world of replicas in which nothing happens by chance: messages take a
// millisecond unless they are lost, disks finish at once unless they are stalled.
type cluster struct {
	t     testing.TB
	now   machine.Time
	nodes map[machine.Node]*node
	mail  []letter
	lost  func(letter) bool // nil: nothing is lost
	rand  uint64
}

type letter struct {
	from, to machine.Addr
	due      machine.Time
	timer    bool
	msg      machine.Data
}

// node is a replica with its disk and its clock.
type node struct {
	addr    machine.Addr
	cfg     paxos.Config
	replica *paxos.Replica // nil: it is down
	disk    []machine.Load // what a restart would load
	trimmed []machine.Load // what was before that
	seq     uint64
	stalled bool
	waiting []machine.Out
	skew    machine.Time // of its clock
	speed   machine.Time // of its clock, in thousandths
	ids     uint64
	answers map[uint64]machine.Data
	notes   []machine.Fact
}

const (
	ms        = machine.Millisecond
	heartbeat = 10 * ms
	election  = 100 * ms
	alpha     = 4
)

func addr(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: "list"} }

// configOf is that of a replica in a first group of nodes 1 to n.
func configOf(n int) paxos.Config {
	c := paxos.Config{Heartbeat: heartbeat, Election: election, Alpha: alpha, Addr: "here"}
	for i := range n {
		c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}, Addr: fmt.Sprintf("host%d", i+1)})
	}
	return c
}

func emptyCluster(t testing.TB) *cluster {
	return &cluster{t: t, nodes: map[machine.Node]*node{}, rand: 1}
}

// newCluster starts nodes 1 to n on empty disks.
func newCluster(t testing.TB, n int, tune ...func(*paxos.Config)) *cluster {
	c := emptyCluster(t)
	cfg := configOf(n)
	for _, fn := range tune {
		fn(&cfg)
	}
	for i := range n {
		c.start(machine.Node(i+1), cfg)
	}
	return c
}

// start starts a new node on an empty disk.
func (c *cluster) start(id machine.Node, cfg paxos.Config) *node {
	n := &node{addr: addr(id), cfg: cfg, speed: 1000, answers: map[uint64]machine.Data{}}
	c.nodes[id] = n
	c.restart(n)
	return n
}

// joiner starts a node that joins the cluster of nodes 1 to n.
func (c *cluster) joiner(id machine.Node, n int, tune ...func(*paxos.Config)) *node {
	cfg := configOf(n)
	cfg.Join, cfg.Addr = true, fmt.Sprintf("host%d", id)
	for _, fn := range tune {
		fn(&cfg)
	}
	return c.start(id, cfg)
}

// restart starts a node with what its disk holds.
func (c *cluster) restart(n *node) {
	require.Nil(c.t, n.replica, "it is up")
	replica, err := paxos.New(n.addr, language(), n.cfg)
	require.NoError(c.t, err)
	n.replica = replica
	for _, l := range n.disk {
		c.step(n, l)
	}
	c.step(n, machine.Ready{Fresh: n.seq == 0})
}

// crash loses what is not on the disk, and what the node has told itself.
func (c *cluster) crash(n *node) {
	n.replica, n.waiting, n.stalled = nil, nil, false
	n.answers = map[uint64]machine.Data{}
	n.seq = 0
	if len(n.disk) > 0 {
		n.seq = n.disk[len(n.disk)-1].Seq
	}
	c.mail = slices.DeleteFunc(c.mail, func(l letter) bool { return l.from == n.addr && l.to == n.addr })
}

// wipe makes the disk of a crashed node an empty one.
func (c *cluster) wipe(n *node) {
	c.crash(n)
	n.disk, n.trimmed, n.seq = nil, nil, 0
}

// damage makes a record of a crashed node unreadable.
func (n *node) damage(seq uint64) {
	for i := range n.disk {
		if n.disk[i].Seq == seq {
			n.disk[i] = machine.Load{Seq: seq, Damaged: true}
		}
	}
}

func (n *node) clock(world machine.Time) machine.Time { return n.skew + world*n.speed/1000 }

func (c *cluster) draw() uint64 {
	c.rand = c.rand*6364136223846793005 + 1442695040888963407
	return c.rand ^ c.rand>>29
}

// step gives a node an input, obeys what comes of it and returns it.
func (c *cluster) step(n *node, e machine.Event) *machine.Out {
	out := new(machine.Out)
	n.replica.Step(machine.In{Now: n.clock(c.now), Rand: c.draw(), Event: e}, out)
	for _, s := range out.Send {
		if s.Early {
			c.post(n, s)
		}
	}
	for _, a := range out.Reply {
		if a.Early {
			c.reply(n, a)
		}
	}
	n.notes = append(n.notes, out.Note...)
	n.waiting = append(n.waiting, *out)
	if !n.stalled {
		c.sync(n)
	}
	return out
}

// sync makes durable what waits, and lets go what rests on it.
func (c *cluster) sync(n *node) {
	all := n.waiting
	n.waiting = nil
	for _, out := range all {
		c.keep(n, &out)
		for _, s := range out.Send {
			if !s.Early {
				c.post(n, s)
			}
		}
		for _, a := range out.Reply {
			if !a.Early {
				c.reply(n, a)
			}
		}
	}
}

// keep saves and trims.
func (c *cluster) keep(n *node, out *machine.Out) {
	for _, rec := range out.Save {
		got, err := proto.DecodeRecord(rec.AppendTo(nil))
		require.NoError(c.t, err, "%#v", rec)
		n.seq++
		n.disk = append(n.disk, machine.Load{Seq: n.seq, Record: got})
	}
	i := slices.IndexFunc(n.disk, func(l machine.Load) bool { return l.Seq >= out.Trim })
	if i > 0 {
		n.trimmed = append(n.trimmed, n.disk[:i]...)
		n.disk = slices.Clone(n.disk[i:])
	}
}

func (c *cluster) post(n *node, s machine.Envelope) {
	l := letter{from: n.addr, to: s.To, due: c.now, timer: s.After > 0}
	switch {
	case s.To != n.addr:
		require.Zero(c.t, s.After, "only a timer may wait")
		l.due += ms
	case l.timer:
		l.due += s.After * 1000 / n.speed
	}
	msg, err := proto.DecodeMessage(s.Msg.AppendTo(nil))
	require.NoError(c.t, err, "%#v", s.Msg)
	l.msg = msg
	c.mail = append(c.mail, l)
}

func (c *cluster) reply(n *node, a machine.Answer) {
	require.NotContains(c.t, n.answers, a.ID, "an Ask is answered once")
	require.LessOrEqual(c.t, a.ID, n.ids, "nobody has asked")
	require.NotZero(c.t, a.ID, "nobody has asked")
	n.answers[a.ID] = a.Data
}

// arrive gives a letter to its receiver, if that is up.
func (c *cluster) arrive(l letter) {
	if n := c.nodes[l.to.Node]; n != nil && n.replica != nil {
		c.step(n, machine.Recv{From: l.from, Msg: l.msg})
	}
}

// run lets time pass.
func (c *cluster) run(d machine.Time) {
	end := c.now + d
	for {
		first := -1
		for i := range c.mail {
			if c.mail[i].due <= end && (first < 0 || c.mail[i].due < c.mail[first].due) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		l := c.mail[first]
		c.mail = slices.Delete(c.mail, first, first+1)
		c.now = max(c.now, l.due)
		if l.from == l.to || c.lost == nil || !c.lost(l) {
			c.arrive(l)
		}
	}
	c.now = end
}

// until lets time pass until a condition holds; not for ever.
func (c *cluster) until(why string, holds func() bool) {
	c.t.Helper()
	for range 5_000 {
		if holds() {
			return
		}
		c.run(ms)
	}
	require.FailNow(c.t, "never: "+why)
}

// settle lets replicas hear what they have told themselves, and nothing else.
func (c *cluster) settle() {
	for {
		i := slices.IndexFunc(c.mail, func(l letter) bool { return l.from == l.to && !l.timer })
		if i < 0 {
			return
		}
		l := c.mail[i]
		c.mail = slices.Delete(c.mail, i, i+1)
		c.arrive(l)
	}
}

// say gives a node a message and returns what it says to others because of it.
func (c *cluster) say(n *node, from machine.Node, msg machine.Data) []machine.Data {
	c.take(n)
	c.step(n, machine.Recv{From: addr(from), Msg: msg})
	return c.take(n)
}

// tick lets a node look at its deadlines, after so much time has passed.
func (c *cluster) tick(n *node, after machine.Time) []machine.Data {
	c.now += after
	return c.say(n, n.addr.Node, proto.Tick{})
}

// take settles, and returns what a node has said to others since it was last asked.
func (c *cluster) take(n *node) (all []machine.Data) {
	c.settle()
	c.mail = slices.DeleteFunc(c.mail, func(l letter) bool {
		if l.from != n.addr || l.to == n.addr {
			return false
		}
		all = append(all, l.msg)
		return true
	})
	return all
}

// ask asks a node; the answer may come later.
func (c *cluster) ask(n *node, cmd string) (id uint64) {
	n.ids++
	c.step(n, machine.Ask{ID: n.ids, Cmd: line(cmd)})
	return n.ids
}

// do asks a node and waits for the answer.
func (c *cluster) do(n *node, cmd string) string {
	c.t.Helper()
	id := c.ask(n, cmd)
	c.until(cmd, func() bool { return n.answers[id] != nil })
	return answer(n, id)
}

// answer is what a node has answered, in words; empty: nothing yet.
func answer(n *node, id uint64) string {
	if n.answers[id] == nil {
		return ""
	}
	return string(n.answers[id].AppendTo(nil))
}

// report is what a node knows.
func (c *cluster) report(n *node) proto.Report {
	c.t.Helper()
	id := c.ask(n, "inspect")
	require.Contains(c.t, n.answers, id, "a report needs nobody else")
	r := n.answers[id].(outcome).Outcome.(proto.Report)
	delete(n.answers, id)
	return r
}

// leader is the one node that leads and is followed by all members that are up, or nil.
func (c *cluster) leader() (leader *node) {
	for _, id := range c.ids() {
		if n := c.nodes[id]; n.replica != nil {
			r := c.report(n)
			if r.Role == "joining" {
				continue
			}
			if r.Leader == 0 || leader != nil && r.Leader != leader.addr.Node || c.nodes[r.Leader].replica == nil {
				return nil
			}
			leader = c.nodes[r.Leader]
		}
	}
	if leader == nil || c.report(leader).Role != "leader" {
		return nil
	}
	return leader
}

func (c *cluster) ids() (all []machine.Node) {
	for id := range c.nodes {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// elect waits for a leader, and returns it and the others.
func (c *cluster) elect() (leader *node, others []*node) {
	c.t.Helper()
	c.until("a leader", func() bool { leader = c.leader(); return leader != nil })
	for _, id := range c.ids() {
		if n := c.nodes[id]; n != leader && n.replica != nil {
			others = append(others, n)
		}
	}
	return leader, others
}

// led is a cluster of three with a leader.
func led(t testing.TB, tune ...func(*paxos.Config)) (c *cluster, leader, b, d *node) {
	t.Helper()
	c = newCluster(t, 3, tune...)
	leader, others := c.elect()
	return c, leader, others[0], others[1]
}

// isolate loses all that some nodes are sent and send.
func isolate(all ...*node) func(letter) bool {
	return func(l letter) bool {
		return slices.ContainsFunc(all, func(n *node) bool { return l.from == n.addr || l.to == n.addr })
	}
}

// alike waits until nodes hold the same words, and returns them.
func (c *cluster) alike(all ...*node) (words string) {
	c.t.Helper()
	c.until("the same words everywhere", func() bool {
		words = c.do(all[0], "peek")
		return !slices.ContainsFunc(all, func(n *node) bool { return c.do(n, "peek") != words })
	})
	return words
}

// saved are the records of a kind that a node's disk holds.
func saved[T machine.Data](n *node) (all []T) {
	for _, l := range n.disk {
		if rec, ok := l.Record.(T); ok {
			all = append(all, rec)
		}
	}
	return all
}

// of are the messages of a kind.
func of[T machine.Data](all []machine.Data) (some []T) {
	for _, d := range all {
		if m, ok := d.(T); ok {
			some = append(some, m)
		}
	}
	return some
}

// trio is the group of nodes 1 to 3 on disks 11, 22, 33.
func trio() proto.Group {
	g := proto.Group{Version: 1, Members: slices.Clone(configOf(3).Peers), Alpha: alpha}
	for i := range g.Members {
		g.Members[i].Disk = uint64(11 * (i + 1))
	}
	return g
}

// alone is node 1 of the trio, of which the others are played by the test. Its disk holds
// records behind the first two.
func alone(t testing.TB, records ...machine.Data) (*cluster, *node) {
	return aloneWith(t, configOf(3), records...)
}

func aloneWith(t testing.TB, cfg paxos.Config, records ...machine.Data) (*cluster, *node) {
	return loadedWith(t, cfg, append([]machine.Data{proto.Born{Disk: 11, Life: 1, New: true}, proto.Formed{Group: trio()}}, records...)...)
}

// loadedWith is node 1 with the very records given, of which nil is a damaged one.
func loadedWith(t testing.TB, cfg paxos.Config, records ...machine.Data) (*cluster, *node) {
	c := emptyCluster(t)
	c.now = 10 * machine.Second
	n := &node{addr: addr(1), cfg: cfg, speed: 1000, answers: map[uint64]machine.Data{}}
	for _, r := range records {
		n.seq++
		n.disk = append(n.disk, machine.Load{Seq: n.seq, Record: r, Damaged: r == nil})
	}
	c.nodes[1] = n
	c.restart(n)
	c.take(n)
	return c, n
}

func value(words ...string) proto.Value {
	var v proto.Value
	for _, w := range words {
		v.Entries = append(v.Entries, proto.Entry{Body: []byte("add " + w)})
	}
	return v
}

func ballot(round uint64, node machine.Node) proto.Ballot {
	return proto.Ballot{Round: round, Node: node}
}
