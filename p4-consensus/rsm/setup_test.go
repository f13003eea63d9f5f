package rsm_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm"
)

// The state of these tests is a list of words. A word is a command, answered with its
// place; "?" is answered with the list.

// word is a command, or an answer.
type word string

func (w word) AppendTo(b []byte) []byte { return cbor.AppendText(b, string(w)) }

func decodeWord(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	w := word(r.Text())
	if err := r.Close(); err != nil {
		return nil, err
	}
	return w, nil
}

// control is a command to the group.
type control struct{ proto.Control }

func (c control) AppendTo(b []byte) []byte { return cbor.AppendText(b, fmt.Sprintf("%+v", c.Control)) }

type words struct{ list []string }

func (s *words) Apply(_ uint64, _ machine.Time, cmd machine.Data) machine.Data {
	s.list = append(s.list[:len(s.list):len(s.list)], string(cmd.(word)))
	return word(fmt.Sprint(len(s.list)))
}

func (s *words) Read(machine.Time, machine.Data) machine.Data { return word(strings.Join(s.list, " ")) }
func (s *words) Due() (machine.Time, []byte, bool)            { return 0, nil, false }
func (s *words) View() app.View                               { return view(s.list) }

func (s *words) Load(pairs iter.Seq2[string, []byte]) error {
	s.list = nil
	for _, v := range pairs {
		s.list = append(s.list, string(v))
	}
	return nil
}

type view []string

func (v view) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i, w := range v {
			if key := fmt.Sprintf("%06d", i); key >= from && !yield(key, []byte(w)) {
				return
			}
		}
	}
}

func language() *paxos.Language {
	return &paxos.Language{
		Name: "words", New: func() paxos.Service { return &words{} }, Command: decodeWord, Answer: decodeWord,
		Sort: func(cmd machine.Data) paxos.Sort {
			if cmd == word("?") {
				return paxos.ReadIndex
			}
			return paxos.Write
		},
		Refuse: func(_ paxos.Refusal, text, try string) machine.Data { return word("refused: " + text + ", try " + try) },
		Control: func(cmd machine.Data) proto.Control {
			c, _ := cmd.(control)
			return c.Control
		},
		Told: func(o proto.Outcome) machine.Data { return word(fmt.Sprintf("%T", o)) },
	}
}

// cluster is replicas on a network in memory, within a bubble: its time passes only when
// everybody waits.
type cluster struct {
	t       *testing.T
	size    machine.Node
	network memnet.Network
	logs    map[machine.Node]*stable.Memory
	nodes   map[machine.Node]*node
}

// node is a replica in one of its lives.
type node struct {
	*rsm.Replica
	server *wire.Server
	served chan error
	failed chan error
}

// inBubble runs a test with a cluster that ends with it.
func inBubble(t *testing.T, size machine.Node, test func(t *testing.T, c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, size: size, logs: map[machine.Node]*stable.Memory{}, nodes: map[machine.Node]*node{}}
		defer func() {
			for id := range c.nodes {
				c.crash(id)
			}
		}()
		test(t, c)
	})
}

func addr(id machine.Node) string { return fmt.Sprintf("n%d", id) }

// config is that of a replica which has been told of the first ones.
func (c *cluster) config(id machine.Node) rsm.Config {
	if c.logs[id] == nil {
		c.logs[id] = stable.NewMemory()
	}
	cfg := rsm.Config{
		Self: id, Language: language(), Log: c.logs[id], Network: wire.PeerOptions{Dial: c.network.Dial},
		Transfer: func(to machine.Node) machine.Data { return control{proto.Transfer{To: to}} },
	}
	for n := machine.Node(1); n <= c.size; n++ {
		cfg.Paxos.Peers = append(cfg.Paxos.Peers, proto.Member{Voter: proto.Voter{Node: n}, Addr: addr(n)})
	}
	return cfg
}

// join is the config of a replica that is to be taken up.
func (c *cluster) join(id machine.Node) rsm.Config {
	cfg := c.config(id)
	cfg.Paxos.Peers, cfg.Paxos.Addr, cfg.Join = nil, addr(id), []string{addr(1), addr(2)}
	return cfg
}

func (c *cluster) start(cfg rsm.Config) *node {
	n := &node{served: make(chan error, 1), failed: make(chan error, 10)}
	cfg.Fail = func(err error) { n.failed <- err }
	var err error
	n.Replica, err = rsm.Start(c.t.Context(), cfg)
	require.NoError(c.t, err)
	ln, err := c.network.Listen(addr(cfg.Self))
	require.NoError(c.t, err)
	n.server = wire.NewServer(wire.ServerOptions{Peers: n.Peers(), Errors: rsm.Errors()})
	require.NoError(c.t, n.Register(n.server))
	go func() { n.served <- n.server.Serve(ln) }()
	c.nodes[cfg.Self] = n
	return n
}

// begin starts all of the first ones, and returns when one leads.
func (c *cluster) begin() *node {
	for id := machine.Node(1); id <= c.size; id++ {
		c.start(c.config(id))
	}
	return c.leader()
}

// leader waits until a replica leads, and returns it.
func (c *cluster) leader() *node {
	for range 1000 {
		for _, n := range c.nodes {
			if n.Report().Role == "leader" {
				return n
			}
		}
		<-time.After(20 * time.Millisecond)
	}
	require.FailNow(c.t, "nobody leads")
	return nil
}

// follower returns a replica that does not lead.
func (c *cluster) follower() *node {
	l := c.leader()
	for id := machine.Node(1); ; id++ {
		if n := c.nodes[id]; n != nil && n != l {
			return n
		}
	}
}

// crash ends a replica without a word. What it has not synced is lost.
func (c *cluster) crash(id machine.Node) {
	n := c.nodes[id]
	delete(c.nodes, id)
	require.NoError(c.t, n.Loop.Stop(context.Background()))
	synctest.Wait() // until what it has said has arrived: then its connections break
	require.NoError(c.t, n.server.Close())
	require.NoError(c.t, <-n.served)
	require.NoError(c.t, n.Stop(context.Background()))
	c.logs[id] = c.logs[id].Crash(0)
}

func (c *cluster) ask(n *node, cmd machine.Data) string {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	answer, err := n.Ask(ctx, cmd)
	require.NoError(c.t, err)
	return string(answer.(word))
}

// await waits until a replica's report holds.
func (c *cluster) await(n *node, holds func(proto.Report) bool) proto.Report {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	rep, err := n.Await(ctx, holds)
	require.NoError(c.t, err, "%+v", rep)
	return rep
}

// failure waits for what a replica says when it cannot go on.
func (c *cluster) failure(n *node) error {
	select {
	case err := <-n.failed:
		return err
	case <-time.After(time.Minute):
		require.FailNow(c.t, "it goes on", "%+v", n.Report())
		return nil
	}
}

// change changes the group, as soon as the leader is ready for it.
func (c *cluster) change(change proto.Change) {
	answer := ""
	for range 1000 {
		if answer = c.ask(c.leader(), control{change}); answer == "proto.Done" {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	require.FailNow(c.t, answer)
}

func isUnknown(err error) bool { return errors.Is(err, run.ErrUnknown) }
