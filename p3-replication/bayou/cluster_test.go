package bayou_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// cluster is a world of servers in which nothing happens by chance, and nothing at all unless
// a test lets it: time stands still, messages stay in the mail, and servers that have news
// tell nobody, but for the sessions that a test begins with tell.
type cluster struct {
	t     testing.TB
	now   machine.Time
	nodes map[int]*node
	mail  []letter
	rand  uint64
	loud  bool // offers are delivered
}

type letter struct {
	from, to machine.Addr
	due      machine.Time
	msg      machine.Data
}

// node is a server with its disk.
type node struct {
	id      int
	cfg     bayou.Config
	server  *bayou.Server  // nil: it is down
	disk    []machine.Load // what a restart would load
	history []machine.Load // all that it ever was
	trimmed uint64
	seq     uint64
	ids     uint64
	answers map[uint64]*kv.Response
	notes   []string
	widest  int // bytes of records that one step has saved
}

const (
	ms   = machine.Millisecond
	tick = 20 * ms
)

// quiet is the Config of a server that does nothing by itself, with those peers. Node 1 founds.
func quiet(self int, peers ...int) bayou.Config {
	c := settings(self, 0)
	c.Programs, c.Eager, c.Interval, c.Founding = newTiny, -1, 1000*second, 2*second
	c.Retain, c.Keep, c.Batch = 1000, 1<<20, 1<<18
	for _, p := range peers {
		c.Peers = append(c.Peers, bayou.Peer{Node: machine.Node(p), Addr: addr(p)})
	}
	return c
}

func newCluster(t testing.TB) *cluster {
	return &cluster{t: t, now: second, nodes: map[int]*node{}, rand: 1}
}

// start starts a node on an empty disk.
func (c *cluster) start(id int, cfg bayou.Config) *node {
	n := &node{id: id, cfg: cfg}
	c.nodes[id] = n
	c.restart(n)
	return n
}

// restart starts a node with what its disk holds; one that is up crashes before.
func (c *cluster) restart(n *node) {
	c.t.Helper()
	server, err := bayou.New(at(n.id), n.cfg)
	require.NoError(c.t, err)
	n.server, n.answers, n.notes = server, map[uint64]*kv.Response{}, nil
	c.mail = slices.DeleteFunc(c.mail, func(l letter) bool { return l.from == at(n.id) && l.to == at(n.id) })
	for _, l := range slices.Clone(n.disk) {
		c.step(n, l)
	}
	c.step(n, machine.Ready{Fresh: n.seq == 0})
}

// onDisk starts a node whose disk holds the first records of what another's ever held.
func (c *cluster) onDisk(n *node, records int) *node {
	m := &node{id: n.id, cfg: n.cfg, disk: slices.Clone(n.history[:records]), seq: uint64(records)}
	m.history = slices.Clone(m.disk)
	c.nodes[n.id] = m
	c.restart(m)
	return m
}

// wipe starts a node again, whose disk is lost.
func (c *cluster) wipe(id int) *node { return c.start(id, c.nodes[id].cfg) }

// damage makes records of a kind unreadable, and returns how many.
func damage[T machine.Data](n *node) (lost int) {
	for i := range n.disk {
		if _, ok := n.disk[i].Record.(T); ok {
			n.disk[i] = machine.Load{Seq: n.disk[i].Seq, Damaged: true}
			lost++
		}
	}
	return lost
}

