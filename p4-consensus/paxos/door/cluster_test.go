package door_test

import (
	"cmp"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/paxos/proto"
)

// toy is a store that knows puts, gets and long polls, and no session, whatever it is told
// of one. It never shrinks and is never loaded: these tests take no snapshots.
type toy struct {
	rev   uint64
	items map[string][]byte
	last  kv.Event
}

func newToy() door.Store { return &toy{rev: 1, items: map[string][]byte{}} }

func (s *toy) Apply(_ uint64, now machine.Time, cmd machine.Data) machine.Data {
	req := cmd.(*kv.Request)
	if put, ok := req.Op.(kv.Put); ok {
		s.rev++
		s.items[put.Key] = put.Value
		s.last = kv.Event{Kind: kv.EventPut, Item: kv.Item{Key: put.Key, Value: put.Value, Mod: kv.Version{Lo: s.rev}}}
		return &kv.Response{Status: kv.OK, Rev: kv.Version{Lo: s.rev}}
	}
	return s.Read(now, req)
}

func (s *toy) Read(_ machine.Time, req *kv.Request) *kv.Response {
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	resp := &kv.Response{Status: kv.OK, Rev: kv.Version{Lo: s.rev}}
	switch op := req.Op.(type) {
	case kv.Get:
		value, ok := s.items[op.Key]
		if !ok {
			resp.Status = kv.NotFound
			break
		}
		resp.Result = kv.Item{Key: op.Key, Value: value}
	case kv.Events:
		list := kv.EventList{Next: resp.Rev}
		if !op.After.IsZero() && s.last.Item.Mod.Compare(op.After) > 0 && s.last.Item.Key == op.From {
			list.List = []kv.Event{s.last}
		}
		resp.Result = list
	default:
		return kv.Refuse(kv.Unsupported, "%s", kv.OpName(op))
	}
	return resp
}

func (*toy) NextExpiry() (machine.Time, bool)     { return 0, false }
func (*toy) View() app.View                       { return nothing{} }
func (*toy) Load(iter.Seq2[string, []byte]) error { return nil }

type nothing struct{}

func (nothing) Pairs(string) iter.Seq2[string, []byte] { return func(func(string, []byte) bool) {} }

const (
	role    = "paxos"
	moment  = machine.Millisecond
	second  = machine.Second
	patient = 30 * second
)

// cluster is replicas whose disks are as quick as their network, and who lose nothing but
// what is sent to those who are down.
type cluster struct {
	t     testing.TB
	nodes map[machine.Node]machine.Machine
	down  map[machine.Node]bool
	now   machine.Time
	queue []letter // in order of time
	asks  uint64
	got   map[uint64]*kv.Response
}

type letter struct {
	due      machine.Time
	from, to machine.Addr
	msg      machine.Data
}

func addr(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: role} }

func place(n machine.Node) string { return string('a'+rune(n)-1) + ".example:7000" }

func newCluster(t testing.TB, peers ...machine.Node) *cluster {
	c := &cluster{t: t, nodes: map[machine.Node]machine.Machine{}, down: map[machine.Node]bool{}, got: map[uint64]*kv.Response{}}
	for _, n := range peers {
		c.start(n, false, peers...)
	}
	return c
}

// start starts a replica on an empty disk.
func (c *cluster) start(n machine.Node, join bool, peers ...machine.Node) {
	cfg := paxos.Config{Join: join, Addr: place(n), Alpha: 8}
	for _, p := range peers {
		cfg.Peers = append(cfg.Peers, proto.Member{Voter: proto.Voter{Node: p}, Addr: place(p)})
	}
	m, err := door.Language(role, newToy).Protocol().New(addr(n), cfg.AppendTo(nil))
	require.NoError(c.t, err)
	c.nodes[n] = m
	c.step(addr(n), machine.Ready{Fresh: true})
}

func (c *cluster) step(at machine.Addr, e machine.Event) {
	var out machine.Out
	c.nodes[at.Node].Step(machine.In{Now: c.now, Rand: uint64(c.now)*0x9e3779b9 + uint64(at.Node), Event: e}, &out)
	for _, e := range out.Send {
		l := letter{due: c.now + e.After, from: at, to: e.To, msg: e.Msg}
		i, _ := slices.BinarySearchFunc(c.queue, l.due, func(l letter, due machine.Time) int {
			return cmp.Or(cmp.Compare(l.due, due), -1) // after all that are due then
		})
		c.queue = slices.Insert(c.queue, i, l)
	}
	for _, a := range out.Reply {
		if c.got[a.ID] != nil {
			require.Fail(c.t, "answered twice")
		}
		c.got[a.ID] = a.Data.(*kv.Response)
	}
}

// pass lets time pass, and delivers what comes in it.
func (c *cluster) pass(d machine.Time) {
	end := c.now + d
	for n := 0; len(c.queue) > 0 && c.queue[0].due <= end; n++ {
		require.Less(c.t, n, 1_000_000, "replicas that never come to rest")
		l := c.queue[0]
		c.queue = c.queue[1:]
		c.now = max(c.now, l.due)
		if c.nodes[l.to.Node] != nil && !c.down[l.to.Node] {
			c.step(l.to, machine.Recv{From: l.from, Msg: l.msg})
		}
	}
	c.now = end
}

// submit asks a replica.
func (c *cluster) submit(n machine.Node, req *kv.Request) (id uint64) {
	c.asks++
	c.step(addr(n), machine.Ask{ID: c.asks, Cmd: req})
	return c.asks
}

// ask asks a replica and waits for the answer.
func (c *cluster) ask(n machine.Node, req *kv.Request) *kv.Response {
	c.t.Helper()
	id := c.submit(n, req)
	for end := c.now + patient; c.got[id] == nil && c.now < end; {
		c.pass(moment)
	}
	require.NotNil(c.t, c.got[id], "%v is not answered", req)
	return c.got[id]
}

func (c *cluster) do(n machine.Node, op kv.Op) *kv.Response {
	c.t.Helper()
	return c.ask(n, &kv.Request{Op: op})
}

func (c *cluster) must(n machine.Node, op kv.Op) kv.Result {
	c.t.Helper()
	resp := c.do(n, op)
	require.Equal(c.t, kv.OK, resp.Status, "%v", resp)
	return resp.Result
}

func (c *cluster) members(n machine.Node) kv.Group {
	c.t.Helper()
	return c.must(n, kv.Members{}).(kv.Group)
}

func (c *cluster) inspect(n machine.Node) kv.Replica {
	c.t.Helper()
	return c.must(n, kv.Inspect{}).(kv.Replica)
}

// settle waits until a replica and the leader that it knows agree who leads, and returns
// the leader.
func (c *cluster) settle(n machine.Node) machine.Node {
	c.t.Helper()
	for end := c.now + patient; c.now < end; c.pass(20 * moment) {
		leader := machine.Node(c.inspect(n).Leader)
		if leader != 0 && c.inspect(leader).Role == kv.Leader && c.inspect(n).Commit == c.inspect(leader).Commit {
			return leader
		}
	}
	require.Fail(c.t, "nobody leads")
	return 0
}

// until waits until a condition holds.
func (c *cluster) until(holds func() bool) {
	c.t.Helper()
	for end := c.now + patient; !holds(); c.pass(20 * moment) {
		require.Less(c.t, c.now, end, "it has not come to that")
	}
}
