package stage4

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net"
	"sync/atomic"

	"dss.example/common/app"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm"
)

// ours is three replicas as kvd has them, but for the state that they drive.
type ours struct {
	closers
	syncs    atomic.Uint64
	replicas [replicas]*rsm.Replica
	leader   *rsm.Replica
}

func openOurs(dir string, durable bool) (group, error) {
	g := &ours{}
	listeners, members, err := g.listen()
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	for i := range g.replicas {
		if err := g.start(dir, i, durable, listeners[i], members); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	if err := g.elect(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// listen gives every replica an address.
func (g *ours) listen() (listeners []net.Listener, members []proto.Member, err error) {
	for i := range g.replicas {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		g.add(func() error { _ = ln.Close(); return nil }) // its server may have closed it
		listeners = append(listeners, ln)
		members = append(members, proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}, Addr: ln.Addr().String()})
	}
	return listeners, members, nil
}

// start starts replica i, and the server that takes its peers' connections.
func (g *ours) start(dir string, i int, durable bool, ln net.Listener, members []proto.Member) error {
	log, closeLog, err := openLog(dir, i, durable, &g.syncs)
	if err != nil {
		return err
	}
	g.add(closeLog)
	r, err := rsm.Start(context.Background(), rsm.Config{
		Self: members[i].Node, Language: tallyLanguage(), Log: log, Paxos: paxos.Config{Peers: members},
	})
	if err != nil {
		return err
	}
	g.replicas[i] = r
	s := wire.NewServer(wire.ServerOptions{Peers: r.Peers()})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	g.add(func() error {
		err := r.Stop(context.Background())
		return errors.Join(err, s.Close(), <-served)
	})
	return nil
}

// elect waits until a replica leads, as it and the first one know.
func (g *ours) elect() error {
	return await(func() bool {
		leader := g.replicas[0].Report().Leader
		if leader == 0 {
			return false
		}
		g.leader = g.replicas[leader-1]
		return g.leader.Report().Leader == leader
	})
}

// Syncs implements group.
func (g *ours) Syncs() uint64 { return g.syncs.Load() }

// Propose implements group.
func (g *ours) Propose(command []byte) error {
	return retry(func() error {
		answer, err := g.leader.Ask(context.Background(), machine.Raw(command))
		if err != nil {
			return err
		}
		if why, refused := answer.(refusal); refused {
			return fmt.Errorf("%w: %s", errNotCommitted, why)
		}
		return nil
	})
}

// tally is a state that counts commands, and the answer to one.
type tally uint64

// AppendTo implements machine.Data.
func (n tally) AppendTo(b []byte) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

// refusal is the answer to a command that was not done.
type refusal string

// AppendTo implements machine.Data.
func (r refusal) AppendTo(b []byte) []byte { return append(b, r...) }

// counter is the state that is replicated.
type counter struct{ commands tally }

// Apply implements app.App.
func (c *counter) Apply(uint64, machine.Time, machine.Data) machine.Data {
	c.commands++
	return c.commands
}

// Read implements paxos.Service.
func (c *counter) Read(machine.Time, machine.Data) machine.Data { return c.commands }

// Due implements paxos.Service.
func (c *counter) Due() (at machine.Time, cmd []byte, ok bool) { return 0, nil, false }

// View implements app.App.
func (c *counter) View() app.View { return c.commands }

// Pairs implements app.View: there is one.
func (n tally) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if from <= tallyKey {
			yield(tallyKey, n.AppendTo(nil))
		}
	}
}

const tallyKey = "n"

// Load implements app.App.
func (c *counter) Load(pairs iter.Seq2[string, []byte]) error {
	loaded := tally(0)
	for key, value := range pairs {
		if key != tallyKey || len(value) != 8 {
			return fmt.Errorf("pair %q of %d bytes: want %q of 8", key, len(value), tallyKey)
		}
		loaded = tally(binary.BigEndian.Uint64(value))
	}
	c.commands = loaded
	return nil
}

// tallyLanguage is the language of a counter: any bytes are a command.
func tallyLanguage() *paxos.Language {
	raw := func(b []byte) (machine.Data, error) { return machine.Raw(bytes.Clone(b)), nil }
	return &paxos.Language{
		Name: "tally", New: func() paxos.Service { return &counter{} }, Command: raw, Answer: raw,
		Sort:   func(machine.Data) paxos.Sort { return paxos.Write },
		Refuse: func(_ paxos.Refusal, text, _ string) machine.Data { return refusal(text) },
	}
}