// step gives a node an input and obeys what comes of it.
func (c *cluster) step(n *node, e machine.Event) *machine.Out {
	c.t.Helper()
	out := new(machine.Out)
	c.rand = c.rand*6364136223846793005 + 1442695040888963407
	n.server.Step(machine.In{Now: c.now, Rand: c.rand ^ c.rand>>29, Event: e}, out)
	c.save(n, out)
	for _, s := range out.Send {
		require.True(c.t, !s.Early || s.To == at(n.id), "%T leaves before what it tells of is durable", s.Msg)
		msg := s.Msg
		if s.To.Role == role {
			var err error
			msg, err = proto.DecodeMessage(s.Msg.AppendTo(nil))
			require.NoError(c.t, err, "%#v", s.Msg)
		}
		c.mail = append(c.mail, letter{at(n.id), s.To, c.now + s.After, msg})
	}
	for _, a := range out.Reply {
		require.NotContains(c.t, n.answers, a.ID, "an Ask is answered once")
		n.answers[a.ID] = a.Data.(*kv.Response)
	}
	for _, f := range out.Note {
		n.notes = append(n.notes, f.Name+": "+f.Text)
	}
	return out
}

// save makes durable what is saved, and lets go of what is trimmed.
func (c *cluster) save(n *node, out *machine.Out) {
	size := 0
	for _, rec := range out.Save {
		b := rec.AppendTo(nil)
		got, err := proto.DecodeRecord(b)
		require.NoError(c.t, err, "%#v", rec)
		size += len(b)
		n.seq++
		l := machine.Load{Seq: n.seq, Record: got}
		n.disk, n.history = append(n.disk, l), append(n.history, l)
	}
	n.widest = max(n.widest, size)
	if out.Trim > n.trimmed {
		n.trimmed = out.Trim
		n.disk = slices.DeleteFunc(n.disk, func(l machine.Load) bool { return l.Seq < n.trimmed })
	}
}

// pass delivers all that is not a timer or an offer, and what comes of it.
func (c *cluster) pass() { c.passIf(func(letter) bool { return true }) }

// passIf is pass for some of the letters. The others are lost.
func (c *cluster) passIf(fn func(letter) bool) {
	c.t.Helper()
	for range 10_000 {
		i := slices.IndexFunc(c.mail, func(l letter) bool { return l.due <= c.now })
		if i < 0 {
			return
		}
		l := c.mail[i]
		c.mail = slices.Delete(c.mail, i, i+1)
		_, offer := l.msg.(proto.Offer)
		arrives := l.from == l.to || (c.loud || !offer) && fn(l)
		if n := c.nodes[int(l.to.Node)]; arrives && l.to.Role == role && n != nil && n.server != nil {
			c.step(n, machine.Recv{From: l.from, Msg: l.msg})
		}
	}
	require.FailNow(c.t, "the mail does not end")
}

// run lets time pass, and delivers everything.
func (c *cluster) run(d machine.Time) {
	c.t.Helper()
	for end := c.now + d; c.now < end; {
		c.now += 10 * ms
		c.pass()
	}
}

// tell has one server go through a session in which it learns all that another knows, and tells
// it nothing itself.
func (c *cluster) tell(from, to int) {
	c.t.Helper()
	c.now += second // so that no other session is under way
	c.step(c.nodes[to], machine.Recv{From: at(from), Msg: c.offer(from)})
	c.passIf(between(from, to))
}

// between is what belongs to a session from one server to another.
func between(from, to int) func(letter) bool {
	return func(l letter) bool {
		_, want := l.msg.(proto.Want)
		return want && l.from == at(to) && l.to == at(from) || !want && l.from == at(from) && l.to == at(to)
	}
}

func (c *cluster) offer(from int) proto.Offer {
	r := c.report(from)
	return proto.Offer{Database: r.Database, Reach: proto.Reach{Known: r.Full, Commit: r.Commit}}
}

// meet has servers tell each other all they know.
func (c *cluster) meet(all ...int) {
	c.t.Helper()
	for range 3 {
		for _, a := range all {
			for _, b := range all {
				if a != b {
					c.tell(a, b)
				}
			}
		}
	}
}

// hear has a server hear a message, and returns what it says because of it to others.
func (c *cluster) hear(id, from int, msg machine.Data) (said []machine.Data) {
	c.t.Helper()
	for _, s := range c.step(c.nodes[id], machine.Recv{From: at(from), Msg: msg}).Send {
		if s.To != at(id) {
			said = append(said, s.Msg)
		}
	}
	return said
}

