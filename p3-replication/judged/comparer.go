package judged

import (
	"bytes"
	"math/rand/v2"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/world"
)

const (
	roleComparer = "comparer"
	comparerAt   = machine.Node(32)
	roundTime    = 200 * machine.Millisecond
)

// comparer answers when all servers have told in one round of questions that they have the same
// state, tentative writes and all. Until then it asks round after round. The auditor of package
// world wants more: that everything is stable, for which it takes a primary.
type comparer struct {
	self    machine.Addr
	servers []byte // their nodes

	ask   uint64 // its client's, that is open; 0: none
	round uint64
	hash  []byte // that was told first
	wants map[uint64]bool
}

// again is the comparer's timer: the next round is due.
type again struct{ round uint64 }

// AppendTo implements machine.Data.
func (a again) AppendTo(b []byte) []byte { return cbor.AppendUint(b, a.round) }

func decodeAgain(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	a := again{r.Uint()}
	return a, r.Close()
}

func comparerNode(servers []int) sim.Node {
	var config []byte
	for _, n := range servers {
		config = append(config, byte(n))
	}
	request := func(b []byte) (machine.Data, error) { return kv.DecodeRequest(b) }
	response := func(b []byte) (machine.Data, error) { return kv.DecodeResponse(b) }
	return sim.Node{ID: comparerAt, Safe: true, Roles: []sim.Role{{Name: roleComparer, Config: config, Protocol: &machine.Protocol{
		Name: roleComparer, Message: decodeAgain, Command: request, Answer: response, Return: response,
		New: func(self machine.Addr, servers []byte) (machine.Machine, error) {
			return &comparer{self: self, servers: servers}, nil
		},
	}}}}
}

func comparerClient() sim.Client {
	return sim.Client{
		At: machine.Addr{Node: comparerAt, Role: roleComparer}, Think: 5 * machine.Second,
		Next: func(int, *rand.Rand) machine.Data { return &kv.Request{Op: kv.Stat{Hash: true}} },
	}
}

// Step implements machine.Machine.
func (c *comparer) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		c.ask = e.ID
		c.begin(out)
	case machine.Recv:
		switch m := e.Msg.(type) {
		case again:
			if m.round == c.round && c.ask != 0 {
				c.begin(out)
			}
		case machine.Return:
			if resp, ok := m.Data.(*kv.Response); ok && c.ask != 0 && c.wants[m.ID] {
				c.told(m.ID, resp, out)
			}
		}
	}
}

// begin begins a round.
func (c *comparer) begin(out *machine.Out) {
	c.round++
	c.hash, c.wants = nil, map[uint64]bool{}
	for _, node := range c.servers {
		id := c.round*uint64(len(c.servers)+1) + uint64(len(c.wants))
		c.wants[id] = true
		out.SendTo(world.Server(int(node)), machine.Call{ID: id, Cmd: &kv.Request{Op: kv.Stat{Hash: true}, Level: kv.Eventual}})
	}
	out.Timer(c.self, roundTime, again{c.round})
}

// told takes an answer of this round. One that differs ends it: the next begins in its time.
func (c *comparer) told(id uint64, resp *kv.Response, out *machine.Out) {
	st, ok := resp.Result.(kv.Stats)
	if !ok || len(st.Hash) == 0 || c.hash != nil && !bytes.Equal(c.hash, st.Hash) {
		clear(c.wants)
		return
	}
	c.hash = st.Hash
	if delete(c.wants, id); len(c.wants) == 0 {
		out.Answer(c.ask, resp)
		c.ask = 0
	}
}