// try asks a server, and returns the answer; nil if it waits.
func (c *cluster) try(id int, req *kv.Request) *kv.Response {
	c.t.Helper()
	n := c.nodes[id]
	n.ids++
	c.step(n, machine.Ask{ID: n.ids, Cmd: req})
	resp := n.answers[n.ids]
	if resp != nil {
		b := resp.AppendTo(nil)
		require.LessOrEqual(c.t, len(b), kv.MaxMessage, "an answer fits into a message")
		require.LessOrEqual(c.t, len(resp.Token), kv.MaxToken)
	}
	return resp
}

// ask asks a server who answers at once.
func (c *cluster) ask(id int, op kv.Op) *kv.Response {
	c.t.Helper()
	resp := c.try(id, &kv.Request{Op: op})
	require.NotNil(c.t, resp, "it waits")
	return resp
}

// do asks a server who says OK.
func (c *cluster) do(id int, op kv.Op) *kv.Response {
	c.t.Helper()
	resp := c.ask(id, op)
	require.Equal(c.t, kv.OK, resp.Status, resp.Detail)
	return resp
}

func (c *cluster) put(id int, key, value string) kv.Version {
	c.t.Helper()
	return c.do(id, kv.Put{Key: key, Value: []byte(value)}).Rev
}

// guarded writes unless the key is there, and else what the merge procedure finds.
func guarded(key, value, merge string) kv.Guarded {
	return kv.Guarded{If: key, Then: []kv.Op{kv.Put{Key: key, Value: []byte(value)}}, Else: merge}
}

// shows is what a server has of keys, in one of its views: "a=1 b=2".
func (c *cluster) shows(id int, level kv.Level) (text string) {
	c.t.Helper()
	resp := c.try(id, &kv.Request{Level: level, Op: kv.Scan{}})
	require.NotNil(c.t, resp)
	require.Equal(c.t, kv.OK, resp.Status, resp.Detail)
	for i, it := range resp.Result.(kv.Items).List {
		if i > 0 {
			text += " "
		}
		text += fmt.Sprintf("%s=%s", it.Key, it.Value)
	}
	return text
}

func (c *cluster) all(id int) string    { c.t.Helper(); return c.shows(id, kv.Eventual) }
func (c *cluster) stable(id int) string { c.t.Helper(); return c.shows(id, kv.Prefix) }

func (c *cluster) report(id int) bayou.Report { return c.nodes[id].server.Report() }

func (c *cluster) standing(id int, write kv.Version) kv.Standing {
	c.t.Helper()
	return c.do(id, kv.Inquire{Write: write}).Result.(kv.Standing)
}

// members are the nodes of the servers that one knows of, one for each server.
func (c *cluster) members(id int) (nodes []int) {
	c.t.Helper()
	for _, m := range c.do(id, kv.Members{}).Result.(kv.Group).Members {
		nodes = append(nodes, int(m.ID))
	}
	slices.Sort(nodes)
	return nodes
}

// agree demands that servers have the same in both views.
func (c *cluster) agree(all ...int) {
	c.t.Helper()
	for _, id := range all[1:] {
		for _, view := range []state.View{state.Full, state.Sure} {
			require.Equal(c.t, c.nodes[all[0]].server.Hash(view), c.nodes[id].server.Hash(view), "server %d and server %d", all[0], id)
		}
	}
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

// saved are the records of a kind on a node's disk.
func saved[T machine.Data](n *node) (some []T) {
	for _, l := range n.disk {
		if rec, ok := l.Record.(T); ok {
			some = append(some, rec)
		}
	}
	return some
}

func name(text string) vector.Server {
	s, err := vector.ParseServer(text)
	if err != nil {
		panic(err)
	}
	return s
}
